"""A database that is behind its storage is brought up to date, and one that contradicts it is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory import MemoryDatabase
from bck_adapters.memory.state import State
from bckcore.domain.act import ActKind
from bckcore.domain.ids import SourceName
from bckcore.domain.paths import rel_path
from bckcore.domain.restore_point import Counted
from bckcore.domain.run import RunOutcome
from bckcore.errors import ConflictError, StorageError, StoreBusyError
from bckcore.plugins.registry import Database
from bckcore.ports.clock import Clock
from bckcore.services.acts import Acts
from tests.support.desks import Desk, T, half_blind
from tests.support.house import DOCS, REF
from tests.support.replay import state_in_catalog
from tests.support.worlds import World


class OldCopies:
    """A desk whose database can be put back to an earlier state."""

    def __init__(self, folder: Path) -> None:
        self.memory: MemoryDatabase

        def database(clock: Clock) -> Database:
            self.memory = MemoryDatabase(clock)
            return self.memory.as_database()

        self.desk = Desk(folder, database=database)
        self.worlds: dict[int, World] = {}

    def runs(self, count: int) -> "OldCopies":
        """So many more runs, each with a change."""
        desk = self.desk
        for number in range(len(self.worlds) + 1, len(self.worlds) + count + 1):
            desk.write("a", data=b"%d" % number, mtime_ns=T + number)
            desk.write(f"only{number}")
            if number % 3 == 0:
                desk.docs.delete(b"only%d" % (number - 1))
            run = desk.back_up()
            self.worlds[run.seq] = desk.world()
        return self

    @property
    def state(self) -> State:
        """What the database holds now."""
        return self.memory._state

    def put_back(self, state: State) -> None:
        """The database as it was."""
        self.memory._replace(state)

    def assert_all_restores(self, *points: int) -> None:
        """Exactly those points are there, and each restores."""
        self.desk.house.recovery.tidy(REF)
        assert [point.seq for point in self.desk.house.points()] == list(points)
        for seq in points:
            self.desk.assert_restores(self.worlds[seq], seq)


@pytest.fixture
def copies(quick_dir: Path) -> OldCopies:
    return OldCopies(quick_dir).runs(3)


def acts_of(desk: Desk) -> Acts:
    return Acts(units=desk.house.database.units, storage=desk.house.storage, clock=desk.house.clock)


def test_an_older_database_is_brought_up_to_date_with_runs_prunes_and_holds(copies: OldCopies) -> None:
    house, old = copies.desk.house, copies.state
    copies.runs(3)
    acts_of(copies.desk).record(REF, ActKind.HOLD, by="anna", reason="audit", points=(2,))
    house.prune(2)
    copies.runs(2)
    now = copies.state
    states = {seq: state_in_catalog(house, seq) for seq in (2, 5, 6, 7, 8)}
    copies.put_back(old)
    told = house.recovery.recover(REF)
    assert told == ["Entered 7 finished runs and acts that the database had missed."]
    assert copies.state.points == now.points
    assert (copies.state.acts, copies.state.holds) == (now.acts, now.holds)
    assert copies.state.versions == now.versions
    assert {seq: state_in_catalog(house, seq) for seq in states} == states
    copies.assert_all_restores(2, 5, 6, 7, 8)
    copies.runs(1).assert_all_restores(2, 5, 6, 7, 8, 9)


def test_increments_that_were_pruned_meanwhile_are_known_to_be_gone(copies: OldCopies) -> None:
    house, old = copies.desk.house, copies.state
    copies.runs(4)
    house.prune(2)
    copies.put_back(old)
    house.recovery.recover(REF)
    with house.database.units(read_only=True) as uow:
        left = [run.seq for run in uow.runs.increments(DOCS)]
    assert left == [7]
    house.prune(1)
    copies.assert_all_restores(7)


def test_a_database_put_back_to_the_middle_of_a_run_knows_how_it_ended(quick_dir: Path) -> None:
    copies = OldCopies(quick_dir).runs(1)
    middle: list[State] = []

    def remember() -> bool:
        middle.append(copies.state)
        return False

    copies.desk.house.watcher.stop = remember
    copies.runs(2)
    copies.desk.house.watcher.stop = lambda: False
    copies.put_back(middle[0])
    copies.assert_all_restores(1, 2, 3)


def test_a_database_from_before_the_first_run_is_told_to_be_rebuilt(quick_dir: Path) -> None:
    copies = OldCopies(quick_dir)
    empty = copies.state
    copies.runs(2)
    copies.put_back(empty)
    with pytest.raises(ConflictError, match=r"knows nothing of.*bck catalog rebuild --profile docs"):
        copies.desk.back_up()


def test_what_an_open_run_displaced_is_found_though_the_database_never_heard_of_it(quick_dir: Path) -> None:
    copies = OldCopies(quick_dir).runs(3)
    desk, old = copies.desk, copies.state
    desk.many(20)
    desk.write("a", "only1", data=b"cut off", mtime_ns=T + 50)
    desk.host.cut_after = 15
    run = desk.back_up()
    assert run.outcome is RunOutcome.FAILED
    assert run.id in desk.house.storage.increments(REF), "the cut has to displace something"
    (desk.house.root / ".receipts" / "pc1" / "docs" / "000004.json").unlink()
    copies.put_back(old)
    copies.assert_all_restores(1, 2, 3)
    told = desk.house.recovery.recover(REF)
    assert told == ["Closed run 4, which had been cut off."]
    with desk.house.database.units(read_only=True) as uow:
        closed = uow.runs.get(run.id)
    assert (closed.seq, closed.outcome) == (4, RunOutcome.FAILED)
    copies.worlds[4] = {}
    copies.runs(1).assert_all_restores(1, 2, 3, 5)


def test_two_increments_without_receipts_are_refused(copies: OldCopies) -> None:
    desk, old = copies.desk, copies.state
    copies.runs(2)
    folder = desk.house.root / ".receipts" / "pc1" / "docs"
    for number in (4, 5):
        (folder / f"{number:06d}.json").unlink()
    copies.put_back(old)
    with pytest.raises(StorageError, match=r"no receipt of .*, .*whose increment.*--accept-damage"):
        desk.back_up()


def _swap(folder: Path, one: str, other: str) -> None:
    (folder / one).rename(folder / "aside")
    (folder / other).rename(folder / one)
    (folder / "aside").rename(folder / other)


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda folder: (folder / "000005.json").unlink(), "Receipt 000005 is missing"),
        (lambda folder: (folder / "000005.tsv.gz").unlink(), "Manifest 000005 is missing"),
        (lambda folder: (folder / "000005.tsv.gz").write_bytes(b"x"), "Manifest 000005 is not as"),
        (lambda folder: (folder / "act-000001.json").unlink(), "Act 000001 is missing"),
        (lambda folder: _swap(folder, "000004.json", "000005.json"), "Receipt 000004 .*names another run"),
    ],
)
def test_damaged_records_are_named_and_nothing_wrong_is_entered(
    copies: OldCopies, harm: Callable[[Path], None], named: str
) -> None:
    desk, old = copies.desk, copies.state
    copies.runs(3)
    for number in (1, 2):
        acts_of(desk).record(REF, ActKind.HOLD, by="anna", reason="audit", points=(number,))
    copies.put_back(old)
    harm(desk.house.root / ".receipts" / "pc1" / "docs")
    with pytest.raises(StorageError, match=named):
        desk.back_up()


def test_a_database_that_went_its_own_way_is_refused(copies: OldCopies) -> None:
    old = copies.state
    copies.runs(2)
    runs = {key: replace(run, outcome=RunOutcome.PARTIAL) for key, run in old.runs.items()}
    copies.put_back(replace(old, runs=runs))
    with pytest.raises(StorageError, match="tell different things of run 1"):
        copies.desk.back_up()


def test_a_storage_whose_newest_run_is_another_one_is_refused(quick_dir: Path) -> None:
    copies, other = OldCopies(quick_dir / "one").runs(2), OldCopies(quick_dir / "two")
    other.desk.house._random.random()
    other.desk.house._random.randbytes(4)
    other.runs(2)
    stores = copies.desk.house.root, other.desk.house.root
    stores[0].rename(quick_dir / "aside")
    stores[1].rename(stores[0])
    with pytest.raises(StorageError, match="tell different things of run 2"):
        copies.desk.back_up()


def test_no_act_is_written_while_the_database_is_behind(copies: OldCopies) -> None:
    """Its place in the order would be wrong, and so its effect after a rebuild."""
    old = copies.state
    copies.runs(1)
    copies.put_back(old)
    with pytest.raises(StoreBusyError, match="does not know everything yet"):
        acts_of(copies.desk).record(REF, ActKind.PRUNE, by="x", reason="y", points=(1,))
    assert list(copies.desk.house.storage.acts(REF)) == []


def test_what_was_forgotten_is_counted_anew_before_the_next_run(copies: OldCopies) -> None:
    desk = copies.desk
    path = (SourceName("docs"), rel_path(b"only1"))
    desk.docs.delete(b"only1")
    acts_of(desk).record(REF, ActKind.FORGET, by="anna", reason="not ours", paths=(path,))
    (desk.house.current() / "only1").unlink()
    run = desk.back_up()
    assert run.counts.files == sum(thing.kind == "f" for thing in desk.world().values())
    with desk.house.database.units(read_only=True) as uow:
        assert uow.catalog.versions(DOCS, *path) == ()


def test_a_whole_run_that_proves_a_weak_point_makes_it_count(quick_dir: Path) -> None:
    desk, unreadable = half_blind(quick_dir)
    desk.write("a", data=b"new", mtime_ns=T + 1)
    unreadable[0] = 10
    desk.back_up()
    assert [point.counted for point in desk.house.points()] == [Counted.COUNTED, Counted.WEAK]
    assert desk.back_up().outcome is RunOutcome.PARTIAL
    assert desk.newest().counted is Counted.WEAK, "a run that could not read it proves nothing"
    unreadable[0] = 0
    run = desk.back_up()
    assert (run.outcome, run.made_point) == (RunOutcome.SUCCEEDED, False)
    assert (desk.newest().counted, desk.newest().verified_at) == (Counted.COUNTED, run.finished)
