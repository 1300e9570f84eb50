"""The promises of ``Transport.push`` about what is in the way on the host; part of PushContract."""
# ruff: noqa: S101  # a contract suite asserts; pytest runs it

import pytest

from bck_adapters.testkit.contracts import SECOND
from bck_adapters.testkit.rigs import MTIME_NS
from bck_adapters.testkit.rigs_push import PushRig, outcomes, refused
from bckcore.domain.file_version import EntryKind
from bckcore.domain.push import Conflict, PushOutcome

ALL = tuple(Conflict)
LATER = MTIME_NS + SECOND


class InTheWayContract:
    """Overwrite, keep both, skip."""

    @pytest.fixture
    def rig(self) -> PushRig:
        """A transport with an empty target folder on the host and nothing staged."""
        raise NotImplementedError

    # --- what is in the way -------------------------------------------------------------------------

    def in_the_way(self, rig: PushRig) -> None:
        """The host has something of its own, or something else, at most of the paths."""
        rig.tree.write(b"f", b"of the PC", mtime_ns=LATER)
        rig.tree.write(b"same-second", b"old", mtime_ns=MTIME_NS + 1)
        rig.tree.symlink(b"link", b"other", mtime_ns=LATER)
        rig.tree.symlink(b"was-link", b"beside", mtime_ns=LATER)
        rig.tree.write(b"was-file", b"bytes", mtime_ns=LATER)
        rig.tree.write(b"beside", b"not ours", mtime_ns=LATER)
        rig.tree.mkdir(b"d", mode=0o700, mtime_ns=LATER)
        rig.origin.write(b"f", b"restored")
        rig.origin.write(b"same-second", b"new")
        rig.origin.symlink(b"link", b"target")
        rig.origin.write(b"was-link", b"now a file")
        rig.origin.symlink(b"was-file", b"now a link")
        rig.origin.write(b"d/new", b"n")
        rig.origin.settle()

    def test_overwrite_replaces_what_is_in_the_way_and_nothing_else(self, rig: PushRig) -> None:
        self.in_the_way(rig)
        report = rig.push(Conflict.OVERWRITE)
        found = rig.look()
        assert found[b"f"].data == b"restored"
        assert found[b"same-second"].data == b"new"
        assert found[b"link"].data == b"target"
        assert (found[b"was-link"].kind, found[b"was-link"].data) == (EntryKind.FILE, b"now a file")
        assert (found[b"was-file"].kind, found[b"was-file"].data) == (EntryKind.LINK, b"now a link")
        assert (found[b"d"].mode, found[b"d"].mtime_ns) == (0o755, MTIME_NS)
        assert found[b"beside"].data == b"not ours"
        assert len(found) == 9
        told = outcomes(report)
        assert told.pop(b"d/new") is PushOutcome.CREATED
        assert told.pop(b"d") is PushOutcome.ADJUSTED
        del told[b"."]
        assert told == dict.fromkeys(
            (b"f", b"same-second", b"link", b"was-link", b"was-file"), PushOutcome.REPLACED
        )

    def test_keep_both_keeps_what_is_in_the_way_beside(self, rig: PushRig) -> None:
        self.in_the_way(rig)
        before = rig.look()
        report = rig.push(Conflict.KEEP_BOTH)
        found = rig.look()
        changed = (b"f", b"same-second", b"link", b"was-link", b"was-file")
        suffix = rig.order().suffix.encode()
        for name in changed:
            assert found[name + suffix] == before[name]
            assert found[name].mtime_ns == MTIME_NS
            assert outcomes(report)[name] is PushOutcome.KEPT_BOTH
        assert (found[b"d"].mode, found[b"d"].mtime_ns) == (0o755, MTIME_NS)
        assert len(found) == 9 + len(changed)

    def test_skip_leaves_what_is_there_folders_too(self, rig: PushRig) -> None:
        self.in_the_way(rig)
        before = rig.look()
        report = rig.push(Conflict.SKIP)
        found = rig.look()
        assert found.pop(b"d/new").data == b"n"
        assert found[b"d"].mode == 0o700
        assert found | {b"d": before[b"d"]} == before
        told = outcomes(report)
        assert told.pop(b"d/new") is PushOutcome.CREATED
        assert set(told.values()) == {PushOutcome.SKIPPED}

    def test_attributes_alone_are_set_without_a_copy(self, rig: PushRig) -> None:
        rig.tree.write(b"f", b"x", mode=0o600)
        rig.origin.write(b"f", b"x", mode=0o640)
        report = rig.push(Conflict.KEEP_BOTH)
        assert outcomes(report)[b"f"] is PushOutcome.ADJUSTED
        assert {path: one.mode for path, one in rig.look().items() if path != b"."} == {b"f": 0o640}

    @pytest.mark.parametrize("conflict", ALL)
    def test_a_folder_that_is_not_empty_never_gives_way(self, rig: PushRig, conflict: Conflict) -> None:
        rig.tree.write(b"x/kept", b"of the PC")
        rig.origin.write(b"x", b"file")
        rig.origin.write(b"y", b"goes on")
        report = rig.push(conflict)
        assert rig.look()[b"x/kept"].data == b"of the PC"
        assert rig.look()[b"y"].data == b"goes on"
        if conflict is Conflict.SKIP:
            assert outcomes(report)[b"x"] is PushOutcome.SKIPPED
        else:
            assert refused(report) == {b"x"}

    @pytest.mark.parametrize("conflict", ALL)
    def test_a_file_in_the_place_of_a_folder(self, rig: PushRig, conflict: Conflict) -> None:
        rig.tree.write(b"x", b"of the PC")
        rig.origin.write(b"x/sub/f", b"restored")
        report = rig.push(conflict)
        self._check_way_of_a_folder(rig, conflict, outcomes(report))
        if conflict is Conflict.SKIP:
            assert rig.look()[b"x"].data == b"of the PC"

    @pytest.mark.parametrize("conflict", ALL)
    def test_nothing_is_written_through_a_link_in_the_place_of_a_folder(
        self, rig: PushRig, conflict: Conflict
    ) -> None:
        rig.tree.write(b"elsewhere/f", b"old", mtime_ns=LATER)
        rig.tree.mkdir(b"elsewhere/sub")
        rig.tree.symlink(b"x", b"elsewhere")
        rig.origin.write(b"x/f", b"new")
        rig.origin.write(b"x/sub/f", b"restored")
        rig.origin.mkdir(b"x/sub/made")
        outside = {path: one.data for path, one in rig.look().items() if path.startswith(b"elsewhere")}
        report = rig.push(conflict)
        found = rig.look()
        assert {path: one.data for path, one in found.items() if path.startswith(b"elsewhere")} == outside
        self._check_way_of_a_folder(rig, conflict, outcomes(report))
        if conflict is Conflict.SKIP:
            assert found[b"x"].kind is EntryKind.LINK

    def _check_way_of_a_folder(
        self, rig: PushRig, conflict: Conflict, told: dict[bytes, PushOutcome]
    ) -> None:
        found, suffix = rig.look(), rig.order().suffix.encode()
        assert (b"x/sub/f" in found) == (conflict is not Conflict.SKIP)
        assert (b"x" + suffix in found) == (conflict is Conflict.KEEP_BOTH)
        expected = {
            Conflict.OVERWRITE: PushOutcome.REPLACED,
            Conflict.KEEP_BOTH: PushOutcome.KEPT_BOTH,
            Conflict.SKIP: PushOutcome.SKIPPED,
        }
        assert told[b"x"] is expected[conflict]
        below = PushOutcome.SKIPPED if conflict is Conflict.SKIP else PushOutcome.CREATED
        assert told[b"x/sub/f"] is below
