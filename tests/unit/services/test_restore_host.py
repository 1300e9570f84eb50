"""Restores to the host: which place, what becomes of what is there, batch by batch, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bck_adapters.memory.hosts import MemoryTree
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.credential import Credential
from bckcore.domain.push import Conflict, PushOrder, PushOutcome, PushReport
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.transfer import PullOrder, TransferOptions
from bckcore.errors import (
    BckError,
    HostUnreachableError,
    InvalidInputError,
    JobCancelledError,
    NotFoundError,
    PathNotAllowedError,
    TransferInterruptedError,
)
from bckcore.ports.transport import PullReport, Transport, Watcher
from bckcore.services.restore_host import HostRestore
from bckcore.services.restore_host_report import HostRestoreReport
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS, PC
from tests.support.worlds import World, differences, world_of_memory

PICS = "/home/u/pictures"
BACK = "/home/u/back"
ALL = tuple(Conflict)


class SmallBatches(FsStorage):
    """Batches of three entries."""

    batch_entries = 3


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS), storage_type=SmallBatches)
    desk.write("a", "b", "deep/er/x", "deep/er/y", "deep/z", "deep-not/q", "deep/~last")
    desk.docs.write(b"!first", b"before the root", T)
    desk.docs.write(b"caf\xe9\n", b"odd", T)
    desk.docs.symlink(b"deep/link", b"/nowhere", T + 3)
    desk.docs.mkdir(b"deep/er", T + 1, 0o700)
    desk.docs.mkdir(b"deep", T + 2, 0o550)
    desk.docs.mkdir(b"empty", T + 5)
    desk.docs.mkdir(b".", T + 6, 0o750)
    desk.tree(PICS).write(b"p", b"picture", T)
    desk.back_up()
    return desk


def restore(
    desk: Desk,
    *paths: bytes,
    to: str | None = None,
    conflict: Conflict = Conflict.OVERWRITE,
    point: str = "latest",
    dry_run: bool = False,
    include_deleted: bool = False,
    verify: bool = False,
) -> HostRestoreReport:
    return desk.house.host_restores.restore(
        DOCS,
        point=point,
        paths=paths,
        host_dir=to,
        options=RestoreOptions(conflict=conflict, include_deleted=include_deleted, verify=verify),
        dry_run=dry_run,
        watcher=desk.house.watcher,
    )


def counted(report: HostRestoreReport) -> dict[str, int]:
    return {outcome.value: number for outcome, number in report.counts.items() if number}


def brought(desk: Desk, path: str = f"{BACK}/docs") -> World:
    return world_of_memory(desk.host.sources[path])


def staged(desk: Desk) -> list[Path]:
    return [path for path in (desk.folder / "store" / ".work" / "r").rglob("*") if path.is_file()]


# --- where to -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conflict", ALL)
def test_elsewhere_everything_is_brought_exactly(desk: Desk, conflict: Conflict) -> None:
    report = restore(desk, to=BACK, conflict=conflict)
    assert differences(desk.world(), brought(desk)) == []
    assert differences(desk.world(PICS), brought(desk, f"{BACK}/pictures")) == []
    assert report.problem_count == 0
    assert set(counted(report)) == {"created"}
    assert report.files == 11
    assert staged(desk) == []


@pytest.mark.parametrize("conflict", ALL)
def test_in_place_after_the_pc_was_lost_everything_is_brought_exactly(desk: Desk, conflict: Conflict) -> None:
    before, pics = desk.world(), desk.world(PICS)
    desk.docs.delete(b".")
    desk.host.sources[PICS] = MemoryTree()
    desk.host.sources[PICS].delete(b".")
    restore(desk, conflict=conflict)
    assert differences(before, desk.world()) == []
    assert differences(pics, desk.world(PICS)) == []


def test_in_place_an_older_point_comes_back_and_what_is_newer_stays(desk: Desk) -> None:
    before = desk.world()
    desk.docs.write(b"a", b"newer", T + 100)
    desk.docs.write(b"later", b"not in the point", T + 100)
    desk.docs.delete(b"deep/er")
    desk.back_up()
    report = restore(desk, point="1")
    assert differences(before | {b"later": desk.world()[b"later"]}, desk.world()) == []
    found = counted(report)
    assert (found["created"], found["replaced"]) == (3, 1)
    assert report.files == 3


def test_a_source_without_a_place_goes_elsewhere_only(desk: Desk) -> None:
    desk.use(DOCS_PATH)
    with pytest.raises(InvalidInputError, match="no source"):
        restore(desk, point="1")
    restore(desk, point="1", to=BACK)
    assert brought(desk, f"{BACK}/pictures")[b"p"].data == b"picture"


@pytest.mark.parametrize("to", ["/elsewhere", "/home/u/../x", "relative", "/home/user2"])
def test_a_place_that_is_not_allowed_is_refused_and_nothing_is_sent(desk: Desk, to: str) -> None:
    with desk.house.database.units() as uow:
        uow.hosts.update(replace(uow.hosts.get(PC), allowed_roots=("/home/u",)))
        uow.commit()
    with pytest.raises((PathNotAllowedError, InvalidInputError)):
        restore(desk, to=to)
    with pytest.raises((PathNotAllowedError, InvalidInputError)):
        desk.house.host_restores.check_request(DOCS, point="latest", host_dir=to)
    assert set(desk.host.sources) == {DOCS_PATH, PICS}


def test_a_request_is_checked_before_a_job_is_made_of_it(desk: Desk) -> None:
    service: HostRestore = desk.house.host_restores
    assert service.check_request(DOCS, point="latest", paths=(b"docs/a",)).seq == 1
    with pytest.raises(NotFoundError):
        service.check_request(DOCS, point="7")
    with pytest.raises(InvalidInputError):
        service.check_request(DOCS, point="1", paths=(b"docs/../x",))


# --- which paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("conflict", ALL)
def test_folders_above_a_chosen_path_stay_as_they_are(desk: Desk, conflict: Conflict) -> None:
    desk.docs.delete(b"deep/er/x")
    desk.docs.mkdir(b"deep/er", T + 50, 0o711)
    desk.docs.mkdir(b"deep", T + 50, 0o711)
    before = desk.world()
    report = restore(desk, b"docs/deep/er/x", conflict=conflict)
    after = desk.world()
    assert after.pop(b"deep/er/x").data == b"data"
    assert {path for path in before if before[path].mode != after[path].mode} == set()
    assert counted(report) == {"created": 1}


def test_folders_above_a_chosen_path_are_made_as_they_were(desk: Desk) -> None:
    expected = desk.world()
    restore(desk, b"docs/deep/er/x", to=BACK)
    found = brought(desk)
    assert set(found) == {b".", b"deep", b"deep/er", b"deep/er/x"}
    assert (found[b"deep"], found[b"deep/er"]) == (expected[b"deep"], expected[b"deep/er"])


def test_a_path_that_was_not_there_is_named(desk: Desk) -> None:
    report = restore(desk, b"docs/a", b"docs/never", to=BACK)
    assert [problem.path for problem in report.problems] == [b"docs/never"]
    assert set(brought(desk)) == {b".", b"a"}
    with pytest.raises(NotFoundError):
        restore(desk, b"docs/never", to=BACK)


def test_what_was_deleted_before_comes_too_on_request(desk: Desk) -> None:
    desk.docs.delete(b"deep/z")
    desk.docs.write(b"a", b"newer", T + 100)
    desk.back_up()
    restore(desk, to=BACK, include_deleted=True)
    assert brought(desk)[b"deep/z"].data == b"data"
    assert brought(desk)[b"a"].data == b"newer"


# --- what is in the way ---------------------------------------------------------------------------------


def test_keep_both_keeps_and_says_so(desk: Desk) -> None:
    desk.docs.write(b"a", b"work of today", T + 100)
    report = restore(desk, conflict=Conflict.KEEP_BOTH)
    kept = [path for path in desk.world() if path.startswith(b"a~")]
    assert [desk.world()[path].data for path in kept] == [b"work of today"]
    assert desk.world()[b"a"].data == b"data"
    assert counted(report)["kept-both"] == 1
    assert (report.listed[-1][0], report.listed[-1][1].outcome) == ("docs", PushOutcome.KEPT_BOTH)


def test_skip_changes_nothing_that_is_there(desk: Desk) -> None:
    desk.docs.write(b"a", b"work of today", T + 100)
    desk.docs.mkdir(b"deep", T + 9, 0o700)
    desk.docs.delete(b"b")
    before = desk.world()
    report = restore(desk, conflict=Conflict.SKIP)
    after = desk.world()
    assert after.pop(b"b").data == b"data"
    changed = differences(before, after)
    assert [line for line in changed if "b'.'" not in line] == []  # a new file changes its folder's time
    assert counted(report)["created"] == 1


@pytest.mark.parametrize("conflict", ALL)
def test_a_dry_run_changes_nothing_and_lists_what_would_be(desk: Desk, conflict: Conflict) -> None:
    desk.docs.write(b"a", b"work of today", T + 100)
    desk.docs.delete(b"deep")
    before = desk.world()
    told = restore(desk, conflict=conflict, dry_run=True)
    assert desk.world() == before
    assert any(
        f"docs/{'b' if conflict is Conflict.SKIP else 'a'}" in line for line in desk.house.watcher.lines
    )
    done = restore(desk, conflict=conflict)
    assert (told.counts, told.listed, told.files) == (done.counts, done.listed, done.files)
    assert (told.dry_run, done.dry_run) == (True, False)


# --- errors, stops, and going on ------------------------------------------------------------------------


def test_an_error_that_passes_is_tried_again(desk: Desk) -> None:
    desk.house.change_profile(options=TransferOptions(attempts=2))
    desk.host.errors.append(TransferInterruptedError("cut"))
    expected = desk.world()
    restore(desk, to=BACK)
    assert differences(expected, brought(desk)) == []


@pytest.mark.parametrize("conflict", ALL)
@pytest.mark.parametrize("after", [1, 4, 9, 13])
def test_a_restore_that_was_cut_goes_on_when_asked_again(desk: Desk, conflict: Conflict, after: int) -> None:
    expected = desk.world()
    desk.host.cut_after = after
    with pytest.raises(TransferInterruptedError):
        restore(desk, to=BACK, conflict=conflict)
    assert staged(desk) == []
    restore(desk, to=BACK, conflict=conflict)
    found = brought(desk)
    if conflict is Conflict.SKIP:  # it leaves alone what it finds, folders of the cut restore too
        found = {path: thing for path, thing in found.items() if thing.kind != "d"}
        expected = {path: thing for path, thing in expected.items() if thing.kind != "d"}
    assert differences(expected, found) == []


@pytest.mark.parametrize("error", [HostUnreachableError("off"), PathNotAllowedError("no")])
def test_an_error_leaves_nothing_staged(desk: Desk, error: BckError) -> None:
    desk.host.errors.append(error)
    with pytest.raises(type(error)):
        restore(desk, to=BACK)
    assert staged(desk) == []


def test_a_cancel_leaves_nothing_staged(desk: Desk) -> None:
    desk.house.watcher.stop = lambda: True
    with pytest.raises(JobCancelledError):
        restore(desk, to=BACK)
    assert staged(desk) == []


def test_bytes_that_the_storage_lost_are_a_problem_of_that_path(desk: Desk) -> None:
    (desk.house.current() / "a").unlink()
    report = restore(desk, to=BACK)
    assert [(problem.path, bool(problem.message)) for problem in report.problems] == [(b"docs/a", True)]
    assert b"a" not in brought(desk)
    assert brought(desk)[b"b"].data == b"data"


# --- who holds the storage ------------------------------------------------------------------------------


class Locks:
    """A transport that notes which locks its orders hand on, and that a group is told of for each."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.seen: list[tuple[str, set[str]]] = []

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        self._note("pull", order)
        return self._inner.pull(order, credential, watcher)

    def push(self, order: PushOrder, credential: Credential | None, watcher: Watcher) -> PushReport:
        self._note("push", order)
        return self._inner.push(order, credential, watcher)

    def _note(self, what: str, order: PullOrder | PushOrder) -> None:
        order.on_group(os.getpgrp())
        self.seen.append((what, {os.readlink(f"/proc/self/fd/{fd}") for fd in order.inherit_fds}))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_its_processes_hold_the_storage_of_the_profile_as_those_of_a_backup_do(quick_dir: Path) -> None:
    wrapped: list[Locks] = []

    def noting(inner: Transport) -> Transport:
        wrapped.append(Locks(inner))
        return cast("Transport", wrapped[0])

    desk = Desk(quick_dir, wrapped=noting)
    desk.write("a")
    desk.back_up()
    restore(desk, to=BACK)
    [(_, of_pull), (what, of_push)] = wrapped[0].seen
    assert what == "push"
    assert of_push == of_pull != set()
