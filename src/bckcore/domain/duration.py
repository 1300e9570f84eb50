"""Durations as people write them: ``7d``, ``12h``, ``1w2d``."""

import re
from datetime import timedelta

from bckcore.errors import InvalidInputError

_UNITS = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")


def parsed_duration(text: str) -> timedelta:
    """The duration; units w d h m s, largest first, each at most once. Raises InvalidInputError."""
    found = _FORM.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise InvalidInputError(f"{text!r} is not a duration.", advice="Write it like 7d, 12h or 1w2d.")
    amounts = (int(amount or 0) for amount in found.groups())
    return timedelta(
        seconds=sum(amount * size for amount, size in zip(amounts, _UNITS.values(), strict=True))
    )


def duration_text(duration: timedelta) -> str:
    """Whole seconds in the form that :func:`parsed_duration` reads back; weeks are written as days."""
    rest, parts = int(duration.total_seconds()), []
    for unit, size in _UNITS.items():
        amount, rest = (0, rest) if unit == "w" else divmod(rest, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"
