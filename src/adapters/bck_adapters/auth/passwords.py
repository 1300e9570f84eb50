"""Argon2Hasher: passwords as Argon2id hashes."""

import base64
import os
from threading import BoundedSemaphore

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from bckcore.domain.secret import Secret

AT_ONCE = 2
"""Each hash takes 64 MB and a core; more at once would only starve the backups."""


class Argon2Hasher:
    """PasswordHasher with the library's parameters, those of RFC 9106 for little memory."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._argon2 = Argon2()
        self._room = BoundedSemaphore(at_once)
        self.decoy = _decoy(self._argon2)
        """See the port."""

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
            self.verify(password, self.decoy)
            return False
        except VerificationError:
            return False

    def outdated(self, password_hash: str) -> bool:
        """See the port."""
        try:
            return self._argon2.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True


def _decoy(argon2: Argon2) -> str:
    """Written, not computed: a real hash would take a large part of the time in which `bck` starts."""
    costs = f"m={argon2.memory_cost},t={argon2.time_cost},p={argon2.parallelism}"
    salt, digest = (_unpadded(os.urandom(length)) for length in (argon2.salt_len, argon2.hash_len))
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode("ascii")
