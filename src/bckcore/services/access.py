"""Access: accounts of people."""

from collections.abc import Sequence
from dataclasses import replace

from bckcore.domain.access import RESERVED, Role, User, checked_user_name
from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError, ConflictError, InvalidInputError
from bckcore.ports.clock import Clock
from bckcore.ports.tokens import PasswordHasher
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.second_factor import secret_ref
from bckcore.services.sessions import end_sessions

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024


def check_account(name: str, password: Secret[str]) -> None:
    """Raise InvalidInputError unless an account may have this name and this password."""
    if checked_user_name(name).casefold() in RESERVED:
        raise InvalidInputError(
            f"{name} is a name of the service itself.",
            meaning="What a person does could not be told from what the service does.",
            advice="Choose another name.",
        )
    check_password(password)


def check_password(password: Secret[str]) -> None:
    """Raise InvalidInputError unless it may be a password."""
    if not SHORTEST_PASSWORD <= len(password.reveal()) <= LONGEST_PASSWORD:
        raise InvalidInputError(
            f"The password has fewer than {SHORTEST_PASSWORD} characters, or far too many.",
            advice="A few unrelated words make a good one.",
        )


class AccessService:
    """Thread-safe. There is always an administrator once there was one."""

    def __init__(
        self, *, units: UnitOfWorkFactory, hasher: PasswordHasher, vault: Vault, clock: Clock
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._vault = vault
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

    def set_role(self, name: str, role: Role) -> User:
        """Another role, which counts from the next request on. Raises NotFoundError, ConflictError."""
        with self._units() as uow:
            user = replace(uow.users.get(name), role=role)
            uow.users.update(user)
            _require_admin(uow)
            uow.commit()
        return user

    def set_password(self, name: str, password: Secret[str]) -> int:
        """Another password; every session of the account ends. How many there were.

        Raises NotFoundError, InvalidInputError.
        """
        check_password(password)
        return self._change_password(name, password, None)

    def change_password(
        self, name: str, old: Secret[str], new: Secret[str], *, session: SessionId | None = None
    ) -> int:
        """The same by the person, who proves to know the old one; ``session``, the person's own, goes on.

        Raises AccessDeniedError, InvalidInputError. Who calls has let the attempt through.
        """
        check_password(new)
        self.require_password(name, old)
        return self._change_password(name, new, session)

    def remove_user(self, name: str) -> User:
        """Take an account out: sessions end, its PCs are nobody's. Raises NotFoundError, ConflictError."""
        with self._units() as uow:
            user = uow.users.get(name)
            uow.users.remove(name)
            _require_admin(uow)
            end_sessions(uow, name, self._clock.now(), "the account was removed")
            for host in uow.hosts.list():
                if name in host.owners:
                    others = tuple(owner for owner in host.owners if owner != name)
                    uow.hosts.update(replace(host, owners=others))
            uow.commit()
        if user.second_factor is not None:
            self._vault.delete(secret_ref(name))
        return user

    def require_password(self, name: str, password: Secret[str]) -> None:
        """Raise AccessDeniedError unless it is the account's. Who calls has let the attempt through."""
        with self._units(read_only=True) as uow:
            user = uow.users.get(name)
        if not self._hasher.verify(password, user.password_hash):
            raise AccessDeniedError("The password is wrong.", advice="Try again.")

    def _change_password(self, name: str, password: Secret[str], session: SessionId | None) -> int:
        hashed = self._hasher.hash(password)
        with self._units() as uow:
            uow.users.update(replace(uow.users.get(name), password_hash=hashed))
            ended = end_sessions(uow, name, self._clock.now(), "the password was changed", but=session)
            uow.commit()
        return ended


def _require_admin(uow: UnitOfWork) -> None:
    if not any(user.role is Role.ADMIN for user in uow.users.list()):
        raise ConflictError(
            "It is the last administrator.",
            meaning="Nobody could configure anything any more. Nothing was changed.",
            advice="Make another one first: bck user add NAME --role admin",
        )
