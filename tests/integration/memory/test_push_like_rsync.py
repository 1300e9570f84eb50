"""The memory transport's push does and tells what rsync does and tells, whatever stands on both sides."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from bck_adapters.memory.transport import MemoryHost, MemoryTransport, MemoryTree
from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.rigs import MTIME_NS, Tree
from bck_adapters.testkit.rigs_push import PushRig, Seen, outcomes, refused
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.push import Conflict
from tests.support.patience import examples
from tests.support.push_rigs import folder_rig, seen_in_memory
from tests.support.trees import make_removable

PATHS = [b"a", b"b", b"a/x", b"a/y", b"a/x/z", b"b/x", b"a-b"]
MADE_BY_A_TEST = MTIME_NS + 10**9


@dataclass(frozen=True)
class Thing:
    """One thing to stand somewhere."""

    path: bytes
    kind: str
    data: bytes
    mode: int
    age: int

    def put(self, tree: Tree) -> None:
        at = MTIME_NS + self.age
        if self.kind == "link":
            tree.symlink(self.path, self.data, at)
        elif self.kind == "folder":
            tree.mkdir(self.path, at, self.mode | 0o300)
        else:
            tree.write(self.path, self.data, at, self.mode)


THINGS = st.lists(
    st.builds(
        Thing,
        path=st.sampled_from(PATHS),
        kind=st.sampled_from(["file", "file", "folder", "link"]),
        data=st.sampled_from([b"one", b"two", b"three"]),
        mode=st.sampled_from([0o600, 0o640, 0o750]),
        age=st.sampled_from([0, 1]),
    ),
    max_size=7,
)


def planted(things: list[Thing], tree: Tree) -> None:
    """Make a tree of the things; what would lie below no folder is left out. Folders get their times last."""
    last = {thing.path: thing for thing in things}
    for path in [path for path in last if b"/" in path]:
        while path := path.rpartition(b"/")[0]:
            last.setdefault(path, Thing(path, "folder", b"", 0o750, 0))
    standing = [
        thing
        for path, thing in sorted(last.items())
        if all(last[path[:at]].kind == "folder" for at in range(len(path)) if path[at : at + 1] == b"/")
    ]
    for thing in standing:
        thing.put(tree)
    for thing in reversed([one for one in standing if one.kind == "folder"]):
        thing.put(tree)
    tree.mkdir(b".", MTIME_NS)


def rigs(folder: Path) -> tuple[PushRig, PushRig]:
    """The same PC twice: in memory, and as a folder under rsync."""
    local = Host(id=HostId("pc1"), address="", transport="local", allowed_roots=("/",))
    real = folder_rig(folder, RsyncTransport(route=LocalRoute()), local, None)
    host = MemoryHost()
    memory = replace(
        real,
        transport=MemoryTransport({HostId("pc1"): host}),
        host=Host(id=HostId("pc1"), address="pc1", allowed_roots=("/",)),
        target_path="/home/u/docs",
        tree=host.source("/home/u/docs"),
        look=lambda: seen_in_memory(host, "/home/u/docs"),
        store=folder / "other",
    )
    return memory, real


def _owned_by_us(tree: Tree) -> None:
    if isinstance(tree, MemoryTree):
        for path in tree.nodes:
            tree.chown(path, os.geteuid(), os.getegid())


def comparable(found: Seen) -> Seen:
    """Times that nobody set are alike."""
    return {
        path: replace(one, mtime_ns=0 if one.mtime_ns > MADE_BY_A_TEST else one.mtime_ns)
        for path, one in found.items()
    }


@pytest.mark.parametrize("conflict", list(Conflict))
@settings(max_examples=examples(5))
@given(there=THINGS, wanted=THINGS, framed=st.booleans())
def test_both_do_the_same(conflict: Conflict, there: list[Thing], wanted: list[Thing], framed: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bck-like"))
    frame = frozenset({b".", b"a"}) if framed else frozenset({b"."})
    try:
        told = []
        for rig in rigs(folder):
            planted(there, rig.tree)
            _owned_by_us(rig.tree)
            planted(wanted, rig.origin)  # type: ignore[arg-type]  # all that is needed of a tree
            dry = rig.push(conflict, dry_run=True, frame=frame)
            done = rig.push(conflict, frame=frame)
            assert outcomes(dry) == outcomes(done)
            assert refused(dry) == refused(done)
            told.append((outcomes(done), refused(done), comparable(rig.look())))
        note(f"memory {told[0]}")
        note(f"rsync  {told[1]}")
        assert told[0] == told[1]
    finally:
        make_removable(folder)
        shutil.rmtree(folder)
