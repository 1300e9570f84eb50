"""Device tokens: made for one host, shown once, revoked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bckcore.domain.access import Principal
from bckcore.domain.device_token import SCOPES, DeviceToken
from bckcore.domain.ids import HostId, TokenId
from bckcore.domain.secret import Secret
from bckcore.domain.session import digest_of
from bckcore.errors import AccessDeniedError, InvalidInputError
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.services.lookup import or_none
from bckcore.services.opaque import new_opaque

PREFIX = "bckd_"
"""So that a token is known for one wherever it turns up."""
USUAL_DAYS, LONGEST_DAYS = 365, 3650
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A fresh token; the secret is never to be had again."""

    token: DeviceToken
    secret: Secret[str]


class DeviceTokens:
    """Thread-safe."""

    def __init__(
        self, *, units: UnitOfWorkFactory, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random_bytes

    def add(
        self,
        host: HostId,
        name: str,
        *,
        created_by: str,
        scopes: Sequence[str] = tuple(SCOPES),
        days: int = USUAL_DAYS,
    ) -> MadeToken:
        """Make one for a host. Raises NotFoundError, InvalidInputError."""
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise InvalidInputError(f"A device has a name of 1 to {LONGEST_NAME} printable characters.")
        if not scopes or not set(scopes) <= SCOPES.keys() or not 1 <= days <= LONGEST_DAYS:
            raise InvalidInputError(
                f"A token has some of the scopes {', '.join(SCOPES)} and counts for 1 to {LONGEST_DAYS} days."
            )
        now, secret = self._clock.now(), new_opaque(PREFIX, self._random)
        token = DeviceToken(
            id=TokenId(self._random(8).hex()),
            name=name,
            host=host,
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            digest=digest_of(secret),
            created=now,
            created_by=created_by,
            expires=now + timedelta(days=days),
        )
        with self._units() as uow:
            uow.hosts.get(host)
            uow.device_tokens.add(token)
            uow.commit()
        return MadeToken(token=token, secret=secret)

    def list(self) -> Sequence[DeviceToken]:
        """All of them by host, revoked and expired ones too."""
        with self._units(read_only=True) as uow:
            return uow.device_tokens.list()

    def revoke(self, token: TokenId) -> DeviceToken:
        """From now on it counts no more. Safe to repeat. Raises NotFoundError."""
        with self._units() as uow:
            found = uow.device_tokens.get(token)
            revoked = found if found.revoked else replace(found, revoked=self._clock.now())
            uow.device_tokens.update(revoked)
            uow.commit()
        return revoked

    def principal_of(self, secret: Secret[str]) -> Principal:
        """Which device shows this token. Raises AccessDeniedError, also once its host is gone."""
        with self._units(read_only=True) as uow:
            return self._principal(uow, uow.device_tokens.find(digest_of(secret)))

    def again(self, who: Principal) -> Principal:
        """The same device, while its token counts. Raises AccessDeniedError."""
        with self._units(read_only=True) as uow:
            return self._principal(uow, or_none(lambda: uow.device_tokens.get(TokenId(who.session))))

    def _principal(self, uow: UnitOfWork, found: DeviceToken | None) -> Principal:
        host = None if found is None else or_none(lambda: uow.hosts.get(found.host))
        if found is None or host is None or not found.alive(self._clock.now()):
            raise AccessDeniedError(
                "The token of this device is not valid, or no more.",
                advice="Ask an administrator for another.",
            )
        return Principal(
            name=_name_of(found),
            role=None,
            host=found.host,
            scope=found.permissions,
            session=found.id,
        )


def _name_of(token: DeviceToken) -> str:
    return f"{token.name} (device of {token.host})"
