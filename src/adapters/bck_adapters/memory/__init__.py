"""In-memory adapters: fast, exact stand-ins for every port, for tests and for trying things out."""

from bck_adapters.memory.bell import MemoryBell
from bck_adapters.memory.clock import SettableClock
from bck_adapters.memory.notices import MemoryOutbox, RecordingChannel
from bck_adapters.memory.processes import MemoryProcesses
from bck_adapters.memory.queue import MemoryJobQueue
from bck_adapters.memory.secrets import (
    MemoryPasswordHasher,
    MemorySealedBox,
    MemoryTokens,
    MemoryVault,
    RecordingNotifier,
)
from bck_adapters.memory.ssh_keys import MemorySshKeys, read_certificate
from bck_adapters.memory.stores import MemoryDatabase, MemoryUnitOfWork

__all__ = [
    "MemoryBell",
    "MemoryDatabase",
    "MemoryJobQueue",
    "MemoryOutbox",
    "MemoryPasswordHasher",
    "MemoryProcesses",
    "MemorySealedBox",
    "MemorySshKeys",
    "MemoryTokens",
    "MemoryUnitOfWork",
    "MemoryVault",
    "RecordingChannel",
    "RecordingNotifier",
    "SettableClock",
    "read_certificate",
]
