"""Lookup: what may not be there."""

from collections.abc import Callable
from typing import TypeVar

from bckcore.errors import NotFoundError

T = TypeVar("T")


def or_none(look: Callable[[], T]) -> T | None:
    """What the look finds; None where it raises NotFoundError."""
    try:
        return look()
    except NotFoundError:
        return None
