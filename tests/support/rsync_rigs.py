"""Rigs of the real transports: a folder of this machine as the PC, over nothing or over a loopback sshd."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from bck_adapters.rsync.routes import LocalRoute, SshRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, SourceName
from bckcore.domain.source import Source
from tests.support.sshd import LoopbackSshd, descendants
from tests.support.trees import RealTree


def local_rig(folder: Path, *, source: Path | None = None) -> TransportRig:
    """The local transport; source and store lie in ``folder``."""
    source = source or folder / "pc" / "docs"
    return TransportRig(
        transport=RsyncTransport(route=LocalRoute()),
        host=Host(id=HostId("pc1"), address="", transport="local"),
        credential=None,
        source=Source(name=SourceName("docs"), path=os.fsdecode(source)),
        tree=RealTree.at(source),
        store=folder / "store",
        permissions_matter=os.geteuid() != 0,
    )


def ssh_rig(folder: Path, sshd: LoopbackSshd, runtime: Path, *, source: Path | None = None) -> TransportRig:
    """The same source over OpenSSH; ``runtime`` is short."""
    rig = local_rig(folder, source=source)
    rig.transport = RsyncTransport(route=SshRoute(runtime))
    rig.host = replace(sshd.host(), transport="rsync-ssh")
    rig.credential = sshd.credential
    return rig


def rsync_processes(parent: int | None = None) -> dict[str, list[int]]:
    """The processes of a running pull below ``parent`` (this one), by part: main, receiver, ssh, other.

    The main process is rsync's generator; the receiver is its child under the same command line.
    """
    parts: dict[str, list[int]] = {"main": [], "receiver": [], "ssh": [], "other": []}
    for pid in descendants(parent or os.getpid()):
        words = _command(pid)
        if words[:1] == [b"rsync"] and b"--archive" in words:
            parts["receiver" if parts["main"] else "main"].append(pid)
        elif words[:1] == [b"ssh"]:
            parts["ssh"].append(pid)
        elif words:
            parts["other"].append(pid)
    return parts


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []
