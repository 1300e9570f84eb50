"""SqlLatest: one statement for all profiles, one step down an index for each."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, or_, select, true, tuple_

from bck_adapters.sql import mapping, tables
from bck_adapters.sql.session import SqlSession
from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import GOOD, Run, RunKind, RunOutcome

_PROFILE = tables.profile.c.id


class SqlLatest:
    """See the port for every promise."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def points(self, profiles: Collection[ProfileId] | None = None) -> Mapping[ProfileId, RestorePoint]:
        """See the port."""
        query = _newest(tables.point, _OTHER_POINT, profiles)
        found = [mapping.point_of(row) for row in self._session.execute(query)]
        return {one.profile: one for one in found}

    def good_backups(
        self, until: datetime, profiles: Collection[ProfileId] | None = None
    ) -> Mapping[ProfileId, Run]:
        """See the port."""
        run = _OTHER_RUN.c
        good = [run.outcome.in_([one.value for one in GOOD]), run.error_code == ""]
        return self._backups(profiles, *good, run.started <= until)

    def point_counts(self, profiles: Collection[ProfileId] | None = None) -> Mapping[ProfileId, int]:
        """See the port."""
        owner = tables.point.c.profile
        query = select(owner, func.count().label("kept")).where(owner == _PROFILE).group_by(owner)
        rows = self._session.execute(_only(query, profiles))
        return {ProfileId(row.profile): row.kept for row in rows}

    def backups(
        self,
        outcomes: Collection[RunOutcome],
        *,
        or_errors: Collection[str] = (),
        until: datetime | None = None,
        profiles: Collection[ProfileId] | None = None,
    ) -> Mapping[ProfileId, Run]:
        """See the port."""
        run = _OTHER_RUN.c
        ended: ColumnElement[bool] = run.outcome.in_([one.value for one in outcomes])
        if or_errors:
            ended = or_(ended, run.error_code.in_(or_errors))
        return self._backups(profiles, ended, true() if until is None else run.started <= until)

    def _backups(
        self, profiles: Collection[ProfileId] | None, *wanted: ColumnElement[bool]
    ) -> Mapping[ProfileId, Run]:
        of_backups = _OTHER_RUN.c.kind == RunKind.BACKUP.value
        query = _newest(tables.run, _OTHER_RUN, profiles, of_backups, *wanted)
        found = [mapping.run_of(row) for row in self._session.execute(query)]
        return {one.profile: one for one in found}


_OTHER_RUN, _OTHER_POINT = tables.run.alias("other"), tables.point.alias("other")


def _newest(
    table: Table, other: Any, profiles: Collection[ProfileId] | None, *wanted: ColumnElement[bool]
) -> Select[Any]:
    """Of each profile the row with the highest number of those that are ``wanted`` of ``other``, the same
    table once more: found from the newest down, so nothing older is read."""
    seqs = select(other.c.seq).where(other.c.profile == _PROFILE, *wanted).order_by(other.c.seq.desc())
    newest = seqs.limit(1).correlate(tables.profile).scalar_subquery()
    return select(table).where(
        tuple_(table.c.profile, table.c.seq).in_(_only(select(_PROFILE, newest), profiles))
    )


def _only(query: Select[Any], profiles: Collection[ProfileId] | None) -> Select[Any]:
    return query if profiles is None else query.where(_PROFILE.in_(sorted(profiles)))
