"""What every Transport promises of ``gather``, and of names and sizes that a pull leaves out.

Subclass and give the fixture ``rig``.
"""

# A suite asserts, as tests do.
# ruff: noqa: S101

import os
from dataclasses import replace

import pytest

from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.file_version import EntryKind
from bckcore.domain.gather import LARGEST_GATHERED, MOST_GATHERED, Gathered, GatherOrder
from bckcore.domain.host import Platform
from bckcore.errors import JobCancelledError, PathNotAllowedError

NAMES = (b".bckignore", b"CACHEDIR.TAG")


def gathered(rig: TransportRig, *names: bytes) -> Gathered:
    """Ask for files of those names."""
    folder = rig.store / "gather"
    folder.mkdir(parents=True)
    order = GatherOrder(
        host=rig.host,
        source=rig.source,
        names=names or NAMES,
        filters=rig.filters,
        options=rig.options,
        folder=folder / "found",
    )
    return rig.transport.gather(order, rig.credential, rig.watcher)


class GatherContract:
    """Small files with a say, looked for before a pull; and what a pull leaves out."""

    @pytest.fixture
    def rig(self) -> TransportRig:
        """A transport to a host whose source folder is ``rig.tree``."""
        raise NotImplementedError

    # --- gather -------------------------------------------------------------------------------------------

    def test_files_of_those_names_are_found_at_any_depth(self, rig: TransportRig) -> None:
        rig.tree.write(b".bckignore", b"*.o\n")
        rig.tree.write(b"d/odd\nname/.bckignore", b"x")
        rig.tree.write(b"d/other", b"not asked for")
        rig.tree.write(b"d/bckignore", b"not asked for")
        rig.tree.write(b"c/CACHEDIR.TAG", b"Signature")
        found = gathered(rig)
        assert found.files == (
            (b".bckignore", b"*.o\n"),
            (b"c/CACHEDIR.TAG", b"Signature"),
            (b"d/odd\nname/.bckignore", b"x"),
        )
        assert not found.too_large
        assert not found.more

    def test_hidden_folders_are_not_looked_into_and_rules_for_files_hide_none(
        self, rig: TransportRig
    ) -> None:
        for folder in (b"hidden", b"shown", b"x/hidden"):
            rig.tree.write(folder + b"/.bckignore", b"x")
        rig.filters = ("*idden", "!/x/hidden", "!*.txt", ".bck*")
        rig.tree.write(b"shown/a.txt", b"no such name")
        found = gathered(rig)
        assert [path for path, _ in found.files] == [b"shown/.bckignore", b"x/hidden/.bckignore"]

    def test_links_folders_and_pipes_of_those_names_are_no_files(self, rig: TransportRig) -> None:
        rig.tree.symlink(b"a/.bckignore", b"/etc/passwd")
        rig.tree.mkdir(b"b/.bckignore")
        rig.tree.fifo(b"c/.bckignore")
        rig.tree.write(b"real/.bckignore", b"x")
        rig.tree.symlink(b"way", b"real")
        found = gathered(rig)
        assert found.files == ((b"real/.bckignore", b"x"),)
        assert set(found.no_files) == {b"a/.bckignore", b"c/.bckignore"}

    def test_what_is_too_large_is_named_and_not_brought(self, rig: TransportRig) -> None:
        rig.tree.write(b"big\nname/.bckignore", b"x" * (LARGEST_GATHERED + 1))
        rig.tree.write(b"fits/.bckignore", b"x" * LARGEST_GATHERED)
        found = gathered(rig)
        assert [(path, len(data)) for path, data in found.files] == [(b"fits/.bckignore", LARGEST_GATHERED)]
        assert found.too_large == (b"big\nname/.bckignore",)

    def test_of_very_many_the_first_are_brought_and_more_is_said(self, rig: TransportRig) -> None:
        for number in range(MOST_GATHERED + 5):
            rig.tree.write(b"%04d/.bckignore" % number, b"x")
        found = gathered(rig)
        assert found.more
        assert len(found.files) <= MOST_GATHERED

    def test_closed_folders_and_a_missing_root_hold_nothing(self, rig: TransportRig) -> None:
        rig.tree.write(b"open/.bckignore", b"x")
        rig.tree.mkdir(b"closed", mode=0o000)
        found = [path for path, _ in gathered(rig).files]
        rig.tree.chmod(b"closed", 0o755)
        assert found == [b"open/.bckignore"]
        rig.tree.delete(b".")
        (rig.store / "gather").rename(rig.store / "first")
        assert gathered(rig) == Gathered()

    def test_names_in_either_case_where_the_host_ignores_case(self, rig: TransportRig) -> None:
        rig.tree.write(b"a/.BckIgnore", b"x")
        rig.tree.write(b"Hidden/.bckignore", b"x")
        rig.filters = ("hidden/",)
        rig.host = replace(rig.host, platform=Platform.WINDOWS)
        assert gathered(rig).files == ((b"a/.BckIgnore", b"x"),)

    def test_very_many_rules_are_no_hindrance(self, rig: TransportRig) -> None:
        rig.tree.write(b"last/.bckignore", b"x")
        rig.tree.write(b"shown/.bckignore", b"x")
        rig.filters = (*(f"/{number:05d}-{'n' * 200}/" for number in range(1000)), "last/")
        assert [path for path, _ in gathered(rig).files] == [b"shown/.bckignore"]
        assert b"last" not in rig.pull().paths

    def test_a_source_root_that_is_a_link_is_not_looked_into(self, rig: TransportRig) -> None:
        rig.host = replace(rig.host, allowed_roots=(rig.source.path,))
        rig.tree.delete(b".")
        rig.tree.symlink(b".", b"/etc")
        with pytest.raises(PathNotAllowedError):
            gathered(rig, b"passwd")

    def test_a_cancelled_watcher_stops_the_look(self, rig: TransportRig) -> None:
        rig.tree.write(b".bckignore", b"x")
        rig.watcher.stop = lambda: True
        with pytest.raises(JobCancelledError):
            gathered(rig)

    # --- what a pull leaves out ----------------------------------------------------------------------------

    def test_a_rule_fits_either_case_where_the_host_ignores_case(self, rig: TransportRig) -> None:
        for name in (b"A.TMP", b"b.tmp", b"Keep.Tmp", b"c.txt"):
            rig.tree.write(name, b"x")
        rig.filters = ("*.tmp", "!KEEP.*")
        for platform in (Platform.WINDOWS, Platform.MACOS):
            rig.host = replace(rig.host, platform=platform)
            assert rig.pull().paths == {b".", b"Keep.Tmp", b"c.txt"}
        rig.host = replace(rig.host, platform=Platform.POSIX)
        assert rig.pull().paths == {b".", b"Keep.Tmp", b"A.TMP", b"c.txt"}

    def test_larger_files_are_named_not_listed_and_what_is_stored_of_them_stays(
        self, rig: TransportRig
    ) -> None:
        rig.tree.write(b"grows\none", b"small")
        rig.tree.write(b"fits", b"x" * 1000)
        rig.tree.write(b"d/never", b"x" * 1001)
        rig.tree.symlink(b"link", b"t" * 1500)
        rig.max_size = 1000
        first = rig.pull()
        assert list(first.report.too_large) == [b"d/never"]
        rig.tree.write(b"grows\none", os.urandom(2000), mtime_ns=MTIME_NS + 1)
        second = rig.pull()
        assert sorted(second.report.too_large) == [b"d/never", b"grows\none"]
        assert second.paths == {b".", b"fits", b"d", b"link"}
        assert not second.report.unlisted
        assert not second.displaced
        stored = stored_tree(rig.destination)
        files = {path: entry.data for path, entry in stored.items() if entry.kind is EntryKind.FILE}
        assert files == {b"grows\none": b"small", b"fits": b"x" * 1000}

    def test_without_a_limit_no_name_counts_as_too_large(self, rig: TransportRig) -> None:
        rig.tree.write(b"name is over max-size", b"x")
        assert list(rig.pull().report.too_large) == []
