"""How many bytes come free when increments are freed and merged; looks and changes no content.

Merging is :mod:`pour`: along a chain of increments the oldest entry of a path wins whole, a folder
counting as an entry only if a file lies somewhere in it. What loses is unlinked. So all increments of a
chain are looked at together, folder by folder, and only where two of them have the same one.
"""

import os
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.handles import Descent, entries
from bck_adapters.storage_fs.root import HISTORY, Root, increment_names
from bckcore.domain.ids import RunId
from bckcore.domain.run import ProfileRef

BLOCK = 512
Step = tuple[RunId, RunId | None]


def weigh(root: Root, ref: ProfileRef, steps: Sequence[Step]) -> int:
    """Bytes of disk that the steps, in that order, give back; see the port."""
    chains: dict[RunId, list[RunId]] = {}
    freed: list[RunId] = []
    for older, newer in steps:
        if older == newer:
            continue
        moved, chains[older] = chains.get(older, [older]), []
        if newer is None:
            freed += moved
        else:
            chains[newer] = [*moved, *chains.get(newer, [newer])]
    scale = Scale()
    with translated("weighing increments", root.place(HISTORY)):
        for run in freed:
            with _Chain(root, ref, [run]) as chain:
                chain.weigh_all(scale)
        for runs in chains.values():
            with _Chain(root, ref, runs) as chain:
                chain.weigh_beaten(scale)
    return scale.total


@dataclass
class Scale:
    """Adds up content whose last name goes."""

    total: int = 0
    _names: Counter[tuple[int, int]] = field(default_factory=Counter)

    def put(self, name: bytes, folder: int) -> None:
        """One name that goes; what is gone already weighs nothing."""
        try:
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if info.st_nlink > 1:
            identity = info.st_dev, info.st_ino
            self._names[identity] += 1
            if self._names[identity] < info.st_nlink:
                return
        self.total += info.st_blocks * BLOCK


@dataclass
class _Name:
    """What wins so far at one name: a file, or the folders of these increments."""

    is_file: bool = False
    folders: list[int] = field(default_factory=list)


class _Chain:
    """Increments that become one, oldest first, each held open at one place."""

    OPEN_TREES = 24

    def __init__(self, root: Root, ref: ProfileRef, runs: Sequence[RunId]) -> None:
        self._root = root
        self._tops = [increment_names(ref, run) for run in runs]
        self._trees: OrderedDict[int, Descent] = OrderedDict()

    def __enter__(self) -> "_Chain":
        return self

    def __exit__(self, *_exc: object) -> None:
        for tree in self._trees.values():
            tree.close()

    def weigh_all(self, scale: Scale) -> None:
        """Every file of every increment goes."""
        for number in range(len(self._tops)):
            self._weigh_tree(number, [], scale)

    def weigh_beaten(self, scale: Scale) -> None:
        """What a merge of all into the newest unlinks."""
        waiting: list[tuple[list[bytes], list[int]]] = [([], list(range(len(self._tops))))]
        while waiting:
            folder, holders = waiting.pop()
            winners: dict[bytes, _Name] = {}
            for number in holders:
                self._contend(number, folder, winners, scale)
            waiting += (
                ([*folder, name], winner.folders)
                for name, winner in winners.items()
                if len(winner.folders) > 1
            )

    def _contend(self, number: int, folder: list[bytes], winners: dict[bytes, _Name], scale: Scale) -> None:
        """Enter what the increment has in the folder against the older ones."""
        for name, is_folder in self._listed(number, folder):
            winner = winners.setdefault(name, _Name())
            path = [*folder, name]
            if winner.is_file:
                self._weigh_tree(number, path, scale, is_folder=is_folder)
            elif is_folder:
                winner.folders.append(number)
            elif any(self._holds_file(older, path) for older in winner.folders):
                self._weigh_tree(number, path, scale, is_folder=False)
            else:
                winners[name] = _Name(is_file=True)

    def _listed(self, number: int, folder: list[bytes]) -> list[tuple[bytes, bool]]:
        tree = self._tree(number)
        if tree is None or not tree.reach(folder):
            return []
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries(tree.fd)]

    def _weigh_tree(self, number: int, path: list[bytes], scale: Scale, *, is_folder: bool = True) -> None:
        """Put all that lies at ``path`` on the scale."""
        if not is_folder:
            tree = self._tree(number)
            if tree is not None and tree.reach(path[:-1]):
                scale.put(path[-1], tree.fd)
            return
        for place, names in self._files_below(number, path):
            for name in names:
                scale.put(name, place)

    def _holds_file(self, number: int, path: list[bytes]) -> bool:
        return any(names for _, names in self._files_below(number, path))

    def _files_below(self, number: int, path: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
        """For each folder at or below ``path``: its handle, and the names there that are no folders."""
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            found = self._listed(number, folder)
            waiting += ([*folder, name] for name, is_folder in found if is_folder)
            tree = self._tree(number)
            if tree is not None:
                yield tree.fd, [name for name, is_folder in found if not is_folder]

    def _tree(self, number: int) -> Descent | None:
        """The increment, opened; None if it does not exist."""
        tree = self._trees.get(number)
        if tree is None:
            top = self._root.find(*self._tops[number], usable=True)
            if top is None:
                return None
            tree = self._trees[number] = Descent(top, usable=True)
            if len(self._trees) > self.OPEN_TREES:
                self._trees.popitem(last=False)[1].close()
        self._trees.move_to_end(number)
        return tree
