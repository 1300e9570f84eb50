"""A copy that was harmed in ``current`` belongs to no point: the PC's takes its place, it is set aside."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bckcore.domain.run import RunOutcome
from bckcore.services.history_requests import ForgetRequest
from tests.support.desks import Desk, T


def longer(place: Path) -> None:
    status = place.stat()
    place.write_bytes(place.read_bytes() + b"!")
    os.utime(place, ns=(status.st_mtime_ns, status.st_mtime_ns))


def newer(place: Path) -> None:
    place.write_bytes(b"DATA")


def link(place: Path) -> None:
    place.unlink()
    place.symlink_to("/etc/passwd")


@pytest.mark.parametrize("harm", [longer, newer, link])
def test_a_backup_over_a_harmed_copy_mends_every_point_that_needs_it(
    quick_dir: Path, harm: Callable[[Path], None]
) -> None:
    desk = Desk(quick_dir)
    desk.write("a", "d/x")
    desk.back_up()
    first = desk.world()
    desk.write("b")
    desk.back_up()
    harm(desk.house.current() / "d" / "x")
    run = desk.back_up()
    assert (run.outcome, run.problem_count, run.made_point) == (RunOutcome.PARTIAL, 1, False)
    assert "harmed: d/x" in desk.log
    desk.assert_restores(first, 1)
    desk.assert_restores(desk.world(), 2)
    assert [path.name for path in (desk.house.root / ".work" / "aside").rglob("x")] == ["x"]
    desk.write("d/x", data=b"new", mtime_ns=T + 1)
    assert desk.back_up().outcome is RunOutcome.SUCCEEDED
    desk.assert_restores(first, 1)


@pytest.fixture
def set_aside(quick_dir: Path) -> Desk:
    """Point 2 has ``d/x``; run 3 found it harmed and made no point."""
    desk = Desk(quick_dir)
    for name in ("a", "d/x"):
        desk.write(name)
        desk.back_up()
    longer(desk.house.current() / "d" / "x")
    assert desk.back_up().problem_count == 1
    return desk


def aside(desk: Desk) -> list[bytes]:
    return [path.read_bytes() for path in (desk.house.root / ".work" / "aside").rglob("x")]


def test_what_is_forgotten_goes_from_what_was_set_aside_as_well(set_aside: Desk) -> None:
    desk = set_aside
    plan = desk.house.forget(ForgetRequest(path=b"docs/d/x", reason="a law"))
    assert [(place.run is None, place.aside, place.bytes) for place in plan.places] == [
        (True, False, 4), (False, True, 5),
    ]  # fmt: skip
    assert aside(desk) == []
    assert not (desk.house.root / ".work" / "aside").exists()


def test_a_prune_drops_what_was_set_aside_before_the_oldest_kept_point_and_says_so(set_aside: Desk) -> None:
    desk = set_aside
    desk.house.prune(2)
    assert aside(desk) == [b"data!"], "point 2 is from before the harm"
    desk.write("b")
    desk.back_up()
    desk.house.prune(1)
    assert aside(desk) == []
    assert "Removed 1 harmed file that runs before the oldest kept point (4) had set aside." in desk.log


def test_a_file_that_was_only_touched_is_not_taken_for_harmed(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("a")
    desk.back_up()
    first = desk.world()
    desk.docs.touch(b"a", T + 5)
    run = desk.back_up()
    assert (run.outcome, run.problem_count) == (RunOutcome.SUCCEEDED, 0)
    desk.assert_restores(first, 1)
