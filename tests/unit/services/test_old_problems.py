"""What old runs could not read leaves the database; receipts keep it and tell it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bck_apps.api.views_history import problem_page, run_account_view
from bck_apps.cli import runs
from bck_apps.cli.history_documents import problems_document, run_account_document
from bckcore.domain.act import ActKind
from bckcore.domain.ids import SourceName
from bckcore.domain.run_problem import RUNS_WITH_PROBLEMS
from bckcore.plugins.registry import Database
from bckcore.services import old_problems
from bckcore.services.acts import Acts
from bckcore.services.browse import BrowseService
from bckcore.services.old_problems import OldProblems
from bckcore.services.run_account import RunAccount, account
from tests.support.databases import sqlite_database
from tests.support.desks import DOCS_PATH, Desk
from tests.support.house import DOCS, REF
from tests.support.rebuilds import new_database, rebuilding

KEPT = 2
"""Instead of fifty: each run is a backup here."""


@pytest.fixture
def desk(quick_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Six backups, none of which can read one of its two files; the first, third and last made a point."""
    monkeypatch.setattr(old_problems, "RUNS_WITH_PROBLEMS", KEPT)
    desk = Desk(quick_dir, sources=(DOCS_PATH,))
    desk.write("a", "closed")
    desk.docs.chmod(b"closed", 0o000)
    for number in (1, 1, 2, 2, 2, 3):
        desk.write("a", data=b"x" * number, mtime_ns=number)
        desk.back_up()
    return desk


def with_problems(database: Database) -> list[int]:
    with database.units(read_only=True) as uow:
        return [run.seq for run in uow.runs.list(DOCS) if uow.runs.problems(DOCS, run.seq)]


def told(desk: Desk, wanted: str) -> RunAccount:
    return account(desk.house.database.units, desk.house.storage, DOCS, wanted)


def test_what_old_runs_could_not_read_goes_in_small_parts(desk: Desk) -> None:
    database = desk.house.database
    assert with_problems(database) == [1, 2, 3, 4, 5, 6]
    keeping = OldProblems(database.units)
    assert (keeping.drop(limit=1), with_problems(database)) == (1, [1, 3, 4, 5, 6])
    assert (keeping.drop(limit=9), with_problems(database)) == (1, [1, 3, 5, 6])
    assert (keeping.drop(limit=9), with_problems(database)) == (0, [1, 3, 5, 6])


def test_points_that_are_kept_go_on_telling_what_is_stale(desk: Desk) -> None:
    desk.write("closed", "a", data=b"read at last", mtime_ns=9)
    desk.docs.chmod(b"closed", 0o644)
    desk.back_up()
    desk.write("closed", data=b"newer", mtime_ns=10)
    desk.docs.chmod(b"closed", 0o000)
    for number in (10, 10, 10, 10):
        desk.write("a", data=b"y" * number, mtime_ns=number)
        desk.back_up()
    point = str(desk.house.points()[-1].seq)
    OldProblems(desk.house.database.units).drop(limit=99)
    found = BrowseService(units=desk.house.database.units).list_folder(DOCS, point=point, path=b"docs")
    assert [one.entry.path for one in found.page.items if found.is_stale(one)] == [b"closed"]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_rebuild_brings_back_no_more_than_is_kept(desk: Desk, tmp_path: Path, kind: str) -> None:
    house = desk.house
    database = new_database(house) if kind == "memory" else sqlite_database(house.clock, tmp_path)
    rebuilding(house, database).rebuild(REF)
    assert with_problems(database) == [1, 3, 5, 6]
    assert OldProblems(database.units).drop(limit=9) == 0
    database.close()


def test_an_old_run_is_told_by_its_receipt(desk: Desk) -> None:
    before = told(desk, "2")
    OldProblems(desk.house.database.units).drop(limit=99)
    assert with_problems(desk.house.database) == [1, 3, 5, 6]
    assert told(desk, "2") == before
    assert [one.path for one in before.problems] == [b"closed"]


def test_what_was_forgotten_is_not_told_by_a_receipt_either(desk: Desk) -> None:
    OldProblems(desk.house.database.units).drop(limit=99)
    acts = Acts(units=desk.house.database.units, storage=desk.house.storage, clock=desk.house.clock)
    closed = next(path for path in desk.docs.nodes if path == b"closed")
    acts.record(REF, ActKind.FORGET, by="anna", reason="private", paths=((SourceName("docs"), closed),))
    found = told(desk, "2")
    assert (found.problems, found.held) == ((), True)


def damaged(receipt: Path) -> None:
    receipt.write_bytes(b"{}")


def of_another_storage(receipt: Path) -> None:
    other = receipt.with_name("000004.json").read_bytes()
    receipt.write_bytes(other.replace(b'"seq": 4', b'"seq": 2'))


@pytest.mark.parametrize("harm", [Path.unlink, damaged, of_another_storage])
def test_where_no_receipt_tells_an_old_run_people_are_told_which_one_would(
    desk: Desk, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], object]
) -> None:
    OldProblems(desk.house.database.units).drop(limit=99)
    receipt = desk.house.root / ".receipts/pc1/docs/000002.json"
    receipt.chmod(0o600)
    receipt.parent.chmod(0o700)
    harm(receipt)
    old, young = told(desk, "2"), told(desk, "latest")
    assert [(one.held, len(one.problems)) for one in (old, young)] == [(False, 0), (True, 1)]
    for one in (old, young):
        documents = (
            run_account_document(one),
            run_account_view(one).model_dump(),
            problems_document(one, after=0, limit=9),
            problem_page(one, after=0, limit=9, reason=None).model_dump(),
        )
        assert [document["held"] for document in documents] == [one.held] * 4
    runs._tell_unkept(old)
    said = " ".join(capsys.readouterr().err.split())
    assert "This run had 1 problem. Which paths they were is told by its receipt alone, number 2 of" in said


def test_a_run_without_problems_is_no_old_one(desk: Desk) -> None:
    desk.docs.chmod(b"closed", 0o644)
    desk.back_up()
    assert told(desk, "latest").held


def test_so_many_runs_are_promised_to_people() -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "follow-a-job.md"
    assert f"for the newest {RUNS_WITH_PROBLEMS} runs of a profile" in page.read_text("utf-8")
