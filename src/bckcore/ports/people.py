"""Repositories about who signs in: sessions, device tokens, throttles. Part of a UnitOfWork; not thread-safe.

``get`` raises NotFoundError, ``add`` raises ConflictError for what is there already.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bckcore.domain.device_token import DeviceToken
from bckcore.domain.ids import SessionId, TokenId
from bckcore.domain.session import RefreshToken, Session
from bckcore.domain.throttle import Throttle


class SessionRepository(Protocol):
    """Sessions and the refresh tokens that belong to them."""

    def add(self, session: Session) -> None:
        """Save a new session."""

    def get(self, session: SessionId) -> Session:
        """The session of that id."""

    def list(self, user: str | None = None, *, alive_at: datetime | None = None) -> Sequence[Session]:
        """Sessions of a person, or of everybody, the newest first; with ``alive_at`` those alive then, else
        ended ones, too."""

    def update(self, session: Session) -> None:
        """Replace the session of that id. Raises NotFoundError."""

    def add_token(self, token: RefreshToken) -> None:
        """Save a refresh token of a session that is there."""

    def token(self, digest: str) -> RefreshToken | None:
        """The refresh token of that digest."""

    def use_token(self, digest: str, at: datetime) -> bool:
        """Note that it was used. True for one caller only, however many try; False if it is unknown."""

    def addresses(self, user: str) -> Collection[str]:
        """From where that person's sessions came, each once, ended ones included."""

    def purge(self, before: datetime, *, used_before: datetime) -> None:
        """Forget sessions that expired before, with their refresh tokens; and tokens used before that."""


class DeviceTokenRepository(Protocol):
    """Device tokens by id."""

    def add(self, token: DeviceToken) -> None:
        """Save a new token."""

    def get(self, token: TokenId) -> DeviceToken:
        """The token of that id."""

    def find(self, digest: str) -> DeviceToken | None:
        """The token of that digest."""

    def list(self) -> Sequence[DeviceToken]:
        """All of them, revoked and expired ones included, by host and time."""

    def update(self, token: DeviceToken) -> None:
        """Replace the token of that id. Raises NotFoundError."""


class ThrottleRepository(Protocol):
    """What is remembered of failures."""

    def get(self, key: str) -> Throttle | None:
        """What is remembered under that key."""

    def put(self, throttle: Throttle) -> None:
        """Save it; one of the same key is replaced."""

    def remove(self, prefix: str) -> int:
        """Forget every key that begins so; how many there were."""

    def purge(self, before: datetime) -> None:
        """Forget those whose last failure was before."""
