"""Holds over an SqlSession."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from bck_adapters.sql import tables
from bck_adapters.sql.session import SqlSession
from bckcore.domain.hold import Hold
from bckcore.domain.ids import ProfileId

_H = tables.hold.c


class SqlHolds:
    """HoldRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def put(self, hold: Hold) -> None:
        """See the port."""
        self.remove(hold.profile, hold.seq)
        values = {name: getattr(hold, name) for name in Hold.__slots__}
        self._session.write(insert(tables.hold), values)

    def list(self, profile: ProfileId) -> Sequence[Hold]:
        """See the port."""
        query = select(tables.hold).where(_H.profile == profile).order_by(_H.seq)
        return [Hold(**row._mapping) for row in self._session.execute(query)]

    def remove(self, profile: ProfileId, seq: int) -> None:
        """See the port."""
        self._session.write(delete(tables.hold).where(_H.profile == profile, _H.seq == seq))
