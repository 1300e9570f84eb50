"""Strays: what stands in the storage outside of every profile's own folders."""

import os
from collections.abc import Collection, Iterator

from bck_adapters.storage_fs.errors import translated
from bck_adapters.storage_fs.guides import RESTORE
from bck_adapters.storage_fs.handles import entries
from bck_adapters.storage_fs.root import CURRENT, HISTORY, README, RECEIPTS, WORK, Root
from bck_adapters.storage_fs.withdrawing import aside_runs
from bckcore.domain.ids import is_run_id
from bckcore.domain.run import ProfileRef

_AREAS = frozenset(os.fsencode(name) for name in (CURRENT, HISTORY, RECEIPTS, WORK))
_FILES = frozenset(os.fsencode(name) for name in (README, RESTORE))
_UNFINISHED = frozenset(b"." + name + b".new" for name in _FILES)
"""A crash may leave them; the next writing takes them."""
_OF_THE_SYSTEM = frozenset({b"lost+found"})


def strays(root: Root, known: Collection[ProfileRef]) -> list[bytes]:
    """See ``StoreVerification.strays``."""
    hosts: dict[bytes, set[bytes]] = {}
    for ref in known:
        hosts.setdefault(os.fsencode(ref.host), set()).add(os.fsencode(ref.profile))
    with translated("looking for strays", root.path):
        return sorted(_found(root, hosts))


def _found(root: Root, hosts: dict[bytes, set[bytes]]) -> Iterator[bytes]:
    for name, is_folder in _held(root):
        if name not in (_AREAS | _OF_THE_SYSTEM if is_folder else _FILES | _UNFINISHED):
            yield name
    yield from _in_area(root, (CURRENT,), hosts)
    yield from _in_area(root, (RECEIPTS,), hosts)
    for name, is_folder in _held(root, HISTORY):
        run = os.fsdecode(name)
        if is_folder and is_run_id(run):
            yield from _in_area(root, (HISTORY, run), hosts)
        else:
            yield _joined((HISTORY,), name)


def _in_area(root: Root, above: tuple[str, ...], hosts: dict[bytes, set[bytes]]) -> Iterator[bytes]:
    """What is no folder of a known profile below ``<host>/<profile>``."""
    for host, is_folder in _held(root, *above):
        if not is_folder or host not in hosts:
            yield _joined(above, host)
            continue
        within = (*above, os.fsdecode(host))
        for profile, is_folder_too in _held(root, *within):
            if not is_folder_too or profile not in hosts[host]:
                yield _joined(within, profile)


def _joined(above: tuple[str, ...], name: bytes) -> bytes:
    return b"/".join([*(os.fsencode(one) for one in above), name])


def _held(root: Root, *names: str) -> list[tuple[bytes, bool]]:
    """Names in a folder, and whether each is a folder; empty where it is gone by now."""
    fd = root.find(*names)
    if fd is None:
        return []
    try:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries(fd)]
    finally:
        os.close(fd)


def runs_aside(root: Root) -> int:
    """See ``StoreVerification.runs_aside``."""
    return len(aside_runs(root))
