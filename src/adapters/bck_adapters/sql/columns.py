"""Column types that mean the same on every database."""

import re
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import DateTime, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times, kept in UTC; SQLite, which knows no zones, stores them as sortable text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, go to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone never reaches the database")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Blob(LargeBinary):
    """Bytes handed to and taken from the driver as they are: both drivers in question speak bytes."""

    def bind_processor(self, dialect: Dialect) -> Any:
        """None: nothing to convert."""
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """None: nothing to convert."""
        return None


_HARD = re.compile("[\x00\x1a\ud800-\udfff]")
_CODED = re.compile("\x1a([0-9a-f]{4})")


def storable(text: str) -> str:
    """A text that every database takes: NUL and halves of surrogate pairs, which some refuse, as a code.

    The code is U+001A and four hexadecimal digits; U+001A itself is written so, too, and nothing else is.
    """
    return _HARD.sub(lambda found: f"\x1a{ord(found[0]):04x}", text) if _HARD.search(text) else text


def as_given(text: str) -> str:
    """The text that :func:`storable` was given."""
    return _CODED.sub(lambda found: chr(int(found[1], 16)), text) if "\x1a" in text else text


class _AnyText(TypeDecorator[str]):
    """See :func:`storable` and :func:`as_given`."""

    impl = sqlalchemy.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As every database takes it."""
        return None if value is None else storable(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """As it was given."""
        return None if value is None else as_given(value)


class String(_AnyText):
    """Short text of any characters."""

    impl = sqlalchemy.String
    cache_ok = True


class Text(_AnyText):
    """Text of any length and characters."""

    impl = sqlalchemy.Text
    cache_ok = True
