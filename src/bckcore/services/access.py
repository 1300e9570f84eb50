"""Access: accounts, signing in, and what a principal may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bckcore.domain.access import Permission, Principal, Role, User, checked_user_name
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError, InvalidInputError, NotFoundError
from bckcore.ports.clock import Clock
from bckcore.ports.tokens import PasswordHasher, Tokens
from bckcore.ports.unit_of_work import UnitOfWorkFactory

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A fresh access token."""

    token: Secret[str]
    expires: datetime
    principal: Principal


def check_account(name: str, password: Secret[str]) -> None:
    """Raise InvalidInputError unless an account may have this name and this password."""
    checked_user_name(name)
    if not SHORTEST_PASSWORD <= len(password.reveal()) <= LONGEST_PASSWORD:
        raise InvalidInputError(
            f"The password has fewer than {SHORTEST_PASSWORD} characters, or far too many.",
            advice="A few unrelated words make a good one.",
        )


class AccessService:
    """Thread-safe."""

    def __init__(
        self, *, units: UnitOfWorkFactory, hasher: PasswordHasher, tokens: Tokens, clock: Clock
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._tokens = tokens
        self._clock = clock

    def add_user(self, name: str, password: Secret[str], role: Role) -> User:
        """Make an account. Raises InvalidInputError, ConflictError."""
        check_account(name, password)
        user = User(
            name=name, role=role, password_hash=self._hasher.hash(password), created=self._clock.now()
        )
        with self._units() as uow:
            uow.users.add(user)
            uow.commit()
        return user

    def users(self) -> Sequence[User]:
        """All accounts by name."""
        with self._units(read_only=True) as uow:
            return uow.users.list()

    def sign_in(self, name: str, password: Secret[str]) -> SignedIn:
        """A token for the right password. Raises AccessDeniedError, the same for every wrong pair."""
        with self._units(read_only=True) as uow:
            try:
                user: User | None = uow.users.get(name)
            except NotFoundError:
                user = None
        right = self._hasher.verify(password, user.password_hash if user else self._hasher.decoy)
        if user is None or not right:
            raise AccessDeniedError("The name or the password is wrong.")
        principal = Principal(name=user.name, role=user.role)
        token, expires = self._tokens.issue(principal, now=self._clock.now())
        return SignedIn(token=token, expires=expires, principal=principal)

    def principal_of(self, token: Secret[str]) -> Principal:
        """Who holds this token. Raises AccessDeniedError."""
        return self._tokens.check(token, now=self._clock.now())

    def require(self, principal: Principal, permission: Permission) -> None:
        """Raise AccessDeniedError unless the principal's role grants it."""
        if not principal.may(permission):
            raise AccessDeniedError(
                f"{principal.name} ({principal.title}) may not {permission.value}.",
                advice="Ask an administrator.",
            )
