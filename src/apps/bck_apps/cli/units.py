"""Sizes and times as people write them. Pure."""

import re
from datetime import UTC, datetime

from bckcore.errors import InvalidInputError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parsed_size(text: str) -> int:
    """Bytes from ``10M``, ``512K``, ``1.5GiB`` or ``4096``; steps of 1024. Raises InvalidInputError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(f"{text!r} is not a size.", advice="Write for example 10M, 512K or 4096.")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def size_text(count: int) -> str:
    """``0 B``, ``999 B``, ``1.5 KiB``, ``20 MiB``."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        # Rounded, not exact: 1023.96 KiB would print as 1024.0 KiB.
        if round(size, 1) < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.1f} {unit}" if unit != "B" and size < 10 else f"{size:.0f} {unit}"


def time_text(at: datetime | None) -> str:
    """Local time with its zone; a dash for none."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}" if at else "-"


def time_json(at: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat() if at else None
