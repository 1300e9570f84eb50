"""Receipts and manifests: chained, full every twentieth, and alone enough to tell every state."""

import json
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.ids import SourceName
from bckcore.domain.receipt import Receipt
from bckcore.domain.run import ProfileRef, RunOutcome
from bckcore.errors import ConflictError, HostUnreachableError, StorageError, TransientError
from tests.support.crashes import crashes
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.lives import PICS_PATH, Life
from tests.support.replay import Books, State, state_in_catalog


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.write("a", "b", "d/x", "d/y")
    return desk


def books(desk: Desk) -> Books:
    return Books(desk.house.root)


def catalog(desk: Desk, seq: int) -> State:
    return state_in_catalog(desk.house, seq)


def test_forty_five_changing_runs_replay_to_what_the_catalog_says(desk: Desk) -> None:
    for number in range(1, 46):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        if number % 7 == 0:
            desk.docs.delete(b"d")
        if number % 7 == 3:
            desk.write("d/x", f"new{number}")
        if number % 10 == 5:
            desk.docs.symlink(b"b", b"%d" % number, T)
        assert desk.back_up().made_point
    found = books(desk)
    found.assert_chained()
    full = [seq for seq, receipt in found.receipts.items() if receipt["manifest"]["base"] is None]
    assert full == [1, 21, 41]
    for seq in found.points():
        assert found.state(seq) == catalog(desk, seq), f"point {seq}"
        assert len(found.chain(seq)) <= 20


def test_a_full_manifest_holds_every_live_path_and_a_delta_just_the_differences(desk: Desk) -> None:
    for number in range(21):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        desk.back_up()
    found = books(desk)
    assert sorted((line[0], line[2]) for line in found.lines(21)) == [
        ("=", "."),
        ("=", "b"),
        ("=", "d"),
        ("=", "d/x"),
        ("=", "d/y"),
        ("M", "a"),
    ]
    assert [(line[0], line[2]) for line in found.lines(20)] == [("M", "a")]


def test_runs_without_a_manifest_do_not_count_and_the_chain_goes_past_them(desk: Desk) -> None:
    desk.back_up()
    desk.back_up()
    desk.host.errors.append(HostUnreachableError("down"))
    assert desk.back_up().outcome is RunOutcome.FAILED
    desk.write("c")
    desk.back_up()
    found = books(desk)
    found.assert_chained()
    assert [found.receipts[seq]["head"] for seq in (1, 2, 3, 4)] == [1, 1, 1, 4]
    assert found.receipts[4]["manifest"]["base"] == 1
    assert [found.receipts[seq]["outcome"] for seq in (1, 2, 3, 4)] == [
        "succeeded",
        "succeeded",
        "failed",
        "succeeded",
    ]
    assert found.state(4) == catalog(desk, 4)


def test_pruning_leaves_receipts_and_manifests_and_every_old_state_can_still_be_told(desk: Desk) -> None:
    states = {}
    for number in range(1, 25):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        desk.back_up()
        states[number] = catalog(desk, number)
    desk.house.prune(2)
    assert len(desk.house.points()) == 2
    for number in range(25, 43):
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        desk.back_up()
        states[number] = catalog(desk, number)
    found = books(desk)
    found.assert_chained()
    assert {seq: found.state(seq) for seq in states} == states


def test_a_receipt_tells_filters_counts_and_how_the_run_ended(desk: Desk) -> None:
    desk.house.change_profile(excludes=("*.tmp",))
    desk.write("x.tmp")
    run = desk.back_up()
    receipt = json.loads((books(desk).folder / "000001.json").read_text())
    assert (receipt["filters"], receipt["point"]) == (["*.tmp"], "counted")
    assert receipt["counts"] == {"files": 4, "bytes": 16, "added": 4, "changed": 0, "gone": 0}
    assert receipt["run_id"] == run.id


def test_a_database_that_knows_nothing_of_the_storage_is_refused_and_nothing_changes(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    desk.write("a")
    desk.back_up()
    desk.write("a", data=b"changed")
    other = Desk(quick_dir)
    other.write("a", data=b"other")
    before = sorted(str(path) for path in (quick_dir / "store").rglob("*"))
    with pytest.raises(ConflictError, match=r"knows nothing of.*catalog rebuild.*another name"):
        other.back_up()
    assert sorted(str(path) for path in (quick_dir / "store").rglob("*")) == before


@pytest.mark.parametrize("step", ["before commit", "after write_receipt"])
def test_a_source_dropped_in_a_run_that_crashed_before_its_commit_can_come_back(
    quick_dir: Path, step: str
) -> None:
    """The receipt stands; entering it must forget what was known of the dropped source."""
    life = Life(quick_dir).begin()
    life.back_up()
    from bckcore.domain.source import parsed_sources

    life.house.change_profile(sources=parsed_sources([DOCS_PATH]))
    fuse = life.house.fuse
    fuse.set(None)
    written: list[str] = []
    plain = fuse.step

    def burn_after_the_receipt(name: str) -> None:
        written.append(name)
        if "after write_receipt" in written and name == step:
            fuse.at = 1
        plain(name)

    fuse.step = burn_after_the_receipt  # type: ignore[method-assign]  # this test says when
    assert crashes(life.house.back_up)
    fuse.step = plain  # type: ignore[method-assign]  # back again
    life.house = life.house.reopened()
    life.house.change_profile(sources=parsed_sources([DOCS_PATH, PICS_PATH]))
    life.expected[5] = {"docs": life.worlds()["docs"]}
    life.back_up()
    assert [point.seq for point in life.house.points()] == [1, 2, 4, 5, 6]
    life.assert_every_point_restores()
    life.assert_books_are_right()


def test_partial_files_that_cannot_be_removed_do_not_spoil_a_good_run(quick_dir: Path) -> None:
    class Sticky(FsStorage):
        def free_attempt_space(self, ref: ProfileRef, source: SourceName) -> None:
            raise StorageError("They cannot be removed.")

    desk = Desk(quick_dir, storage_type=Sticky)
    desk.write("a")
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, True)
    assert "Partial files are left for later" in desk.log


def test_when_the_database_fails_after_the_receipt_the_next_start_enters_it(quick_dir: Path) -> None:
    """And the error is the database's own, not one about the receipt that stands."""

    class Forgetful(FsStorage):
        fails = True

        def write_receipt(self, receipt: Receipt, *, settled: bool = False) -> str:
            written = super().write_receipt(receipt, settled=settled)
            if self.fails:
                raise TransientError("The database is busy.")
            return written

    desk = Desk(quick_dir, storage_type=Forgetful)
    desk.write("a")
    with pytest.raises(TransientError, match="busy"):
        desk.back_up()
    assert desk.house.points() == []
    storage = desk.house.storage
    assert isinstance(storage, Forgetful)
    storage.fails = False
    world = desk.world()
    desk.house.recovery.recover(desk.newest_ref)
    assert [point.seq for point in desk.house.points()] == [1]
    desk.assert_restores(world, 1)
