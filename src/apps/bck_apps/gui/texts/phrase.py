"""A sentence before it is worded: a key and its amounts, in no language yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Count:
    """How many; chooses between ``key.one`` and ``key.other`` when given as ``count``."""

    value: int


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes."""

    value: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Bytes per second."""

    value: int


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in seconds."""

    value: float


@dataclass(frozen=True, slots=True)
class Ago:
    """How long ago, in seconds."""

    value: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time; shown in the zone of this computer."""

    value: datetime


@dataclass(frozen=True, slots=True)
class Phrase:
    """A key of the catalogue and what goes into it."""

    key: str
    args: Mapping[str, Amount] = field(default_factory=dict)


Amount: TypeAlias = Count | Size | Rate | Span | Ago | Moment | Phrase | str
