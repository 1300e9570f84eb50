"""Where the bytes of a path lie: the first increment that holds it, else ``current`` (law L4)."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from bck_adapters.storage_fs.handles import Descent, entries
from bck_adapters.storage_fs.root import CURRENT, Root, increment_names, source_names
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.run import ProfileRef

_CURRENT = -1


@dataclass(slots=True)
class _Listing:
    """What the increments hold in one folder, by name; increments by their place in the order."""

    files: dict[bytes, list[int]] = field(default_factory=dict)
    """The increments that hold the name as anything but a folder, oldest first."""
    folders: dict[bytes, list[int]] = field(default_factory=dict)


class Content:
    """Opens the bytes of paths. Each folder of each increment is listed once, and only if it exists.

    Ask for paths in order; going back to a folder lists it again. Use as a context manager.
    """

    OPEN_TREES = 24
    """Increments whose place is held open at a time."""

    def __init__(
        self,
        root: Root,
        ref: ProfileRef,
        source: SourceName,
        increments: Sequence[RunId],
        *,
        unfolded: Sequence[tuple[str, ...]] = (),
    ) -> None:
        """``unfolded``: folders of what the newest run displaced and nobody could fold, oldest first.

        Folded they would be the rest of its increment, which comes last: no run has a point before all that
        its attempts displaced is kept, so an attempt that still holds files is newer than every point.
        """
        self._root = root
        self._current = (CURRENT, *source_names(ref, source))
        self._tops = [*((*increment_names(ref, run), source) for run in increments), *unfolded]
        self._trees: OrderedDict[int, Descent] = OrderedDict()
        self._names: list[bytes] = []
        self._listings: list[_Listing] = []

    def prepare(self) -> None:
        """Find the increments that hold anything of the source. Raises OSError, StorageError."""
        self._listings = [self._listed(range(len(self._tops)), [])]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()

    def open(self, folder: list[bytes], name: bytes, passed: int = 0) -> int:
        """A handle to read the bytes of ``name`` in ``folder``. Raises FileNotFoundError or OSError.

        ``passed``: so many of the increments, from the oldest, do not count.
        """
        holders = self._listing(folder).files.get(name)
        number = _CURRENT
        if holders is not None:
            number = next((one for one in holders if one >= passed), _CURRENT)
        return self._opened(number, folder, name)

    def displaced(self, folder: list[bytes], name: bytes) -> bool:
        """True if one of the increments holds ``name`` in ``folder``."""
        return name in self._listing(folder).files

    def candidates(self, folder: list[bytes], name: bytes, passed: int) -> Iterator[int]:
        """Handles of all that may be the bytes, the nearest first; see :meth:`open`.

        The caller closes each. What cannot be opened is passed over.
        """
        holders = self._listing(folder).files.get(name, ())
        for number in (*(one for one in holders if one >= passed), _CURRENT):
            with suppress(OSError):
                yield self._opened(number, folder, name)

    def _opened(self, number: int, folder: list[bytes], name: bytes) -> int:
        tree = self._tree(number)
        if tree is None or not tree.reach(folder):
            raise FileNotFoundError
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=tree.fd)

    def _listing(self, folder: list[bytes]) -> _Listing:
        if folder != self._names:
            common = 0
            for mine, wanted in zip(self._names, folder, strict=False):
                if mine != wanted:
                    break
                common += 1
            del self._listings[common + 1 :]
            for depth in range(common, len(folder)):
                holders = self._listings[-1].folders.get(folder[depth], [])
                self._listings.append(self._listed(holders, folder[: depth + 1]) if holders else _NOTHING)
            self._names = list(folder)
        return self._listings[-1]

    def _listed(self, holders: Sequence[int], folder: list[bytes]) -> _Listing:
        listing = _Listing()
        for number in holders:
            tree = self._tree(number)
            if tree is None or not tree.reach(folder):
                continue
            for entry in entries(tree.fd):
                if entry.is_dir(follow_symlinks=False):
                    listing.folders.setdefault(entry.name, []).append(number)
                else:
                    listing.files.setdefault(entry.name, []).append(number)
        return listing

    def _tree(self, number: int) -> Descent | None:
        """The increment, or ``current``, opened; None if it does not exist."""
        tree = self._trees.get(number)
        if tree is None:
            top = self._root.find(*(self._current if number == _CURRENT else self._tops[number]))
            if top is None:
                return None
            tree = self._trees[number] = Descent(top)
            if len(self._trees) > self.OPEN_TREES:
                self._trees.popitem(last=False)[1].close()
        self._trees.move_to_end(number)
        return tree


_NOTHING = _Listing()
