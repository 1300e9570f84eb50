"""Who asks, and what they may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What kind of person (or device) a principal is."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Permission(StrEnum):
    """One thing that a route or verb may demand."""

    READ = "read"
    """See hosts, profiles, jobs and points."""
    BACK_UP = "back-up"
    RESTORE = "restore"
    CONFIGURE = "configure"
    """Change hosts and profiles; prune; hold points and release them."""
    AUDIT = "read-the-audit-log"
    """See who did what."""


_GRANTS = {
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: frozenset({Permission.READ, Permission.BACK_UP, Permission.RESTORE}),
    Role.VIEWER: frozenset({Permission.READ}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is signed in."""

    name: str
    role: Role

    def may(self, permission: Permission) -> bool:
        """True if the role grants it."""
        return permission in _GRANTS[self.role]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person's account; the password is stored as a hash only."""

    name: str
    role: Role
    password_hash: str
    created: datetime
