"""The scheduler asks for each due moment once, whatever dies, and tells offline from failed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bckcore.domain.due import Verdict
from bckcore.domain.events import HostUnreachable, ProfileRecovered, ProfileStale
from bckcore.domain.health import HealthState
from bckcore.domain.job import Job, JobResult, JobStatus
from bckcore.domain.schedule import Schedule
from bckcore.errors import AuthenticationError, NotFoundError, TransferInterruptedError
from bckcore.services.schedule_jobs import MOST_FAILURES, REQUESTED_BY
from tests.support.house import DOCS
from tests.support.planned import OFF, Planned

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TWO = datetime(2027, 1, 11, 2, tzinfo=UTC)
NIGHTLY = Schedule(cron="0 2 * * *")
Made = Callable[..., Planned]


@pytest.fixture
def planned(tmp_path: Path) -> Made:
    def make(schedule: Schedule | None = NIGHTLY, **changes: object) -> Planned:
        return Planned(tmp_path, START, schedule, None, **changes)

    return make


def test_a_due_moment_is_asked_for_once_and_the_next_one_follows(planned: Made) -> None:
    house = planned()
    assert house.at(TWO - MINUTE).decision.verdict is Verdict.WAIT
    assert house.asked() == []
    assert house.at(TWO).decision.verdict is Verdict.UNDER_WAY
    (job,) = house.asked()
    key = f"{REQUESTED_BY}\nschedule/docs/{TWO.isoformat()}/1"
    assert (job.requested_by, job.idempotency_key) == (REQUESTED_BY, key)
    house.work()
    after = house.at(TWO + 10 * MINUTE)
    assert (after.decision.verdict, after.decision.due) == (Verdict.WAIT, TWO + DAY)
    assert after.state.answered == TWO
    assert len(house.asked()) == 1
    house.at(TWO + DAY)
    assert len(house.asked()) == 2


def test_an_interval_counts_from_the_last_start_and_a_new_profile_does_not_wait(planned: Made) -> None:
    house = planned(Schedule(every=4 * HOUR))
    house.at(START)
    house.work(minutes=50)
    assert house.at(START + 4 * HOUR - MINUTE).decision.due == START + 4 * HOUR
    assert len(house.asked()) == 1
    house.at(START + 4 * HOUR)
    assert len(house.asked()) == 2


def test_what_a_person_started_answers_for_what_is_due(planned: Made) -> None:
    house = planned()
    house.clock.set(TWO + MINUTE)
    house.jobs.start_backup(DOCS, requested_by="anna")
    assert house.at(TWO + 2 * MINUTE).decision.verdict is Verdict.UNDER_WAY
    house.work()
    assert house.at(TWO + HOUR).decision.due == TWO + DAY
    assert [job.requested_by for job in house.asked()] == ["anna"]


def test_what_is_due_while_a_persons_backup_is_being_stopped_is_asked_for(planned: Made) -> None:
    house = planned()
    house.clock.set(TWO - MINUTE)
    stopped = house.jobs.start_backup(DOCS, requested_by="anna").job
    claim = house.queue.claim("test", lease_seconds=3600)
    assert claim is not None
    house.jobs.cancel(stopped.id)
    assert house.at(TWO).decision.verdict is Verdict.UNDER_WAY  # it looks again when that is over
    house.queue.finish(claim, JobStatus.CANCELLED, JobResult())
    house.at(TWO + MINUTE)
    assert [job.requested_by for job in house.asked()] == ["anna", REQUESTED_BY]
    house.work()
    assert house.at(TWO + HOUR).decision.due == TWO + DAY


def test_days_without_a_server_are_caught_up_once(planned: Made) -> None:
    house = planned()
    house.at(TWO)
    house.work()
    late = house.at(TWO + 5 * DAY + 7 * HOUR)
    assert late.decision.due == TWO + DAY  # due since then, and one backup answers for all five
    house.work()
    assert house.at(TWO + 5 * DAY + 8 * HOUR).decision.due == TWO + 6 * DAY
    assert len(house.asked()) == 2


def test_a_host_that_is_off_is_offline_and_no_failure(planned: Made) -> None:
    house = planned(fresh_within=3 * DAY)
    house.at(TWO)
    house.work()
    house.at(TWO + DAY)
    house.work(OFF)
    standing = house.at(TWO + DAY + 2 * MINUTE)
    assert (standing.health.state, standing.health.fresh) == (HealthState.OFFLINE, True)
    assert standing.decision.verdict is Verdict.OFFLINE
    assert standing.decision.reason.startswith("pc1 does not answer.")
    assert standing.offline_since == standing.state.offline_since is not None
    assert [type(event) for event in house.told.events] == [HostUnreachable]
    with house.units(read_only=True) as uow:
        assert len(uow.runs.list(DOCS)) == 1  # no run was made for it


def test_the_host_is_tried_again_ever_more_rarely_and_is_told_of_once(planned: Made) -> None:
    house = planned()
    when, waits = TWO, []
    for _ in range(7):
        house.at(when)
        house.work(OFF, minutes=0)
        until = house.at(when).decision.until
        assert until is not None
        waits.append((until - when) / MINUTE)
        when = until
    assert waits == [5, 10, 20, 40, 60, 60, 60]
    assert len({job.idempotency_key for job in house.asked()}) == 7
    assert len(house.told.events) == 1
    house.at(when)
    house.work()
    assert house.at(when + MINUTE).offline_since is None
    assert house.standing().decision.due == TWO + DAY


def test_a_host_that_turns_up_is_tried_at_once_and_only_once_for_it(planned: Made) -> None:
    house = planned()
    for when in (TWO, TWO + 5 * MINUTE, TWO + 15 * MINUTE, TWO + 35 * MINUTE):
        house.at(when)
        house.work(OFF, minutes=0)
    house.at(TWO + 36 * MINUTE)
    assert len(house.asked()) == 4
    house.sign()
    assert house.at(TWO + 37 * MINUTE).decision.verdict is Verdict.UNDER_WAY
    house.work(OFF, minutes=0)  # its firewall is shut: signs of life that go on change nothing
    for minute in range(38, 70, 5):
        house.clock.set(TWO + minute * MINUTE)
        house.sign()
        house.at(TWO + minute * MINUTE)
    assert len(house.asked()) == 5


def test_a_host_that_says_it_goes_to_sleep_is_left_alone(planned: Made) -> None:
    house = planned()
    house.clock.set(TWO - MINUTE)
    house.sign(awake=False, minutes=30)
    standing = house.at(TWO)
    assert (standing.decision.verdict, standing.decision.until) == (Verdict.OFFLINE, TWO + 29 * MINUTE)
    assert house.at(TWO + 29 * MINUTE).decision.verdict is Verdict.UNDER_WAY


@pytest.mark.parametrize(
    ("condition", "no", "yes", "word"),
    [
        ("only_on_mains", {"on_mains": False}, {"on_mains": True}, "battery"),
        ("only_unmetered", {"unmetered": False}, {"unmetered": True}, "metered"),
        ("only_idle", {"idle": False}, {"idle": True}, "used"),
    ],
)
def test_a_condition_holds_while_the_host_says_so_and_no_longer(
    planned: Made, condition: str, no: dict[str, bool], yes: dict[str, bool], word: str
) -> None:
    house = planned(replace(NIGHTLY, **{condition: True}))  # type: ignore[arg-type]  # one of three flags
    house.clock.set(TWO)
    house.sign(**no)
    standing = house.at(TWO + MINUTE)
    assert standing.decision.verdict is Verdict.BLOCKED
    assert word in standing.decision.reason
    house.sign(**yes)
    assert house.at(TWO + 2 * MINUTE).decision.verdict is Verdict.UNDER_WAY


def test_a_condition_without_a_word_of_the_host_holds_nothing_up(planned: Made) -> None:
    house = planned(replace(NIGHTLY, only_on_mains=True, only_unmetered=True, only_idle=True))
    house.clock.set(TWO - HOUR)
    house.sign(on_mains=False)  # long ago
    assert house.at(TWO).decision.verdict is Verdict.UNDER_WAY


def test_windows_and_blackouts_hold_a_due_start_up_until_they_end(planned: Made) -> None:
    house = planned(replace(NIGHTLY, windows=("08:00-20:00",), blackouts=("08:00-09:30",)))
    standing = house.at(TWO + HOUR)
    assert (standing.decision.verdict, standing.decision.until) == (
        Verdict.BLOCKED,
        TWO + 7 * HOUR + 30 * MINUTE,
    )
    assert house.at(TWO + 7 * HOUR + 29 * MINUTE).decision.verdict is Verdict.BLOCKED
    assert house.at(TWO + 7 * HOUR + 30 * MINUTE).decision.verdict is Verdict.UNDER_WAY


def test_jitter_puts_the_start_off_by_its_share(planned: Made) -> None:
    house = planned(replace(NIGHTLY, jitter=30 * MINUTE))
    share = replace(NIGHTLY, jitter=30 * MINUTE).delay(house.standing().profile.host, TWO.date())
    assert timedelta(0) < share < 30 * MINUTE
    standing = house.at(TWO + share - timedelta(seconds=1))
    assert (standing.decision.verdict, standing.decision.until) == (Verdict.WAIT, TWO + share)
    assert house.at(TWO + share).decision.verdict is Verdict.UNDER_WAY


def test_jitter_counts_from_the_opening_and_leaves_none_out(planned: Made) -> None:
    house = planned(replace(NIGHTLY, jitter=2 * HOUR, windows=("04:00-05:00",)))
    opening = TWO + 2 * HOUR
    assert house.at(TWO + HOUR).decision.verdict is Verdict.BLOCKED
    standing = house.at(opening)
    assert standing.decision.verdict is Verdict.WAIT
    assert standing.decision.until is not None
    assert opening < standing.decision.until < opening + 45 * MINUTE
    assert "later to spread the load" in standing.decision.reason
    assert house.at(standing.decision.until).decision.verdict is Verdict.UNDER_WAY


def test_an_error_that_passes_is_tried_again_a_few_times(planned: Made) -> None:
    house = planned()
    when = TWO
    for _ in range(MOST_FAILURES):
        house.at(when)
        house.work(TransferInterruptedError("It broke off."), minutes=0)
        house.at(when)
        when += HOUR
    assert len(house.asked()) == MOST_FAILURES
    standing = house.at(when)
    assert (standing.decision.verdict, standing.decision.due) == (Verdict.WAIT, TWO + DAY)
    assert standing.health.state is HealthState.NEVER


def test_an_error_that_stays_waits_for_the_next_due_moment(planned: Made) -> None:
    house = planned()
    house.at(TWO)
    house.work(AuthenticationError("pc1 refused our key."))
    standing = house.at(TWO + HOUR)
    assert (standing.decision.verdict, standing.decision.due) == (Verdict.WAIT, TWO + DAY)
    assert standing.state.note == "pc1 refused our key."
    assert len(house.asked()) == 1


def test_a_crash_between_asking_and_noting_asks_for_nothing_twice(planned: Made) -> None:
    house = planned()
    house.at(TWO - MINUTE)
    before = house.state()
    house.at(TWO)
    house.forget_what_was_noted(before)
    house.scheduler = house.another_scheduler()
    assert house.at(TWO + MINUTE).decision.verdict is Verdict.UNDER_WAY
    house.work()
    assert house.at(TWO + HOUR).decision.due == TWO + DAY
    assert len(house.asked()) == 1


def test_a_crash_after_a_failed_try_finds_that_try_again(planned: Made) -> None:
    house = planned()
    house.at(TWO - MINUTE)
    before = house.state()
    house.at(TWO)
    house.work(OFF, minutes=0)
    house.forget_what_was_noted(before)
    house.at(TWO + MINUTE)  # the key answers with the job that is over
    assert house.at(TWO + MINUTE).decision.verdict is Verdict.OFFLINE
    assert len(house.asked()) == 1


def test_two_schedulers_that_saw_the_same_ask_for_one_job(planned: Made) -> None:
    house = planned()
    house.at(TWO - MINUTE)
    house.clock.set(TWO)
    seen = house.standing()
    first, second = house.scheduler, house.another_scheduler()
    first._look_at(seen, start=True)
    second._look_at(seen, start=True)
    assert len(house.asked()) == 1
    house.work(OFF, minutes=0)
    over = house.standing()
    first._look_at(over, start=True)
    second._look_at(over, start=True)
    assert house.state().tries == 1
    assert len(house.told.events) == 1


def test_a_clock_that_was_wrong_for_a_while_stops_nothing(planned: Made) -> None:
    house = planned()
    house.at(TWO)
    house.work()
    house.at(TWO + 400 * DAY)
    house.work()
    house.at(TWO + 400 * DAY + HOUR)
    house.at(TWO + DAY + MINUTE)  # it is right again; the backup of just now answers for this night
    assert len(house.asked()) == 2
    for day in range(2, 5):
        house.at(TWO + day * DAY + MINUTE)
        house.work()
        house.at(TWO + day * DAY + HOUR)
    assert house.standing().decision.due == TWO + 5 * DAY
    assert len(house.asked()) == 5


@pytest.mark.parametrize("change", [{"schedule": None}, {"enabled": False}])
def test_without_schedule_or_switched_off_nothing_starts(planned: Made, change: dict[str, object]) -> None:
    house = planned(**change) if "enabled" in change else planned(None)
    assert house.at(TWO + DAY).decision.verdict is Verdict.OFF
    assert house.asked() == []


def test_a_profile_that_cannot_be_asked_for_is_told_of_and_keeps_no_other(planned: Made) -> None:
    house = planned()
    with house.units() as uow:
        host = uow.hosts.get(uow.profiles.get(DOCS).host)
        uow.profiles.add(replace(uow.profiles.get(DOCS), id="zebra"))  # type: ignore[arg-type]  # a name
        uow.hosts.update(replace(host, allowed_roots=()))
        uow.commit()
    house.at(TWO)
    assert house.asked() == []
    standing = house.at(TWO + MINUTE)
    assert standing.decision.verdict is Verdict.WAIT
    assert "outside the folders allowed" in standing.decision.reason
    assert house.standing("zebra").state.tries == 1  # type: ignore[arg-type]  # a name


def test_a_try_whose_job_is_no_longer_kept_counts_as_done(
    planned: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = planned()
    house.at(TWO)
    job = house.work().id

    def get(_job: str) -> Job:
        raise NotFoundError(f"There is no job {job}.")

    monkeypatch.setattr(house.queue, "get", get)
    assert house.at(TWO + HOUR).decision.due == TWO + DAY


def test_a_cancelled_backup_is_not_started_again_against_the_persons_will(planned: Made) -> None:
    house = planned()
    house.at(TWO)
    (job,) = house.asked()
    assert house.jobs.cancel(job.id).status is JobStatus.CANCELLED
    assert house.at(TWO + HOUR).decision.due == TWO + DAY


def test_who_takes_the_night_on_and_cancels_it_gives_up_only_their_own(planned: Made) -> None:
    house = planned()
    house.at(TWO)
    house.clock.set(TWO + MINUTE)
    taken = house.jobs.start_backup(DOCS, requested_by="anna").job
    assert (taken.id, taken.requested_by) == (house.asked()[0].id, "anna")
    house.jobs.cancel(taken.id)
    state = house.at(TWO + 2 * MINUTE).state
    assert (state.due_since, state.failures, "anna" in state.note) == (TWO, 0, True)
    house.at(TWO + HOUR)
    assert [job.requested_by for job in house.asked()] == ["anna", REQUESTED_BY]
    house.work()
    assert house.at(TWO + 2 * HOUR).decision.due == TWO + DAY


def test_a_run_that_had_ended_long_before_its_job_answers_for_its_own_night_alone(planned: Made) -> None:
    """A power cut between the two, and days without a server: what became due since is caught up, once."""
    house = planned()
    house.host.source("/home/u/docs").write(b"a", b"data", 1_700_000_000 * 10**9)
    house.at(TWO)
    claim = house.queue.claim("dies", lease_seconds=60)
    assert claim is not None
    house.clock.set(TWO + MINUTE)
    house.house.worker.carry_out(claim, house.house.watcher)
    back = TWO + 2 * DAY + 12 * HOUR
    house.clock.set(back)
    claim = house.queue.claim("the next", lease_seconds=60)
    assert claim is not None
    status, result = house.house.worker.carry_out(claim, house.house.watcher)
    assert result.data["seq"] == 1
    house.queue.finish(claim, status, result)
    assert house.at(back + MINUTE).state.answered == TWO + MINUTE
    house.at(back + 2 * MINUTE)
    assert [job.status for job in house.asked()] == [status, JobStatus.QUEUED]
    assert house.state().due_since == TWO + DAY


def test_people_are_told_once_that_a_profile_is_stale_and_once_that_it_is_good_again(planned: Made) -> None:
    house = planned(fresh_within=3 * DAY)
    house.at(TWO)
    house.work()
    finished = TWO + MINUTE
    for hours in (71, 72, 73, 100, 200):
        house.clock.set(finished + hours * HOUR + timedelta(seconds=1))
        for scheduler in (house.scheduler, house.another_scheduler()):
            scheduler.look(start=False)
    (stale,) = house.told.events
    assert isinstance(stale, ProfileStale)
    assert (stale.good_at, stale.fresh_within) == (finished, 3 * DAY)
    assert stale.at == finished + 72 * HOUR + timedelta(seconds=1)
    assert house.standing().health.state is HealthState.STALE
    house.at(finished + 201 * HOUR)
    house.work()
    for _ in range(3):
        house.scheduler.look()
    recovered = house.told.events[-1]
    assert isinstance(recovered, ProfileRecovered)
    assert (len(house.told.events), recovered.told_at) == (2, stale.at)
    assert house.standing().health.state is HealthState.OK


def test_a_profile_that_never_had_a_good_backup_becomes_stale_too(planned: Made) -> None:
    house = planned(None, fresh_within=DAY)
    house.at(START + DAY)
    assert house.told.events == []
    house.at(START + DAY + MINUTE)
    (stale,) = house.told.events
    assert isinstance(stale, ProfileStale)
    assert stale.good_at is None
    assert (house.standing().health.state, house.standing().health.fresh) == (HealthState.NEVER, False)


def test_a_run_that_made_no_good_point_does_not_make_a_profile_fresh(planned: Made) -> None:
    house = planned(fresh_within=DAY)
    house.at(TWO)
    house.work(good=False)
    assert house.at(TWO + DAY).health.fresh is False
