"""Folder trees of the demonstration: copy, change, compare. The program under show has no part in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 20_000
MOST_BYTES = 300_000_000
ENOUGH_FILES = 200
"""A default tree with fewer is not much of a show; the next candidate is looked at."""


@dataclass(slots=True)
class Copied:
    """What a copy holds, and what it left out."""

    files: int = 0
    bytes: int = 0
    links: int = 0
    folders: int = 0
    unreadable: int = 0
    special: int = 0
    cut: bool = False
    """The limit was reached; the rest of the tree is left out."""


def default_source() -> Path:
    """A real tree of this machine: the first candidate that holds enough."""
    candidates = (Path("/usr/share/doc"), Path("/usr/share"), Path(sysconfig.get_path("stdlib")))
    for candidate in candidates:
        count = 0
        for _folder, _folders, files in os.walk(candidate):
            count += len(files)
            if count >= ENOUGH_FILES:
                return candidate
    return Path(sys.prefix)


def copy_tree(source: Path, target: Path) -> Copied:
    """Copy names, bytes, modes, times and links, at most MOST_FILES files and MOST_BYTES bytes.

    Folders become writable for their owner, so that the demonstration can change what is in them.
    """
    done = Copied()
    _copy_folder(os.fsencode(source.resolve()), os.fsencode(target), done)
    return done


def _copy_folder(source: bytes, target: bytes, done: Copied) -> None:
    os.mkdir(target)
    done.folders += 1
    try:
        entries = sorted(os.scandir(source), key=lambda entry: entry.name)
    except PermissionError:
        done.unreadable += 1
        entries = []
    for entry in entries:
        there = os.path.join(target, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), there)
            done.links += 1
            shutil.copystat(entry.path, there, follow_symlinks=False)
        elif entry.is_dir(follow_symlinks=False):
            _copy_folder(entry.path, there, done)
        elif entry.is_file(follow_symlinks=False):
            _copy_file(entry, there, done)
        else:
            done.special += 1
    shutil.copystat(source, target)
    seconds = os.stat(source)
    os.chmod(target, stat.S_IMODE(seconds.st_mode) | stat.S_IRWXU)


def _copy_file(entry: os.DirEntry[bytes], target: bytes, done: Copied) -> None:
    size = entry.stat(follow_symlinks=False).st_size
    if done.files >= MOST_FILES or done.bytes + size > MOST_BYTES:
        done.cut = True
        return
    try:
        shutil.copyfile(entry.path, target)
        shutil.copystat(entry.path, target)
    except PermissionError:
        done.unreadable += 1
        return
    done.files += 1
    done.bytes += size


def set_aside(tree: Path, copy: Path) -> None:
    """An exact second copy, made by cp: the judge of what comes back."""
    subprocess.run(["cp", "-a", "--", str(tree), str(copy)], check=True)


# --- what happens on the PC between the runs ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done to the PC's folder."""

    verb: str
    path: bytes

    def __str__(self) -> str:
        name = self.path.decode("utf-8", "backslashreplace")
        return f"{self.verb:<9} {name}"


def change_tree(tree: Path) -> list[Change]:
    """Edit, add, rename and delete, as people do; gives what was done."""
    root = os.fsencode(tree)
    files = [path for path in _files(root) if os.path.getsize(os.path.join(root, path)) > 0]
    picked = iter(files[:: max(1, len(files) // 12)])
    changes = []
    for verb, act in (
        ("edited", _append),
        ("edited", _append),
        ("rewritten", _rewrite_in_the_same_second),
        ("mode set", _set_mode),
        ("renamed", _rename),
        ("deleted", os.unlink),
        ("deleted", os.unlink),
    ):
        if path := next(picked, None):
            act(os.path.join(root, path))
            changes.append(Change(verb, path))
    return changes + _add(root) + _delete_a_folder(root, {change.path for change in changes})


def _files(root: bytes) -> list[bytes]:
    found = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                found.append(os.path.relpath(path, root))
    return found


def _append(path: bytes) -> None:
    os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) | stat.S_IWUSR)
    with open(path, "ab") as file:
        file.write(b"\nA line added between the two backups.\n")


def _rewrite_in_the_same_second(path: bytes) -> None:
    """Other bytes, same size, same second: the edit that a careless backup never sees."""
    before = os.lstat(path)
    os.chmod(path, stat.S_IMODE(before.st_mode) | stat.S_IWUSR)
    with open(path, "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(b"~" if first != b"~" else b"!")
    second = before.st_mtime_ns // 10**9 * 10**9
    os.utime(path, ns=(before.st_atime_ns, second + (before.st_mtime_ns + 1) % 10**9))


def _set_mode(path: bytes) -> None:
    os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) ^ stat.S_IXUSR)


def _rename(path: bytes) -> None:
    os.rename(path, path[:200] + b".renamed")


def _add(root: bytes) -> list[Change]:
    folder = b"new in the second run"
    os.mkdir(os.path.join(root, folder))
    os.mkdir(os.path.join(root, folder, b"empty"))
    names = (
        b"report.txt",
        b"with $dollar, \"quotes\" and 'more'",
        b"-rf",
        "caffè.txt".encode(),
        b"not-utf8-\xff",
    )
    for name in names:
        with open(os.path.join(root, folder, name), "wb") as file:
            file.write(b"Made between the two backups.\n" * 50)
    return [Change("added", folder + b"/" + name) for name in names]


def _delete_a_folder(root: bytes, touched: set[bytes]) -> list[Change]:
    """The last small folder in which nothing else was done."""
    for name in sorted(os.listdir(root), reverse=True):
        path = os.path.join(root, name)
        if not stat.S_ISDIR(os.lstat(path).st_mode) or name.startswith(b"new in"):
            continue
        if len(_files(path)) in range(1, 50) and not any(one.startswith(name + b"/") for one in touched):
            shutil.rmtree(path)
            return [Change("deleted", name + b"/ and all in it")]
    return []


# --- the judge ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """All that must come back of one path."""

    kind: str
    mode: int
    mtime_ns: int
    content: str
    """SHA-256 of a file, target of a link."""


def entries(root: Path) -> Iterator[tuple[bytes, Entry]]:
    """Every path of a tree, the root itself included."""
    top = os.fsencode(root)
    yield b".", _entry(top)
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), _entry(path)


def _entry(path: bytes) -> Entry:
    found = os.lstat(path)
    kind, content = stat.filemode(found.st_mode)[0], ""
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    elif stat.S_ISLNK(found.st_mode):
        content = os.fsdecode(os.readlink(path))
    return Entry(kind, stat.S_IMODE(found.st_mode), found.st_mtime_ns, content)


def differences(expected: Path, found: Path) -> tuple[int, list[str]]:
    """How many paths were compared, and a line for each that is missing, too many or not the same."""
    left, right = dict(entries(expected)), dict(entries(found))
    lines = [f"missing: {os.fsdecode(path)!a}" for path in sorted(left.keys() - right.keys())]
    lines += [f"too many: {os.fsdecode(path)!a}" for path in sorted(right.keys() - left.keys())]
    for path in sorted(left.keys() & right.keys()):
        for name in ("kind", "mode", "mtime_ns", "content"):
            was, is_now = getattr(left[path], name), getattr(right[path], name)
            if was != is_now:
                lines.append(f"{name} differs: {os.fsdecode(path)!a}: {was!a} became {is_now!a}")
    return len(left), lines
