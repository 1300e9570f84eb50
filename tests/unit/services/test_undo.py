"""Undo: the state before a run comes back as a new point; nothing that was kept is touched."""

import contextlib
import errno
import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.difference import DifferenceKind
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.errors import ConflictError, InvalidInputError, NotFoundError, StoreFullError
from bckcore.services import undo
from bckcore.services.history_requests import UndoRequest
from tests.support.crashes import crashes, system_calls_step
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS
from tests.support.lives import Life
from tests.support.replay import Books, state_in_catalog
from tests.support.rewriting import Rewriting
from tests.support.worlds import Thing, World

PICS = "/home/u/pictures"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    return Desk(quick_dir)


@pytest.fixture
def rewriting(desk: Desk) -> Rewriting:
    return Rewriting(desk.house)


def good_then_bad(desk: Desk) -> tuple[World, World]:
    """A good run 1, and a run 2 in which everything went wrong; what the PC held at each."""
    desk.write("plan", "keep", "d/x", "d/deep/y", "f", "li\nne", "x" * 255, data=b"good")
    desk.docs.symlink(b"link", b"plan", T)
    desk.docs.mkdir(b"empty", T, 0o700)
    desk.docs.mkdir(b"g", T, 0o555)
    desk.write("away", "g/in", data=b"good")
    good = desk.world()
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    desk.write("plan", "li\nne", "x" * 255, data=b"EVIL", mtime_ns=T + 1)
    desk.docs.delete(b"away")
    desk.docs.delete(b"empty")
    desk.docs.delete(b"d")
    desk.write("d", data=b"a file now", mtime_ns=T + 2)
    desk.docs.delete(b"f")
    desk.write("f/inner", "ransom/note", "-n", data=b"pay", mtime_ns=T + 3)
    desk.docs.delete(b"link")
    desk.docs.symlink(b"link", b"elsewhere", T + 1)
    desk.docs.chmod(b"keep", 0o4755)
    desk.docs.touch(b"g", T + 9)
    bad = desk.world()
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    return good, bad


def test_everything_is_as_before_the_bad_run_and_every_point_stays(desk: Desk, rewriting: Rewriting) -> None:
    good, bad = good_then_bad(desk)
    run = rewriting.undo(2, reason="ransomware")
    assert (run.kind, run.outcome, run.made_point, run.seq) == (
        RunKind.UNDO,
        RunOutcome.SUCCEEDED,
        True,
        3,
    )
    for seq, world in {1: good, 2: bad, 3: good}.items():
        desk.assert_restores(world, seq)
    books = Books(desk.house.root)
    books.assert_chained()
    assert books.receipts[3]["kind"] == "undo"
    assert books.receipts[3]["note"].startswith("test undid run 2, back to point ")
    assert books.receipts[3]["note"].endswith(": ransomware")
    for seq in (1, 2, 3):
        assert books.state(seq) == state_in_catalog(desk.house, seq)
    assert desk.newest().counted == "counted"
    assert "The PC was not touched" in desk.log


def test_current_holds_the_good_files_only(desk: Desk, rewriting: Rewriting) -> None:
    good, _ = good_then_bad(desk)
    rewriting.undo(2)
    current = desk.house.current()
    names = {
        b".",
        *(bytes(place.relative_to(current)) for place in current.rglob("*")),
    }
    assert names == set(good)
    assert (current / "plan").read_bytes() == b"good"


def test_the_next_backup_sees_what_the_pc_has(desk: Desk, rewriting: Rewriting) -> None:
    good, bad = good_then_bad(desk)
    rewriting.undo(2)
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, True)
    quiet = desk.back_up()
    assert quiet.made_point is False
    for seq, world in {1: good, 2: bad, 3: good, 4: bad}.items():
        desk.assert_restores(world, seq)


def test_a_pc_that_was_mended_makes_no_new_point(desk: Desk, rewriting: Rewriting) -> None:
    desk.write("a", data=b"good")
    whole = dict(desk.docs.nodes)
    desk.back_up()
    desk.write("a", data=b"evil", mtime_ns=T + 1)
    desk.back_up()
    rewriting.undo(2)
    desk.docs.nodes = whole
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, False)
    with desk.house.database.units(read_only=True) as uow:
        assert not uow.catalog.source_states(DOCS)["docs"].interrupted  # type: ignore[index]  # a plain text


def test_an_undo_can_be_undone_and_that_too(desk: Desk, rewriting: Rewriting) -> None:
    good, bad = good_then_bad(desk)
    rewriting.undo(2)
    rewriting.undo(3)
    rewriting.undo(4)
    for seq, world in {1: good, 2: bad, 3: good, 4: bad, 5: good}.items():
        desk.assert_restores(world, seq)
    desk.house.prune(keep_last=2)
    for seq, world in {4: bad, 5: good}.items():
        desk.assert_restores(world, seq)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 1, 3), (2, 3, 1)])
def test_points_around_an_undo_may_go_in_any_order(
    desk: Desk, rewriting: Rewriting, order: tuple[int, ...]
) -> None:
    good, bad = good_then_bad(desk)
    worlds = {1: good, 2: bad, 3: good}
    rewriting.undo(2)
    desk.write("plan", data=b"newer", mtime_ns=T + 20)
    desk.back_up()
    worlds[4] = desk.world()
    for seq in order:
        with desk.house.database.units() as uow:
            uow.points.forget(DOCS, seq)
            uow.commit()
        desk.house.prune(keep_last=1000)
        del worlds[seq]
        for kept, world in worlds.items():
            desk.assert_restores(world, kept)


def test_several_runs_are_undone_at_once(desk: Desk, rewriting: Rewriting) -> None:
    worlds = {}
    for seq in range(1, 5):
        desk.write("a", f"only{seq}", data=b"%d" % seq, mtime_ns=T + seq)
        desk.back_up()
        worlds[seq] = desk.world()
    rewriting.undo(2)
    worlds[5] = worlds[1]
    rewriting.undo(to=3)
    worlds[6] = worlds[3]
    assert "undoes runs 2 to 4" in desk.log
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)


def test_content_that_came_back_under_the_same_time_is_told_apart(desk: Desk, rewriting: Rewriting) -> None:
    worlds = {}
    for seq, data in enumerate((b"one", b"two", b"one"), start=1):
        desk.write("a", data=data, mtime_ns=T + (seq == 2))
        desk.back_up()
        worlds[seq] = desk.world()
    assert rewriting.undo(2).made_point is False
    rewriting.undo(to=2)
    worlds[5] = worlds[2]
    for seq, world in worlds.items():
        desk.assert_restores(world, seq)


def test_what_a_cut_run_left_in_current_is_put_right(desk: Desk, rewriting: Rewriting) -> None:
    desk.write("a", "b", "c", data=b"good")
    desk.back_up()
    good = desk.world()
    desk.write("a", "b", "c", data=b"evil", mtime_ns=T + 1)
    desk.host.cut_after = 2
    assert desk.back_up().outcome is RunOutcome.FAILED
    run = rewriting.undo(2)
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, False)
    assert {name: (desk.house.current() / name).read_bytes() for name in "abc"} == dict.fromkeys(
        "abc", b"good"
    )
    desk.assert_restores(good, 1)
    desk.back_up()
    desk.assert_restores(desk.world())


def test_sources_that_came_and_went_are_undone_too(quick_dir: Path) -> None:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    rewriting = Rewriting(desk.house)
    desk.write("a")
    desk.tree(PICS).write(b"p", b"picture", T)
    desk.back_up()
    docs, pics = desk.world(), desk.world(PICS)
    desk.use(DOCS_PATH, "/home/u/music")
    desk.tree("/home/u/music").write(b"m", b"music", T)
    desk.back_up()
    run = rewriting.undo(2)
    assert run.counts.files == 2
    desk.assert_restores(docs, 3)
    desk.assert_restores(pics, 3, "pictures")
    assert not (desk.restored() / "music").exists()
    desk.back_up()
    desk.assert_restores(desk.world("/home/u/music"), 4, "music")
    assert not (desk.restored() / "pictures").exists()


def test_bytes_that_are_lost_are_told_by_name_and_the_rest_comes_back(
    desk: Desk, rewriting: Rewriting
) -> None:
    desk.write("a", "b", data=b"good")
    desk.back_up()
    desk.write("a", "b", data=b"evil", mtime_ns=T + 1)
    desk.back_up()
    [lost] = [place for place in (desk.house.root / ".history").rglob("a") if place.is_file()]
    lost.unlink()
    run = rewriting.undo(2)
    assert (run.outcome, run.problem_count, run.counts.changed) == (RunOutcome.PARTIAL, 1, 1)
    assert desk.newest().counted is Counted.WEAK
    assert "not-restored: docs/a: " in desk.log
    assert (desk.house.current() / "a").read_bytes() == b"evil"
    files = desk.restored()
    assert (files / "docs" / "b").read_bytes() == b"good"


# --- what is refused, and what is only looked at ----------------------------------------------------


def test_a_state_that_is_no_longer_kept_is_refused_and_kept_points_are_named(
    desk: Desk, rewriting: Rewriting
) -> None:
    for seq in range(1, 6):
        desk.write("a", data=b"%d" % seq, mtime_ns=T + seq)
        desk.back_up()
    with desk.house.database.units() as uow:
        uow.points.forget(DOCS, 3)
        uow.commit()
    with pytest.raises(ConflictError, match="just before run 4") as refused:
        rewriting.undo(4)
    assert "bck undo docs --to POINT (kept: 1, 2)" in refused.value.advice
    with pytest.raises(ConflictError, match="No state before run 1"):
        rewriting.undo(1)
    with pytest.raises(NotFoundError, match="no run '9'"):
        rewriting.undo(9)
    with pytest.raises(NotFoundError, match="no restore point"):
        rewriting.undo(to=3)
    assert [run.seq for run in _runs(desk)] == [1, 2, 3, 4, 5]


def _runs(desk: Desk) -> list[Run]:
    with desk.house.database.units(read_only=True) as uow:
        return list(uow.runs.list(DOCS))


@pytest.mark.parametrize("given", [{}, {"run": "1", "to": "2"}, {"run": "1", "reason": "a\nb"}])
def test_a_request_names_one_goal_and_a_reason_of_one_line(given: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        UndoRequest(**given)


def test_a_plan_tells_what_would_change_and_changes_nothing(desk: Desk, rewriting: Rewriting) -> None:
    good_then_bad(desk)
    plan = rewriting.undos.plan(DOCS, UndoRequest(run="2"))
    told = {bytes(change.path): change.kind for change in plan.changes}
    assert plan.change_count == len(plan.changes)
    assert (plan.goal.seq, [run.seq for run in plan.undone]) == (1, [2])
    assert plan.kinds == Counter(told.values())
    assert told[b"plan"] is DifferenceKind.CHANGED
    assert told[b"keep"] is DifferenceKind.ATTRIBUTES
    assert told[b"ransom/note"] is DifferenceKind.GONE
    assert told[b"away"] is DifferenceKind.ADDED
    assert told[b"d"] is DifferenceKind.TYPE
    latest = rewriting.undos.plan(DOCS, UndoRequest(run="latest"))
    assert (latest.goal, latest.undone) == (plan.goal, plan.undone)
    assert len(_runs(desk)) == 2
    run = rewriting.undo(2)
    assert run.counts == plan.counts


def test_cancelling_leaves_every_point_and_the_next_run_heals(
    desk: Desk, rewriting: Rewriting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "BATCH", 5)
    good, bad = good_then_bad(desk)
    answers = iter([False, True])
    desk.house.watcher.stop = lambda: next(answers, True)
    run, error = rewriting.try_undo(2)
    assert (run.outcome, error is not None) == (RunOutcome.CANCELLED, True)
    desk.house.watcher.stop = lambda: False
    for seq, world in {1: good, 2: bad}.items():
        desk.assert_restores(world, seq)
    assert_current_has(desk, bad)
    rewriting.undo(2)
    desk.assert_restores(good)
    desk.back_up()
    desk.assert_restores(bad)


def assert_current_has(desk: Desk, world: World) -> None:
    """Every file's bytes stand in current, whatever else does."""
    current = os.fsencode(desk.house.current())
    for path, thing in world.items():
        if thing.kind in "fl":
            with open(os.path.join(current, path), "rb") as file:
                assert file.read() == thing.data, path


def test_after_a_crash_the_next_start_takes_the_undo_back(quick_dir: Path) -> None:
    """Or files that the PC does not show to the next run, as in a closed folder, would be lost to it."""
    life = Life(quick_dir).begin()
    life.change_much()
    life.docs.write(b"added/x", b"only since run 4", T)
    life.back_up()
    house, rewriting = life.house, Rewriting(life.house)
    house.fuse.set(None)
    with system_calls_step(house.fuse):
        crashes(lambda: rewriting.undo(4))
    steps = house.fuse.count
    assert steps > 100
    for step in (steps // 3, steps // 2):
        folder = quick_dir / str(step)
        life = Life(folder).begin()
        life.change_much()
        life.docs.write(b"added/x", b"only since run 4", T)
        life.back_up()
        life.house.fuse.set(step)
        with system_calls_step(life.house.fuse):
            assert crashes(lambda life=life: Rewriting(life.house).undo(4))  # type: ignore[misc]  # bound now
        life.house = life.house.reopened()
        life.docs.chmod(b"added", 0o000)
        expected = life.worlds()
        expected["docs"][b"added/x"] = Thing("f", 0o644, T, b"only since run 4")
        run = life.house.back_up()
        assert run.outcome is RunOutcome.PARTIAL
        life.expected[run.seq] = expected
        life.assert_every_point_restores()


def test_a_full_disk_leaves_every_point_and_the_files_as_they_were(
    desk: Desk, rewriting: Rewriting, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = good_then_bad(desk)
    real, count = os.rename, itertools.count()

    def full(*args: Any, **kwargs: Any) -> None:
        if next(count) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", full)
        with contextlib.suppress(StoreFullError):
            run, error = rewriting.try_undo(2)
            assert (run.outcome, type(error)) == (RunOutcome.FAILED, StoreFullError)
    for seq, world in {1: good, 2: bad}.items():
        desk.assert_restores(world, seq)
    desk.back_up()
    assert_current_has(desk, bad)
    rewriting.undo(2)
    desk.assert_restores(good)
