"""Each kind of record lost, harmed or exchanged: named, refused, and salvaged as far as it is certain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bck_adapters.memory import MemoryDatabase
from bckcore.domain.act import ActKind
from bckcore.domain.run import RunOutcome
from bckcore.errors import HostUnreachableError, StorageError
from bckcore.services.acts import Acts
from bckcore.services.chain import chain_findings
from bckcore.services.rebuild import RebuildReport
from tests.support.desks import Desk, T
from tests.support.house import DOCS, REF
from tests.support.patience import later
from tests.support.rebuilds import Known, known, rebuilding
from tests.support.worlds import World


@dataclass
class Chronicle:
    """Twenty-six runs with a failed and a quiet one between them; full manifests are those of 1 and 23."""

    desk: Desk
    worlds: dict[int, World] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.desk.house.root / ".receipts" / "pc1" / "docs"

    def run(self, number: int) -> None:
        """One more, with a change of a file that is there, one that comes and one that goes."""
        desk = self.desk
        desk.write("a", data=b"%d" % number, mtime_ns=T + number)
        desk.write(f"only{number}")
        desk.docs.delete(b"only%d" % (number - 3))
        run = desk.back_up()
        self.worlds[run.seq] = desk.world()

    def live(self) -> "Chronicle":
        for number in range(1, 27):
            if number == 7:
                self.desk.host.errors.append(HostUnreachableError("down"))
                assert self.desk.back_up().outcome is RunOutcome.FAILED
            elif number == 9:
                assert not self.desk.back_up().made_point
            else:
                self.run(number)
        return self

    def act(self, kind: ActKind, *points: int) -> None:
        units, house = self.desk.house.database.units, self.desk.house
        acts = Acts(units=units, storage=house.storage, clock=house.clock)
        acts.record(REF, kind, by="anna", reason="audit", points=points)

    def faults(self) -> list[str]:
        return [finding.text for finding in chain_findings(self.desk.house.storage, REF)]

    def points(self) -> list[int]:
        return [point.seq for point in self.desk.house.points()]

    def salvaged(self) -> RebuildReport:
        """Refused first, without any change; then accepted. Every point that is left restores."""
        before = known(self.desk.house.database)
        with pytest.raises(StorageError, match="not whole"):
            rebuilding(self.desk.house).rebuild(REF)
        assert known(self.desk.house.database) == before
        report = rebuilding(self.desk.house).rebuild(REF, accept_damage=True)
        self.assert_all_restores()
        return report

    def assert_all_restores(self) -> None:
        for point in self.desk.house.points():
            self.desk.assert_restores(self.worlds[point.seq], point.seq)

    def go_on(self, count: int = 2) -> None:
        """Life after it; and what comes now is told whole: a further rebuild gives the same."""
        house = self.desk.house
        for number in range(100, 100 + count):
            self.run(number)
        self.assert_all_restores()
        before: Known = known(house.database)
        rebuilding(house).rebuild(REF, accept_damage=True)
        assert known(house.database) == before
        house.prune(3)
        self.assert_all_restores()
        self.run(200)
        self.assert_all_restores()


ALL = [seq for seq in range(1, 27) if seq not in (7, 9)]


@pytest.fixture
def books(quick_dir: Path) -> Chronicle:
    desk = Desk(quick_dir, database=lambda clock: MemoryDatabase(clock).as_database())
    chronicle = Chronicle(desk).live()
    assert chronicle.points() == ALL
    assert chronicle.faults() == []
    return chronicle


def flip(place: Path, at: float = 0.5) -> None:
    """Turn one bit over."""
    raw = bytearray(place.read_bytes())
    raw[int(len(raw) * at)] ^= 4
    place.write_bytes(bytes(raw))


def test_a_flipped_bit_in_any_receipt_or_manifest_is_named(books: Chronicle) -> None:
    for seq in (1, 2, 7, 9, 12, 23, 26):
        flip(books.folder / f"{seq:06d}.json")
        (fault,) = books.faults()
        assert fault.startswith(f"receipt {seq:06d} is unreadable: ")
        flip(books.folder / f"{seq:06d}.json")  # back again
    for seq in (1, 12, 23, 26):
        flip(books.folder / f"{seq:06d}.tsv.gz")
        assert books.faults() == [f"manifest {seq:06d} is changed: its receipt names another"]
        flip(books.folder / f"{seq:06d}.tsv.gz")
    assert books.faults() == []


def test_what_is_missing_or_exchanged_is_named(books: Chronicle) -> None:
    for number in (2, 3, 4):
        books.act(ActKind.HOLD, number)
    for name in ("000012.json", "000013.json", "000015.tsv.gz", "act-000002.json"):
        (books.folder / name).unlink()
    one, other = books.folder / "000020.json", books.folder / "000021.json"
    raw = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(raw)
    assert [fault.partition(":")[0] for fault in books.faults()] == [
        "receipts 000012 to 000013 are missing",
        "manifest 000015 is missing",
        "receipt 000020 is unreadable",
        "receipt 000021 is unreadable",
        "act 000002 is missing",
    ]


def test_a_receipt_written_anew_with_a_fitting_seal_is_named_by_the_next(books: Chronicle) -> None:
    from dataclasses import replace

    from bckcore.domain.receipt import encoded

    receipt, _ = books.desk.house.storage.read_receipt(REF, 12)
    (books.folder / "000012.json").write_bytes(encoded(replace(receipt, filters=("all",))))
    assert books.faults() == ["receipt 000012 is changed: receipt 000013 names another"]


def test_an_act_tells_that_receipts_before_it_were_taken_away(books: Chronicle) -> None:
    books.act(ActKind.HOLD, 2)
    for number in (25, 26):
        (books.folder / f"{number:06d}.json").unlink()
    assert books.faults() == ["receipts 000025 to 000026 are missing"]


Harm = Callable[[Path], None]


@pytest.mark.parametrize(
    ("seq", "harm"),
    [(1, Path.unlink), (12, flip), (22, flip), *later((1, flip), (12, Path.unlink), (22, Path.unlink))],
)
def test_without_a_receipt_its_own_point_is_lost_and_no_other(books: Chronicle, seq: int, harm: Harm) -> None:
    harm(books.folder / f"{seq:06d}.json")
    books.salvaged()
    assert books.points() == [one for one in ALL if one != seq]
    books.go_on()


@pytest.mark.parametrize("seq", [7, 9])
def test_without_the_receipt_of_a_run_that_made_no_point_nothing_is_lost(books: Chronicle, seq: int) -> None:
    (books.folder / f"{seq:06d}.json").unlink()
    books.salvaged()
    assert books.points() == ALL
    books.go_on()


@pytest.mark.parametrize("harm", [flip, *later(Path.unlink)])
@pytest.mark.parametrize(("seq", "lost"), [(1, range(1, 23)), (12, range(12, 23)), (22, [22])])
def test_without_a_manifest_points_are_lost_until_the_next_full_one(
    books: Chronicle, seq: int, lost: range, harm: Harm
) -> None:
    harm(books.folder / f"{seq:06d}.tsv.gz")
    report = books.salvaged()
    assert books.points() == [one for one in ALL if one not in lost]
    assert any(f"points {', '.join(str(one) for one in lost if one in ALL)}." in n for n in report.notes)
    books.go_on()


@pytest.mark.parametrize(("seq", "left"), [(26, range(1, 26)), (23, range(1, 23)), (24, range(1, 24))])
def test_without_a_manifest_of_the_newest_state_the_next_run_tells_everything_anew(
    books: Chronicle, seq: int, left: range
) -> None:
    flip(books.folder / f"{seq:06d}.tsv.gz")
    books.salvaged()
    assert books.points() == [one for one in ALL if one in left]
    books.desk.back_up()
    receipt = list(books.desk.house.storage.receipts(REF))[-1][0]
    assert receipt.manifest is not None
    assert receipt.manifest.base is None, "nothing certain is there to build on"
    books.worlds[receipt.run.seq] = books.desk.world()
    books.go_on()


@pytest.mark.parametrize("gone", [[26], [24, 25, 26], *later([25, 26])])
@pytest.mark.parametrize("harm", [flip, *later(Path.unlink)])
def test_without_the_newest_receipts_their_increments_are_kept_for_the_points_before(
    books: Chronicle, gone: list[int], harm: Harm
) -> None:
    books.act(ActKind.HOLD, 2)
    for seq in gone:
        harm(books.folder / f"{seq:06d}.json")
    books.salvaged()
    assert books.points() == [one for one in ALL if one not in gone]
    with books.desk.house.database.units(read_only=True) as uow:
        runs = uow.runs.list(DOCS)
        assert [run.seq for run in runs if run.outcome is None] == []
        assert {run.id for run in runs} >= set(books.desk.house.storage.increments(REF))
    books.go_on()


def test_points_that_a_lost_act_may_have_pruned_are_left_out_and_the_others_kept(books: Chronicle) -> None:
    books.act(ActKind.HOLD, 4)
    books.desk.house.prune(5)
    books.run(50)
    kept = books.points()
    (books.folder / "act-000002.json").unlink()
    report = books.salvaged()
    assert any("may have pruned" in note for note in report.notes)
    left = books.points()
    assert set(left) <= set(kept), "a point that was pruned cannot be restored"
    assert {*kept} - {*left} <= {4, kept[1]}, "points whose own increment stands are kept"
    books.go_on()


def test_a_lost_hold_is_told(books: Chronicle) -> None:
    books.act(ActKind.HOLD, 4)
    books.act(ActKind.HOLD, 5)
    flip(books.folder / "act-000001.json")
    report = books.salvaged()
    assert any("Acts 1 are lost" in note for note in report.notes)
    assert books.points() == ALL
    with books.desk.house.database.units(read_only=True) as uow:
        assert [hold.seq for hold in uow.holds.list(DOCS)] == [5]
    books.act(ActKind.HOLD, 6)
    books.go_on()


def test_a_lost_newest_act_frees_its_number(books: Chronicle) -> None:
    books.act(ActKind.HOLD, 4)
    flip(books.folder / "act-000001.json")
    books.salvaged()
    books.act(ActKind.HOLD, 6)
    with books.desk.house.database.units(read_only=True) as uow:
        assert [hold.seq for hold in uow.holds.list(DOCS)] == [6]
        assert uow.acts.last(DOCS) == 1
    assert books.faults() == []


def test_everything_but_the_files_is_lost(books: Chronicle) -> None:
    for place in books.folder.iterdir():
        place.unlink()
    with pytest.raises(StorageError, match="no receipt of docs"):
        rebuilding(books.desk.house).rebuild(REF, accept_damage=True)
