"""The promises of ``Transport.push`` as tests. Subclass the suite and give it a ``rig``, a PushRig."""
# ruff: noqa: S101  # a contract suite asserts; pytest runs it

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.contracts import ODD_NAMES
from bck_adapters.testkit.contracts_push_ways import ALL, InTheWayContract
from bck_adapters.testkit.lacking import lacking
from bck_adapters.testkit.rigs import MTIME_NS
from bck_adapters.testkit.rigs_push import PushRig, outcomes, refused
from bckcore.domain.file_version import EntryKind
from bckcore.domain.push import Conflict, PushOutcome
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import JobCancelledError, PathNotAllowedError

MORE_NAMES = (b"#comment", b";comment", b".bck-partial", b"~tilde", b"./dot".replace(b"/", b"_"))


class PushContract(InTheWayContract):
    """What every transport must do on the way back, whatever carries the bytes."""

    # --- what arrives -----------------------------------------------------------------------------

    @pytest.mark.parametrize("conflict", ALL)
    def test_everything_arrives_exactly(self, rig: PushRig, conflict: Conflict) -> None:
        rig.origin.write(b"a/deep/f", b"bytes", mode=0o640)
        rig.origin.write(b"closed", b"", mode=0o400, mtime_ns=MTIME_NS - 1)
        rig.origin.symlink(b"a/link", b"/nowhere/else", mtime_ns=MTIME_NS + 5)
        rig.origin.fifo(b"pipe", mode=0o600)
        rig.origin.mkdir(b"empty", mtime_ns=MTIME_NS + 7)
        rig.origin.mkdir(b"a/deep", mode=0o750, mtime_ns=MTIME_NS + 8)
        rig.origin.mkdir(b"a", mode=0o700, mtime_ns=MTIME_NS + 9)
        rig.tree.delete(b".")
        report = rig.push(conflict)
        found = rig.look()
        assert report.problems == ()
        assert {path: (one.kind, one.mode) for path, one in found.items() if path != b"."} == {
            b"a": (EntryKind.FOLDER, 0o700),
            b"a/deep": (EntryKind.FOLDER, 0o750),
            b"a/deep/f": (EntryKind.FILE, 0o640),
            b"a/link": (EntryKind.LINK, 0o777),
            b"closed": (EntryKind.FILE, 0o400),
            b"empty": (EntryKind.FOLDER, 0o755),
            b"pipe": (EntryKind.FIFO, 0o600),
        }
        times = {path: one.mtime_ns - MTIME_NS for path, one in found.items() if path != b"."}
        assert times == {
            b"a": 9, b"a/deep": 8, b"a/deep/f": 0, b"a/link": 5, b"closed": -1, b"empty": 7, b"pipe": 0,
        }  # fmt: skip
        assert (found[b"a/deep/f"].data, found[b"a/link"].data) == (b"bytes", b"/nowhere/else")
        assert set(outcomes(report)) == set(found)
        assert set(outcomes(report).values()) == {PushOutcome.CREATED}

    @pytest.mark.parametrize("conflict", ALL)
    def test_odd_names_arrive_byte_for_byte(self, rig: PushRig, conflict: Conflict) -> None:
        names = (*ODD_NAMES, *MORE_NAMES)
        for name in names:
            rig.origin.write(name, name)
            rig.origin.write(b"in " + name[:200] + b"/" + name, name)
        report = rig.push(conflict)
        found = {path: one.data for path, one in rig.look().items() if one.kind is EntryKind.FILE}
        assert report.problems == ()
        assert found == {name: name for name in names} | {
            b"in " + name[:200] + b"/" + name: name for name in names
        }
        assert set(found) <= set(outcomes(report))
        again = outcomes(rig.push(Conflict.OVERWRITE))
        assert {again[path] for path in found} == {PushOutcome.SAME}

    def test_the_target_and_folders_above_it_are_made(self, rig: PushRig) -> None:
        rig.target_path += "/not/there yet"
        rig.origin.write(b"f", b"x")
        rig.push()
        assert rig.look()[b"not/there yet/f"].data == b"x"

    def test_a_second_push_changes_nothing(self, rig: PushRig) -> None:
        rig.origin.write(b"a/f", b"x")
        rig.origin.symlink(b"l", b"a")
        rig.origin.settle()
        rig.push()
        before = rig.look()
        report = rig.push(Conflict.KEEP_BOTH)
        assert set(outcomes(report).values()) == {PushOutcome.SAME}
        assert rig.look() == before

    # --- folders that only lead there ---------------------------------------------------------------

    @pytest.mark.parametrize("conflict", ALL)
    def test_folders_that_only_lead_there_stay_as_they_are(self, rig: PushRig, conflict: Conflict) -> None:
        rig.tree.mkdir(b"a", mode=0o711)
        rig.origin.write(b"a/b/f", b"x")
        rig.origin.mkdir(b"a/b", mode=0o750)
        rig.origin.mkdir(b".", mode=0o700)
        root = rig.look()[b"."].mode
        report = rig.push(conflict, frame=frozenset({b".", b"a", b"a/b"}))
        found = rig.look()
        assert (found[b"."].mode, found[b"a"].mode, found[b"a/b"].mode) == (root, 0o711, 0o750)
        assert outcomes(report) == {b"a/b": PushOutcome.CREATED, b"a/b/f": PushOutcome.CREATED}

    @pytest.mark.parametrize("conflict", ALL)
    def test_a_folder_made_by_an_earlier_batch_gets_its_time_again(
        self, rig: PushRig, conflict: Conflict
    ) -> None:
        rig.origin.mkdir(b"a", mode=0o750)
        rig.push(conflict)
        rig.origin.write(b"a/later", b"x")
        rig.origin.mkdir(b"a", mode=0o750, mtime_ns=MTIME_NS)
        report = rig.push(conflict, made=frozenset({b"a"}))
        assert (rig.look()[b"a"].mode, rig.look()[b"a"].mtime_ns) == (0o750, MTIME_NS)
        assert b"a" not in outcomes(report)

    @pytest.mark.parametrize("conflict", ALL)
    def test_a_closed_folder_that_a_cut_restore_made_can_be_filled(
        self, rig: PushRig, conflict: Conflict
    ) -> None:
        rig.origin.write(b"a/closed/f", b"x")
        rig.origin.mkdir(b"a/closed", mode=0o500)
        rig.tree.mkdir(b"a")
        rig.tree.mkdir(b"a/closed", mode=0o500)
        frame = frozenset({b".", b"a", b"a/closed"}) if conflict is Conflict.OVERWRITE else frozenset()
        report = rig.push(conflict, frame=frame)
        found = rig.look()
        assert report.problems == ()
        assert (found[b"a/closed/f"].data, found[b"a/closed"].mode) == (b"x", 0o500)

    # --- a dry run ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("conflict", ALL)
    def test_a_dry_run_changes_nothing_and_tells_what_would_be(
        self, rig: PushRig, conflict: Conflict
    ) -> None:
        self.in_the_way(rig)
        rig.tree.write(b"folder/kept", b"of the PC")
        rig.origin.write(b"folder", b"a file")
        before = rig.look()
        told = rig.push(conflict, dry_run=True)
        assert rig.look() == before
        done = rig.push(conflict)
        assert outcomes(told) == outcomes(done)
        assert refused(told) == refused(done)

    def test_a_dry_run_makes_no_target(self, rig: PushRig) -> None:
        rig.target_path += "/not/there"
        rig.origin.write(b"f", b"x")
        assert outcomes(rig.push(dry_run=True))[b"f"] is PushOutcome.CREATED
        assert set(rig.look()) == {b"."}

    # --- what is refused ----------------------------------------------------------------------------

    @pytest.mark.parametrize("link", [b".", b"sub"])
    def test_a_target_that_is_a_link_or_lies_below_one_is_refused(self, rig: PushRig, link: bytes) -> None:
        top = rig.target_path
        rig.host = replace(rig.host, allowed_roots=(top,))
        rig.tree.delete(b".")
        rig.tree.symlink(link, b"/tmp")
        rig.target_path = top if link == b"." else f"{top}/sub/bck-not-made"
        rig.origin.write(b"bck-not-made", b"x")
        for dry_run in (True, False):
            with pytest.raises(PathNotAllowedError, match="is a link"):
                rig.push(dry_run=dry_run)
        assert not os.path.lexists("/tmp/bck-not-made")  # noqa: S108  # where the link leads

    def test_a_folder_that_cannot_be_written_is_a_problem_of_its_paths(self, rig: PushRig) -> None:
        if not rig.permissions_matter:
            lacking("the host's account may write everywhere here: run the tests as an ordinary user")
        rig.tree.mkdir(b"closed", mode=0o500)
        rig.origin.write(b"closed/f", b"x")
        rig.origin.write(b"closed/" + b"n" * 250, b"x")
        rig.origin.write(b"closed/sub/f", b"x")
        rig.origin.write(b"open/f", b"x")
        report = rig.push(frame=frozenset({b".", b"closed"}))
        below = {b"closed/f", b"closed/sub", b"closed/sub/f", b"closed/" + b"n" * 250}
        assert refused(report) == below
        assert set(outcomes(report)) == {b"open", b"open/f"}
        assert all(problem.message for problem in report.problems)
        rig.tree.chmod(b"closed", 0o700)

    # --- stopping and going on ------------------------------------------------------------------------

    def test_cancel_stops_within_five_seconds_and_lets_go_of_the_locks(
        self, rig: PushRig, tmp_path: Path
    ) -> None:
        rig.origin.write(b"big", os.urandom(4 << 20))
        rig.options = TransferOptions(bandwidth_limit=64 << 10)
        asked: list[float] = []
        rig.watcher.stop = _after(rig.cancel_after, asked)
        lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        rig.inherit_fds = (lock,)
        with pytest.raises(JobCancelledError):
            rig.push()
        os.close(lock)
        assert time.monotonic() - asked[rig.cancel_after] < 5
        again = os.open(tmp_path / "lock", os.O_RDWR)
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(again)

    @pytest.mark.parametrize("conflict", ALL)
    def test_a_push_after_a_cancelled_one_goes_on_and_leaves_no_litter(
        self, rig: PushRig, conflict: Conflict
    ) -> None:
        new = os.urandom(2 << 20)
        rig.origin.write(b"a/big", new)
        rig.origin.write(b"b", b"x")
        rig.origin.settle()
        rig.tree.write(b"a/other", b"stays")
        rig.options = TransferOptions(bandwidth_limit=256 << 10)
        rig.watcher.stop = _after(rig.cancel_midway, [])
        with pytest.raises(JobCancelledError):
            rig.push(conflict)
        rig.options, rig.watcher.stop = TransferOptions(), lambda: False
        rig.push(conflict)
        assert {path: one.data for path, one in rig.look().items() if one.kind is EntryKind.FILE} == {
            b"a/big": new,
            b"a/other": b"stays",
            b"b": b"x",
        }


def _after(times: int, asked: list[float]) -> Callable[[], bool]:
    """Says no as many times, then yes for ever; remembers when it was asked."""

    def stop() -> bool:
        asked.append(time.monotonic())
        return len(asked) > times

    return stop
