"""Enrolment tokens as rows."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import enrolment
from bckcore.domain.enrolment import EnrolmentToken
from bckcore.domain.ids import EnrolmentId, HostId
from bckcore.errors import ConflictError, NotFoundError


class SqlEnrolments:
    """EnrolmentRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._sql = session

    def add(self, token: EnrolmentToken) -> None:
        """See the port."""
        self._sql.require_writing()
        if self.find(token.id) is not None:
            raise ConflictError(f"There is an enrolment {token.id} already.")
        self._sql.write(insert(enrolment), asdict(token))

    def find(self, token: EnrolmentId) -> EnrolmentToken | None:
        """See the port."""
        row = self._sql.execute(select(enrolment).where(enrolment.c.id == token)).one_or_none()
        return None if row is None else _token_of(row)

    def list(self) -> Sequence[EnrolmentToken]:
        """See the port."""
        order = (enrolment.c.host, enrolment.c.created, enrolment.c.id)
        return [_token_of(row) for row in self._sql.execute(select(enrolment).order_by(*order))]

    def revoke(self, token: EnrolmentId, at: datetime) -> None:
        """See the port."""
        changed = update(enrolment).where(enrolment.c.id == token).values(revoked=at)
        if not self._sql.write(changed).rowcount:
            raise NotFoundError(f"There is no enrolment {token}.")

    def use(self, token: EnrolmentId, at: datetime) -> bool:
        """See the port."""
        unused = (enrolment.c.id == token, enrolment.c.used.is_(None))
        return self._sql.write(update(enrolment).where(*unused).values(used=at)).rowcount == 1

    def purge(self, before: datetime) -> None:
        """See the port."""
        self._sql.write(delete(enrolment).where(enrolment.c.expires < before))


def _token_of(row: Any) -> EnrolmentToken:
    return EnrolmentToken(
        id=EnrolmentId(row.id),
        host=HostId(row.host),
        digest=row.digest,
        created=row.created,
        created_by=row.created_by,
        expires=row.expires,
        replace_host_key=row.replace_host_key,
        used=row.used,
        revoked=row.revoked,
    )
