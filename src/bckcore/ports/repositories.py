"""Repositories: load and save aggregates. Part of a UnitOfWork; not thread-safe.

``get`` raises NotFoundError, ``add`` raises ConflictError for a name that is taken, lists are ordered
by name or number.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bckcore.domain.access import User
from bckcore.domain.act import Act
from bckcore.domain.due import ScheduleState
from bckcore.domain.hold import Hold
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId, RunId
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.domain.run_problem import RunProblem


class HostRepository(Protocol):
    """Hosts by name."""

    def add(self, host: Host) -> None:
        """Save a new host."""

    def get(self, host: HostId) -> Host:
        """The host of that name."""

    def list(self) -> Sequence[Host]:
        """All hosts."""

    def update(self, host: Host) -> None:
        """Replace the host of that name. Raises NotFoundError."""

    def remove(self, host: HostId) -> None:
        """Take the host out. Raises NotFoundError, and ConflictError, which names a profile that uses it."""


class ProfileRepository(Protocol):
    """Profiles by name."""

    def add(self, profile: Profile) -> None:
        """Save a new profile. Raises NotFoundError if its host is unknown."""

    def get(self, profile: ProfileId) -> Profile:
        """The profile of that name."""

    def list(self) -> Sequence[Profile]:
        """All profiles."""

    def update(self, profile: Profile) -> None:
        """Replace the profile of that name. Raises NotFoundError."""

    def remove(self, profile: ProfileId) -> None:
        """Take the plan out; runs, points, versions, acts and holds stay. Raises NotFoundError."""


class RunRepository(Protocol):
    """Runs by profile and number."""

    def add(self, run: Run) -> None:
        """Save a new run. Raises ConflictError if its number is taken."""

    def update(self, run: Run) -> None:
        """Replace the run of that id. Raises NotFoundError."""

    def get(self, run: RunId) -> Run:
        """The run of that id."""

    def list(self, profile: ProfileId, *, after_seq: int = 0, limit: int | None = None) -> Sequence[Run]:
        """Runs of a profile by number."""

    def last(self, profile: ProfileId) -> Run | None:
        """The run with the highest number."""

    def keep_problems(self, profile: ProfileId, seq: int, problems: Sequence[RunProblem]) -> None:
        """Keep these with the run of that number, instead of what was kept before."""

    def problems(self, profile: ProfileId, seq: int) -> Sequence[RunProblem]:
        """What is kept with that run, in the order in which it was given; empty for an unknown run."""

    def old_problems(
        self, *, keep: int, limit: int, profile: ProfileId | None = None
    ) -> Sequence[tuple[ProfileId, int]]:
        """At most ``limit`` runs that have problems kept with them, are not among the newest ``keep`` of
        their profile and have no point, by profile and number; of all profiles, or of one."""

    def increments(self, profile: ProfileId, *, after_seq: int = 0) -> Sequence[Run]:
        """Runs whose increment may still stand in storage, by number."""

    def increment_removed(self, run: RunId) -> None:
        """Note that the run's increment was merged away or freed, durably in storage. Safe to repeat."""

    def increment_stands(self, run: RunId) -> None:
        """Note that the run's increment stands after all. Safe to repeat."""


class PointRepository(Protocol):
    """Restore points by profile and number."""

    def add(self, point: RestorePoint) -> None:
        """Save a new point; a point of that number is replaced (the same receipt applied again)."""

    def list(self, profile: ProfileId) -> Sequence[RestorePoint]:
        """Points by number."""

    def newest(self, profile: ProfileId) -> RestorePoint | None:
        """The point with the highest number."""

    def verified(self, profile: ProfileId, seq: int, at: datetime) -> None:
        """Note that a run found nothing different from that point."""

    def forget(self, profile: ProfileId, seq: int) -> None:
        """Take the point out. Safe to repeat."""


class ActRepository(Protocol):
    """Acts by profile and number, as storage has them."""

    def add(self, act: Act) -> None:
        """Save an act; the same again changes nothing. Raises ConflictError for another of that number."""

    def list(self, profile: ProfileId, *, after: int = 0) -> Sequence[Act]:
        """Acts of a profile by number."""

    def last(self, profile: ProfileId) -> int:
        """The highest number; 0 if there is none."""


class HoldRepository(Protocol):
    """Holds by profile and number of their point, expired ones included."""

    def put(self, hold: Hold) -> None:
        """Save a hold; one on the same point is replaced."""

    def list(self, profile: ProfileId) -> Sequence[Hold]:
        """Holds of a profile by number of their point."""

    def remove(self, profile: ProfileId, seq: int) -> None:
        """Take the hold on that point out. Safe to repeat."""


class UserRepository(Protocol):
    """Accounts by name."""

    def add(self, user: User) -> None:
        """Save a new account."""

    def get(self, name: str) -> User:
        """The account of that name."""

    def list(self) -> Sequence[User]:
        """All accounts."""

    def update(self, user: User) -> None:
        """Replace the account of that name. Raises NotFoundError."""

    def remove(self, name: str) -> None:
        """Take the account out. Raises NotFoundError."""


class ScheduleStateRepository(Protocol):
    """What is remembered of a profile's schedule, by name of the profile; it need not exist."""

    def get(self, profile: ProfileId) -> ScheduleState:
        """What is remembered; a blank state for a profile of which nothing is."""

    def list(self) -> Sequence[ScheduleState]:
        """All that is remembered, by profile."""

    def put(self, state: ScheduleState) -> None:
        """Save a state; one of the same profile is replaced."""

    def remove(self, profile: ProfileId) -> None:
        """Forget the state of that profile; where nothing is remembered, nothing happens."""


class PresenceRepository(Protocol):
    """The newest sign of life of each host, expired ones included."""

    def get(self, host: HostId) -> Presence | None:
        """The newest one of that host; None if there never was one."""

    def list(self) -> Sequence[Presence]:
        """The newest ones, by host."""

    def put(self, presence: Presence) -> None:
        """Save a sign of life; one of the same host is replaced."""

    def remove(self, host: HostId) -> None:
        """Forget the sign of life of that host; where there is none, nothing happens."""
