"""What is done through the program's parts is entered, with who did it, and with it or not at all."""

from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest

from bck_adapters.memory import MemoryDatabase, MemoryVault
from bck_adapters.memory.audit import MemoryAuditLog, MemoryHeadKeeper
from bck_adapters.testkit.samples import StepClock, sample_act, sample_host, sample_job, sample_profile
from bckcore.domain.access import Role, User
from bckcore.domain.act import ActKind
from bckcore.domain.audit import Action, Actor, Origin, Outcome, chained, decoded, encoded
from bckcore.domain.audit_proof import Break
from bckcore.domain.ids import SecretRef
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.secret import Secret
from bckcore.errors import ConflictError, NotFoundError, StorageError
from bckcore.ports.job_queue import as_sent
from bckcore.services.evidence import FURTHEST, SERVICE, Evidence, Witness
from bckcore.services.witnessed import WitnessedVault, witnessed_units
from bckcore.services.witnesses import witnessed_queue

ANNA = Actor(name="anna", origin=Origin.API, address="192.0.2.9")
CANARY = "canary-of-a-secret"


@pytest.fixture
def database():
    return MemoryDatabase(StepClock())


@pytest.fixture
def head():
    return MemoryHeadKeeper()


@pytest.fixture
def witness(head):
    return Witness(clock=StepClock(), head=head)


@pytest.fixture
def units(database, witness):
    return witnessed_units(database.units, witness)


@pytest.fixture
def evidence(units, witness):
    return Evidence(units=units, witness=witness)


def told(evidence):
    return [(one.deed.action, dict(one.deed.about)) for one in evidence.entries()]


def test_one_folder_more_in_a_long_list_is_told_by_its_name(units, evidence):
    roots = tuple(f"/home/u/a folder with a long name, number {number:03}" for number in range(100))
    with units() as uow:
        uow.hosts.add(replace(sample_host(), allowed_roots=roots))
        uow.hosts.update(replace(sample_host(), allowed_roots=(*roots[1:], "/")))
        uow.hosts.update(replace(sample_host(), allowed_roots=("/", *roots[1:3])))
        uow.hosts.update(replace(sample_host(), allowed_roots=(*roots[1:3], "/")))
        uow.commit()
    more, less, order = [about for action, about in told(evidence) if action is Action.HOST_CHANGED]
    assert (more["now"], more["was"]) == ("allowed_roots=('/',)", f"allowed_roots={roots[:1]}")
    assert less["now"] == "allowed_roots=()"
    assert order["now"] == f"allowed_roots={(*roots[1:3], '/')}"


def test_changes_of_hosts_profiles_and_users_enter_themselves(units, evidence, witness):
    user = User(name="bert", role=Role.VIEWER, password_hash=CANARY, created=StepClock().now())
    with witness.acting(ANNA), units() as uow:
        uow.hosts.add(sample_host())
        uow.hosts.update(replace(sample_host(), address="198.51.100.1"))
        uow.profiles.add(sample_profile())
        uow.profiles.update(replace(sample_profile(), enabled=False))
        uow.profiles.remove(sample_profile().id)
        uow.hosts.remove(sample_host().id)
        uow.users.add(user)
        uow.users.update(replace(user, role=Role.OPERATOR, password_hash=CANARY + "2"))
        uow.commit()
    actions = [action for action, _ in told(evidence)]
    assert actions == [
        Action.HOST_ADDED,
        Action.HOST_CHANGED,
        Action.PROFILE_ADDED,
        Action.PROFILE_CHANGED,
        Action.PROFILE_REMOVED,
        Action.HOST_REMOVED,
        Action.USER_ADDED,
        Action.USER_CHANGED,
    ]
    changed = told(evidence)[1][1]
    assert changed["now"] == "address=198.51.100.1"
    assert changed["was"] == f"address={sample_host().address}"
    assert told(evidence)[-1][1] == {"user": "bert", "changed": "role password_hash", "role": "operator"}
    assert all(one.deed.actor == ANNA for one in evidence.entries())
    assert not any(CANARY.encode() in line for line in evidence.lines())


def test_what_is_not_committed_is_not_entered(units, evidence, head):
    with units() as uow:
        uow.hosts.add(sample_host())
    assert evidence.entries() == []
    assert head.remembered() is None


def test_the_head_is_remembered_after_the_commit(units, evidence, head):
    with units() as uow:
        uow.hosts.add(sample_host())
        assert head.remembered() is None
        uow.commit()
        uow.hosts.remove(sample_host().id)
        uow.commit()
    assert head.remembered() == evidence.entries()[-1].head
    assert evidence.proof().ok


def test_an_act_is_entered_once_also_if_it_is_applied_again(units, evidence):
    act = replace(sample_act(1), kind=ActKind.HOLD)
    for _ in range(2):
        with units() as uow:
            uow.acts.add(act)
            uow.commit()
    assert [action for action, _ in told(evidence)] == [Action.HOLD]
    assert told(evidence)[0][1]["by"] == act.by


def test_an_act_that_is_learned_of_again_is_no_new_deed(units, evidence):
    """After a rebuild: who runs it did not do what somebody did last year."""
    now = evidence.witness.deed(Action.HOLD).at
    for number, age in ((1, timedelta(days=300)), (2, timedelta(0))):
        with units() as uow:
            uow.acts.add(replace(sample_act(number), kind=ActKind.HOLD, at=now - age))
            uow.commit()
    assert [one.deed.outcome for one in evidence.entries()] == [Outcome.REPLAYED, Outcome.DONE]


def test_a_secret_that_could_not_be_kept_is_entered_as_failed(units, evidence):
    class Full(MemoryVault):
        def put(self, ref, secret):
            raise StorageError("No space left on device.")

    with pytest.raises(StorageError):
        WitnessedVault(Full(), evidence).put(SecretRef("host/pc1/ssh"), Secret(CANARY))
    assert [one.deed.outcome for one in evidence.entries()] == [Outcome.DONE, Outcome.FAILED]


def test_a_secret_is_entered_by_name_in_the_unit_that_is_open(units, evidence):
    vault = WitnessedVault(MemoryVault(), evidence)
    with units() as uow:
        uow.hosts.add(sample_host())
        vault.put(SecretRef("host/pc1/ssh"), Secret(CANARY))
        uow.commit()
    assert vault.get(SecretRef("host/pc1/ssh")).reveal() == CANARY
    vault.delete(SecretRef("host/pc1/ssh"))
    assert [action for action, _ in told(evidence)] == [
        Action.HOST_ADDED,
        Action.KEY_STORED,
        Action.KEY_REMOVED,
    ]
    assert not any(CANARY.encode() in line for line in evidence.lines())


def test_a_job_is_entered_before_it_is_asked_for_and_when_it_ends(database, evidence, witness):
    queue = witnessed_queue(database.queue, evidence)
    job = replace(
        sample_job("one", JobKind.RESTORE),
        payload={"point": "latest", "paths": ["a", "b"], "password": CANARY},
    )
    with witness.acting(ANNA):
        assert queue.enqueue(job).created
    claim = queue.claim("r", lease_seconds=60)
    assert claim is not None
    queue.finish(claim, JobStatus.PARTIAL, JobResult(data={"run_id": "x"}))
    start, end = evidence.entries()
    assert (start.deed.action, start.deed.outcome, start.deed.actor) == (
        Action.JOB_START,
        Outcome.ASKED,
        ANNA,
    )
    assert dict(start.deed.about)["paths"] == "a b"
    assert (end.deed.action, end.deed.outcome) == (Action.JOB_END, Outcome.PARTIAL)
    assert end.deed.actor == Actor(name=job.requested_by, origin=Origin.RUNNER)
    assert not any(CANARY.encode() in line for line in evidence.lines())


def test_a_second_start_tells_which_job_answered_and_a_cancel_who_asked(database, evidence, witness):
    queue = witnessed_queue(database.queue, evidence)
    queue.enqueue(sample_job("one"))
    assert not queue.enqueue(sample_job("two")).created
    with witness.acting(ANNA):
        queue.request_cancel(sample_job("one").id)
    with pytest.raises(NotFoundError):
        queue.request_cancel(sample_job("none").id)
    outcomes = [(one.deed.action, one.deed.outcome) for one in evidence.entries()]
    assert outcomes == [
        (Action.JOB_START, Outcome.ASKED),
        (Action.JOB_START, Outcome.ASKED),
        (Action.JOB_START, Outcome.DONE),
        (Action.JOB_CANCEL, Outcome.ASKED),
    ]
    assert dict(evidence.entries()[2].deed.about)["answered_by"] == "one"
    assert evidence.entries()[3].deed.actor == ANNA


def test_a_request_that_is_sent_again_is_entered_whether_its_key_answers_or_stands_for_another(
    database, evidence, witness
):
    queue = witnessed_queue(database.queue, evidence)
    job, other = sample_job("one", key="k"), sample_job("two", key="k", number=4)
    queue.enqueue(job)
    with witness.acting(ANNA):
        assert queue.answer_to(as_sent(job, None)) == job
        assert queue.answer_to(as_sent(replace(job, idempotency_key="new"), None)) is None
        with pytest.raises(ConflictError):
            queue.answer_to(as_sent(other, None))
    again, refused = (one.deed for one in evidence.entries()[1:])
    assert (again.action, again.outcome, again.actor) == (Action.JOB_START, Outcome.DONE, ANNA)
    assert dict(again.about)["answered_by"] == "one"
    assert (refused.action, refused.outcome, refused.actor) == (Action.JOB_START, Outcome.REFUSED, ANNA)


def test_who_acts_is_known_to_the_thread_alone(witness):
    seen = []
    with witness.acting(ANNA):
        other = Thread(target=lambda: seen.append(witness.actor))
        other.start()
        other.join()
        with witness.acting(lambda: replace(ANNA, name="bert")):
            seen.append(witness.actor.name)
        seen.append(witness.actor)
    assert seen == [SERVICE, "bert", ANNA]
    assert witness.actor == SERVICE


def test_what_cannot_be_entered_must_not_be_done_but_what_is_done_is_told_to_the_log(
    units, witness, database, caplog
):
    class Broken(MemoryHeadKeeper):
        def remembered(self):
            raise StorageError("The head is gone.")

    broken = Witness(clock=StepClock(), head=Broken())
    evidence = Evidence(units=witnessed_units(database.units, broken), witness=broken)
    with pytest.raises(StorageError):
        evidence.tell(Action.DOWNLOAD, path="x")
    evidence.tell_after(Action.LOGIN, user="anna")
    assert "not entered into the audit log" in caplog.text
    assert "anna" in caplog.records[-1].deed


def _filled(evidence, count):
    for number in range(count):
        evidence.tell(Action.DOWNLOAD, number=number)
    return list(evidence.lines())


def _breaks(evidence):
    return [(one.kind, one.first, one.last) for one in evidence.proof().breaks]


def test_an_end_that_was_cut_off_is_told_for_good_however_much_is_entered_after_it(
    database, evidence, head, caplog
):
    _filled(evidence, 9)
    known = head.remembered()
    for number in (7, 8, 9):
        del database._state.audit[number]
    assert _breaks(evidence) == [(Break.TRUNCATED, 7, 9)]
    for number in (7, 8, 9, 10, 11):
        evidence.tell_after(Action.LOGIN, user="nobody")
        assert evidence.entries()[-1].number == number, "what is done must not wait for it"
        assert head.remembered() == known
    assert _breaks(evidence) == [(Break.CHANGED, 9, 9)]
    assert "entry 9 of the audit log is not the one that was remembered" in caplog.text


def test_an_end_that_was_written_anew_is_told_for_good(database, evidence, head):
    lines = _filled(evidence, 4)
    known = head.remembered()
    forged = chained(evidence.witness.deed(Action.LOGOUT), decoded(lines[2]).head)
    database._state.audit[4] = encoded(forged)
    _filled(evidence, 3)
    assert head.remembered() == known
    assert _breaks(evidence) == [(Break.CHANGED, 4, 4)]


def test_a_forged_entry_does_not_take_the_head_past_an_entry_that_it_does_not_follow(
    database, evidence, head
):
    """Else the remembered entry could be exchanged once the head has left it."""
    lines = _filled(evidence, 4)
    known = head.remembered()
    other = chained(evidence.witness.deed(Action.LOGOUT), decoded(lines[2]).head)
    database._state.audit[5] = encoded(chained(evidence.witness.deed(Action.LOGIN), other.head))
    _filled(evidence, 1)
    database._state.audit[4] = encoded(other)
    assert head.remembered() == known
    assert _breaks(evidence) == [(Break.CHANGED, 4, 4)]


@pytest.mark.parametrize("behind", [1, 3, 2 * FURTHEST])
def test_a_head_that_is_behind_catches_up(database, evidence, head, behind):
    """Another process noted nothing yet, or could not."""
    _filled(evidence, 2)
    idle = MemoryHeadKeeper()
    idle.remember(evidence.entries(), [evidence.entries()[-1].head])
    _filled(evidence, behind)
    late = Witness(clock=StepClock(), head=idle)
    other = Evidence(units=witnessed_units(database.units, late), witness=late)
    for _ in range(3):
        other.tell(Action.DOWNLOAD)
    assert other.proof().ok
    assert idle.remembered() == other.entries(after=behind)[-1].head


def test_where_the_remembered_entry_is_the_newest_one_no_more_is_read(evidence, units, monkeypatch):
    _filled(evidence, 1)

    def read(*_, **__):
        raise AssertionError("no line is to be read")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryAuditLog, "lines", read)
        evidence.tell(Action.DOWNLOAD)
        with units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(sample_profile())
            uow.commit()
            uow.profiles.remove(sample_profile().id)
            uow.commit()
    assert evidence.proof().ok
    assert evidence.proof().remembered == evidence.proof().newest


def test_a_head_that_cannot_be_read_stops_nothing_where_the_log_goes_on(database, evidence):
    class Damaged(MemoryHeadKeeper):
        def remembered(self):
            raise StorageError("It cannot be read.")

    _filled(evidence, 2)
    damaged = Witness(clock=StepClock(), head=Damaged())
    Evidence(units=witnessed_units(database.units, damaged), witness=damaged).tell(Action.DOWNLOAD)
    assert [one.number for one in evidence.entries()] == [1, 2, 3]


def test_an_emptied_log_goes_on_after_the_remembered_entry_and_so_does_the_head(database, evidence, head):
    _filled(evidence, 3)
    database._state.audit.clear()
    _filled(evidence, 2)
    assert head.remembered() == evidence.entries()[-1].head
    assert _breaks(evidence) == [(Break.REMOVED, 1, 3)]


@pytest.mark.parametrize("later", [0, 2, 5])
def test_what_was_done_while_the_end_was_aside_is_missed_when_it_is_put_back(database, evidence, later):
    _filled(evidence, 6)
    aside = {number: database._state.audit.pop(number) for number in (5, 6)}
    for number in (5, 6, 7, 8):
        evidence.tell(Action.DOWNLOAD, path="what nobody is to see")
        assert evidence.entries()[-1].number == number
    for number in (7, 8):
        del database._state.audit[number]
    database._state.audit.update(aside)
    _filled(evidence, later)
    assert _breaks(evidence) == [(Break.CHANGED, 5, 5)]
