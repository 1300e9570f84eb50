"""Tokens: issue and check access tokens. PasswordHasher: passwords as hashes."""

from datetime import datetime
from typing import Protocol

from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass


class Tokens(Protocol):
    """Short-lived access tokens. Thread-safe. All but ``rotate`` raise StorageError without their key."""

    def ready(self) -> None:
        """Have the key that signs, made where there is none; for a process that starts. Safe to repeat."""

    def issue(self, told: Pass, *, now: datetime) -> tuple[Secret[str], datetime]:
        """A token and when it expires."""

    def check(self, token: Secret[str], *, now: datetime) -> Pass:
        """Raises AccessDeniedError for anything but a valid, unexpired token of ours."""

    def rotate(self, *, now: datetime, overlap: bool = True) -> str:
        """Sign with a new key from now on, in every process; its name.

        With ``overlap``, tokens that were issued before count until they expire; without, not one more.
        """


class PasswordHasher(Protocol):
    """Slow on purpose. Thread-safe."""

    decoy: str
    """A hash of no password, to verify against where there is no account: it costs the same. Free to have."""

    def hash(self, password: Secret[str]) -> str:
        """A salted hash that names its own parameters."""

    def verify(self, password: Secret[str], password_hash: str) -> bool:
        """True if it is the password. Takes as long for a wrong one."""

    def outdated(self, password_hash: str) -> bool:
        """True for a hash that :meth:`hash` would make otherwise today, for instance with more work."""
