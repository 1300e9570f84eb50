"""What a run could not read is kept with it, comes back with a rebuild, and marks what is stale."""

from dataclasses import replace
from pathlib import Path

import pytest

from bck_apps.cli import runs
from bck_apps.cli.browse import _folder_table, _tell_stale
from bck_apps.cli.screen import show
from bckcore.domain.act import ActKind
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.problem_reason import Reason
from bckcore.domain.run_problem import (
    LONGEST_MESSAGE,
    MOST_KEPT,
    MOST_TEXT,
    RunProblem,
    first_of,
    run_problem,
)
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import NotFoundError
from bckcore.services.acts import Acts
from bckcore.services.browse import BrowseService
from bckcore.services.run_account import RunAccount, account
from tests.support.databases import sqlite_database
from tests.support.desks import DOCS_PATH, Desk, T
from tests.support.house import DOCS, REF
from tests.support.rebuilds import known, new_database, rebuilding

PICS = "/home/u/pics"


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """1: everything; 2: d unlisted, odd name unreadable, one file vanished, one new; pics is fine."""
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    desk.write("a", "d/x", "d/e/y", "odd\nname", "v")
    desk.tree(PICS).write(b"d/p", b"1", T)
    desk.back_up()
    desk.write("odd\nname", "v", "n", data=b"newer", mtime_ns=T + 1)
    desk.docs.chmod(b"odd\nname", 0o000)
    desk.docs.chmod(b"d", 0o000)
    desk.docs.vanishing.add(next(path for path in desk.docs.nodes if path == b"v"))
    desk.back_up()
    return desk


def told(desk: Desk, wanted: str = "latest") -> RunAccount:
    return account(desk.house.database.units, desk.house.storage, DOCS, wanted)


def named(found: RunAccount) -> list[tuple[str, str, bytes]]:
    return sorted((one.kind.value, one.source, one.path) for one in found.problems)


EXPECTED = [
    ("unlisted", "docs", b"d"),
    ("unreadable", "docs", b"odd\nname"),
    ("vanished", "docs", b"v"),
]


def test_a_run_tells_what_it_could_not_read(desk: Desk) -> None:
    found = told(desk)
    assert (found.run.seq, found.run.outcome, found.run.problem_count) == (2, "partial", 3)
    assert named(found) == EXPECTED
    assert all("Permission denied" in one.message for one in found.problems if one.kind != "vanished")
    assert named(told(desk, "2")) == named(told(desk, found.run.id)) == EXPECTED
    assert told(desk, "1").problems == ()
    receipt, _ = desk.house.storage.read_receipt(REF, 2)
    assert receipt.problems == found.problems


@pytest.mark.parametrize("wanted", ["", "0", "3", "-1", "99999999999", "nothing", "..", "\u0662"])
def test_an_unknown_run_is_refused(desk: Desk, wanted: str) -> None:
    with pytest.raises(NotFoundError, match="has no run"):
        told(desk, wanted)
    with pytest.raises(NotFoundError):
        account(desk.house.database.units, desk.house.storage, ProfileId("other"), "1")


def stale(desk: Desk, path: bytes, point: str = "latest") -> list[bytes]:
    found = BrowseService(units=desk.house.database.units).list_folder(DOCS, point=point, path=path)
    return [one.entry.path for one in found.page.items if found.is_stale(one)]


def test_what_an_earlier_run_saw_is_marked(desk: Desk) -> None:
    assert stale(desk, b"docs") == [b"d", b"odd\nname", b"v"]
    assert stale(desk, b"docs/d") == [b"d/e", b"d/x"]
    assert stale(desk, b"docs/d/e") == [b"d/e/y"]
    assert stale(desk, b"pics/d") == stale(desk, b"") == []
    assert stale(desk, b"docs", point="1") == []
    desk.docs.chmod(b"d", 0o755)
    desk.docs.chmod(b"odd\nname", 0o644)
    desk.back_up()
    assert stale(desk, b"docs") == stale(desk, b"docs/d") == []
    assert stale(desk, b"docs", point="2") == [b"d", b"odd\nname", b"v"]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_rebuild_brings_the_problems_back(desk: Desk, tmp_path: Path, kind: str) -> None:
    before = known(desk.house.database)
    assert [len(of_run) for of_run in before.problems] == [0, 3]  # type: ignore[arg-type]  # tuples
    house = desk.house
    database = new_database(house) if kind == "memory" else sqlite_database(house.clock, tmp_path)
    rebuilding(house, database).rebuild(REF)
    assert known(database) == before


def test_a_run_that_failed_tells_too(desk: Desk) -> None:
    for tree in (desk.docs, desk.tree(PICS)):
        tree.mkdir(b".", T, 0o000)
    assert desk.back_up().outcome == "failed"
    assert named(told(desk)) == [("unlisted", "docs", b"."), ("unlisted", "pics", b".")]


def test_forgotten_paths_are_told_no_more(desk: Desk) -> None:
    acts = Acts(units=desk.house.database.units, storage=desk.house.storage, clock=desk.house.clock)
    place = SourceName("docs"), next(path for path in desk.docs.nodes if path == b"d")
    acts.record(REF, ActKind.FORGET, by="anna", reason="private", paths=(place,))
    assert named(told(desk)) == EXPECTED[1:]


def test_only_so_much_is_kept() -> None:
    long = PathProblem(kind=ProblemKind.UNREADABLE, path=b"x" * 4000, message="m" * 9000)
    one = run_problem(SourceName("docs"), long)
    assert (one.path, len(one.message)) == (long.path, LONGEST_MESSAGE)
    kept = first_of(one for _ in range(10_000))
    assert len(kept) == MOST_TEXT // (4000 + LONGEST_MESSAGE)
    short = RunProblem(source=SourceName("docs"), kind=ProblemKind.UNREADABLE, path=b"x", message="")
    assert len(first_of(short for _ in range(10_000))) == MOST_KEPT


def test_problems_that_name_nothing_of_the_source_are_counted(desk: Desk) -> None:
    with desk.house.database.units() as uow:
        odd = [(ProblemKind.UNKNOWN, b""), (ProblemKind.UNREADABLE, b"/else/where")]
        uow.runs.keep_problems(
            DOCS, 2, [RunProblem(source=SourceName("docs"), kind=k, path=p, message="") for k, p in odd]
        )
        uow.commit()
    found = BrowseService(units=desk.house.database.units).list_folder(DOCS, path=b"docs")
    assert (found.unnamed, found.stale) == (3, frozenset())


def test_people_read_what_is_stale_and_why(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    found = BrowseService(units=desk.house.database.units).list_folder(DOCS, path=b"docs")
    show(False, {}, lambda: _folder_table(found))
    _tell_stale(found)
    out, err = capsys.readouterr()
    assert [line.split()[-2:] for line in out.splitlines() if " stale " in line] == [
        ["stale", "docs/d"],
        ["stale", "docs/odd\\nname"],
        ["stale", "docs/v"],
    ]
    assert "bck run show docs 2" in err
    show(False, {}, lambda: runs._problems_table(told(desk).problems))
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert sorted(rows) == [
        ["unlisted", "docs/d"],
        ["unreadable", "docs/odd\\nname"],
        ["vanished", "docs/v"],
    ]


def test_people_read_what_problems_come_from_and_how_to_see_the_rest(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.tell_first_problems(told(desk))
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith("docs/d: The account that reads for the backup may not") for line in said)
    assert said[-1] == "With the messages: bck run problems docs 2"
    assert len(said) == 4


def test_of_many_problems_only_the_first_are_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(desk)
    many = RunAccount(run=replace(found.run, problem_count=2000), problems=found.problems * 300)
    runs.tell_first_problems(many)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == runs.FIRST_PROBLEMS + 1
    assert said[-1] == "1995 more: bck run problems docs 2"


def test_problems_come_in_parts_and_by_reason(desk: Desk) -> None:
    found = told(desk)
    assert {reason.value: count for reason, count in found.reasons.items()} == {
        "no-permission": 2,
        "vanished": 1,
    }
    first, after = found.part(after=0, limit=2)
    assert after == 2
    second, end = found.part(after=after, limit=2)
    assert (len(second), end) == (1, None)
    assert [one for _, one in (*first, *second)] == list(found.problems)
    some, end = found.part(after=0, limit=1, reason=Reason.NO_PERMISSION)
    assert end == some[-1][0]
    rest, end = found.part(after=end, limit=1, reason=Reason.NO_PERMISSION)
    assert (len(rest), end) == (1, None)
    assert found.part(after=99, limit=1) == ([], None)


def test_of_a_long_message_the_end_is_kept_where_the_reason_stands() -> None:
    problem = PathProblem(
        kind=ProblemKind.UNREADABLE, path=b"p", message="x" * 900 + " Permission denied (13)"
    )
    kept = run_problem(SourceName("docs"), problem)
    assert len(kept.message) == LONGEST_MESSAGE
    assert kept.explanation.reason is Reason.NO_PERMISSION
