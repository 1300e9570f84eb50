"""Repositories over an SqlSession."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, delete, func, insert, select, update

from bck_adapters.sql import mapping, tables
from bck_adapters.sql.problems import keep_problems, old_problems, problems_of
from bck_adapters.sql.session import SqlSession
from bckcore.domain.access import User
from bckcore.domain.act import Act
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, ProfileId, RunId
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run
from bckcore.domain.run_problem import RunProblem
from bckcore.errors import ConflictError, NotFoundError, host_in_use, unknown_profile

# Named so, because the arguments of the methods are called run and point.
_RUN = tables.run
_POINT = tables.point
_ACT = tables.act


class _ByName:
    """One table with a textual key; what the repositories share."""

    def __init__(self, session: SqlSession, table: Table, what: str) -> None:
        self._session = session
        self._table = table
        self._key = next(iter(table.primary_key.columns))
        self._what = what

    def row(self, key: str) -> Any:
        """The row of that key. Raises NotFoundError."""
        row = self._session.execute(select(self._table).where(self._key == key)).one_or_none()
        if row is None:
            raise self._missing(key)
        return row

    def rows(self) -> Sequence[Any]:
        """All rows by key."""
        return self._session.execute(select(self._table).order_by(self._key)).all()

    def exists(self, key: str) -> bool:
        """True if there is such a row."""
        return self._session.execute(select(self._key).where(self._key == key)).first() is not None

    def add(self, values: mapping.Values) -> None:
        """A new row. Raises ConflictError when the key is taken."""
        self._session.require_writing()
        key = values[self._key.name]
        if self.exists(key):
            change = (
                f", or change that one: bck {self._what} set {key}"
                if self._what in ("host", "profile")
                else ""
            )
            raise ConflictError(
                f"There is a {self._what} {key} already.", advice=f"Take another name{change}."
            )
        self._session.write(insert(self._table), values)

    def update(self, values: mapping.Values) -> None:
        """Other values for a row that is there. Raises NotFoundError."""
        key = values[self._key.name]
        if not self._session.write(update(self._table).where(self._key == key).values(values)).rowcount:
            raise self._missing(key)

    def remove(self, key: str) -> None:
        """No row of that key any more. Raises NotFoundError."""
        if not self._session.write(delete(self._table).where(self._key == key)).rowcount:
            raise self._missing(key)

    def _missing(self, key: str) -> NotFoundError:
        if self._table is tables.profile:
            return unknown_profile(key)
        return NotFoundError(f"There is no {self._what} {key}.")


class SqlHosts:
    """HostRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._rows = _ByName(session, tables.host, "host")

    def add(self, host: Host) -> None:
        """See the port."""
        self._rows.add(mapping.host_values(host))

    def get(self, host: HostId) -> Host:
        """See the port."""
        return mapping.host_of(self._rows.row(host))

    def list(self) -> Sequence[Host]:
        """See the port."""
        return [mapping.host_of(row) for row in self._rows.rows()]

    def update(self, host: Host) -> None:
        """See the port."""
        self._rows.update(mapping.host_values(host))

    def remove(self, host: HostId) -> None:
        """See the port."""
        self._session.require_writing()
        used = self._session.execute(
            select(tables.profile.c.id)
            .where(tables.profile.c.host == host)
            .order_by(tables.profile.c.id)
            .limit(1)
        ).first()
        if used is not None:
            raise host_in_use(host, used[0])
        self._rows.remove(host)


class SqlProfiles:
    """ProfileRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._rows = _ByName(session, tables.profile, "profile")
        self._hosts = _ByName(session, tables.host, "host")

    def add(self, profile: Profile) -> None:
        """See the port."""
        self._hosts.row(profile.host)
        self._rows.add(mapping.profile_values(profile))

    def get(self, profile: ProfileId) -> Profile:
        """See the port."""
        return mapping.profile_of(self._rows.row(profile))

    def list(self) -> Sequence[Profile]:
        """See the port."""
        return [mapping.profile_of(row) for row in self._rows.rows()]

    def update(self, profile: Profile) -> None:
        """See the port."""
        self._hosts.row(profile.host)
        self._rows.update(mapping.profile_values(profile))

    def remove(self, profile: ProfileId) -> None:
        """See the port."""
        self._rows.remove(profile)


class SqlRuns:
    """RunRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._rows = _ByName(session, tables.run, "run")

    def add(self, run: Run) -> None:
        """See the port."""
        self._session.require_writing()
        if any(other.seq == run.seq for other in self.list(run.profile, after_seq=run.seq - 1, limit=1)):
            raise ConflictError(f"Profile {run.profile} has a run number {run.seq} already.")
        self._rows.add(mapping.run_values(run) | {"increment_removed": False})

    def update(self, run: Run) -> None:
        """See the port."""
        self._rows.update(mapping.run_values(run))

    def get(self, run: RunId) -> Run:
        """See the port."""
        return mapping.run_of(self._rows.row(run))

    def list(self, profile: ProfileId, *, after_seq: int = 0, limit: int | None = None) -> Sequence[Run]:
        """See the port."""
        return self._read(_runs_of(profile, after_seq).limit(limit))

    def last(self, profile: ProfileId) -> Run | None:
        """See the port."""
        newest = select(_RUN).where(_RUN.c.profile == profile).order_by(_RUN.c.seq.desc()).limit(1)
        return next(iter(self._read(newest)), None)

    def keep_problems(self, profile: ProfileId, seq: int, problems: Sequence[RunProblem]) -> None:
        """See the port."""
        keep_problems(self._session, profile, seq, problems)

    def problems(self, profile: ProfileId, seq: int) -> Sequence[RunProblem]:
        """See the port."""
        return problems_of(self._session, profile, seq)

    def old_problems(
        self, *, keep: int, limit: int, profile: ProfileId | None = None
    ) -> Sequence[tuple[ProfileId, int]]:
        """See the port."""
        return old_problems(self._session, keep=keep, limit=limit, profile=profile)

    def increments(self, profile: ProfileId, *, after_seq: int = 0) -> Sequence[Run]:
        """See the port."""
        return self._read(_runs_of(profile, after_seq).where(~_RUN.c.increment_removed))

    def increment_removed(self, run: RunId) -> None:
        """See the port."""
        self._note_increment(run, removed=True)

    def increment_stands(self, run: RunId) -> None:
        """See the port."""
        self._note_increment(run, removed=False)

    def _note_increment(self, run: RunId, *, removed: bool) -> None:
        self._session.write(update(_RUN).where(_RUN.c.id == run).values(increment_removed=removed))

    def _read(self, query: Select[Any]) -> Sequence[Run]:
        return [mapping.run_of(row) for row in self._session.execute(query)]


def _runs_of(profile: ProfileId, after_seq: int) -> Select[Any]:
    return select(_RUN).where(_RUN.c.profile == profile, _RUN.c.seq > after_seq).order_by(_RUN.c.seq)


class SqlPoints:
    """PointRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, point: RestorePoint) -> None:
        """See the port."""
        self.forget(point.profile, point.seq)
        self._session.write(insert(_POINT), mapping.point_values(point))

    def list(self, profile: ProfileId) -> Sequence[RestorePoint]:
        """See the port."""
        query = select(_POINT).where(_POINT.c.profile == profile).order_by(_POINT.c.seq)
        return [mapping.point_of(row) for row in self._session.execute(query)]

    def newest(self, profile: ProfileId) -> RestorePoint | None:
        """See the port."""
        last = select(func.max(_POINT.c.seq)).where(_POINT.c.profile == profile).scalar_subquery()
        query = select(_POINT).where(_POINT.c.profile == profile, _POINT.c.seq == last)
        row = self._session.execute(query).one_or_none()
        return None if row is None else mapping.point_of(row)

    def verified(self, profile: ProfileId, seq: int, at: datetime) -> None:
        """See the port. A point that is gone, or was proved later, stays as it is."""
        this = (_POINT.c.profile == profile, _POINT.c.seq == seq, _POINT.c.verified_at < at)
        self._session.write(update(_POINT).where(*this).values(verified_at=at))

    def forget(self, profile: ProfileId, seq: int) -> None:
        """See the port."""
        self._session.write(delete(_POINT).where(_POINT.c.profile == profile, _POINT.c.seq == seq))


class SqlActs:
    """ActRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, act: Act) -> None:
        """See the port."""
        this = select(_ACT).where(_ACT.c.profile == act.profile, _ACT.c.number == act.number)
        there = self._session.execute(this).one_or_none()
        if there is None:
            self._session.write(insert(_ACT), mapping.act_values(act))
        elif mapping.act_of(there) != act:
            raise ConflictError(f"Profile {act.profile} has another act number {act.number} already.")

    def list(self, profile: ProfileId, *, after: int = 0) -> Sequence[Act]:
        """See the port."""
        query = select(_ACT).where(_ACT.c.profile == profile, _ACT.c.number > after)
        return [mapping.act_of(row) for row in self._session.execute(query.order_by(_ACT.c.number))]

    def last(self, profile: ProfileId) -> int:
        """See the port."""
        query = select(func.max(_ACT.c.number)).where(_ACT.c.profile == profile)
        return self._session.execute(query).scalar_one() or 0


class SqlUsers:
    """UserRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._rows = _ByName(session, tables.account, "user")

    def add(self, user: User) -> None:
        """See the port."""
        self._rows.add(mapping.user_values(user))

    def get(self, name: str) -> User:
        """See the port."""
        return mapping.user_of(self._rows.row(name))

    def list(self) -> Sequence[User]:
        """See the port."""
        return [mapping.user_of(row) for row in self._rows.rows()]

    def update(self, user: User) -> None:
        """See the port."""
        self._rows.update(mapping.user_values(user))

    def remove(self, name: str) -> None:
        """See the port."""
        self._rows.remove(name)
