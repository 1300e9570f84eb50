"""Schedules as rows, what they remember, and what hosts say of themselves, over an SqlSession."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from bck_adapters.sql import tables
from bck_adapters.sql.session import SqlSession
from bckcore.domain.due import ScheduleState
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.presence import Presence
from bckcore.domain.schedule import CONDITIONS, Schedule

_S, _P = tables.schedule_state.c, tables.presence.c
_MICROSECOND = timedelta(microseconds=1)


def schedule_values(schedule: Schedule | None) -> dict[str, Any]:
    """The columns of a profile that hold its schedule."""
    if schedule is None:
        return {"every_us": None, "schedule": None}
    rest = {
        "cron": schedule.cron,
        "windows": list(schedule.windows),
        "blackouts": list(schedule.blackouts),
        "jitter_us": schedule.jitter // _MICROSECOND,
        **{name: getattr(schedule, name) for name in CONDITIONS},
    }
    every = None if schedule.every is None else schedule.every // _MICROSECOND
    return {"every_us": every, "schedule": rest}


def schedule_of(row: Any) -> Schedule | None:
    """The schedule of a profile's row; rows of older programs have an interval and nothing else."""
    if row.every_us is None and row.schedule is None:
        return None
    rest = row.schedule or {}
    return Schedule(
        every=None if row.every_us is None else row.every_us * _MICROSECOND,
        cron=rest.get("cron", ""),
        windows=tuple(rest.get("windows", ())),
        blackouts=tuple(rest.get("blackouts", ())),
        jitter=rest.get("jitter_us", 0) * _MICROSECOND,
        **{name: rest.get(name, False) for name in CONDITIONS},
    )


class SqlScheduleStates:
    """ScheduleStateRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def get(self, profile: ProfileId) -> ScheduleState:
        """See the port."""
        query = select(tables.schedule_state).where(_S.profile == profile)
        if self._session.writes:  # who means to change it keeps it until the end, on every database
            query = query.with_for_update()
        row = self._session.execute(query).one_or_none()
        return ScheduleState(profile=profile) if row is None else ScheduleState(**row._mapping)

    def list(self) -> Sequence[ScheduleState]:
        """See the port."""
        rows = self._session.execute(select(tables.schedule_state).order_by(_S.profile))
        return [ScheduleState(**row._mapping) for row in rows]

    def put(self, state: ScheduleState) -> None:
        """See the port."""
        values = {name: getattr(state, name) for name in ScheduleState.__slots__}
        _put(self._session, tables.schedule_state, "profile", values)

    def remove(self, profile: ProfileId) -> None:
        """See the port."""
        self._session.write(delete(tables.schedule_state).where(_S.profile == profile))


class SqlPresences:
    """PresenceRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def get(self, host: HostId) -> Presence | None:
        """See the port."""
        row = self._session.execute(select(tables.presence).where(_P.host == host)).one_or_none()
        return None if row is None else Presence(**row._mapping)

    def list(self) -> Sequence[Presence]:
        """See the port."""
        rows = self._session.execute(select(tables.presence).order_by(_P.host))
        return [Presence(**row._mapping) for row in rows]

    def put(self, presence: Presence) -> None:
        """See the port."""
        values = {name: getattr(presence, name) for name in Presence.__slots__}
        _put(self._session, tables.presence, "host", values)

    def remove(self, host: HostId) -> None:
        """See the port."""
        self._session.write(delete(tables.presence).where(_P.host == host))


def _put(session: SqlSession, table: Table, key: str, values: dict[str, Any]) -> None:
    statement = update(table).where(table.c[key] == values[key])
    if not session.write(statement, values).rowcount:
        session.write(insert(table), values)
