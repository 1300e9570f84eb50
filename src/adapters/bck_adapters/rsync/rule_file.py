"""Filter rules as arguments of rsync, and in a file where they are too many for a command line."""

import os
from collections.abc import Sequence
from pathlib import Path

_MOST_BYTES = 64 << 10
"""A command line has room for 2 MiB in all."""


def filter_args(rules: Sequence[bytes], file: Path) -> list[bytes]:
    """rsync's arguments for its filter rules. More than 64 KiB of them are written to ``file``.

    Raises OSError.
    """
    if sum(map(len, rules)) <= _MOST_BYTES:
        return [b"--filter=" + rule for rule in rules]
    file.write_bytes(b"".join(rule + b"\0" for rule in rules))
    return [b"--from0", b"--filter=. " + os.fsencode(file)]
