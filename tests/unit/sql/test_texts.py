"""Texts of any characters fit into every database and come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import types

from bck_adapters.sql.columns import as_given, storable
from bck_adapters.sql.engine import parsed_url, shown
from bck_adapters.sql.tables import metadata
from bckcore.errors import InvalidInputError

ANY_TEXT = st.text(st.characters(categories=None) | st.sampled_from("\0\x1a\ud800\udcff0af"))


@given(ANY_TEXT)
def test_any_text_comes_back(text: str) -> None:
    stored = storable(text)
    assert as_given(stored) == text
    assert "\0" not in stored
    stored.encode("utf-8")


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_are_never_stored_alike(one: str, other: str) -> None:
    assert (storable(one) == storable(other)) is (one == other)


def test_plain_texts_are_stored_as_they_are() -> None:
    assert storable("perché no? \U0001f512\n") == "perché no? \U0001f512\n"


def test_every_column_of_text_takes_any_text() -> None:
    """A column of SQLAlchemy's own String or Text would refuse some on PostgreSQL."""
    all_columns = [column for table in metadata.tables.values() for column in table.columns]
    assert [str(column) for column in all_columns if isinstance(column.type, types.String)] == []


@pytest.mark.parametrize(
    "address", ["posl://bc//bc@bd\udcff/bck", "sqlite://host/\udcff:memory:", "mysql://h/\ud800"]
)
def test_an_address_of_a_database_that_is_no_text_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError):
        shown(parsed_url(address))
