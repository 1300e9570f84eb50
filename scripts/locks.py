"""What the locks in requirements/ say: every package with its version, its hashes and who wants it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
_PIN = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$"
)
_HASH = re.compile(r"^    --hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?$")
_VIA = re.compile(r"^    # via (?P<by>.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package as locked."""

    name: str
    version: str
    marker: str
    """On which machines it is installed; empty: on all."""
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed."""
    via: tuple[str, ...]
    """The packages that want it."""
    direct: bool
    """Whether the project itself names it."""


class LockError(Exception):
    """A lock that says something that no lock of ours says."""


def read_lock(path: Path) -> tuple[Pin, ...]:
    """The packages of a lock, in its order. Raises LockError for a line that is not understood, for a package
    without a hash, and for a lock without packages.
    """
    pins = [_pin(path, block) for block in _blocks(path)]
    if not pins:
        raise LockError(f"{path}: it holds no package.")
    return tuple(pins)


def _blocks(path: Path) -> list[list[str]]:
    """The lines of each package: what begins at the margin and all that is indented below."""
    blocks: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and blocks:
            blocks[-1].append(line)
        elif line and not line.startswith("#"):
            blocks.append([line])
    return blocks


def _pin(path: Path, block: list[str]) -> Pin:
    head, rest = _PIN.match(block[0]), block[1:]
    hashes = [found["digest"] for line in rest if (found := _HASH.match(line))]
    via = [by for line in rest if (found := _VIA.match(line)) for by in found["by"].split(", ")]
    odd = [line for line in rest if not _HASH.match(line) and not _VIA.match(line)]
    if head is None or odd:
        raise LockError(f"{path}: not understood: {(odd or block)[0]}")
    if not hashes:
        raise LockError(f"{path}: {head['name']} has no hash; make lock writes the locks.")
    return Pin(
        name=head["name"],
        version=head["version"],
        marker=head["marker"] or "",
        hashes=tuple(hashes),
        via=tuple(by for by in via if not by.startswith(("-c ", "bckwinrsync "))),
        direct=any(by.startswith("bckwinrsync ") for by in via),
    )
