"""Rigs for pushes: a folder of this machine as the PC, or a tree in memory."""

from __future__ import annotations

import os
from pathlib import Path

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.testkit.rigs_push import HostEntry, PushRig, Seen, seen_in_folder
from bckcore.domain.credential import Credential
from bckcore.domain.file_version import EntryKind
from bckcore.domain.host import Host
from bckcore.ports.transport import Transport
from tests.support.trees import RealTree


def folder_rig(folder: Path, transport: Transport, host: Host, credential: Credential | None) -> PushRig:
    """The PC's folder and the store lie in ``folder``."""
    target = folder / "pc" / "docs"
    return PushRig(
        transport=transport,
        host=host,
        credential=credential,
        target_path=os.fsdecode(target),
        tree=RealTree.at(target),
        look=lambda: seen_in_folder(target),
        store=folder / "store",
        permissions_matter=os.geteuid() != 0,
    )


def seen_in_memory(host: MemoryHost, target: str) -> Seen:
    """What stands at a full path of a scripted host."""
    tree = host.sources[target]
    with_data = (EntryKind.FILE, EntryKind.LINK)
    return {
        bytes(path): HostEntry(
            kind=node.kind,
            mode=node.mode,
            mtime_ns=node.mtime_ns,
            data=node.data if node.kind in with_data else b"",
        )
        for path, node in tree.nodes.items()
    }
