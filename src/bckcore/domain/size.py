"""Sizes as people write them: ``10M``, ``512K``, ``1.5GiB``; steps of 1024."""

import re

from bckcore.errors import InvalidInputError

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parsed_size(text: str) -> int:
    """Bytes from ``10M``, ``512K``, ``1.5GiB`` or ``4096``; steps of 1024. Raises InvalidInputError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(f"{text!r} is not a size.", advice="Write for example 10M, 512K or 4096.")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])
