"""What every Transport promises of ``preview``. Subclass and give the fixture ``rig``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.lacking import lacking
from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Platform
from bckcore.domain.paths import ROOT
from bckcore.domain.preview import Coming, Hidden, PreviewOrder, PreviewReport
from bckcore.errors import JobCancelledError, PathNotAllowedError, TransferFailedError

SECOND = 1_000_000_000


def previewed(rig: TransportRig) -> PreviewReport:
    """One look at the rig's source."""
    work = rig.store / "preview"
    number = sum(1 for _ in work.iterdir()) if work.exists() else 0
    work = work / str(number)
    work.mkdir(parents=True)
    rig.destination.mkdir(parents=True, exist_ok=True)
    order = PreviewOrder(
        host=rig.host,
        source=rig.source,
        filters=rig.filters,
        max_size=rig.max_size,
        options=rig.options,
        destination=rig.destination,
        work_dir=work,
    )
    return rig.transport.preview(order, rig.credential, rig.watcher)


def coming(report: PreviewReport) -> dict[bytes, Coming]:
    """What is foreseen, by path, but for the source's root."""
    return {bytes(one.path): one.coming for one in report.foreseen if one.path != ROOT}


class PreviewContract:
    """What a pull would do, found out without doing it."""

    @pytest.fixture
    def rig(self) -> TransportRig:
        """A transport to a host whose source folder is ``rig.tree``."""
        raise NotImplementedError

    def test_before_the_first_pull_everything_is_new(self, rig: TransportRig) -> None:
        rig.tree.write(b"d/f", b"12345")
        rig.tree.write(b"odd\nname", b"1")
        rig.tree.symlink(b"link", b"target")
        report = previewed(rig)
        assert set(report.paths) == {b".", b"d", b"d/f", b"odd\nname", b"link"}
        assert coming(report) == dict.fromkeys((b"d", b"d/f", b"odd\nname", b"link"), Coming.NEW)
        sizes = {bytes(one.path): one.size for one in report.foreseen if one.kind is EntryKind.FILE}
        assert sizes == {b"d/f": 5, b"odd\nname": 1}
        assert report.problem_count == 0

    def test_what_it_foresees_is_what_the_next_pull_does(self, rig: TransportRig) -> None:
        for name in (b"same", b"edited", b"touched", b"gone", b"becomes-link"):
            rig.tree.write(name, b"old")
        rig.tree.symlink(b"points", b"one")
        rig.pull()
        rig.tree.write(b"edited", b"new", mtime_ns=MTIME_NS + 1)
        rig.tree.chmod(b"touched", 0o600)
        rig.tree.delete(b"gone")
        rig.tree.symlink(b"becomes-link", b"same")
        rig.tree.symlink(b"points", b"two")
        rig.tree.write(b"added", b"x")
        report = previewed(rig)
        foreseen = coming(report)
        assert foreseen.pop(b"becomes-link") in (Coming.NEW, Coming.CHANGED)
        assert foreseen == {
            b"edited": Coming.CHANGED,
            b"touched": Coming.ATTRIBUTES,
            b"points": Coming.CHANGED,
            b"added": Coming.NEW,
        }
        pulled = rig.pull()
        assert {b"edited", b"becomes-link", b"points", b"added"} <= pulled.changed - {b"."}
        assert set(report.paths) == pulled.paths
        assert coming(previewed(rig)) == {}

    def test_what_is_hidden_is_named_and_of_a_folder_the_folder_alone(self, rig: TransportRig) -> None:
        for name in (b"a.tmp", b"d/b.TMP", b"keep.tmp", b"cache/x/y", b"odd\nname.tmp", b"c"):
            rig.tree.write(name, b"x")
        rig.filters = ("*.tmp", "!keep.tmp", "/cache/")
        rig.host = replace(rig.host, platform=Platform.WINDOWS)
        report = previewed(rig)
        assert set(report.paths) == {b".", b"keep.tmp", b"d", b"c"}
        expected = {(b"a.tmp", False), (b"d/b.TMP", False), (b"cache", True), (b"odd\nname.tmp", False)}
        assert {(bytes(one.path), one.is_folder) for one in report.hidden} == expected
        assert list(report.hidden) == list(report.hidden)
        assert all(isinstance(one, Hidden) for one in report.hidden)

    def test_what_is_too_large_is_named(self, rig: TransportRig) -> None:
        rig.tree.write(b"big", b"x" * 2000)
        rig.tree.write(b"small", b"x")
        rig.max_size = 1000
        report = previewed(rig)
        assert list(report.too_large) == [b"big"]
        assert set(report.paths) == {b".", b"small"}
        assert not report.unlisted

    def test_what_cannot_be_listed_is_a_problem(self, rig: TransportRig) -> None:
        if not rig.permissions_matter:
            lacking("the host's account reads everything here: run the tests as an ordinary user")
        rig.tree.write(b"closed/f", b"x")
        rig.tree.chmod(b"closed", 0o000)
        report = previewed(rig)
        rig.tree.chmod(b"closed", 0o755)
        assert (report.unlisted, report.problem_count) == (frozenset({b"closed"}), 1)

    def test_a_root_that_is_missing_is_unlisted(self, rig: TransportRig) -> None:
        rig.tree.delete(b".")
        report = previewed(rig)
        assert report.unlisted == {ROOT}
        assert not list(report.foreseen)

    def test_nothing_changes_on_either_side(self, rig: TransportRig) -> None:
        rig.tree.write(b"d/f", b"old")
        rig.tree.write(b"e", b"becomes a folder")
        rig.pull()
        rig.tree.write(b"d/f", b"newer", mtime_ns=MTIME_NS + SECOND)
        rig.tree.delete(b"e")
        rig.tree.mkdir(b"e")
        rig.tree.write(b"e/g", b"x")
        host = Path(os.fsdecode(rig.source.path))
        before = _all_of((rig.destination.parent, host))
        previewed(rig)
        assert _all_of((rig.destination.parent, host)) == before

    def test_a_source_root_that_is_a_link_is_refused(self, rig: TransportRig) -> None:
        rig.host = replace(rig.host, allowed_roots=(rig.source.path,))
        rig.tree.delete(b".")
        rig.tree.symlink(b".", b"/etc")
        with pytest.raises(PathNotAllowedError):
            previewed(rig)

    def test_a_filter_that_cannot_be_understood_is_a_permanent_error(self, rig: TransportRig) -> None:
        rig.filters = ("a[",)
        with pytest.raises(TransferFailedError):
            previewed(rig)

    def test_a_cancelled_watcher_stops_it(self, rig: TransportRig) -> None:
        rig.tree.write(b"a", b"x")
        rig.watcher.stop = lambda: True
        with pytest.raises(JobCancelledError):
            previewed(rig)


def _all_of(folders: Iterable[Path]) -> list[tuple[bytes, int, int, int, bytes]]:
    """Every path below the folders with its inode, mode, time (ns) and bytes. Folders are not read after."""
    found = []
    for top in folders:
        for above, names, files in os.walk(os.fsencode(top)):
            for name in (b".", *names, *files):
                place = os.path.join(above, name)
                look = os.lstat(place)
                data = Path(os.fsdecode(place)).read_bytes() if os.path.isfile(place) else b""
                found.append((place, look.st_ino, look.st_mode, look.st_mtime_ns, data))
    return sorted(found)
