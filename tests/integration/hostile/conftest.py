"""A hijacked PC: real transport, real rsync on our side, whatever we like on the other."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.rsync.argv import quoted_word
from bck_adapters.rsync.process import MEMORY
from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.rigs import TransportRig
from bckcore.domain.credential import Credential
from bckcore.domain.host import Host
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import BckError
from bckcore.ports.transport import PullReport
from tests.support.rsync_rigs import local_rig

SENDER = Path(__file__).parents[2] / "support" / "hostile_sender.py"


class HostileRoute(LocalRoute):
    """Whatever command rsync sends to the PC, another program answers it."""

    def __init__(self, program: Path) -> None:
        self._program = program

    @contextmanager
    def shell(self, host: Host, credential: Credential | None, options: TransferOptions) -> Iterator[str]:
        """A remote shell that runs the program, with the command that was asked for behind it."""
        yield quoted_word(str(self._program))


def speaking(folder: Path, **plan: Any) -> Path:
    """A program that answers as this says; see :mod:`tests.support.hostile_sender`."""
    file = folder / "plan.json"
    file.write_text(json.dumps(plan), encoding="utf-8")
    words = (sys.executable, str(SENDER), str(file))
    return answering(folder, "exec " + " ".join(map(shlex.quote, words)))


def answering(folder: Path, command: str) -> Path:
    """A program that answers by that shell command; ``$@`` is what rsync asked for."""
    program = folder / "answers"
    program.write_text(f"#!/bin/sh\nshift\n{command}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


@dataclass(slots=True)
class Hijacked:
    """A PC that is no friend any more, our store, and what must stay as it is."""

    rig: TransportRig
    folder: Path
    memory: int = MEMORY
    """What each of our programs may have."""

    def speaks(self, **plan: Any) -> None:
        """From now on the PC answers with this; see :mod:`tests.support.hostile_sender`."""
        self._use(speaking(self.folder, **plan))

    def runs(self, command: str) -> None:
        """From now on that shell command answers for rsync on the PC; ``$@`` is what rsync asked for."""
        self._use(answering(self.folder, command))

    def _use(self, program: Path) -> None:
        self.rig.transport = RsyncTransport(route=HostileRoute(program), memory=self.memory)

    def pull(self) -> PullReport | BckError:
        """One attempt: how it ended. What is no error of ours gets out."""
        try:
            return self.rig.pull().report
        except BckError as error:
            return error

    @property
    def own(self) -> tuple[Path, ...]:
        """Where the files of this host may change; all else is watched."""
        return (
            self.rig.destination,
            self.rig.store / ".work",
            self.folder / "pc",
            self.folder / "plan.json",
            self.folder / "answers",
        )

    def others(self) -> dict[str, tuple[int, int, int, bytes]]:
        """Everything that is not this host's: kind and mode, size, time, content."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if (
                any(path == own or own in path.parents for own in self.own)
                or path in self.rig.destination.parents
            ):
                continue
            info = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (info.st_mode, info.st_size, info.st_mtime_ns, content)
        return found


@pytest.fixture
def hijacked(tmp_path: Path, require_tool: Callable[[str], str]) -> Hijacked:
    """A PC whose source is there, beside another host's backup and files of the server."""
    require_tool("rsync")
    rig = local_rig(tmp_path)
    rig.tree.write(b"own", b"a file of the PC")
    rig.options = TransferOptions(idle_timeout=20)
    neighbour = rig.store / "current" / "pc2" / "docs" / "docs"
    history = rig.store / ".history" / "20260101T000000Z-00000001" / "pc1" / "docs" / "docs"
    for place in (neighbour, history, tmp_path / "server"):
        (place / "deep").mkdir(parents=True)
        (place / "file").write_bytes(b"not yours")
        (place / "deep" / "file").write_bytes(b"not yours either")
    return Hijacked(rig=rig, folder=tmp_path)


@pytest.fixture
def unharmed(hijacked: Hijacked) -> Iterator[None]:
    """Whatever the test does: nothing but this host's own folders has changed at its end."""
    before = hijacked.others()
    assert len(before) > 10
    yield
    assert hijacked.others() == before
