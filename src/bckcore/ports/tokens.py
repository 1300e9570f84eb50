"""Tokens: issue and check access tokens. PasswordHasher: passwords as hashes."""

from datetime import datetime
from typing import Protocol

from bckcore.domain.access import Principal
from bckcore.domain.secret import Secret


class Tokens(Protocol):
    """Short-lived access tokens. Thread-safe."""

    def issue(self, principal: Principal, *, now: datetime) -> tuple[Secret[str], datetime]:
        """A token and when it expires."""

    def check(self, token: Secret[str], *, now: datetime) -> Principal:
        """Raises AccessDeniedError for anything but a valid, unexpired token of ours."""


class PasswordHasher(Protocol):
    """Slow on purpose. Thread-safe."""

    decoy: str
    """A hash of no password, to verify against where there is no account: it costs the same. Free to have."""

    def hash(self, password: Secret[str]) -> str:
        """A salted hash that names its own parameters."""

    def verify(self, password: Secret[str], password_hash: str) -> bool:
        """True if it is the password. Takes as long for a wrong one."""
