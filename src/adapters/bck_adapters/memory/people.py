"""Sessions, device tokens and throttles in a memory database."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bck_adapters.memory.state import Session as Unit
from bckcore.domain.device_token import DeviceToken
from bckcore.domain.ids import SessionId, TokenId
from bckcore.domain.session import RefreshToken, Session
from bckcore.domain.throttle import Throttle
from bckcore.errors import ConflictError, NotFoundError


class MemorySessions:
    """SessionRepository."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, session: Session) -> None:
        """See the port."""
        if self._unit.write().sessions.setdefault(session.id, session) is not session:
            raise ConflictError(f"There is a session {session.id} already.")

    def get(self, session: SessionId) -> Session:
        """See the port."""
        if session not in self._unit.read.sessions:
            raise NotFoundError(f"There is no session {session}.", advice="List them: bck user sessions")
        return self._unit.read.sessions[session]

    def list(self, user: str | None = None, *, alive_at: datetime | None = None) -> Sequence[Session]:
        """See the port."""
        found = [one for one in self._unit.read.sessions.values() if user in (None, one.user)]
        if alive_at is not None:
            found = [one for one in found if one.alive(alive_at)]
        return sorted(found, key=lambda one: (one.created, one.id), reverse=True)

    def update(self, session: Session) -> None:
        """See the port."""
        self._unit.require_writing()
        self.get(session.id)
        self._unit.write().sessions[session.id] = session

    def add_token(self, token: RefreshToken) -> None:
        """See the port."""
        self._unit.require_writing()
        self.get(token.session)
        if self._unit.write().refresh_tokens.setdefault(token.digest, token) is not token:
            raise ConflictError("There is such a refresh token already.")

    def token(self, digest: str) -> RefreshToken | None:
        """See the port."""
        return self._unit.read.refresh_tokens.get(digest)

    def use_token(self, digest: str, at: datetime) -> bool:
        """See the port."""
        tokens = self._unit.write().refresh_tokens
        found = tokens.get(digest)
        if found is None or found.used is not None:
            return False
        tokens[digest] = replace(found, used=at)
        return True

    def addresses(self, user: str) -> Collection[str]:
        """See the port."""
        return {one.address for one in self._unit.read.sessions.values() if one.user == user}

    def purge(self, before: datetime, *, used_before: datetime) -> None:
        """See the port."""
        state = self._unit.write()
        for old in [one for one in state.sessions.values() if one.expires < before]:
            del state.sessions[old.id]
        for token in list(state.refresh_tokens.values()):
            if token.session not in state.sessions or (token.used is not None and token.used < used_before):
                del state.refresh_tokens[token.digest]


class MemoryDeviceTokens:
    """DeviceTokenRepository."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, token: DeviceToken) -> None:
        """See the port."""
        if token.id in self._unit.write().device_tokens:
            raise ConflictError(f"There is a device token {token.id} already.")
        self._unit.write().device_tokens[token.id] = token

    def get(self, token: TokenId) -> DeviceToken:
        """See the port."""
        if token not in self._unit.read.device_tokens:
            raise NotFoundError(f"There is no device token {token}.", advice="List them: bck token list")
        return self._unit.read.device_tokens[token]

    def find(self, digest: str) -> DeviceToken | None:
        """See the port."""
        return next((one for one in self._unit.read.device_tokens.values() if one.digest == digest), None)

    def list(self) -> Sequence[DeviceToken]:
        """See the port."""
        found = self._unit.read.device_tokens.values()
        return sorted(found, key=lambda one: (one.host, one.created, one.id))

    def update(self, token: DeviceToken) -> None:
        """See the port."""
        self._unit.require_writing()
        self.get(token.id)
        self._unit.write().device_tokens[token.id] = token


class MemoryThrottles:
    """ThrottleRepository."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def get(self, key: str) -> Throttle | None:
        """See the port."""
        return self._unit.read.throttles.get(key)

    def put(self, throttle: Throttle) -> None:
        """See the port."""
        self._unit.write().throttles[throttle.key] = throttle

    def remove(self, prefix: str) -> int:
        """See the port."""
        throttles = self._unit.write().throttles
        found = [key for key in throttles if key.startswith(prefix)]
        for key in found:
            del throttles[key]
        return len(found)

    def purge(self, before: datetime) -> None:
        """See the port."""
        throttles = self._unit.write().throttles
        for old in [one for one in throttles.values() if one.last < before]:
            del throttles[old.key]
