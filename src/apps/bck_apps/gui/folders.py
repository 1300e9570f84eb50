"""Folder paths as a person types them: full POSIX or Windows paths, normal form, none inside another. Pure.

The path belongs to the computer that is backed up, which may not be the one the client runs on: nothing
here looks at a disk. The server checks the same rules and its allow-list again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class FolderError(ValueError):
    """A folder cannot be taken. ``code`` names the rule; ``other`` the folder it collides with."""

    def __init__(self, code: str, path: str, other: str = "") -> None:
        super().__init__(f"{code}: {path}")
        self.code = code
        self.path = path
        self.other = other


def normal_folder(text: str) -> str:
    """A full path without trailing or doubled separators. Raises FolderError."""
    raw = text.lstrip()  # a full path begins with no blank; it may end with one
    if not raw:
        raise FolderError("folder-empty", text)
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in raw):
        raise FolderError("folder-unprintable", text)
    windows = bool(_DRIVE.match(raw))
    if not windows and not raw.startswith("/"):
        raise FolderError("folder-not-full", text)
    parts = [part for part in re.split(r"[\\/]" if windows else "/", raw) if part not in ("", ".")]
    if ".." in parts:
        raise FolderError("folder-dots", text)
    if windows:
        drive = parts[0].upper()
        return drive + "\\" + "\\".join(parts[1:])
    return "/" + "/".join(parts)


def _key(folder: str) -> tuple[str, ...]:
    """Components for comparing; Windows compares without regard to case."""
    if _DRIVE.match(folder):
        return tuple(part.casefold() for part in folder.split("\\") if part)
    return ("/", *(part for part in folder.split("/") if part))


def require_disjoint(folders: Iterable[str]) -> None:
    """Raise FolderError if two normal folders are the same or one lies in the other."""
    seen: list[str] = []
    for folder in folders:
        for other in seen:
            short, long = sorted((_key(folder), _key(other)), key=len)
            if long[: len(short)] == short:
                code = "folder-double" if len(long) == len(short) else "folder-overlap"
                raise FolderError(code, folder, other)
        seen.append(folder)
