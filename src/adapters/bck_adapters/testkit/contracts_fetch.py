"""What every Transport promises of ``fetch``. Subclass and give the fixture ``rig``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.paths import rel_path
from bckcore.errors import JobCancelledError, PathNotAllowedError

ODD_NAMES = (
    b"plain",
    b"with space",
    b"-dash",
    b"#hash",
    b"; semicolon",
    b"star*and?[x]",
    b"back\\slash",
    b"back\\slash*star",
    b"new\nline",
    b"caf\xe9",
    b"'quote\"s$`x`",
    b"! bang",
    b"+ plus",
    b"d/in/a/folder",
    b"st*r/\\in/x",
    b"x" * 255,
)


class FetchContract:
    """Single files, read again beside the storage."""

    @pytest.fixture
    def rig(self) -> TransportRig:
        """A transport to a host whose source folder is ``rig.tree``."""
        raise NotImplementedError

    @staticmethod
    def fetched(rig: TransportRig, *paths: bytes, largest: int = 1 << 20) -> dict[bytes, bytes]:
        """Ask for the paths; every plain file that came, by path."""
        folder = rig.store / "scratch"
        folder.mkdir(parents=True)
        order = FetchOrder(
            host=rig.host,
            source=rig.source,
            paths=tuple(map(rel_path, paths)),
            largest=largest,
            options=rig.options,
            folder=folder,
        )
        rig.transport.fetch(order, rig.credential, rig.watcher)
        return _files(order.destination)

    def test_fetch_brings_the_asked_files_and_nothing_else(self, rig: TransportRig) -> None:
        for name in ODD_NAMES:
            rig.tree.write(name, b"bytes of " + name)
        rig.tree.write(b"d/in/a/neighbour", b"not asked for")
        rig.tree.write(b"starXandYx", b"what the name would match as a pattern")
        rig.tree.write(b"other", b"not asked for")
        assert self.fetched(rig, *ODD_NAMES) == {name: b"bytes of " + name for name in ODD_NAMES}

    def test_fetched_files_have_their_time(self, rig: TransportRig) -> None:
        rig.tree.write(b"d/file", b"data", MTIME_NS)
        self.fetched(rig, b"d/file")
        place = rig.store / "scratch" / "files" / "d" / "file"
        assert place.stat().st_mtime_ns == MTIME_NS

    def test_what_is_not_there_is_left_out(self, rig: TransportRig) -> None:
        rig.tree.write(b"there", b"1")
        rig.tree.write(b"file", b"1")
        assert self.fetched(rig, b"there", b"gone", b"no/folder/x", b"file/below") == {b"there": b"1"}

    @pytest.mark.parametrize("largest", [0, 1000])
    def test_what_is_larger_than_the_largest_is_left_out(self, rig: TransportRig, largest: int) -> None:
        rig.tree.write(b"fits", b"x" * largest)
        rig.tree.write(b"grown", b"x" * (largest + 1))
        assert self.fetched(rig, b"fits", b"grown", largest=largest) == {b"fits": b"x" * largest}

    def test_no_link_on_the_way_is_followed(self, rig: TransportRig) -> None:
        rig.tree.write(b"real/secret", b"not to be read by another way")
        rig.tree.symlink(b"way", b"real")
        rig.tree.symlink(b"link", b"real/secret")
        found = self.fetched(rig, b"way/secret", b"link")
        assert b"not to be read by another way" not in found.values()

    def test_nothing_of_storage_or_host_changes(self, rig: TransportRig) -> None:
        rig.tree.write(b"a", b"first")
        rig.pull()
        rig.tree.write(b"a", b"second")
        self.fetched(rig, b"a")
        assert (rig.destination / "a").read_bytes() == b"first"

    def test_a_source_root_that_is_a_link_is_refused(self, rig: TransportRig) -> None:
        rig.host = replace(rig.host, allowed_roots=(rig.source.path,))
        rig.tree.delete(b".")
        rig.tree.symlink(b".", b"/etc")
        with pytest.raises(PathNotAllowedError):
            self.fetched(rig, b"passwd")

    def test_a_cancelled_watcher_stops_it(self, rig: TransportRig) -> None:
        rig.tree.write(b"a", b"x")
        rig.watcher.stop = lambda: True
        with pytest.raises(JobCancelledError):
            self.fetched(rig, b"a")


def _files(folder: Path) -> dict[bytes, bytes]:
    base = os.fsencode(folder)
    found = {}
    for above, _, names in os.walk(base):
        for name in names:
            place = os.path.join(above, name)
            with open(place, "rb") as file:
                found[os.path.relpath(place, base)] = file.read()
    return found
