"""Marked secrets, and where they are looked for: files, and what processes are called and given."""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path


class Canaries:
    """All that must be found nowhere, by name."""

    def __init__(self) -> None:
        self.marks: dict[str, bytes] = {}

    def let_fly(self, name: str, secret: str) -> None:
        self.marks[name] = secret.encode()
        self.marks[f"{name} in base64"] = base64.b64encode(secret.encode())[:-4].rstrip(b"=")

    def found_in(self, where: str, content: bytes) -> list[str]:
        return [f"{name} in {where}" for name, mark in self.marks.items() if mark in content]


def files_below(*folders: Path, but: Collection[str] = ()) -> Iterator[tuple[Path, bytes]]:
    """What stands in them, but in folders called ``but``; files of the moment may go meanwhile."""
    for top in folders:
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(set(inner).difference(but))
            for path in sorted(Path(folder, name) for name in names):
                with suppress(FileNotFoundError):
                    if path.is_file() and not path.is_symlink():
                        yield path, path.read_bytes()


def processes() -> Iterator[tuple[str, bytes]]:
    """Command line and environment of every process that may be looked at."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            for what in ("cmdline", "environ"):
                try:
                    content = (entry / what).read_bytes()
                except OSError:
                    continue
                if content:
                    yield f"/proc/{entry.name}/{what}: {content[:80]!r}", content


def assert_in_no_process(canaries: Canaries, *pids: int) -> None:
    """In no command line and no environment; those of ``pids`` must be among what was looked at."""
    seen = dict(processes())
    for pid in pids:
        assert any(where.startswith(f"/proc/{pid}/environ:") for where in seen), f"{pid} was not looked at"
    for where, content in seen.items():
        assert canaries.found_in(where, content) == []
