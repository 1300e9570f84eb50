"""Sizes and times as people write them. Pure."""

from datetime import UTC, datetime


def size_text(count: int) -> str:
    """``0 B``, ``999 B``, ``1.5 KiB``, ``20 MiB``."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        # Rounded, not exact: 1023.96 KiB would print as 1024.0 KiB.
        if round(size, 1) < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.1f} {unit}" if unit != "B" and size < 10 else f"{size:.0f} {unit}"


def span_text(seconds: int) -> str:
    """``9 s``, ``3 min 20 s``, ``2 h 5 min``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def time_text(at: datetime | None) -> str:
    """Local time with its zone; a dash for none."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}" if at else "-"


def time_json(at: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat() if at else None
