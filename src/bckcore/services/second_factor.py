"""SecondFactors: codes from a phone beside the password, and recovery codes for when it is lost."""

from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass, replace

from bckcore.domain.access import SecondFactor, User
from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.domain.session import digest_of
from bckcore.domain.totp import SECRET_BYTES, base32, matching_step, uri
from bckcore.errors import AccessDeniedError, ConflictError, NotFoundError
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.lookup import or_none
from bckcore.services.vaulting import stored

ISSUER = "Backup Orchestrator"
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What the phone is to be given, once."""

    secret: Secret[str]
    uri: Secret[str]


class SecondFactors:
    """Thread-safe. Whoever calls has let the attempt through, see Throttles."""

    def __init__(
        self, *, units: UnitOfWorkFactory, vault: Vault, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._units = units
        self._vault = vault
        self._clock = clock
        self._random = random_bytes

    def enrol(self, name: str) -> Enrolment:
        """A new secret, which counts once it is confirmed. Raises ConflictError if one is confirmed."""
        secret = self._random(SECRET_BYTES)
        with self._units() as uow:
            user = uow.users.get(name)
            if user.needs_code:
                raise ConflictError(
                    f"{name} has a second factor already.", advice="Switch it off first, then take a new one."
                )
            uow.users.update(replace(user, second_factor=SecondFactor()))
            with stored(self._vault, secret_ref(name), Secret(secret.hex())):
                uow.commit()
        return Enrolment(secret=Secret(base32(secret)), uri=Secret(uri(ISSUER, name, secret)))

    def confirm(self, name: str, code: Secret[str]) -> tuple[Secret[str], ...]:
        """The person has it: from now on it is asked for. Recovery codes, shown this once.

        Raises AccessDeniedError for a wrong code, ConflictError if nothing waits to be confirmed.
        """
        codes = tuple(self._recovery_code() for _ in range(RECOVERY_CODES))
        with self._units() as uow:
            user = uow.users.get(name)
            if user.second_factor is None or user.needs_code:
                raise ConflictError("There is no second factor to confirm.", advice="Take one first.")
            factor = self._used(user, user.second_factor, code)
            confirmed = replace(factor, confirmed=True, recovery=tuple(digest_of(one) for one in codes))
            uow.users.update(replace(user, second_factor=confirmed))
            uow.commit()
        return codes

    def check(self, user: User, code: Secret[str]) -> User:
        """The account after its code, or one of its recovery codes, was used up. Raises AccessDeniedError."""
        with self._units() as uow:
            fresh = _same(uow, user)
            if fresh.second_factor is None:
                raise _wrong()
            fresh = replace(fresh, second_factor=self._used(fresh, fresh.second_factor, code))
            uow.users.update(fresh)
            uow.commit()
        return fresh

    def switch_off(self, name: str, code: Secret[str] | None) -> None:
        """The password is enough again. By the person with a code; by an administrator, without (None).

        Raises NotFoundError, AccessDeniedError; ConflictError for a code where none is asked for.
        """
        with self._units() as uow:
            user = uow.users.get(name)
            if user.second_factor is None and code is None:
                return
            if code is not None:
                if user.second_factor is None or not user.needs_code:
                    raise ConflictError(
                        "There is no second factor to switch off.", advice="Nothing is to be done."
                    )
                self._used(user, user.second_factor, code)
            uow.users.update(replace(user, second_factor=None))
            uow.commit()
        self._vault.delete(secret_ref(name))

    def _used(self, user: User, factor: SecondFactor, code: Secret[str]) -> SecondFactor:
        typed = _plain(code)
        digest = digest_of(typed)
        if digest in factor.recovery:
            return replace(factor, recovery=tuple(one for one in factor.recovery if one != digest))
        try:
            secret = bytes.fromhex(self._vault.get(secret_ref(user.name)).reveal())
        except NotFoundError:  # the vault is lost: recovery codes still count
            raise _wrong() from None
        step = matching_step(secret, typed.reveal(), self._clock.now(), after=factor.last_step)
        if step is None:
            raise _wrong()
        return replace(factor, last_step=step)

    def _recovery_code(self) -> Secret[str]:
        return Secret(b32encode(self._random(_RECOVERY_BYTES)).decode("ascii").lower())


def secret_ref(name: str) -> SecretRef:
    """Where the vault keeps an account's secret."""
    return SecretRef(f"user/{name}/totp")


def _same(uow: UnitOfWork, user: User) -> User:
    """The account as it is now, if it has the same password still."""
    found = or_none(lambda: uow.users.get(user.name))
    if found is None or found.password_hash != user.password_hash:
        raise _wrong()
    return found


def _plain(code: Secret[str]) -> Secret[str]:
    """As it was given out: people type blanks, hyphens and capitals."""
    return Secret(code.reveal().replace(" ", "").replace("-", "").lower())


def _wrong() -> AccessDeniedError:
    return AccessDeniedError(
        "The code is wrong, or was used before.", advice="Wait for the next one, or take a recovery code."
    )
