"""What plugins offer: named factories for ports, and what a factory is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.domain.target import Target
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.node_queue import NodeQueue
from bckcore.ports.notifier import Channel, Notifier
from bckcore.ports.processes import Processes
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Transport
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterContext:
    """What the installation tells a factory."""

    home: Path
    """Private folder of the installation (``BCK_HOME``)."""
    runtime_dir: Path
    """Private folder for sockets and short-lived secrets; its path is short."""
    target: Target
    """Where restore points are kept."""
    database_url: str
    clock: Clock
    transfer_memory: int = 2 << 30
    """For transports: bytes of memory that each process which they start may have."""
    processes: Processes | None = None
    """Who we are among the processes of this machine; None where nobody can tell."""
    database_password: Secret[str] | None = None
    """Where the address holds none and the settings name one."""
    database_used: Callable[[], bool] = lambda: True
    """False once the installation has moved to another database: from then on nothing is begun or committed
    in this one. Asked while the transaction holds its locks, and quick."""
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """For notifiers: sections of the settings that are meant for them, by name; one that is not wanted is
    not there."""
    secret: Callable[[SecretRef], Secret[str]] | None = None
    """For notifiers: what the vault holds now. Raises NotFoundError, StorageError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What people are told of a database."""

    kind: str
    """``sqlite``, ``postgresql``, …"""
    address: str
    """Where it is; holds no password."""
    version: str
    """Of the database program."""
    step: str
    """The schema step it is at; empty if it has none."""
    newest_step: str
    """The step this program needs."""
    size_bytes: int
    warnings: tuple[str, ...] = ()
    """What endangers it, with what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database adapter: its units of work, its queue, and how it is brought up to date."""

    units: UnitOfWorkFactory
    queue: JobQueue
    migrate: Callable[[], None]
    """Create or upgrade the schema. Safe to repeat."""
    close: Callable[[], None]
    state: Callable[[], DatabaseState] | None = None
    """Look without changing anything. Raises TransientError or StorageError if it does not answer."""
    node_queue: Callable[[str], NodeQueue] | None = None
    """Its queue as one storage node, by name, sees it; None where there are no nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueContext:
    """What a factory of queues is told."""

    adapter: AdapterContext
    """With the password of the database, wherever the settings keep it."""
    database: Database
    node: str
    """Name of the storage node this installation is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """What people are told of a queue."""

    ok: bool
    detail: str
    worker: str = ""
    """Who works for its storage node, on whatever machine, as far as the queue knows; empty if nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedQueue:
    """A queue that is ready for use."""

    queue: JobQueue
    close: Callable[[], None] = lambda: None
    """Called once, before the database is closed."""
    state: Callable[[], QueueState] | None = None
    """Look without changing anything. Raises BckError if it cannot."""
    worker_of: Callable[[str], str] | None = None
    """Who works for the storage node of that name now; empty if nobody. Raises BckError."""


TransportFactories = Mapping[str, Callable[[AdapterContext], Transport]]
StorageFactories = Mapping[str, Callable[[AdapterContext], Storage]]
DatabaseFactories = Mapping[str, Callable[[AdapterContext], Database]]
"""By URL scheme: ``sqlite``, ``postgresql``, ``memory``."""
QueueFactories = Mapping[str, Callable[[QueueContext], OfferedQueue]]
"""By the setting ``queue.engine``: ``embedded``, ``dbos``."""
VaultFactories = Mapping[str, Callable[[AdapterContext], Vault]]
NotifierFactories = Mapping[str, Callable[[AdapterContext], Notifier | Channel | None]]
"""By name; None where the settings do not want it."""
