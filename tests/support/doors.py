"""Accounts, sessions, throttles and device tokens over memory adapters, with one administrator."""

from __future__ import annotations

import os

from bck_adapters.memory import MemoryDatabase, MemoryPasswordHasher, MemoryTokens, MemoryVault, SettableClock
from bckcore.domain.access import Role
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller
from bckcore.ports.tokens import PasswordHasher
from bckcore.services.access import AccessService
from bckcore.services.device_tokens import DeviceTokens
from bckcore.services.second_factor import SecondFactors
from bckcore.services.sessions import SessionService, SignedIn
from bckcore.services.throttles import Throttles

PASSWORD = Secret("a few unrelated words")
HOME = Caller(address="192.0.2.7", client="test")
AWAY = Caller(address="198.51.100.9", client="elsewhere")


class CountingHasher(MemoryPasswordHasher):
    """Counts how often somebody had to wait for it."""

    verified = 0

    def verify(self, password: Secret[str], password_hash: str) -> bool:
        """See the port."""
        self.verified += 1
        return super().verify(password, password_hash)


class Door:
    """All services about who gets in."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self.clock = SettableClock()
        self.database = MemoryDatabase(self.clock)
        self.counting = CountingHasher()
        self.hasher = hasher or self.counting
        self.tokens = MemoryTokens()
        self.vault = MemoryVault()
        units = self.database.units
        self.access = AccessService(units=units, hasher=self.hasher, vault=self.vault, clock=self.clock)
        self.throttles = Throttles(units=units, clock=self.clock)
        self.devices = DeviceTokens(units=units, clock=self.clock, random_bytes=os.urandom)
        self.factors = SecondFactors(units=units, vault=self.vault, clock=self.clock, random_bytes=os.urandom)
        self.sessions = SessionService(
            units=units,
            hasher=self.hasher,
            tokens=self.tokens,
            throttles=self.throttles,
            factors=self.factors,
            clock=self.clock,
            random_bytes=os.urandom,
        )
        self.access.add_user("ada", PASSWORD, Role.ADMIN)

    def sign_in(self, name: str = "ada", caller: Caller = HOME) -> SignedIn:
        """A session with the right password."""
        return self.sessions.sign_in(name, PASSWORD, caller)
