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


def _coder(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _decoder(value: Any) -> Any:
    return as_given(value) if isinstance(value, str) else value


class String(sqlalchemy.String):
    """Short text of any characters."""

    def bind_processor(self, dialect: Dialect) -> Any:
        """See :func:`storable`."""
        return _coder

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """See :func:`as_given`."""
        return _decoder


class Text(sqlalchemy.Text):
    """Text of any length and characters."""

    def bind_processor(self, dialect: Dialect) -> Any:
        """See :func:`storable`."""
        return _coder

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """See :func:`as_given`."""
        return _decoder
