"""Throttle: how long somebody who guesses has to wait; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal, get_args

Purpose = Literal["login", "refresh", "totp", "password", "enrol"]
"""What is guessed at; an address has a count for each."""
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
_PROOFS: Final[Mapping[Purpose, str]] = {
    "login": "password",
    "totp": "password",
    "password": "password",
    "refresh": "token",
    "enrol": "token",
}
"""By what an account is tried; a count for each: a session that goes on clears no failed passwords."""
UNKNOWN: Final = "unknown"
"""The network of what is no address."""
_MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """After ``free`` failures each one doubles the wait, from ``first`` to ``longest``."""

    free: int
    first: timedelta = timedelta(seconds=1)
    longest: timedelta
    forgotten: timedelta = timedelta(hours=12)
    """Without a further failure for so long, all is forgotten."""

    def wait(self, failures: int) -> timedelta:
        """How long after so many failures."""
        beyond = failures - self.free
        if beyond <= 0:
            return timedelta(0)
        return min(self.longest, self.first * (1 << min(beyond - 1, _MOST_DOUBLINGS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """What is remembered of failures under one key."""

    key: str
    failures: int
    last: datetime
    until: datetime


def after_failure(key: str, before: Throttle | None, rule: Rule, now: datetime) -> Throttle:
    """What is remembered after one more failure."""
    stale = before is None or now - before.last > rule.forgotten
    failures = 1 if before is None or stale else before.failures + 1
    return Throttle(key=key, failures=failures, last=now, until=now + rule.wait(failures))


def left(throttle: Throttle | None, rule: Rule, now: datetime) -> timedelta:
    """How long to wait still; a clock that was set back makes nobody wait longer than the rule does.

    Nor does ``now`` make anybody wait who looked at the clock just before another attempt was counted.
    """
    waits = throttle is not None and rule.wait(throttle.failures)
    wait = throttle.until - now if throttle and waits else timedelta(0)
    return wait if timedelta(0) < wait <= rule.longest else timedelta(0)


def account_key(name: str, purpose: Purpose) -> str:
    """The key of an account, there or not. Hashed: people type passwords into the wrong field.

    Every key ends with a semicolon, so that none is the beginning of another one.
    """
    return f"{account_keys(name)}{_PROOFS[purpose]};"


def account_keys(name: str) -> str:
    """How the keys of an account begin."""
    return f"account:{_hashed(name)}:"


def known_key(name: str, address: str, purpose: Purpose) -> str:
    """The key of an account from an address that it has signed in from before."""
    return f"{known_keys(name)}{_PROOFS[purpose]}:{_place(address)};"


def known_network_key(name: str, address: str, purpose: Purpose) -> str:
    """The key of an account from a network that it has signed in from before, by another address."""
    return f"{known_keys(name)}{_PROOFS[purpose]}:{network_of(address)};"


def known_keys(name: str) -> str:
    """How the keys of an account from any such address begin."""
    return f"known:{_hashed(name)}:"


def address_key(purpose: Purpose, address: str) -> str:
    """The key of an address, for what is guessed there."""
    return f"{purpose}:{_place(address)};"


def network_key(purpose: Purpose, address: str) -> str:
    """The key of the network of an address; the same as of the address where that stands for itself."""
    return f"{purpose}:{network_of(address)};"


def network_keys(purpose: Purpose, address: str) -> tuple[str, str]:
    """How the keys of a network and of all its addresses begin."""
    return network_key(purpose, address), f"{purpose}:{network_of(address)}:"


def address_of(address: str) -> str:
    """The address in its one form, ``unknown`` for what is none."""
    found = _parsed(address)
    return UNKNOWN if found is None else str(found)


def network_of(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, all of which one machine, or one customer, may have."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((int(found), 64), strict=False))
    return UNKNOWN if found is None else str(found)


def _place(address: str) -> str:
    """An address behind its network, so that one prefix finds all of a network."""
    network, one = network_of(address), address_of(address)
    return one if one == network else f"{network}:{one}"


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """One of IPv4 in the dress of IPv6 is itself, and the name of an interface no part of an address."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return found.ipv4_mapped or IPv6Address(int(found))
    return found


def _hashed(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
