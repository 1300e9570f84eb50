"""Signing people in: access tokens and password hashes."""

from bck_adapters.auth.passwords import Argon2Hasher
from bck_adapters.auth.tokens import JwtTokens

__all__ = ["Argon2Hasher", "JwtTokens"]
