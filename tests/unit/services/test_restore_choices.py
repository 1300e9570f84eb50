"""Restores with choices: filled folders, resume, a look ahead, what a job remembers of it."""

import os
from pathlib import Path

import pytest

from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.domain.push import Conflict
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import ConflictError, InvalidInputError, JobCancelledError, NotFoundError, RefusedError
from bckcore.services.restore_report import RestoreReport
from bckcore.services.restore_request import RestoreRequest
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS, PC
from tests.support.worlds import differences, world_of_folder

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "d/x", "d/y")
    desk.tree(PICS).write(b"p", b"picture", T)
    desk.back_up()
    return desk


def restore(desk: Desk, *paths: bytes, point: str = "latest", **options: object) -> RestoreReport:
    return desk.house.restores.restore(
        DOCS,
        point=point,
        to=desk.folder / "out",
        paths=paths,
        watcher=desk.house.watcher,
        options=RestoreOptions(**options),  # type: ignore[arg-type]  # a test's own choice
    )


def test_a_second_restore_into_the_same_folder_finds_everything_the_same(desk: Desk) -> None:
    first = restore(desk)
    again = restore(desk, conflict=Conflict.KEEP_BOTH)
    assert (first.files, again.files, again.bytes) == (4, 0, 0)
    assert again.counts.same == first.counts.created
    assert differences(desk.world(), world_of_folder(again.folder / "docs")) == []


def test_what_is_kept_beside_carries_the_time_of_the_restore(desk: Desk) -> None:
    restore(desk)
    (desk.folder / "out" / "docs" / "a").write_text("mine")
    report = restore(desk, conflict=Conflict.KEEP_BOTH)
    at = desk.house.clock.now()
    kept = desk.folder / "out" / "docs" / f"a~{at:%Y%m%dT%H%M%SZ}"
    assert kept.read_text() == "mine"
    assert (report.counts.kept_both, report.files) == (1, 1)


def test_a_cancelled_restore_goes_on_where_it_was(desk: Desk) -> None:
    desk.many(50)
    desk.back_up()
    clock, plain = desk.house.clock, desk.house.clock.monotonic

    def flies() -> float:
        clock.advance(1)
        return plain()

    clock.monotonic = flies  # type: ignore[method-assign]  # each look at it takes a second
    asked: list[int] = []

    def at_the_tenth_question() -> bool:
        asked.append(1)
        return len(asked) >= 10

    desk.house.watcher.stop = at_the_tenth_question
    with pytest.raises(JobCancelledError, match="--resume"):
        restore(desk)
    desk.house.watcher.stop = lambda: False
    with pytest.raises(ConflictError, match="--resume"):
        restore(desk)
    report = restore(desk, resume=True)
    assert differences(desk.world(), world_of_folder(report.folder / "docs")) == []
    assert report.problem_count == 0
    assert report.files < 54


def test_a_look_ahead_lists_every_path_and_makes_nothing(desk: Desk) -> None:
    found = desk.house.restores.foresee(
        DOCS, point="latest", to=desk.folder / "out", paths=[b"docs/d", b"docs/none"]
    )
    listed = [(one.source, one.path, one.outcome and one.outcome.value) for one in found]
    assert listed == [
        ("docs", b"none", None),
        ("docs", b"d", "created"),
        ("docs", b"d/x", "created"),
        ("docs", b"d/y", "created"),
    ]
    assert not (desk.folder / "out").exists()


@pytest.mark.parametrize("point", ["nope", "99", "2001-01-01"])
def test_an_unknown_point_makes_nothing(desk: Desk, point: str) -> None:
    with pytest.raises(NotFoundError):
        restore(desk, point=point)
    with pytest.raises(NotFoundError):
        list(desk.house.restores.foresee(DOCS, point=point, to=desk.folder / "out", paths=[]))
    assert not (desk.folder / "out").exists()


def test_a_target_that_is_a_link_is_refused_and_not_followed(desk: Desk) -> None:
    (desk.folder / "real").mkdir()
    (desk.folder / "out").symlink_to(desk.folder / "real")
    for options in ({}, {"conflict": Conflict.OVERWRITE}, {"resume": True}):
        with pytest.raises(RefusedError, match="is a link"):
            restore(desk, **options)
    assert os.listdir(desk.folder / "real") == []


def test_a_deleted_path_can_be_chosen_alone(desk: Desk) -> None:
    desk.docs.delete(b"d")
    desk.back_up()
    with pytest.raises(NotFoundError):
        restore(desk, b"docs/d/x")
    report = restore(desk, b"docs/d/x", include_deleted=True)
    assert {str(one.relative_to(report.folder)) for one in report.folder.rglob("*")} == {
        "docs",
        "docs/d",
        "docs/d/x",
    }


def test_a_dropped_source_comes_back_with_what_was_deleted(desk: Desk) -> None:
    desk.use(DOCS_PATH)
    desk.write("more")
    desk.back_up()
    report = restore(desk, include_deleted=True)
    assert sorted(os.listdir(report.folder)) == ["docs", "pictures"]


def test_to_the_host_deleted_files_come_too_when_asked_for(desk: Desk) -> None:
    desk.docs.delete(b"d")
    desk.back_up()
    request = RestoreRequest(point="latest", options=RestoreOptions(include_deleted=True))
    status, _ = carried_out(desk, request, dies_first=False)
    assert status is JobStatus.SUCCEEDED
    assert {b"d", b"d/x", b"d/y"} <= desk.world().keys()


# --- jobs -------------------------------------------------------------------------------------------


def carried_out(desk: Desk, request: RestoreRequest, *, dies_first: bool) -> tuple[JobStatus, Job]:
    """A restore job; with ``dies_first`` its first runner began to write and fell silent."""
    queue, house = desk.house.database.queue, desk.house
    job = Job(
        id=JobId("r1"),
        kind=JobKind.RESTORE,
        profile=DOCS,
        host=PC,
        requested_by="t",
        created=house.clock.now(),
        payload=request.payload(),
    )
    queue.enqueue(job)
    claim = queue.claim("one", lease_seconds=10, only=job.id)
    assert claim is not None
    if dies_first:
        progress = TransferProgress(phase="restoring")
        queue.heartbeat(claim, lease_seconds=10, progress=progress)
        house.clock.advance(60)
        claim = queue.claim("two", lease_seconds=10, only=job.id)
        assert claim is not None
        assert claim.job.claims == 2
    status, _ = house.worker.carry_out(claim, house.watcher)
    return status, claim.job


def test_a_job_taken_up_again_goes_on_in_its_half_filled_folder(desk: Desk) -> None:
    restore(desk, b"docs/d")
    status, _ = carried_out(desk, RestoreRequest(point="1", folder=desk.folder / "out"), dies_first=True)
    assert status is JobStatus.SUCCEEDED
    assert differences(desk.world(), world_of_folder(desk.folder / "out" / "docs")) == []


def test_a_job_taken_up_for_the_first_time_is_refused_a_filled_folder(desk: Desk) -> None:
    restore(desk, b"docs/d")
    status, _ = carried_out(desk, RestoreRequest(point="1", folder=desk.folder / "out"), dies_first=False)
    assert status is JobStatus.FAILED


@pytest.mark.parametrize(
    "request_",
    [
        RestoreRequest(
            point="p", folder=Path("/x"), options=RestoreOptions(conflict=Conflict.SKIP, resume=True)
        ),
        RestoreRequest(
            point="p", folder=Path("/x"), options=RestoreOptions(include_deleted=True, verify=True)
        ),
        RestoreRequest(point="p", host_dir="/home/u/back", dry_run=True),
        RestoreRequest(point="p", options=RestoreOptions(conflict=Conflict.OVERWRITE, include_deleted=True)),
    ],
)
def test_every_choice_goes_through_a_jobs_payload(desk: Desk, request_: RestoreRequest) -> None:
    job = Job(
        id=JobId("r"),
        kind=JobKind.RESTORE,
        profile=DOCS,
        host=PC,
        requested_by="t",
        created=desk.house.clock.now(),
        payload=request_.payload(),
    )
    assert RestoreRequest.of(job) == request_


def test_a_restore_to_both_places_is_none() -> None:
    with pytest.raises(InvalidInputError, match="not both"):
        RestoreRequest(point="p", folder=Path("/x"), host_dir="/y")
