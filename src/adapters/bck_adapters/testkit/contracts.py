"""The promises of :class:`bckcore.ports.transport.Transport` as tests.

Subclass the suite and give it a ``rig``::

    class TestMyTransport(TransportContract):
        @pytest.fixture
        def rig(self, tmp_path): return TransportRig(transport=…, host=…, tree=…, store=tmp_path, …)
"""
# ruff: noqa: S101  # a contract suite asserts; pytest runs it

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.lacking import lacking
from bck_adapters.testkit.rigs import MTIME_NS, Pulled, TransportRig
from bck_adapters.testkit.stored import StoredEntry, stored_tree
from bckcore.domain.file_version import EntryKind
from bckcore.domain.transfer import ProblemKind, TransferOptions, TransportCapabilities
from bckcore.errors import JobCancelledError, PathNotAllowedError, TransferFailedError

SECOND = 1_000_000_000
ODD_NAMES = (
    b"two  blanks",
    b" lead and trail ",
    b"quote'single",
    b'quote"double',
    b"$HOME `id`",
    b"new\nline",
    b"new\nline\n",
    b"tab\there",
    b"carriage\rreturn",
    b"-rf",
    b"a -> b",
    b"back\\slash",
    b"hash\\#012",
    b"*star?[x]",
    b"non-utf8-\xff\xfe",
    "àé漢".encode(),
    b"\x01\x7f",
    b"n" * 255,
    b".rsync-partial",
    b"*deleting",
    b"..almost",
)


def contents(found: dict[bytes, StoredEntry]) -> dict[bytes, bytes]:
    """The plain files among ``found`` and their bytes."""
    return {path: entry.data for path, entry in found.items() if entry.kind is EntryKind.FILE}


class TransportContract:
    """What every transport must do, whatever carries the bytes."""

    @pytest.fixture
    def rig(self) -> TransportRig:
        """A transport with an empty source folder and an empty store."""
        raise NotImplementedError

    # --- what arrives ---------------------------------------------------------------------------

    def test_everything_arrives_in_the_form_of_the_store(self, rig: TransportRig) -> None:
        rig.tree.write(b"a/f", b"one", mode=0o640)
        rig.tree.write(b"run", b"#!", mode=0o755, mtime_ns=MTIME_NS + 1)
        rig.tree.symlink(b"link", b"/etc/passwd")
        rig.tree.fifo(b"pipe", mode=0o600)
        rig.tree.mkdir(b"empty", mode=0o555, mtime_ns=MTIME_NS - 7)
        rig.pull()
        found = stored_tree(rig.destination)
        assert {*found} == {b".", b"a", b"a/f", b"run", b"link", b"pipe", b"empty"}
        assert found[b"a/f"] == StoredEntry(kind=EntryKind.FILE, mode=0o640, mtime_ns=MTIME_NS, data=b"one")
        assert found[b"run"] == StoredEntry(
            kind=EntryKind.FILE, mode=0o755, mtime_ns=MTIME_NS + 1, data=b"#!"
        )
        assert (found[b"link"].kind, found[b"link"].data) == (EntryKind.LINK, b"/etc/passwd")
        assert (found[b"pipe"].kind, found[b"pipe"].mode) == (EntryKind.FIFO, 0o600)
        assert found[b"empty"] == StoredEntry(kind=EntryKind.FOLDER, mode=0o555, mtime_ns=MTIME_NS - 7)

    def test_listing_names_every_path_and_the_root(self, rig: TransportRig) -> None:
        rig.tree.write(b"a/b/c", b"x")
        rig.tree.mkdir(b"empty")
        rig.tree.symlink(b"link", b"a")
        pulled = rig.pull()
        assert pulled.paths == {b".", b"a", b"a/b", b"a/b/c", b"empty", b"link"}
        assert {b"a/b/c", b"link"} <= pulled.changed <= pulled.paths
        assert _is_whole(pulled)

    def test_odd_names_arrive_and_are_listed_byte_for_byte(self, rig: TransportRig) -> None:
        for name in ODD_NAMES:
            rig.tree.write(name, name)
            rig.tree.write(b"in folder " + name[:200] + b"/" + name, name)
        pulled = rig.pull()
        files = {path: path.rpartition(b"/")[2] for path in pulled.paths if b"/" in path}
        assert set(ODD_NAMES) | set(files) <= pulled.paths
        assert contents(stored_tree(rig.destination)) == {**{name: name for name in ODD_NAMES}, **files}
        assert rig.pull().paths == pulled.paths

    def test_listing_can_be_walked_again(self, rig: TransportRig) -> None:
        rig.tree.write(b"f", b"x")
        listing = rig.pull().report.listing
        assert list(listing.paths()) == list(listing.paths())
        assert list(listing.changes()) == list(listing.changes())

    def test_digests_tell_contents_apart(self, rig: TransportRig) -> None:
        if not rig.transport.capabilities.digests:
            pytest.skip("this transport promises no digests")
        for name, data in ((b"a", b"same"), (b"b", b"same"), (b"c", b"else")):
            rig.tree.write(name, data)
        digests = {bytes(seen.path): seen.digest for seen in rig.pull().report.listing.changes()}
        assert len(digests[b"a"]) == 16
        assert digests[b"a"] == digests[b"b"] != digests[b"c"]

    # --- what is noticed --------------------------------------------------------------------------

    def test_a_second_pull_of_the_same_changes_nothing(self, rig: TransportRig) -> None:
        rig.tree.write(b"a/f", b"x")
        rig.tree.symlink(b"link", b"a")
        first = rig.pull()
        second = rig.pull()
        assert second.paths == first.paths
        assert second.changed == set()
        assert second.displaced == set()

    def test_an_edit_in_the_same_second_with_the_same_size_is_noticed(self, rig: TransportRig) -> None:
        rig.tree.write(b"f", b"old")
        rig.pull()
        rig.tree.write(b"f", b"new", mtime_ns=MTIME_NS + 1)
        pulled = rig.pull()
        assert contents(stored_tree(rig.destination)) == {b"f": b"new"}
        assert contents(stored_tree(pulled.order.displaced_dir)) == {b"f": b"old"}

    def test_attributes_change_in_place_and_are_reported(self, rig: TransportRig) -> None:
        rig.tree.write(b"f", b"x")
        rig.tree.mkdir(b"d")
        rig.pull()
        rig.tree.chmod(b"f", 0o600)
        rig.tree.mkdir(b"d", mode=0o500, mtime_ns=MTIME_NS + SECOND)
        pulled = rig.pull()
        found = stored_tree(rig.destination)
        assert (found[b"f"].mode, found[b"d"].mode) == (0o600, 0o500)
        assert found[b"d"].mtime_ns == MTIME_NS + SECOND
        assert {b"f", b"d"} <= pulled.changed

    # --- what is displaced, and that nothing else goes ----------------------------------------------

    def test_what_is_overwritten_is_displaced_with_all_it_was(self, rig: TransportRig) -> None:
        rig.tree.write(b"a/f", b"old", mode=0o600)
        rig.tree.symlink(b"link", b"old target")
        rig.pull()
        before = stored_tree(rig.destination)
        rig.tree.write(b"a/f", b"newer", mtime_ns=MTIME_NS + SECOND)
        rig.tree.symlink(b"link", b"new target", mtime_ns=MTIME_NS + SECOND)
        displaced = stored_tree(rig.pull().order.displaced_dir)
        assert {path for path in displaced if path != b"."} == {b"a", b"a/f", b"link"}
        assert displaced[b"a/f"] == before[b"a/f"]
        assert (displaced[b"link"].kind, displaced[b"link"].data) == (EntryKind.LINK, b"old target")

    def test_what_the_host_deleted_stays_and_is_not_listed(self, rig: TransportRig) -> None:
        rig.tree.write(b"gone/f", b"x")
        rig.tree.write(b"stays", b"y")
        rig.pull()
        rig.tree.delete(b"gone")
        pulled = rig.pull()
        assert contents(stored_tree(rig.destination)) == {b"gone/f": b"x", b"stays": b"y"}
        assert pulled.paths == {b".", b"stays"}
        assert pulled.displaced == set()

    @pytest.mark.parametrize("twice", [False, True])
    def test_a_folder_becomes_a_file_and_back(self, rig: TransportRig, *, twice: bool) -> None:
        rig.tree.write(b"x/deep/f", b"first")
        rig.tree.mkdir(b"x/empty")
        rig.pull()
        for turn in range(2 if twice else 1):
            rig.tree.delete(b"x")
            rig.tree.write(b"x", b"file", mtime_ns=MTIME_NS + turn)
            pulled = rig.pull()
            assert _is_whole(pulled)
            assert contents(stored_tree(rig.destination)) == {b"x": b"file"}
            assert contents(stored_tree(pulled.order.displaced_dir)) == {b"x/deep/f": b"first"}
            rig.tree.delete(b"x")
            rig.tree.write(b"x/deep/f", b"first")
            pulled = rig.pull()
            assert _is_whole(pulled)
            assert contents(stored_tree(rig.destination)) == {b"x/deep/f": b"first"}
            assert contents(stored_tree(pulled.order.displaced_dir)) == {b"x": b"file"}

    def test_a_link_becomes_a_file_and_a_folder_and_back(self, rig: TransportRig) -> None:
        rig.tree.symlink(b"x", b"elsewhere")
        rig.pull()
        rig.tree.write(b"x", b"file")
        as_file = rig.pull()
        assert stored_tree(as_file.order.displaced_dir)[b"x"].kind is EntryKind.LINK
        assert stored_tree(rig.destination)[b"x"].kind is EntryKind.FILE
        rig.tree.delete(b"x")
        rig.tree.write(b"x/f", b"inside")
        as_folder = rig.pull()
        assert contents(stored_tree(as_folder.order.displaced_dir)) == {b"x": b"file"}
        rig.tree.delete(b"x")
        rig.tree.symlink(b"x", b"elsewhere", mtime_ns=MTIME_NS + SECOND)
        as_link = rig.pull()
        assert contents(stored_tree(as_link.order.displaced_dir)) == {b"x/f": b"inside"}
        assert stored_tree(rig.destination)[b"x"].kind is EntryKind.LINK

    def test_a_rename_brings_the_new_name_and_keeps_the_old_one(self, rig: TransportRig) -> None:
        rig.tree.write(b"old/f", b"x")
        rig.pull()
        rig.tree.rename(b"old", b"new")
        pulled = rig.pull()
        assert pulled.paths == {b".", b"new", b"new/f"}
        assert contents(stored_tree(rig.destination)) == {b"old/f": b"x", b"new/f": b"x"}

    # --- what cannot be read --------------------------------------------------------------------------

    def test_an_unreadable_file_is_present_and_its_old_copy_stays(self, rig: TransportRig) -> None:
        self._need_permissions(rig)
        rig.tree.write(b"f", b"old")
        rig.tree.write(b"g", b"fine")
        rig.pull()
        rig.tree.write(b"f", b"newer", mtime_ns=MTIME_NS + SECOND, mode=0)
        pulled = rig.pull()
        assert {(problem.kind, problem.path) for problem in pulled.report.problems} == {
            (ProblemKind.UNREADABLE, b"f")
        }
        assert pulled.paths == {b".", b"f", b"g"}
        assert pulled.report.unlisted == frozenset()
        assert contents(stored_tree(rig.destination))[b"f"] == b"old"

    def test_an_unreadable_folder_is_unlisted_and_keeps_what_it_held(self, rig: TransportRig) -> None:
        self._need_permissions(rig)
        rig.tree.write(b"d/f", b"old")
        rig.pull()
        rig.tree.chmod(b"d", 0)
        pulled = rig.pull()
        assert ProblemKind.UNLISTED in {problem.kind for problem in pulled.report.problems}
        assert pulled.report.unlisted == {b"d"}
        assert contents(stored_tree(rig.destination)) == {b"d/f": b"old"}

    def test_an_empty_root_is_listed_and_nothing_goes(self, rig: TransportRig) -> None:
        rig.tree.write(b"f", b"x")
        rig.pull()
        rig.tree.delete(b"f")
        pulled = rig.pull()
        assert pulled.paths == {b"."}
        assert pulled.report.unlisted == frozenset()
        assert contents(stored_tree(rig.destination)) == {b"f": b"x"}

    def test_a_missing_root_is_unlisted_and_nothing_goes(self, rig: TransportRig) -> None:
        rig.tree.write(b"f", b"x")
        rig.pull()
        rig.tree.delete(b".")
        pulled = rig.pull()
        assert pulled.report.unlisted == {b"."}
        assert contents(stored_tree(rig.destination)) == {b"f": b"x"}

    # --- links ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("root", [b".", b"sub", b"a/b/sub"])
    def test_a_source_root_that_became_a_link_is_refused_and_nothing_goes(
        self, rig: TransportRig, root: bytes
    ) -> None:
        top, elsewhere = rig.source.path, b"/usr/lib"
        rig.host = replace(rig.host, allowed_roots=(top,))
        source = top if root == b"." else f"{top}/{root.decode()}"
        rig.source = replace(rig.source, path=source)
        rig.tree.delete(b".")
        rig.tree.symlink(root, elsewhere)
        self._refused(rig, link=source)

    @pytest.mark.parametrize("link", [b".", b"a", b"a/b"])
    def test_a_folder_above_the_source_root_that_became_a_link_is_refused(
        self, rig: TransportRig, link: bytes
    ) -> None:
        top, elsewhere = rig.source.path, b"/usr"
        rig.host = replace(rig.host, allowed_roots=(top, f"{top}/a/b"))
        rig.source = replace(rig.source, path=f"{top}/a/b/lib")
        rig.tree.delete(b".")
        rig.tree.symlink(link, elsewhere)
        self._refused(rig, link=top if link == b"." else f"{top}/{link.decode()}")

    def test_links_inside_the_source_and_folders_above_it_are_no_reason_to_refuse(
        self, rig: TransportRig
    ) -> None:
        rig.host = replace(rig.host, allowed_roots=(rig.source.path.rpartition("/")[0],))
        rig.tree.symlink(b"link", b"/usr/lib")
        assert rig.pull().paths == {b".", b"link"}

    def _refused(self, rig: TransportRig, *, link: str) -> None:
        """Neither probed nor pulled, with the link named; the store stays empty."""
        with pytest.raises(PathNotAllowedError) as pulling:
            rig.pull()
        assert pulling.value.what.startswith(f"{link} is a link")
        assert pulling.value.meaning
        assert pulling.value.advice
        assert {*stored_tree(rig.destination)} == {b"."}
        with pytest.raises(PathNotAllowedError, match="is a link"):
            rig.transport.probe(rig.host, rig.credential, [rig.source.path])

    # --- filters ----------------------------------------------------------------------------------------

    def test_what_a_filter_hides_neither_comes_nor_goes(self, rig: TransportRig) -> None:
        rig.tree.write(b"keep", b"1")
        rig.tree.write(b"skip.tmp", b"2")
        rig.tree.write(b"d/x.tmp", b"3")
        rig.pull()
        rig.filters = ("*.tmp", "!d/x.tmp")
        rig.tree.write(b"skip.tmp", b"changed", mtime_ns=MTIME_NS + SECOND)
        rig.tree.write(b"new.tmp", b"4")
        pulled = rig.pull()
        assert pulled.paths == {b".", b"keep", b"d", b"d/x.tmp"}
        assert contents(stored_tree(rig.destination)) == {b"keep": b"1", b"skip.tmp": b"2", b"d/x.tmp": b"3"}

    def test_a_folder_with_hidden_files_in_store_can_become_a_file(self, rig: TransportRig) -> None:
        rig.tree.write(b"d/x.tmp", b"hidden later")
        rig.pull()
        rig.filters = ("*.tmp",)
        rig.tree.delete(b"d")
        rig.tree.write(b"d", b"file")
        pulled = rig.pull()
        assert contents(stored_tree(rig.destination)) == {b"d": b"file"}
        assert contents(stored_tree(pulled.order.displaced_dir)) == {b"d/x.tmp": b"hidden later"}

    def test_a_filter_that_cannot_be_understood_is_a_permanent_error(self, rig: TransportRig) -> None:
        rig.filters = ("a[",)
        with pytest.raises(TransferFailedError):
            rig.pull()

    # --- stopping -----------------------------------------------------------------------------------------

    def test_cancel_stops_within_five_seconds_and_lets_go_of_the_locks(
        self, rig: TransportRig, tmp_path: Path
    ) -> None:
        rig.tree.write(b"big", os.urandom(4 << 20))
        rig.options = TransferOptions(bandwidth_limit=64 << 10)
        asked: list[float] = []
        rig.watcher.stop = _after(rig.cancel_after, asked)
        lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        rig.inherit_fds = (lock,)
        with pytest.raises(JobCancelledError):
            rig.pull()
        os.close(lock)
        assert time.monotonic() - asked[rig.cancel_after] < 5
        again = os.open(tmp_path / "lock", os.O_RDWR)
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(again)
        assert set(stored_tree(rig.destination)) <= {b".", b"big"}

    def test_a_pull_after_a_cancelled_one_is_exact_and_the_old_copy_was_displaced(
        self, rig: TransportRig
    ) -> None:
        old, new = os.urandom(1 << 20), os.urandom(1 << 20)
        rig.tree.write(b"big", old)
        rig.pull()
        rig.tree.write(b"big", new, mtime_ns=MTIME_NS + SECOND)
        rig.options = TransferOptions(bandwidth_limit=128 << 10)
        rig.watcher.stop = _after(rig.cancel_after + 1, [])
        cut = rig.order()
        with pytest.raises(JobCancelledError):
            rig.transport.pull(cut, rig.credential, rig.watcher)
        rig.options, rig.watcher.stop = TransferOptions(), lambda: False
        pulled = rig.pull()
        assert contents(stored_tree(rig.destination)) == {b"big": new}
        displaced = [
            *contents(stored_tree(cut.displaced_dir)).values(),
            *contents(stored_tree(pulled.order.displaced_dir)).values(),
        ]
        assert displaced == [old]

    # --- questions ------------------------------------------------------------------------------------------

    def test_probe_tells_which_paths_can_be_listed(self, rig: TransportRig) -> None:
        missing = rig.source.path + "/not/there"
        facts = rig.transport.probe(rig.host, rig.credential, [rig.source.path, missing])
        assert facts.sources == ((rig.source.path, True), (missing, False))
        assert facts.rsync_version

    def test_a_cancelled_watcher_stops_a_probe(self, rig: TransportRig) -> None:
        rig.watcher.stop = lambda: True
        with pytest.raises(JobCancelledError):
            rig.transport.probe(rig.host, rig.credential, [rig.source.path], rig.watcher)

    def test_capabilities_are_constant(self, rig: TransportRig) -> None:
        assert isinstance(rig.transport.capabilities, TransportCapabilities)
        assert rig.transport.capabilities == rig.transport.capabilities

    def test_scanned_host_keys_are_those_the_host_is_pinned_by(self, rig: TransportRig) -> None:
        assert set(rig.transport.scan_host_keys(rig.host)) == set(rig.host.host_keys)

    def _need_permissions(self, rig: TransportRig) -> None:
        if not rig.permissions_matter:
            lacking("the host's account reads everything here: run the tests as an ordinary user")


def _is_whole(pulled: Pulled) -> bool:
    report = pulled.report
    return not report.problems and not report.unlisted and not report.vanished


def _after(times: int, asked: list[float]) -> Callable[[], bool]:
    """Says no as many times, then yes for ever; remembers when it was asked."""

    def stop() -> bool:
        asked.append(time.monotonic())
        return len(asked) > times

    return stop
