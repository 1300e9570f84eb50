"""What of this machine belongs to the installation itself."""

import os
from collections.abc import Sequence
from pathlib import Path


class FsOwnGround:
    """OwnGround by full paths and by the identity of folders."""

    def __init__(self, *, private: Sequence[Path], unwritten: Sequence[Path] = ()) -> None:
        self._private = tuple(private)
        self._unwritten = tuple(unwritten)

    def overlap(self, path: Path, *, writing: bool = False) -> Path | None:
        """See the port."""
        places = (*self._private, *self._unwritten) if writing else self._private
        try:
            full = path.resolve()
            return next((place for place in places if _overlap(full, place.resolve())), None)
        except (OSError, RuntimeError, ValueError):
            # Links in a circle, or no path at all. Nobody can say where it leads.
            return places[0] if places else None


def _overlap(one: Path, other: Path) -> bool:
    if one.is_relative_to(other) or other.is_relative_to(one):
        return True
    return _identity(other) in _identities(one) or _identity(one) in _identities(other)


def _identities(path: Path) -> set[tuple[int, int]]:
    """What the path and everything above it is, under whatever name."""
    return {found for place in (path, *path.parents) if (found := _identity(place))}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
