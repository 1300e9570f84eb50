"""Throttles: who guesses passwords, codes or tokens has to wait longer and longer.

Three counts, all in the database, so that they outlive a restart and hold for every API process: of an
address, whatever it tries; of an account, tried from addresses it never signed in from; and of an account
together with one address that it did sign in from. The last is there so that an attacker somewhere else
cannot keep the owner out: where an account is known, only that count and the address's own stand in its way.
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
    after_failure,
    known_key,
    known_keys,
    left,
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
_FORGOTTEN = max(ADDRESS.forgotten, ACCOUNT.forgotten)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One that was let through and counts as failed until it proves to have been none."""

    address: str
    account: str = ""

    @property
    def rules(self) -> Sequence[tuple[str, Rule]]:
        """The keys that it counts under."""
        of_account = ((self.account, ACCOUNT),) if self.account else ()
        return ((self.address, ADDRESS), *of_account)


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
            if attempt.account:
                uow.throttles.remove(attempt.account)
            _less_one(uow, attempt.address)
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
        """Forget the failures of an address, whatever it tried: its network, and how many counts there were.

        Those of accounts stay. Raises InvalidInputError for what is no address.
        """
        network = checked_network(address)
        with self._units() as uow:
            count = sum(uow.throttles.remove(address_key(purpose, address)) for purpose in PURPOSES)
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
    of_account = "" if account is None else _account_key(uow, account, address, purpose)
    return Attempt(address=address_key(purpose, address), account=of_account)


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


def _account_key(uow: UnitOfWork, account: str, address: str, purpose: Purpose) -> str:
    network = network_of(address)
    known = any(network_of(one) == network for one in uow.sessions.addresses(account))
    return known_key(account, address, purpose) if known and address else account_key(account, purpose)
