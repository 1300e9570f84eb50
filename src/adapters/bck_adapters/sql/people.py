"""Sessions, device tokens and throttles as rows."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import device_token, refresh_token
from bck_adapters.sql.tables import session as sessions
from bck_adapters.sql.tables import throttle as throttles
from bckcore.domain.device_token import DeviceToken
from bckcore.domain.ids import HostId, SessionId, TokenId
from bckcore.domain.session import RefreshToken, Session
from bckcore.domain.throttle import Throttle
from bckcore.errors import ConflictError, NotFoundError


class SqlSessions:
    """SessionRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._sql = session

    def add(self, session: Session) -> None:
        """See the port."""
        self._sql.require_writing()
        if self._row(session.id) is not None:
            raise ConflictError(f"There is a session {session.id} already.")
        self._sql.write(insert(sessions), _session_values(session))

    def get(self, session: SessionId) -> Session:
        """See the port."""
        row = self._row(session)
        if row is None:
            raise _no_session(session)
        return _session_of(row)

    def list(self, user: str | None = None, *, alive_at: datetime | None = None) -> Sequence[Session]:
        """See the port."""
        query = select(sessions).order_by(sessions.c.created.desc(), sessions.c.id.desc())
        if alive_at is not None:
            query = query.where(sessions.c.ended.is_(None), sessions.c.expires > alive_at)
        if user is not None:
            query = query.where(sessions.c.account == user)
        return [_session_of(row) for row in self._sql.execute(query)]

    def update(self, session: Session) -> None:
        """See the port."""
        changed = update(sessions).where(sessions.c.id == session.id).values(_session_values(session))
        if not self._sql.write(changed).rowcount:
            raise _no_session(session.id)

    def add_token(self, token: RefreshToken) -> None:
        """See the port."""
        self._sql.require_writing()
        self.get(token.session)
        if self.token(token.digest) is not None:
            raise ConflictError("There is such a refresh token already.")
        self._sql.write(insert(refresh_token), asdict(token))

    def token(self, digest: str) -> RefreshToken | None:
        """See the port."""
        found = self._sql.execute(select(refresh_token).where(refresh_token.c.digest == digest))
        row = found.one_or_none()
        if row is None:
            return None
        return RefreshToken(
            digest=row.digest, session=SessionId(row.session), issued=row.issued, used=row.used
        )

    def use_token(self, digest: str, at: datetime) -> bool:
        """See the port."""
        unused = (refresh_token.c.digest == digest, refresh_token.c.used.is_(None))
        return self._sql.write(update(refresh_token).where(*unused).values(used=at)).rowcount == 1

    def addresses(self, user: str) -> Collection[str]:
        """See the port."""
        query = select(sessions.c.address).where(sessions.c.account == user).distinct()
        return [row.address for row in self._sql.execute(query)]

    def purge(self, before: datetime, *, used_before: datetime) -> None:
        """See the port."""
        self._sql.write(delete(refresh_token).where(refresh_token.c.used < used_before))
        old = select(sessions.c.id).where(sessions.c.expires < before)
        self._sql.write(delete(refresh_token).where(refresh_token.c.session.in_(old)))
        self._sql.write(delete(sessions).where(sessions.c.expires < before))

    def _row(self, session: SessionId) -> Any:
        return self._sql.execute(select(sessions).where(sessions.c.id == session)).one_or_none()


def _no_session(session: SessionId) -> NotFoundError:
    return NotFoundError(f"There is no session {session}.", advice="List them: bck user sessions")


def _session_values(session: Session) -> dict[str, Any]:
    values = asdict(session)
    values["account"] = values.pop("user")
    return values


def _session_of(row: Any) -> Session:
    return Session(
        id=SessionId(row.id),
        user=row.account,
        created=row.created,
        used=row.used,
        expires=row.expires,
        address=row.address,
        client=row.client,
        ended=row.ended,
        reason=row.reason,
    )


class SqlDeviceTokens:
    """DeviceTokenRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._sql = session

    def add(self, token: DeviceToken) -> None:
        """See the port."""
        self._sql.require_writing()
        if self._sql.execute(select(device_token).where(device_token.c.id == token.id)).first():
            raise ConflictError(f"There is a device token {token.id} already.")
        self._sql.write(insert(device_token), _token_values(token))

    def get(self, token: TokenId) -> DeviceToken:
        """See the port."""
        row = self._sql.execute(select(device_token).where(device_token.c.id == token)).one_or_none()
        if row is None:
            raise _no_token(token)
        return _token_of(row)

    def find(self, digest: str) -> DeviceToken | None:
        """See the port."""
        found = self._sql.execute(select(device_token).where(device_token.c.digest == digest))
        row = found.one_or_none()
        return None if row is None else _token_of(row)

    def list(self) -> Sequence[DeviceToken]:
        """See the port."""
        order = (device_token.c.host, device_token.c.created, device_token.c.id)
        return [_token_of(row) for row in self._sql.execute(select(device_token).order_by(*order))]

    def update(self, token: DeviceToken) -> None:
        """See the port."""
        changed = update(device_token).where(device_token.c.id == token.id).values(_token_values(token))
        if not self._sql.write(changed).rowcount:
            raise _no_token(token.id)


def _no_token(token: TokenId) -> NotFoundError:
    return NotFoundError(f"There is no device token {token}.", advice="List them: bck token list")


def _token_values(token: DeviceToken) -> dict[str, Any]:
    return asdict(token) | {"scopes": list(token.scopes)}


def _token_of(row: Any) -> DeviceToken:
    return DeviceToken(
        id=TokenId(row.id),
        name=row.name,
        host=HostId(row.host),
        scopes=tuple(row.scopes),
        digest=row.digest,
        created=row.created,
        created_by=row.created_by,
        expires=row.expires,
        revoked=row.revoked,
    )


class SqlThrottles:
    """ThrottleRepository."""

    def __init__(self, session: SqlSession) -> None:
        self._sql = session

    def get(self, key: str) -> Throttle | None:
        """See the port."""
        row = self._sql.execute(select(throttles).where(throttles.c.key == key)).one_or_none()
        return row and Throttle(key=row.key, failures=row.failures, last=row.last, until=row.until)

    def put(self, throttle: Throttle) -> None:
        """See the port."""
        self._sql.write(delete(throttles).where(throttles.c.key == throttle.key))
        self._sql.write(insert(throttles), asdict(throttle))

    def remove(self, prefix: str) -> int:
        """See the port."""
        these = throttles.c.key.startswith(prefix, autoescape=True)
        return self._sql.write(delete(throttles).where(these)).rowcount

    def purge(self, before: datetime) -> None:
        """See the port."""
        self._sql.write(delete(throttles).where(throttles.c.last < before))
