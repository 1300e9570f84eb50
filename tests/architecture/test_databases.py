"""SQLite and PostgreSQL are equals: nothing that needs a database is tried on one alone without a reason."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("integration", "chaos", "e2e")
_SQLITE = re.compile(r"sqlite", re.IGNORECASE)
_BOTH = re.compile(r"postgresql|def \w+\([^)]*\b(?:fresh_)?url\b")
"""Says PostgreSQL itself, or takes addresses of both kinds from a fixture."""
_INSTALLATION = re.compile(r"\bBck\(|\bserved_world\(|\binitialise\(")
_AGAIN = re.compile(
    r"BCK_TEST_DATABASE=postgresql \{\[shared\]python\}.*? -m \"not long and not sqlite\" (.*)"
)


def modules() -> list[Path]:
    return [file for folder in FOLDERS for file in sorted((ROOT / "tests" / folder).rglob("*.py"))]


def marks_without_reason(text: str) -> list[int]:
    """Lines that set the marker where no comment says why."""
    lines = text.splitlines()
    return [
        number
        for number, line in enumerate(lines, 1)
        if "mark.sqlite" in line and "#" not in line and "#" not in lines[number - 2]
    ]


def sqlite_alone(text: str) -> bool:
    """Whether a test speaks of SQLite and not of PostgreSQL, and no marker says that it is about SQLite."""
    return bool(_SQLITE.search(text)) and not _BOTH.search(text) and "mark.sqlite" not in text


def ties_to_sqlite(text: str) -> bool:
    """Whether what tests stand on opens a SQLite file and has nothing of PostgreSQL to offer instead."""
    return "sqlite:///" in text and not _BOTH.search(text)


def run_again() -> list[str]:
    """What the long tests run once more with every installation on PostgreSQL."""
    return [word for line in _AGAIN.findall((ROOT / "tox.ini").read_text()) for word in line.split()]


def test_what_needs_a_database_is_tried_on_both() -> None:
    alone = [str(file.relative_to(ROOT)) for file in modules() if sqlite_alone(file.read_text("utf-8"))]
    assert alone == [], "try it on PostgreSQL, too, or mark it sqlite and say why"


def test_what_tests_stand_on_ties_none_of_them_to_sqlite() -> None:
    """Else a test that names no database would be one of SQLite alone, unseen."""
    files = sorted((ROOT / "tests" / "support").rglob("*.py"))
    assert files
    assert [file.name for file in files if ties_to_sqlite(file.read_text("utf-8"))] == []


def test_what_is_about_sqlite_says_why() -> None:
    found = {str(file.relative_to(ROOT)): marks_without_reason(file.read_text("utf-8")) for file in modules()}
    assert {file: lines for file, lines in found.items() if lines} == {}


def test_what_works_on_an_installation_is_run_again_on_postgresql() -> None:
    places = run_again()
    assert places
    left_out = [
        name
        for file in modules()
        if _INSTALLATION.search(text := file.read_text("utf-8"))
        and not _BOTH.search(text)
        and "mark.sqlite" not in text
        and not any((name := str(file.relative_to(ROOT))).startswith(place) for place in places)
    ]
    assert left_out == []


def test_a_test_of_sqlite_alone_is_found() -> None:
    assert sqlite_alone('database = sql_database(f"sqlite:///{tmp_path}/x.db", clock)\n')
    assert ties_to_sqlite('made = sql_database(f"sqlite:///{place.database}", clock)\n')
    assert not ties_to_sqlite("made = sql_database(place.url, clock)\n")
    assert not sqlite_alone('params=["sqlite", "postgresql"]\n')
    assert not sqlite_alone("pytestmark = pytest.mark.sqlite  # about its file\n")
    assert marks_without_reason("x = 1\n\n@pytest.mark.sqlite\n") == [3]
    assert marks_without_reason("x = 1\n\n@pytest.mark.sqlite  # why\n") == []
