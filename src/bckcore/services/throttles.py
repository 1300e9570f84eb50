"""Throttles: who guesses passwords, codes or tokens has to wait longer and longer.

Counts, all in the database, so that they outlive a restart and hold for every API process: of an address,
whatever it tries; of an account, tried from addresses it never signed in from; and of an account together
with one address that it did sign in from. The last is there so that an attacker somewhere else cannot keep
the owner out: where an account is known, only that count and the address's own stand in its way.

One machine may have all addresses of a network of IPv6 (64 bits), and so may everybody on one LAN together.
So such a network has a count besides, ten times as large, which does not stand in the way of an account from
its own address; and an account from a new address of a network that it knows has one for that network.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bckcore.domain.throttle import (
    PURPOSES,
    UNKNOWN,
    Purpose,
    Rule,
    Throttle,
    account_key,
    account_keys,
    address_key,
    address_of,
    after_failure,
    known_key,
    known_keys,
    known_network_key,
    left,
    network_key,
    network_keys,
    network_of,
)
from bckcore.errors import (
    AccessDeniedError,
    BckError,
    InvalidInputError,
    SecondFactorNeededError,
    TooManyAttemptsError,
)
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

ADDRESS = Rule(free=20, longest=timedelta(minutes=15))
ACCOUNT = Rule(free=10, longest=timedelta(minutes=5))
NETWORK = replace(ADDRESS, free=10 * ADDRESS.free)
"""Of a network of IPv6."""
KNOWN_NETWORK = replace(ACCOUNT, free=10 * ACCOUNT.free)
_FORGOTTEN = max(ADDRESS.forgotten, ACCOUNT.forgotten)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One that was let through and counts as failed until it proves to have been none."""

    places: tuple[tuple[str, Rule], ...]
    """Where it comes from: the keys that it counts under, and their rules."""
    account: tuple[tuple[str, Rule], ...] = ()
    """The same of whom it tries, if anybody."""

    @property
    def rules(self) -> Sequence[tuple[str, Rule]]:
        """All of them."""
        return (*self.places, *self.account)


class Throttles:
    """Thread-safe. An attempt is counted before it is looked at, so that many at once gain nothing."""

    def __init__(self, *, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    @contextmanager
    def attempt(self, purpose: Purpose, address: str, *, account: str | None = None) -> Iterator[None]:
        """Around the look at what somebody guesses. Raises TooManyAttemptsError, and then counts nothing.

        AccessDeniedError inside: it was wrong, and counts. No error: it was right, and the account's failures
        are forgotten; of the address only this attempt, for it may try other accounts. Another BckError
        inside, and SecondFactorNeededError: it was neither, and does not count. What is no BckError decides
        nothing, and counts as wrong. ``account`` is a name as somebody typed it: it makes no difference
        whether there is such an account.
        """
        attempt = self._let_through(purpose, address, account)
        try:
            yield
        except BckError as error:
            if not isinstance(error, AccessDeniedError) or isinstance(error, SecondFactorNeededError):
                self._given_back(attempt)
            raise
        with self._units() as uow:
            for key, _ in attempt.account:
                uow.throttles.remove(key)
            for key, _ in attempt.places:
                _less_one(uow, key)
            uow.commit()

    def _let_through(self, purpose: Purpose, address: str, account: str | None) -> Attempt:
        now = self._clock.now()
        with self._units(read_only=True) as uow:  # who waits is sent away without taking the writer's place
            _found(uow, _attempt(uow, purpose, address, account), now)
        with self._units() as uow:
            attempt = _attempt(uow, purpose, address, account)
            for key, before, rule in _found(uow, attempt, now):
                uow.throttles.put(after_failure(key, before, rule, now))
            uow.throttles.purge(now - _FORGOTTEN)
            uow.commit()
        return attempt

    def _given_back(self, attempt: Attempt) -> None:
        with self._units() as uow:
            for key, _ in attempt.rules:
                _less_one(uow, key)
            uow.commit()

    def unlock(self, account: str) -> int:
        """Forget the failures of an account, wherever they came from; how many counts there were.

        Those of addresses stay: see :meth:`unlock_address`.
        """
        with self._units() as uow:
            count = sum(uow.throttles.remove(key) for key in (account_keys(account), known_keys(account)))
            uow.commit()
        return count

    def unlock_address(self, address: str) -> tuple[str, int]:
        """Forget the failures of an address and of its whole network: that, and how many counts there were.

        Those of accounts stay. Raises InvalidInputError for what is no address.
        """
        network = checked_network(address)
        with self._units() as uow:
            keys = (key for purpose in PURPOSES for key in network_keys(purpose, address))
            count = sum(map(uow.throttles.remove, keys))
            uow.commit()
        return network, count


def checked_network(address: str) -> str:
    """What counts as one with that address. Raises InvalidInputError for what is no address."""
    network = network_of(address)
    if network == UNKNOWN:
        raise InvalidInputError(
            f"{address!r} is no address.",
            meaning="Nothing was changed.",
            advice="Give one of IPv4 or IPv6, such as 192.0.2.7; see who tried from where: bck audit list",
        )
    return network


def _attempt(uow: UnitOfWork, purpose: Purpose, address: str, account: str | None) -> Attempt:
    own, network = (address_key(purpose, address), ADDRESS), (network_key(purpose, address), NETWORK)
    places = (own,) if own[0] == network[0] else (own, network)
    if account is None:
        return Attempt(places=places)
    known = [one for one in uow.sessions.addresses(account) if one and address]
    if address_of(address) in map(address_of, known):
        return Attempt(places=(own,), account=((known_key(account, address, purpose), ACCOUNT),))
    if network_of(address) in map(network_of, known):
        key = known_network_key(account, address, purpose)
        return Attempt(places=places, account=((key, KNOWN_NETWORK),))
    return Attempt(places=places, account=((account_key(account, purpose), ACCOUNT),))


def _found(uow: UnitOfWork, attempt: Attempt, now: datetime) -> list[tuple[str, Throttle | None, Rule]]:
    """What is remembered under the attempt's keys. Raises TooManyAttemptsError while one must wait."""
    found = [(key, uow.throttles.get(key), rule) for key, rule in attempt.rules]
    wait = max(left(before, rule, now) for _, before, rule in found)
    if wait:
        raise _too_many(math.ceil(wait.total_seconds()))
    return found


def _too_many(seconds: int) -> TooManyAttemptsError:
    return TooManyAttemptsError(f"There were too many attempts. Wait {seconds} s.", wait_seconds=seconds)


def _less_one(uow: UnitOfWork, key: str) -> None:
    before = uow.throttles.get(key)
    if before is not None:
        uow.throttles.put(replace(before, failures=max(0, before.failures - 1), until=before.last))
