"""SealedBox: what anybody can put in for a runner, and the runner alone takes out."""

from typing import Protocol

from bckcore.domain.ids import JobId
from bckcore.domain.secret import Secret

LONGEST_SECRET = 4096
"""Bytes of UTF-8 that fit in."""


class SealedBox(Protocol):
    """Thread-safe. Keys are made when first needed."""

    def seal(self, job: JobId, secret: Secret[str]) -> str:
        """The secret in a form that may lie in a database: one line of ASCII, another each time.

        It takes the public half of the runner's key, and no right to read the other one. Its length tells
        the secret's only to 64 bytes. Raises InvalidInputError above LONGEST_SECRET, StorageError without
        a key.
        """

    def opened(self, job: JobId, sealed: str) -> Secret[str]:
        """What :meth:`seal` was given for this very job. It takes the private half.

        Raises SealBrokenError for what was sealed for another key or job, or altered in any place;
        StorageError where the key cannot be read.
        """
