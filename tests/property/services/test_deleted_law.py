"""Law: with what was deleted, a restore gives the point, and the last state of all that had been there.

The oracle is a plain dictionary for each run. A path has no place where, above it, something stands that
is no folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bckcore.domain.restore import RestoreOptions
from tests.support.desks import SECOND, Desk, T
from tests.support.house import DOCS
from tests.support.patience import examples
from tests.support.places import quick_folder
from tests.support.worlds import World, differences, world_of_folder

NAMES = [b"a", b"a-b", b"b", b"\xff"]
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(b"/".join)
EDITS = st.tuples(st.sampled_from(["write", "write", "mkdir", "link", "delete", "delete", "chmod"]), PATHS)
RUNS = st.lists(st.lists(EDITS, min_size=1, max_size=4), min_size=2, max_size=5)


def edit(desk: Desk, what: str, path: bytes, when: int) -> None:
    """One change on the PC; what stands in the way of it goes."""
    tree = desk.docs
    if what == "delete":
        tree.delete(path)
    elif what == "chmod":
        if path in tree.nodes and tree.nodes[path].kind.value != "l":  # type: ignore[index]  # plain bytes
            tree.chmod(path, 0o700)
    elif what == "write":
        tree.write(path, b"%d" % when + path, when)
    elif what == "mkdir":
        tree.mkdir(path, when)
    else:
        tree.symlink(path, b"%d" % when, when)


def with_deleted(history: list[World], number: int) -> tuple[World, int]:
    """What a restore of that run must give, and how many paths have no place."""
    now = dict(history[number])
    last: World = {}
    for world in history[:number]:
        last.update(world)
    blocked = 0
    for path in sorted(last.keys() - now.keys()):
        above = [b"/".join(path.split(b"/")[:depth]) for depth in range(path.count(b"/"), 0, -1)]
        holder = next((now[one] for one in above if one in now), None)
        if holder is not None and holder.kind != "d":
            blocked += 1
        else:
            now[path] = last[path]
    return now, blocked


@settings(max_examples=examples(3))
@given(RUNS)
def test_a_restore_with_deleted_files_is_the_point_and_the_last_of_all_before(runs) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for place in quick_folder(Path(folder)):
            check(place, runs)


def check(place: Path, runs: list[list[tuple[str, bytes]]]) -> None:
    desk = Desk(place)
    desk.write("keep")
    history: list[World] = []
    for number, edits in enumerate(runs):
        for step, (what, path) in enumerate(edits):
            edit(desk, what, path, T + (number * 10 + step) * SECOND + 1)
        desk.back_up()
        history.append(desk.world())
    points = desk.house.points()
    for point in points:
        expected, blocked = with_deleted(history, point.seq - 1)
        compare(desk, place / f"r{point.seq}", str(point.seq), expected, blocked)
    desk.house.prune(keep_last=1)
    expected, blocked = with_deleted(history, len(history) - 1)
    compare(desk, place / "pruned", "latest", expected, blocked, pruned=True)


def compare(desk: Desk, to: Path, point: str, expected: World, blocked: int, *, pruned: bool = False) -> None:
    """A restore gives what is expected; after a prune, bytes of deleted files may be gone, never wrong."""
    options = RestoreOptions(include_deleted=True)
    ahead = list(desk.house.restores.foresee(DOCS, point=point, to=to, paths=[], options=options))
    report = desk.house.restores.restore(
        DOCS, point=point, to=to, paths=[], watcher=desk.house.watcher, options=options
    )
    lost = {one.path.removeprefix(b"docs/") for one in report.problems if "no more" in one.message}
    assert pruned or not lost
    kept = {path: thing for path, thing in expected.items() if path not in lost}
    assert differences(kept, world_of_folder(to / "docs")) == []
    assert (report.counts.skipped, report.counts.failed) == (blocked, len(lost))
    assert report.problem_count == blocked + len(lost)
    assert report.counts.created == len(kept)
    assert [one.outcome.value for one in ahead if one.outcome].count("created") == len(kept)
    assert len(ahead) == len(expected) + blocked
