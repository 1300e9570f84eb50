"""Paths inside a source: bytes, relative, slash-separated, exactly as the host names them.

The root of a source is ``b"."``. Sorted as bytes, a folder comes before what it holds - the root excepted,
which some names precede.
"""

from collections.abc import Iterator
from typing import NewType

from bckcore.errors import InvalidInputError

RelPath = NewType("RelPath", bytes)
"""A path below a source root; no leading slash, no empty, ``.`` or ``..`` component, no NUL."""

ROOT = RelPath(b".")

_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,=@ ")
_HEX = "0123456789ABCDEFabcdef"
_DECODED = {high + low: bytes((int(high + low, 16),)) for high in _HEX for low in _HEX}
_ENCODED = tuple(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in range(256))


def rel_path(raw: bytes) -> RelPath:
    """Check and return a relative path; raises InvalidInputError for anything that could escape."""
    if raw == b".":
        return ROOT
    parts = raw.split(b"/")
    if b"\0" in raw or any(part in (b"", b".", b"..") for part in parts):
        raise InvalidInputError(f"{display(raw)} is not a path inside a source.")
    return RelPath(raw)


def components(path: RelPath) -> list[bytes]:
    """The names from the root down; empty for the root itself."""
    return [] if path == ROOT else path.split(b"/")


def parents(path: RelPath) -> Iterator[RelPath]:
    """Every folder above ``path``, nearest first, ending with the root."""
    while path != ROOT:
        head, _, _ = path.rpartition(b"/")
        path = RelPath(head) if head else ROOT
        yield path


def is_below(path: RelPath, folder: RelPath) -> bool:
    """True if ``path`` is ``folder`` or lies in it."""
    return folder in (ROOT, path) or path.startswith(folder + b"/")


def percent_encoded(raw: bytes) -> str:
    """ASCII text without TAB, newline or quote that :func:`percent_decoded` turns back exactly."""
    return "".join(map(_ENCODED.__getitem__, raw))


def percent_decoded(text: str) -> bytes:
    """The bytes that :func:`percent_encoded` was given. Raises InvalidInputError on malformed text."""
    head, *rest = text.split("%")
    try:
        return head.encode("ascii") + b"".join(
            _DECODED[piece[:2]] + piece[2:].encode("ascii") for piece in rest
        )
    except (KeyError, UnicodeEncodeError) as exc:
        raise InvalidInputError(f"{text!r} is not a percent-encoded path.") from exc


def display(raw: bytes) -> str:
    """Text for people and logs: UTF-8 where it is, control and undecodable bytes escaped."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
