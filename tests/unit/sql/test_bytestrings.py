"""What browsing asks a database is put in the words of each one."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

from bck_adapters.sql.bytestrings import from_place, joined, looks_like, slash_place, up_to
from bck_adapters.sql.catalog_browse import at_point
from bck_adapters.sql.catalog_children import _page
from bck_adapters.sql.columns import Blob
from bck_adapters.sql.tables import file_version


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as made:
        yield made
    engine.dispose()


def text(raw: bytes):
    return literal(raw, Blob())


def test_byte_strings_are_joined_cut_and_searched_as_bytes(connection: Connection) -> None:
    raw = b"\xff\xfea/b"
    row = connection.execute(
        select(
            joined(text(raw), b"\0"),
            slash_place(text(raw)),
            slash_place(text(b"ab")),
            from_place(text(raw), 3),
            up_to(text(raw), literal(2)),
        )
    ).one()
    assert tuple(row) == (raw + b"\0", 4, 0, b"a/b", b"\xff\xfe")


@pytest.mark.parametrize(
    ("path", "pieces", "fits"),
    [
        (b"a/Plan.TXT", ("", "plan", ""), True),
        (b"a/Plan.TXT", ("", ".txt"), True),
        (b"a/Plan.TXT.gz", ("", ".txt"), False),
        (b"a/x b", ("", "b", "x", ""), False),
        (b"a%b", ("", "a%b", ""), True),
        (b"acb", ("", "a%b", ""), False),
        (b"acb", ("", "a_b", ""), False),
        (b"a!b", ("", "a!b", ""), True),
        (b"a\\b", ("", "a\\b", ""), True),
        (b"\xff\xfe\xc3plan\x80", ("", "plan", ""), True),
        (b"a\nb", ("", "a\nb"), True),
    ],
)
def test_ascii_pieces_are_found_in_any_bytes(
    connection: Connection, path: bytes, pieces: tuple[str, ...], fits: bool
) -> None:
    assert bool(connection.execute(select(looks_like(text(path), *pieces))).scalar_one()) is fits


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=["sqlite", "postgresql"])
def test_every_question_can_be_put(dialect: Dialect) -> None:
    """Whether PostgreSQL answers the same, the contract suite tells."""
    folder = str(_page(1, b"a/", b"a/", at_point(3), 10).compile(dialect=dialect))
    assert "WITH RECURSIVE names(name, step) AS" in folder
    assert ("2600" in folder) is (dialect.name == "postgresql"), "SQLite needs no words about heads"
    found = str(select(looks_like(file_version.c.path, "", "x", "")).compile(dialect=dialect))
    assert ("ILIKE" in found) is (dialect.name == "postgresql")
    assert ("::bytea" in folder) is (dialect.name == "postgresql")
