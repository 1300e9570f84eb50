"""Repositories over a memory session."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from bck_adapters.memory.state import Session
from bckcore.domain.access import User
from bckcore.domain.act import Act
from bckcore.domain.hold import Hold
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId, RunId
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.domain.run_problem import RunProblem
from bckcore.errors import ConflictError, NotFoundError, host_in_use, unknown_profile

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _found(table: Mapping[K, V], key: K, what: str) -> V:
    try:
        return table[key]
    except KeyError:
        if what == "profile":
            raise unknown_profile(str(key)) from None
        raise NotFoundError(f"There is no {what} {key}.") from None


def _require_free(table: Mapping[K, V], key: K, what: str) -> None:
    if key in table:
        change = f", or change that one: bck {what} set {key}" if what in ("host", "profile") else ""
        raise ConflictError(f"There is a {what} {key} already.", advice=f"Take another name{change}.")


class MemoryHosts:
    """HostRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, host: Host) -> None:
        """See the port."""
        _require_free(self._session.write().hosts, host.id, "host")
        self._session.write().hosts[host.id] = host

    def get(self, host: HostId) -> Host:
        """See the port."""
        return _found(self._session.read.hosts, host, "host")

    def list(self) -> Sequence[Host]:
        """See the port."""
        return sorted(self._session.read.hosts.values(), key=lambda host: host.id)

    def update(self, host: Host) -> None:
        """See the port."""
        _found(self._session.write().hosts, host.id, "host")
        self._session.write().hosts[host.id] = host

    def remove(self, host: HostId) -> None:
        """See the port."""
        state = self._session.write()
        _found(state.hosts, host, "host")
        if used := sorted(profile.id for profile in state.profiles.values() if profile.host == host):
            raise host_in_use(host, used[0])
        del state.hosts[host]


class MemoryProfiles:
    """ProfileRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, profile: Profile) -> None:
        """See the port."""
        state = self._session.write()
        _found(state.hosts, profile.host, "host")
        _require_free(state.profiles, profile.id, "profile")
        state.profiles[profile.id] = profile

    def get(self, profile: ProfileId) -> Profile:
        """See the port."""
        return _found(self._session.read.profiles, profile, "profile")

    def list(self) -> Sequence[Profile]:
        """See the port."""
        return sorted(self._session.read.profiles.values(), key=lambda profile: profile.id)

    def update(self, profile: Profile) -> None:
        """See the port."""
        state = self._session.write()
        _found(state.profiles, profile.id, "profile")
        _found(state.hosts, profile.host, "host")
        state.profiles[profile.id] = profile

    def remove(self, profile: ProfileId) -> None:
        """See the port."""
        state = self._session.write()
        _found(state.profiles, profile, "profile")
        del state.profiles[profile]


class MemoryRuns:
    """RunRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, run: Run) -> None:
        """See the port."""
        state = self._session.write()
        _require_free(state.runs, run.id, "run")
        if (run.profile, run.seq) in state.run_numbers:
            raise ConflictError(f"Profile {run.profile} has a run number {run.seq} already.")
        newest = self.last(run.profile)
        if newest is None or run.seq > newest.seq:
            state.newest_runs[run.profile] = run.id
        state.run_numbers[run.profile, run.seq] = run.id
        state.runs[run.id] = run

    def update(self, run: Run) -> None:
        """See the port."""
        _found(self._session.write().runs, run.id, "run")
        self._session.write().runs[run.id] = run

    def get(self, run: RunId) -> Run:
        """See the port."""
        return _found(self._session.read.runs, run, "run")

    def list(self, profile: ProfileId, *, after_seq: int = 0, limit: int | None = None) -> Sequence[Run]:
        """See the port."""
        return self._by_seq(profile, after_seq)[:limit]

    def last(self, profile: ProfileId) -> Run | None:
        """See the port."""
        state = self._session.read
        return state.runs[state.newest_runs[profile]] if profile in state.newest_runs else None

    def keep_problems(self, profile: ProfileId, seq: int, problems: Sequence[RunProblem]) -> None:
        """See the port."""
        kept = self._session.write().problems
        kept.pop((profile, seq), None)
        if problems:
            kept[profile, seq] = tuple(problems)

    def problems(self, profile: ProfileId, seq: int) -> Sequence[RunProblem]:
        """See the port."""
        return self._session.read.problems.get((profile, seq), ())

    def old_problems(
        self, *, keep: int, limit: int, profile: ProfileId | None = None
    ) -> Sequence[tuple[ProfileId, int]]:
        """See the port."""
        state = self._session.read
        newest = {name: state.runs[run].seq for name, run in state.newest_runs.items()}
        return [
            (name, seq)
            for name, seq in sorted(state.problems.keys() - state.points.keys())
            if profile in (None, name) and (name, seq) in state.run_numbers and seq <= newest[name] - keep
        ][:limit]

    def increments(self, profile: ProfileId, *, after_seq: int = 0) -> Sequence[Run]:
        """See the port."""
        state = self._session.read
        standing = state.runs.keys() - state.removed_increments
        runs = (state.runs[name] for name in standing)
        return sorted(
            (run for run in runs if run.profile == profile and run.seq > after_seq), key=lambda run: run.seq
        )

    def increment_removed(self, run: RunId) -> None:
        """See the port."""
        self._session.write().removed_increments.add(run)

    def increment_stands(self, run: RunId) -> None:
        """See the port."""
        self._session.write().removed_increments.discard(run)

    def _by_seq(self, profile: ProfileId, after_seq: int) -> Sequence[Run]:
        runs = self._session.read.runs.values()
        return sorted(
            (run for run in runs if run.profile == profile and run.seq > after_seq), key=lambda run: run.seq
        )


class MemoryPoints:
    """PointRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, point: RestorePoint) -> None:
        """See the port."""
        self._session.write().points[point.profile, point.seq] = point

    def list(self, profile: ProfileId) -> Sequence[RestorePoint]:
        """See the port."""
        points = self._session.read.points.values()
        return sorted((point for point in points if point.profile == profile), key=lambda point: point.seq)

    def newest(self, profile: ProfileId) -> RestorePoint | None:
        """See the port."""
        return next(reversed(self.list(profile)), None)

    def verified(self, profile: ProfileId, seq: int, at: datetime) -> None:
        """See the port. A point that is gone, or was proved later, stays as it is."""
        points = self._session.write().points
        point = points.get((profile, seq))
        if point is not None and point.verified_at < at:
            points[profile, seq] = replace(point, verified_at=at)

    def forget(self, profile: ProfileId, seq: int) -> None:
        """See the port."""
        self._session.write().points.pop((profile, seq), None)


class MemoryActs:
    """ActRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, act: Act) -> None:
        """See the port."""
        acts = self._session.write().acts
        if acts.setdefault((act.profile, act.number), act) != act:
            raise ConflictError(f"Profile {act.profile} has another act number {act.number} already.")

    def list(self, profile: ProfileId, *, after: int = 0) -> Sequence[Act]:
        """See the port."""
        acts = self._session.read.acts
        return [acts[key] for key in sorted(acts) if key[0] == profile and key[1] > after]

    def last(self, profile: ProfileId) -> int:
        """See the port."""
        return max((number for owner, number in self._session.read.acts if owner == profile), default=0)


class MemoryHolds:
    """HoldRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, hold: Hold) -> None:
        """See the port."""
        self._session.write().holds[hold.profile, hold.seq] = hold

    def list(self, profile: ProfileId) -> Sequence[Hold]:
        """See the port."""
        holds = self._session.read.holds
        return [holds[key] for key in sorted(holds) if key[0] == profile]

    def remove(self, profile: ProfileId, seq: int) -> None:
        """See the port."""
        self._session.write().holds.pop((profile, seq), None)


class MemoryUsers:
    """UserRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, user: User) -> None:
        """See the port."""
        _require_free(self._session.write().users, user.name, "user")
        self._session.write().users[user.name] = user

    def get(self, name: str) -> User:
        """See the port."""
        return _found(self._session.read.users, name, "user")

    def list(self) -> Sequence[User]:
        """See the port."""
        return sorted(self._session.read.users.values(), key=lambda user: user.name)

    def update(self, user: User) -> None:
        """See the port."""
        _found(self._session.write().users, user.name, "user")
        self._session.write().users[user.name] = user

    def remove(self, name: str) -> None:
        """See the port."""
        _found(self._session.write().users, name, "user")
        del self._session.write().users[name]
