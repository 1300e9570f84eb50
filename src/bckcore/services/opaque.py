"""Opaque tokens: random, known by their prefix, kept as digests only."""

from base64 import urlsafe_b64encode
from collections.abc import Callable

from bckcore.domain.secret import Secret

BYTES = 32


def new_opaque(prefix: str, random_bytes: Callable[[int], bytes]) -> Secret[str]:
    """A fresh token of 256 random bits."""
    return Secret(prefix + urlsafe_b64encode(random_bytes(BYTES)).rstrip(b"=").decode("ascii"))
