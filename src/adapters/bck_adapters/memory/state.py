"""The content of a memory database: immutable once committed, copied by the one unit that writes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock

from bckcore.domain.access import User
from bckcore.domain.act import Act
from bckcore.domain.device_token import DeviceToken
from bckcore.domain.due import ScheduleState
from bckcore.domain.enrolment import EnrolmentToken
from bckcore.domain.file_version import FileVersion
from bckcore.domain.hold import Hold
from bckcore.domain.host import Host
from bckcore.domain.ids import EnrolmentId, HostId, ProfileId, RunId, SessionId, SourceName, TokenId
from bckcore.domain.paths import RelPath
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.session import RefreshToken
from bckcore.domain.session import Session as SignedIn
from bckcore.domain.throttle import Throttle
from bckcore.errors import ConflictError, TransientError
from bckcore.ports.catalog import SourceState

WRITER_WAIT_SECONDS = 30.0
SourceKey = tuple[ProfileId, SourceName]
Versions = dict[RelPath, tuple[FileVersion, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that is stored. Nobody changes a committed state; writers work on a copy."""

    hosts: dict[HostId, Host] = field(default_factory=dict)
    profiles: dict[ProfileId, Profile] = field(default_factory=dict)
    runs: dict[RunId, Run] = field(default_factory=dict)
    newest_runs: dict[ProfileId, RunId] = field(default_factory=dict)
    run_numbers: dict[tuple[ProfileId, int], RunId] = field(default_factory=dict)
    removed_increments: set[RunId] = field(default_factory=set)
    problems: dict[tuple[ProfileId, int], tuple[RunProblem, ...]] = field(default_factory=dict)
    points: dict[tuple[ProfileId, int], RestorePoint] = field(default_factory=dict)
    acts: dict[tuple[ProfileId, int], Act] = field(default_factory=dict)
    holds: dict[tuple[ProfileId, int], Hold] = field(default_factory=dict)
    schedule_states: dict[ProfileId, ScheduleState] = field(default_factory=dict)
    presences: dict[HostId, Presence] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    audit: dict[int, bytes] = field(default_factory=dict)
    sessions: dict[SessionId, SignedIn] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    device_tokens: dict[TokenId, DeviceToken] = field(default_factory=dict)
    enrolments: dict[EnrolmentId, EnrolmentToken] = field(default_factory=dict)
    throttles: dict[str, Throttle] = field(default_factory=dict)
    source_states: dict[SourceKey, SourceState] = field(default_factory=dict)
    versions: dict[SourceKey, Versions] = field(default_factory=dict)

    def copied(self) -> "State":
        """A state whose tables may be changed; the versions of a source are copied when touched."""
        return replace(self, **{name: getattr(self, name).copy() for name in self.__slots__})


class Session:
    """What one unit of work sees: a committed snapshot if it only reads, else a private copy.

    A writing session holds the one writer's place from :meth:`begin` to :meth:`end`.
    """

    def __init__(
        self, load: Callable[[], State], store: Callable[[State], None], writer: Lock, *, read_only: bool
    ) -> None:
        self._load = load
        self._store = store
        self._writer = writer
        self._read_only = read_only
        self._snapshot: State | None = None
        self._copy: State | None = None
        self._own_sources: set[SourceKey] = set()

    def begin(self) -> None:
        """Take the snapshot, or the writer's place and a copy. Raises TransientError."""
        if self._read_only:
            self._snapshot = self._snapshot or self._load()
        elif self._copy is None:
            if not self._writer.acquire(timeout=WRITER_WAIT_SECONDS):
                raise TransientError("Another unit of work has been writing for too long.")
            self._copy = self._load().copied()

    @property
    def read(self) -> State:
        """The state to read from."""
        self.begin()
        state = self._snapshot or self._copy
        assert state is not None  # noqa: S101  # begin() sets one of the two
        return state

    def write(self) -> State:
        """The state to change. Raises ConflictError in a read-only unit."""
        self.require_writing()
        return self.read

    def require_writing(self) -> None:
        """Raise ConflictError in a read-only unit."""
        if self._read_only:
            raise ConflictError("This unit of work was opened for reading only.")

    def versions_to_write(self, key: SourceKey) -> Versions:
        """The versions of one source, to change."""
        state = self.write()
        if key not in self._own_sources or key not in state.versions:
            state.versions[key] = dict(state.versions.get(key, {}))
            self._own_sources.add(key)
        return state.versions[key]

    def commit(self) -> None:
        """Make the changes visible to everybody. Raises ConflictError in a read-only unit."""
        self.require_writing()
        if self._copy is not None:
            self._store(self._copy)
        self.end()

    def end(self) -> None:
        """Let go of everything that was not committed."""
        if self._copy is not None:
            self._writer.release()
        self._copy = self._snapshot = None
        self._own_sources.clear()
