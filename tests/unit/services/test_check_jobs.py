"""Checks as jobs: how they end, who answers for whom, what is told of the newest."""

from pathlib import Path

import pytest

from bckcore.domain.access import NIGHTLY
from bckcore.domain.check import Cause, CheckRequest, Finding
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.errors import HostUnreachableError, InvalidInputError
from bckcore.services.check_jobs import CheckJobs, check_steps
from bckcore.services.metrics import MetricService
from bckcore.services.standing import StandingService
from tests.support import harm
from tests.support.checking import check_service
from tests.support.harm import Scene
from tests.support.house import DOCS
from tests.support.job_service import job_service


class Desk:
    """A scene, and its check jobs."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(folder)
        self.house = self.scene.house
        self.jobs = job_service(self.house)
        self.checks = CheckJobs(queue=self.house.database.queue, jobs=self.jobs)

    def carried_out(self, request: CheckRequest | None = None) -> Job:
        """A check, from the request to the end."""
        asked = self.checks.start(DOCS, request or CheckRequest(), requested_by="anna").job
        queue = self.house.database.queue
        claim = queue.claim("test", lease_seconds=60, only=asked.id)
        assert claim is not None
        steps = check_steps(check_service(self.house, self.scene.transport), self.house.passwords)
        status, result = steps[JobKind.CHECK](claim, self.house.watcher)
        self.house.clock.advance(60)
        return queue.finish(claim, status, result)

    def metrics(self) -> dict[str, float]:
        """Every number by name and labels."""
        units = self.house.database.units
        queue, clock = self.house.database.queue, self.house.clock
        standings = StandingService(units=units, queue=queue, clock=clock)
        text = MetricService(
            units=units, queue=queue, check_jobs=self.checks, standings=standings, clock=clock
        ).text()
        assert text.endswith("\n")
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_clean_check_succeeds_and_tells_what_it_looked_at(desk: Desk) -> None:
    job = desk.carried_out(CheckRequest(read_data=True))
    assert (job.status, job.result.error) == (JobStatus.SUCCEEDED, "")
    data = job.result.data
    assert (data["total"], data["findings"], data["seed"], data["points_replayed"]) == (0, [], 7, 4)
    assert data["files_proven"] == data["files_read"] != 0
    assert any("0 findings" in line for line in desk.house.watcher.lines)


def test_a_check_that_found_harm_is_suspect_and_says_what_to_do(desk: Desk) -> None:
    harm.flip(desk.scene.current(b"keep"))
    job = desk.carried_out(CheckRequest(read_data=True))
    assert (job.status, job.result.error_code) == (JobStatus.SUSPECT, "storage")
    assert "1 bit-rot" in job.result.error
    assert "bck check docs --last" in job.result.advice
    finding = job.result.data["findings"][0]  # type: ignore[index]  # a list of dicts
    assert (finding["cause"], finding["path"], finding["newest_point"]) == ("bit-rot", "keep", 5)
    assert "move that file out" in finding["advice"]
    assert (finding["source"], finding["full_path"]) == ("docs", "docs/keep")
    assert finding["full_path_bytes"] == "docs/keep"
    warned = [line for line in desk.house.watcher.lines if line.startswith("warning: bit-rot: docs/keep")]
    assert len(warned) == 1


@pytest.mark.parametrize("cause", [Cause.BIT_ROT, Cause.SIZE_CHANGED, Cause.CHANGED, Cause.STRANGE_TYPE])
def test_a_bad_copy_in_current_is_to_be_moved_out_before_the_next_backup(cause: Cause) -> None:
    assert "out of the storage before the next backup" in cause.advice


@pytest.mark.parametrize(
    ("place", "path", "careful"),
    [
        ("20260105T140000Z-e44da7f2", b".", True),
        ("20260105T140000Z-e44da7f2", b"a/file", True),
        ("storage", b".history/20260105T140000Z-e44da7f2/pc1/other", True),
        ("storage", b"somebody's file", False),
        ("current", b"stranger", False),
    ],
)
def test_what_may_be_history_is_never_said_to_be_removed(place: str, path: bytes, careful: bool) -> None:
    extra = Finding(cause=Cause.EXTRA, profile=DOCS, source=None, path=path, place=place)
    advice = str(extra.data()["advice"])
    assert (
        "remove" not in advice and "First make the database anew: bck catalog rebuild" in advice
    ) is careful
    assert ("then remove it" in advice) is not careful


def test_the_same_check_answers_while_it_waits_and_another_does_not(desk: Desk) -> None:
    first = desk.checks.start(DOCS, CheckRequest(sample=5), requested_by="anna")
    again = desk.checks.start(DOCS, CheckRequest(sample=5), requested_by="bert")
    other = desk.checks.start(DOCS, CheckRequest(read_data=True), requested_by="bert")
    assert (first.created, again.created, other.created) == (True, False, True)
    assert again.job.id == first.job.id != other.job.id


def test_a_check_of_the_night_that_waits_does_not_answer_for_a_person(desk: Desk) -> None:
    night = desk.checks.start(DOCS, CheckRequest(sample=5), requested_by=NIGHTLY).job
    own = desk.checks.start(DOCS, CheckRequest(sample=5), requested_by="anna")
    assert (own.created, own.job.requested_by) == (True, "anna")
    claim = desk.house.database.queue.claim("test", lease_seconds=60)
    assert claim is not None
    assert claim.job.id == own.job.id != night.id


def test_a_check_that_is_being_stopped_does_not_answer(desk: Desk) -> None:
    queue = desk.house.database.queue
    first = desk.checks.start(DOCS, CheckRequest(sample=5), requested_by="anna").job
    assert queue.claim("test", lease_seconds=60, only=first.id)
    queue.request_cancel(first.id)
    assert desk.checks.start(DOCS, CheckRequest(sample=5), requested_by="anna").created


def test_a_pc_that_does_not_answer_makes_the_check_partial_and_the_rest_is_told(desk: Desk) -> None:
    desk.scene.host.errors.append(HostUnreachableError("pc1 does not answer."))
    job = desk.carried_out(CheckRequest(against_host=True))
    assert (job.status, job.result.error_code) == (JobStatus.PARTIAL, "host-unreachable")
    assert job.result.data["host_error"] == "pc1 does not answer."
    assert job.result.data["files"] != 0


def test_newest_passes_over_checks_that_did_not_come_to_their_end(desk: Desk) -> None:
    assert desk.checks.newest_of(DOCS) is None
    good = desk.carried_out()
    waiting = desk.checks.start(DOCS, CheckRequest(), requested_by="anna").job
    desk.jobs.cancel(JobId(waiting.id))
    newest = desk.checks.newest_of(DOCS)
    assert newest is not None
    assert newest.id == good.id


def test_metrics_tell_how_a_profile_stands(desk: Desk) -> None:
    labels = '{profile="docs",host="pc1"}'
    before = desk.metrics()
    assert before[f"bck_points{labels}"] == 4
    assert before[f"bck_files{labels}"] == 10
    assert before[f"bck_good_point_age_seconds{labels}"] == 0
    assert f"bck_check_timestamp_seconds{labels}" not in before
    harm.remove(desk.scene.current(b"keep"))
    job = desk.carried_out(CheckRequest(sample=50))
    assert job.finished is not None
    after = desk.metrics()
    assert after[f"bck_check_timestamp_seconds{labels}"] == job.finished.timestamp()
    assert after['bck_check_findings{profile="docs",host="pc1",cause="missing"}'] == 1
    assert after['bck_check_findings{profile="docs",host="pc1",cause="bit-rot"}'] == 0
    assert after[f"bck_good_run_age_seconds{labels}"] == 60


@pytest.mark.parametrize("sample", [0, -1, 101])
def test_a_sample_that_is_none_is_refused(sample: float) -> None:
    with pytest.raises(InvalidInputError):
        CheckRequest(sample=sample)


def test_a_request_comes_back_from_its_payload() -> None:
    for request in (CheckRequest(), CheckRequest(sample=5), CheckRequest(read_data=True, against_host=True)):
        assert CheckRequest.of(request.payload()) == request
    with pytest.raises(InvalidInputError):
        CheckRequest.of({"sample": "5%"})
