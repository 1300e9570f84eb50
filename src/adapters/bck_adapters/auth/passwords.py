"""Argon2Hasher: passwords as Argon2id hashes."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from bckcore.domain.secret import Secret

AT_ONCE = 2
"""Each hash takes 64 MB and a core; more at once would only starve the backups."""


class Argon2Hasher:
    """PasswordHasher. For an unknown account verify against :attr:`dummy_hash`: it costs the same."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._argon2 = Argon2()
        self._room = BoundedSemaphore(at_once)
        self.dummy_hash = self._argon2.hash("no account has this password")
        """Belongs to no account; made with the parameters in use."""

    def hash(self, password: Secret[str]) -> str:
        """See the port."""
        with self._room:
            return self._argon2.hash(password.reveal())

    def verify(self, password: Secret[str], password_hash: str) -> bool:
        """See the port. False for a hash that is damaged or not of our kind, at the same cost."""
        try:
            with self._room:
                return self._argon2.verify(password_hash, password.reveal())
        except InvalidHashError:
            self.verify(password, self.dummy_hash)
            return False
        except VerificationError:
            return False
