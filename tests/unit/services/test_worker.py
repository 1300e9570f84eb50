"""The worker: every kind of job, every ending, in words and in data."""

import itertools
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.retention import RetentionPolicy
from bckcore.errors import AuthenticationError, LeaseLostError
from bckcore.ports.job_queue import Claim
from bckcore.services.restore_request import RestoreRequest
from bckcore.services.schedule_jobs import if_reachable
from bckcore.services.worker import MOST_DEATHS, Ending, job_failed_unexpectedly
from tests.support.desks import Desk, T
from tests.support.house import DOCS

_numbers = itertools.count(1)


def claimed(desk: Desk, kind: JobKind, payload: Mapping[str, object], profile: ProfileId = DOCS) -> Claim:
    """A claim on a new job."""
    job = desk.house.job(f"w{next(_numbers)}", kind, payload, by="ada", profile=profile)
    desk.house.database.queue.enqueue(job)
    claim = desk.house.database.queue.claim("test", lease_seconds=1e6, only=job.id)
    assert claim is not None
    return claim


def carried_out(
    desk: Desk, kind: JobKind, payload: Mapping[str, object] | None = None, profile: ProfileId = DOCS
) -> Ending:
    """The ending of a new job; what it says must go through JSON."""
    desk.house.clock.advance(3600)
    desk.house.watcher.lines.clear()
    claim = claimed(desk, kind, payload or {}, profile)
    status, result = desk.house.worker.carry_out(claim, desk.house.watcher)
    desk.house.database.queue.finish(claim, status, result)
    assert json.loads(json.dumps(result.data)) == result.data
    return status, result


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "b", "d/x")
    return desk


def test_a_backup_says_what_it_did(desk: Desk) -> None:
    status, result = carried_out(desk, JobKind.BACKUP)
    [point] = desk.house.points()
    assert (status, result.problem, result.text) == (JobStatus.SUCCEEDED, None, "")
    assert result.data == {
        "run_id": point.run_id,
        "seq": 1,
        "outcome": "succeeded",
        "point": point.run_id,
        "made_point": True,
        "counts": {"files": 3, "bytes": 12, "added": 3, "changed": 0, "gone": 0},
        "problems": 0,
        "attempts": 1,
    }


def test_a_backup_without_difference_names_the_point_it_proved(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    _, result = carried_out(desk, JobKind.BACKUP)
    assert (result.data["made_point"], result.data["point"]) == (False, desk.newest().run_id)
    assert result.data["run_id"] != result.data["point"]


def test_partial_suspect_failed_and_cancelled_backups_end_as_such(desk: Desk) -> None:
    desk.write("b", data=b"new", mtime_ns=T + 1)
    desk.docs.not_installed.add(RelPath(b"b"))
    assert carried_out(desk, JobKind.BACKUP)[0] is JobStatus.PARTIAL
    desk.docs.not_installed.clear()
    desk.many(120)
    assert carried_out(desk, JobKind.BACKUP)[0] is JobStatus.SUCCEEDED
    desk.docs.delete(b"many")
    assert carried_out(desk, JobKind.BACKUP)[0] is JobStatus.SUSPECT
    desk.host.errors.append(AuthenticationError("It refused.", meaning="Away.", advice="Install the key."))
    status, result = carried_out(desk, JobKind.BACKUP)
    assert status is JobStatus.FAILED
    assert result.problem == {
        "code": "authentication-refused",
        "what": "It refused.",
        "meaning": "Away.",
        "advice": "Install the key.",
    }
    assert result.text == "It refused. Away. Install the key."
    with desk.house.database.units(read_only=True) as uow:
        assert (last := uow.runs.last(DOCS))
        assert last.error == result.text
    assert result.data["outcome"] == "failed"
    desk.house.watcher.stop = lambda: True
    status, result = carried_out(desk, JobKind.BACKUP)
    assert (status, result.error_code) == (JobStatus.CANCELLED, "cancelled")


def test_without_its_host_a_job_of_the_schedule_is_offline_and_one_of_a_person_failed(
    quick_dir: Path,
) -> None:
    nobody = Desk(quick_dir, wrapped=lambda _: MemoryTransport({}))
    status, result = carried_out(nobody, JobKind.BACKUP, if_reachable(True))
    assert (status, result.error_code) == (JobStatus.OFFLINE, "host-unreachable")
    assert [line.partition(":")[0] for line in nobody.house.watcher.lines] == ["info"]
    status, result = carried_out(nobody, JobKind.BACKUP)
    assert (status, result.error_code) == (JobStatus.FAILED, "host-unreachable")
    assert result.problem is not None
    assert "pc1" in result.problem["what"]


def test_a_missing_source_fails_and_says_that_nothing_was_marked(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    desk.docs.delete(bytes(ROOT))
    status, result = carried_out(desk, JobKind.BACKUP)
    assert (status, result.error_code) == (JobStatus.FAILED, "source-missing")
    assert any("Nothing was marked as deleted" in line for line in desk.house.watcher.lines)


def test_a_backup_prunes_afterwards(desk: Desk) -> None:
    desk.house.change_profile(
        retention=RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))
    )
    for number in range(3):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        carried_out(desk, JobKind.BACKUP)
    assert len(desk.house.points()) == 1
    assert "info: 1 old points were pruned." in desk.house.watcher.lines


def test_a_backup_that_is_cancelled_before_it_prunes_is_a_good_backup_and_no_point_goes(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    desk.house.change_profile(
        retention=RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))
    )
    desk.write("a", data=b"2", mtime_ns=T + 2)
    pruning: list[bool] = []
    watcher = desk.house.watcher
    watcher.stop = lambda: bool(pruning)
    plain = desk.house.prunes.prune

    def cancelled(*args: object, **kwargs: object) -> object:
        pruning.append(True)
        return plain(*args, **kwargs)  # type: ignore[arg-type]  # passed on as given

    desk.house.prunes.prune = cancelled  # type: ignore[method-assign, assignment]  # the moment it begins
    assert carried_out(desk, JobKind.BACKUP)[0] is JobStatus.SUCCEEDED
    assert any("The pruning of old points was cancelled" in line for line in watcher.lines)
    assert [point.seq for point in desk.house.points()] == [1, 2]


def test_a_restore_says_where_and_how_much(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    request = RestoreRequest(point="latest", folder=desk.folder / "out", paths=(b"docs/d", b"docs/a"))
    status, result = carried_out(desk, JobKind.RESTORE, request.payload())
    assert status is JobStatus.SUCCEEDED
    assert result.data == {
        "point": desk.newest().run_id,
        "folder": str(desk.folder / "out"),
        "files": 2,
        "bytes": 8,
        "counts": {
            "created": 3,
            "replaced": 0,
            "kept_both": 0,
            "adjusted": 0,
            "skipped": 0,
            "same": 0,
            "failed": 0,
        },
        "problems": 0,
        "problem_list": [],
    }


def test_a_restore_with_paths_that_were_not_there_is_partial(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    request = RestoreRequest(point="latest", folder=desk.folder / "out", paths=(b"docs/a", b"docs/no"))
    status, result = carried_out(desk, JobKind.RESTORE, request.payload())
    assert (status, result.data["problems"]) == (JobStatus.PARTIAL, 1)
    assert result.data["problem_list"] == [
        {"path": "docs/no", "message": "was not there at this restore point"}
    ]


def test_a_restore_into_a_folder_with_files_fails_with_the_reason(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    (desk.folder / "out").mkdir()
    (desk.folder / "out" / "mine").write_text("mine")
    request = RestoreRequest(point="latest", folder=desk.folder / "out")
    status, result = carried_out(desk, JobKind.RESTORE, request.payload())
    assert (status, result.error_code) == (JobStatus.FAILED, "conflict")
    assert "not empty" in result.error


def test_a_payload_that_says_nothing_fails_the_job(desk: Desk) -> None:
    status, result = carried_out(desk, JobKind.RESTORE, {"what": "?"})
    assert (status, result.error_code) == (JobStatus.FAILED, "invalid-input")


def test_a_prune_lists_its_decisions(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    desk.write("a", data=b"2", mtime_ns=T + 2)
    carried_out(desk, JobKind.BACKUP)
    desk.house.change_profile(
        retention=RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))
    )
    status, result = carried_out(desk, JobKind.PRUNE)
    assert status is JobStatus.SUCCEEDED
    decisions = result.data["decisions"]
    assert isinstance(decisions, list)
    assert [(one["seq"], one["keep"]) for one in decisions] == [(1, False), (2, True)]
    assert (result.data["forgotten"], result.data["freed"]) == (1, 1)


def test_a_job_of_an_unknown_profile_fails_as_not_found(desk: Desk) -> None:
    for kind in JobKind:
        payload = RestoreRequest(point="latest", folder=desk.folder / "out").payload()
        status, result = carried_out(desk, kind, payload, profile=ProfileId("none"))
        assert (status, result.error_code) == (JobStatus.FAILED, "not-found")


@pytest.mark.parametrize("kind", [JobKind.BACKUP, JobKind.PRUNE])
def test_a_lost_lease_is_no_ending_and_nothing_is_written(desk: Desk, kind: JobKind) -> None:
    carried_out(desk, JobKind.BACKUP)
    desk.write("a", data=b"2", mtime_ns=T + 2)
    carried_out(desk, JobKind.BACKUP)
    desk.house.change_profile(
        retention=RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))
    )
    lost = claimed(desk, kind, {})
    desk.house.database.queue.finish(lost, JobStatus.FAILED, JobResult())
    with pytest.raises(LeaseLostError):
        desk.house.worker.carry_out(lost, desk.house.watcher)
    with desk.house.database.units(read_only=True) as uow:
        assert len(uow.runs.list(DOCS)) == 2
    assert len(desk.house.points()) == 2


def test_a_lease_lost_during_the_run_leaves_a_receipt_that_the_next_start_enters(desk: Desk) -> None:
    carried_out(desk, JobKind.BACKUP)
    desk.write("a", data=b"2", mtime_ns=T + 2)
    claim = claimed(desk, JobKind.BACKUP, {})
    world = desk.world()
    plain = desk.house.storage.write_receipt

    def lose_the_lease(receipt: Receipt, *, settled: bool = False) -> str:
        desk.house.database.queue.finish(claim, JobStatus.FAILED, JobResult())
        return plain(receipt, settled=settled)

    desk.house.storage.write_receipt = lose_the_lease  # type: ignore[method-assign]  # the moment
    with pytest.raises(LeaseLostError):
        desk.house.worker.carry_out(claim, desk.house.watcher)
    desk.house.storage.write_receipt = plain  # type: ignore[method-assign]  # back again
    assert len(desk.house.points()) == 1
    _, result = carried_out(desk, JobKind.BACKUP)
    assert (result.data["seq"], result.data["made_point"]) == (3, False)
    assert [point.seq for point in desk.house.points()] == [1, 2]
    desk.assert_restores(world, 2)


def test_a_fault_of_the_program_is_told_without_inner_details(desk: Desk) -> None:
    claim = claimed(desk, JobKind.BACKUP, {})
    status, result = job_failed_unexpectedly(claim.job, RuntimeError("/secret/path"))
    assert (status, result.error_code) == (JobStatus.FAILED, "internal")
    assert "RuntimeError" in result.error
    assert "/secret/path" not in result.error


def test_a_job_over_which_runner_after_runner_dies_is_given_up_and_may_be_asked_for_again(desk: Desk) -> None:
    queue, clock = desk.house.database.queue, desk.house.clock
    claim = claimed(desk, JobKind.BACKUP, {})
    job = claim.job.id
    for deaths in range(1, MOST_DEATHS + 1):
        clock.advance(2e6)
        taken = queue.claim("next", lease_seconds=1e6)
        assert taken is not None
        assert (taken.job.id, taken.job.deaths) == (job, deaths)
        claim = taken
    status, result = desk.house.worker.carry_out(claim, desk.house.watcher)
    assert (status, result.error_code) == (JobStatus.FAILED, "job-given-up")
    assert all((result.error, result.meaning, result.advice))
    with desk.house.database.units(read_only=True) as uow:
        assert uow.runs.list(DOCS) == []
    queue.finish(claim, status, result)
    assert carried_out(desk, JobKind.BACKUP)[0] is JobStatus.SUCCEEDED


def test_a_job_that_was_handed_back_often_goes_on(desk: Desk) -> None:
    claim = claimed(desk, JobKind.BACKUP, {})
    for _ in range(MOST_DEATHS + 1):
        desk.house.database.queue.hand_back(claim)
        taken = desk.house.database.queue.claim("next", lease_seconds=1e6)
        assert taken is not None
        claim = taken
    assert desk.house.worker.carry_out(claim, desk.house.watcher)[0] is JobStatus.SUCCEEDED
