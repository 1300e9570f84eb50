"""Law: a preview tells, in numbers, what the run right after it does - whatever filters come and go."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bckcore.domain.filters import FilterOptions
from bckcore.domain.manifest import ChangeOp
from bckcore.domain.run import Run, RunOutcome
from bckcore.services.host_rules import SIGNATURE
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.patience import examples
from tests.support.places import quick_folder

FILES = ("a", "b.tmp", "d/a", "d/b.tmp", "d/e/c", "cache/1")
SAYING = {
    ".bckignore": (b"*.tmp\n", b"a\n", b"[z-a]\n"),
    "d/.bckignore": (b"!b.tmp\n", b"/e\n", b"c\n"),
    "cache/CACHEDIR.TAG": (SIGNATURE, b"no signature"),
}
EDITS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(FILES), st.sampled_from((b"x", b"x" * 10, b"x" * 100))),
    st.sampled_from([("write", name, text) for name, texts in SAYING.items() for text in texts]),
    st.tuples(st.sampled_from(("delete", "chmod")), st.sampled_from((*FILES, *SAYING, "d")), st.just(b"")),
)
RULES = st.lists(st.sampled_from(("*.tmp", "d/", "!/d/", "c", "/cache/*")), max_size=2, unique=True)
OPTIONS = st.builds(
    FilterOptions,
    bckignore=st.booleans(),
    skip_caches=st.booleans(),
    max_size=st.sampled_from((None, 50, 5)),
)
STEPS = st.lists(
    st.tuples(st.lists(EDITS, min_size=1, max_size=4), st.none() | st.tuples(RULES, OPTIONS)),
    min_size=2,
    max_size=6,
)


@settings(max_examples=examples(3))
@given(STEPS)
def test_a_preview_tells_what_the_run_then_does(steps: list[tuple[Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for place in quick_folder(Path(folder)):
            desk = Desk(place)
            desk.write("always")
            for number, (edits, filters) in enumerate(steps, start=1):
                for what, name, data in edits:
                    edit(desk, what, name.encode(), data, T + number)
                if filters is not None:
                    desk.house.change_profile(excludes=tuple(filters[0]), filters=filters[1])
                told = desk.house.previews.preview(DOCS, desk.house.watcher).data()
                assert foretold(told) == done(desk, desk.back_up())


def edit(desk: Desk, what: str, name: bytes, data: bytes, when: int) -> None:
    if what == "write":
        desk.docs.write(name, data, when)
    elif what == "delete":
        desk.docs.delete(name)
    elif name in desk.docs.nodes:
        desk.docs.chmod(name, 0o700)


def foretold(data: Mapping[str, Any]) -> dict[str, object]:
    return {
        "added": data["new"],
        # Sent anew and found to be the same, it is a change of attributes: nobody can tell before.
        "changed": data["changed"] + data["attributes"],
        "gone": data["gone"]["count"],
        "excluded": data["excluded"]["stored"],
        "problems": data["problems"]["count"],
        "suspect": bool(data["suspect"]),
    }


def done(desk: Desk, run: Run) -> dict[str, object]:
    changes = desk.house.storage.read_manifest(desk.newest_ref, run.seq) if run.made_point else ()
    ops = Counter(change.op for change in changes)
    return {
        "added": ops[ChangeOp.ADDED],
        "changed": ops[ChangeOp.CONTENT] + ops[ChangeOp.ATTRIBUTES],
        "gone": ops[ChangeOp.GONE],
        "excluded": ops[ChangeOp.EXCLUDED],
        "problems": run.problem_count,
        "suspect": run.outcome is RunOutcome.SUSPECT,
    }
