"""Real source trees that tests build and edit, and the oracle they are compared with.

The oracle is a plain copy made before a run, or a dictionary the test wrote down; never a record of the
program under test.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BASE_MTIME_NS = 1_700_000_000_123_456_789
ODD_NAMES = (
    b"two  blanks",
    b" lead and trail ",
    b"quote'single",
    b'quote"double',
    b"$HOME",
    b"`id`",
    b"new\nline",
    b"tab\there",
    b"-rf",
    b"a -> b",
    b"back\\slash",
    b"hash\\#012",
    b"*star?[x]",
    b"{a,b}",
    b"non-utf8-\xff\xfe",
    "àé漢".encode(),
    b"\x01\x7f",
    b"n" * 255,
    b".rsync-partial",
    b"*deleting",
    b"trailing.",
)
"""Names that have broken backup programs."""


@dataclass(frozen=True, slots=True)
class RealTree:
    """A folder of this machine as bytes paths below a root; the interface of ``testkit.contracts.Tree``."""

    root: bytes

    @classmethod
    def at(cls, path: Path) -> RealTree:
        """The tree at ``path``, which is made if need be."""
        path.mkdir(parents=True, exist_ok=True)
        return cls(os.fsencode(path))

    def at_path(self, path: bytes) -> bytes:
        """The full path."""
        return self.root if path == b"." else self.root + b"/" + path

    def write(self, path: bytes, data: bytes, mtime_ns: int = BASE_MTIME_NS, mode: int = 0o644) -> None:
        """Write a plain file; folders above it are made, and what stood there goes."""
        self._cleared(path)
        full = self.at_path(path)
        with open(full, "wb") as stream:
            stream.write(data)
        os.chmod(full, mode)
        os.utime(full, ns=(mtime_ns, mtime_ns))

    def mkdir(self, path: bytes, mtime_ns: int = BASE_MTIME_NS, mode: int = 0o755) -> None:
        """Make a folder, or give the one that is there its mode and time."""
        full = self.at_path(path)
        if not (os.path.isdir(full) and not os.path.islink(full)):
            self._cleared(path)
            os.mkdir(full)
        os.chmod(full, mode)
        os.utime(full, ns=(mtime_ns, mtime_ns))

    def symlink(self, path: bytes, target: bytes, mtime_ns: int = BASE_MTIME_NS) -> None:
        """Make a link."""
        self._cleared(path)
        os.symlink(target, self.at_path(path))
        os.utime(self.at_path(path), ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def fifo(self, path: bytes, mtime_ns: int = BASE_MTIME_NS, mode: int = 0o644) -> None:
        """Make a named pipe."""
        self._cleared(path)
        os.mkfifo(self.at_path(path))
        os.chmod(self.at_path(path), mode)
        os.utime(self.at_path(path), ns=(mtime_ns, mtime_ns))

    def sparse(self, path: bytes, size: int, mtime_ns: int = BASE_MTIME_NS) -> None:
        """A file that is one hole but for its last byte."""
        self._cleared(path)
        with open(self.at_path(path), "wb") as stream:
            stream.seek(size - 1)
            stream.write(b"x")
        os.utime(self.at_path(path), ns=(mtime_ns, mtime_ns))

    def chmod(self, path: bytes, mode: int) -> None:
        """Change the permission bits only."""
        os.chmod(self.at_path(path), mode)

    def touch(self, path: bytes, mtime_ns: int) -> None:
        """Change the time only."""
        os.utime(self.at_path(path), ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a path and everything beneath it; what stood at the new place goes."""
        self._cleared(new)
        os.rename(self.at_path(old), self.at_path(new))

    def delete(self, path: bytes) -> None:
        """Take a path and everything beneath it away. Safe to repeat."""
        full = self.at_path(path)
        if os.path.isdir(full) and not os.path.islink(full):
            make_removable(full)
            shutil.rmtree(full)
        elif os.path.lexists(full):
            os.unlink(full)

    def _cleared(self, path: bytes) -> None:
        self.delete(path)
        parent = os.path.dirname(self.at_path(path))
        if os.path.lexists(parent) and not os.path.isdir(parent):
            os.unlink(parent)
        os.makedirs(parent, exist_ok=True)


def make_removable(root: bytes | Path) -> None:
    """Give every folder below ``root`` back to its owner, so that it can be removed."""
    for folder, _, _ in os.walk(os.fsencode(root)):
        os.chmod(folder, 0o700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands at a path: everything a restore must bring back."""

    kind: str
    """One letter of ``ls -l``."""
    mode: int
    mtime_ns: int
    size: int = 0
    digest: str = ""
    target: bytes = b""


def standing_below(root: bytes | Path) -> dict[bytes, Standing]:
    """Everything at and below ``root``, by relative path; the root is ``.``. Never follows a link."""
    base = os.fsencode(root)
    found = {b".": _standing(base)}
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(base + b"/" + folder if folder else base) as entries:
            for entry in entries:
                path = folder + b"/" + entry.name if folder else entry.name
                found[path] = _standing(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def copied_aside(source: Path, aside: Path) -> Path:
    """A plain copy of ``source`` as it is now, attributes and all, made by ``cp`` and not by us."""
    subprocess.run(["cp", "-a", "--", os.fspath(source), os.fspath(aside)], check=True)
    return aside


@dataclass(frozen=True, slots=True)
class Differences:
    """How two trees differ; false when they do not."""

    lines: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        return "\n".join(self.lines[:40])


def differences(
    expected: Mapping[bytes, Standing], found: Mapping[bytes, Standing], *, with_root: bool = True
) -> Differences:
    """What of ``expected`` is missing or other in ``found``, and what is too much."""
    lines: list[str] = []
    for path in sorted({*expected, *found}):
        before, after = expected.get(path), found.get(path)
        if before != after and (with_root or path != b"."):
            lines.append(f"{path!r}: expected {before}, found {after}")
    return Differences(tuple(lines))


def assert_same_tree(expected: Path, found: Path, *, with_root: bool = True) -> None:
    """Names, kinds, bytes, link targets, modes and times (ns) are the same, nothing more, nothing less."""
    difference = differences(standing_below(expected), standing_below(found), with_root=with_root)
    assert not difference, f"{found} differs from {expected}:\n{difference}"


def _standing(full: bytes) -> Standing:
    info = os.lstat(full)
    kind = stat.filemode(info.st_mode)[0]
    if stat.S_ISREG(info.st_mode):
        with open(full, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Standing(
            kind=kind,
            mode=stat.S_IMODE(info.st_mode),
            mtime_ns=info.st_mtime_ns,
            size=info.st_size,
            digest=digest,
        )
    target = os.readlink(full) if stat.S_ISLNK(info.st_mode) else b""
    return Standing(kind=kind, mode=stat.S_IMODE(info.st_mode), mtime_ns=info.st_mtime_ns, target=target)
