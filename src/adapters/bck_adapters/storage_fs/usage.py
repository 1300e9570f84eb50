"""What all that is stored of one host takes: bytes on the disk, and files and folders."""

import os
from collections.abc import Iterator

from bck_adapters.storage_fs.attempts import Attempts
from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.handles import Descent, entries
from bck_adapters.storage_fs.root import ASIDE, ATTEMPTS, CURRENT, HISTORY, PARTIAL, RECEIPTS, WORK, Root
from bck_adapters.storage_fs.withdrawing import aside_runs
from bckcore.domain.ids import HostId, checked_name, is_run_id
from bckcore.ports.storage import StoreUsage

BLOCK = 512


def usage_of(root: Root, attempts: Attempts, host: HostId) -> StoreUsage:
    """Walk everything of the host, by handles and never through a link; see the port."""
    scale = _Scale()
    with translated("measuring what a host takes", root.path):
        for place in _places(root, attempts, checked_name(host, "host")):
            top = root.find(*place)
            if top is not None:
                scale.put_tree(top)
    return StoreUsage(bytes=scale.bytes, inodes=scale.inodes)


def _places(root: Root, attempts: Attempts, host: str) -> Iterator[tuple[str, ...]]:
    yield CURRENT, host
    yield RECEIPTS, host
    yield WORK, PARTIAL, host
    for number in attempts.of_host(HostId(host)):
        yield WORK, ATTEMPTS, str(number)
    for aside in aside_runs(root):
        yield WORK, ASIDE, aside, host
    history = root.find(HISTORY)
    if history is None:
        return
    try:
        runs = os.listdir(history)
    finally:
        os.close(history)
    for run in runs:
        if is_run_id(run):
            yield HISTORY, run, host


class _Scale:
    """Adds up; content with several names counts once."""

    def __init__(self) -> None:
        self.bytes = 0
        self.inodes = 0
        self._seen: set[tuple[int, int]] = set()

    def put_tree(self, top: int) -> None:
        """All that the folder holds; what vanishes meanwhile weighs nothing. ``top`` is closed."""
        with Descent(top) as tree:
            waiting: list[list[bytes]] = [[]]
            while waiting:
                folder = waiting.pop()
                if not tree.reach(folder):
                    continue
                for entry in entries(tree.fd):
                    if self._is_folder(entry):
                        waiting.append([*folder, entry.name])

    def _is_folder(self, entry: "os.DirEntry[bytes]") -> bool:
        try:
            info = entry.stat(follow_symlinks=False)
            folder = entry.is_dir(follow_symlinks=False)
        except FileNotFoundError:
            return False
        if info.st_nlink > 1 and not folder:
            identity = info.st_dev, info.st_ino
            if identity in self._seen:
                return False
            self._seen.add(identity)
        self.inodes += 1
        self.bytes += info.st_blocks * BLOCK
        return folder
