"""Stores and target folders for restores into folders that hold something already."""

from __future__ import annotations

import os
from pathlib import Path

from bck_adapters.digest import digest_of
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath
from bckcore.domain.push import Conflict
from bckcore.ports.extraction import Placement
from tests.support.storage_fs import REF, SOURCE, Link, Tree, new_store, placement, plant, run_id

NOW = 1_700_000_000_123_456_789
CHOICES = [None, *Conflict]


def file(path: bytes, data: bytes, mode: int = 0o644) -> FileEntry:
    """A file with its digest."""
    return FileEntry(
        RelPath(path), EntryKind.FILE, mode, os.getuid(), os.getgid(), NOW, len(data), digest=digest_of(data)
    )


def folder(path: bytes, mode: int = 0o755) -> FileEntry:
    """A folder."""
    return FileEntry(RelPath(path), EntryKind.FOLDER, mode, os.getuid(), os.getgid(), NOW + 1, 0)


def link(path: bytes, target: bytes) -> FileEntry:
    """A link."""
    return FileEntry(RelPath(path), EntryKind.LINK, 0o777, os.getuid(), os.getgid(), NOW, 0, target)


def stored(place: Path, entries: list[FileEntry]) -> FsStorage:
    """A store whose ``current`` has the bytes of the files: their own paths, repeated to their size."""
    storage = new_store(place)
    storage.begin_attempt(REF, run_id(1), SOURCE)
    current = place / "store" / "current" / REF.host / REF.profile / SOURCE
    for one in entries:
        if one.kind is EntryKind.FILE:
            plant(current, {one.path: content(one)}, mtime_ns=one.mtime_ns)
    return storage


def content(entry: FileEntry) -> bytes:
    """The bytes of a file in :func:`stored`."""
    return (bytes(entry.path) * (entry.size // len(entry.path) + 1))[: entry.size]


def a_file(path: bytes, mode: int = 0o644) -> FileEntry:
    """A file that holds its own name."""
    return file(path, path, mode)


def into(tmp_path: Path, conflict: Conflict | None = Conflict.KEEP_BOTH, **changes: object) -> Placement:
    """Into ``tmp_path``/into/home."""
    (tmp_path / "into").mkdir(exist_ok=True)
    return placement(tmp_path / "into", below=b"home", conflict=conflict, **changes)


def home(tmp_path: Path) -> Path:
    """Where the source is restored."""
    return tmp_path / "into" / "home"


THINGS: dict[str, Tree] = {
    "file": {b"x": b"mine"},
    "link": {b"x": Link(b"/etc/hostname")},
    "dangling link": {b"x": Link(b"nowhere")},
    "full folder": {b"x/inner/f": b"mine"},
}
WANTED = {
    "file": [a_file(b"x")],
    "link": [link(b"x", b"else/where")],
    "folder": [folder(b"x"), a_file(b"x/f")],
}
