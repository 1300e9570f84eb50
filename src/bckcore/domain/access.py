"""Who asks, and what they may do."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bckcore.domain.ids import HostId
from bckcore.errors import InvalidInputError

SERVICE: Final = "bck"
SCHEDULE: Final = "schedule"
NIGHTLY: Final = "nightly check"
BY_ITSELF: Final = frozenset({SCHEDULE, NIGHTLY})
"""Who asks for jobs without a person or a device behind it; these wait for all others."""
RESERVED: Final = frozenset({SERVICE, SCHEDULE})
"""By these names the service and its schedule ask for jobs and stand in the audit log. No account has one."""
_USER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}")


def checked_user_name(name: str) -> str:
    """Return ``name`` if an account may have it; else raise InvalidInputError."""
    if not _USER_NAME.fullmatch(name):
        raise InvalidInputError(f"{name!r} cannot be an account name.", advice="Use letters and digits.")
    return name


class Role(StrEnum):
    """What kind of person a principal is."""

    ADMIN = "admin"
    OPERATOR = "operator"
    OWNER = "owner"
    """Has PCs of its own; of all others it learns nothing, not even that they are there."""
    VIEWER = "viewer"
    AUDITOR = "auditor"
    """Reads everything that is evidence; starts nothing and sees no bytes of files."""


class Permission(StrEnum):
    """One thing that a route or verb may demand."""

    READ = "read"
    """See hosts, profiles, jobs and points, and names of files."""
    WATCH = "watch"
    """Follow one job: status, log, events."""
    START = "start"
    """Start a backup."""
    BACK_UP = "back-up"
    """All else about backups: cancel, preview, check, probe, accept."""
    RESTORE = "restore"
    """Bytes of files: download, export, back to the host, undo."""
    RESTORE_HERE = "restore-here"
    """Restore into a folder on the server."""
    CONFIGURE = "configure"
    """Change hosts and profiles; hold points and release them; forget."""
    OWN_ACCOUNT = "change-own-account"
    """One's own sessions, password and second factor."""
    AUDIT = "audit"
    """See who did what: accounts and sessions of everybody."""

    @property
    def deed(self) -> str:
        """What one may not do without it, for people."""
        return _DEEDS[self]


_DEEDS = {
    Permission.READ: "look at hosts, profiles, jobs and points",
    Permission.WATCH: "follow jobs",
    Permission.START: "start a backup",
    Permission.BACK_UP: "preview, check, probe, accept or stop backups",
    Permission.RESTORE: "restore, download or undo",
    Permission.RESTORE_HERE: "restore into a folder of the server, only to a PC or by download",
    Permission.CONFIGURE: "configure: change hosts, profiles, tokens or holds, or forget files",
    Permission.OWN_ACCOUNT: "change a password or second factor, or see sessions",
    Permission.AUDIT: "see who did what",
}


_READING = frozenset({Permission.READ, Permission.WATCH, Permission.OWN_ACCOUNT})
_WORKING = _READING | {Permission.START, Permission.BACK_UP, Permission.RESTORE}
_GRANTS = {
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: _WORKING | {Permission.RESTORE_HERE},
    Role.OWNER: _WORKING,
    Role.VIEWER: _READING,
    Role.AUDITOR: _READING | {Permission.AUDIT},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is signed in, or a device that shows its token."""

    name: str
    role: Role | None
    """None: a device, which may what its token says."""
    host: HostId | None = None
    """The one host that a device acts for."""
    scope: frozenset[Permission] = frozenset()
    """Of a device; people have what their role grants."""
    session: str = ""
    """The session of a person's token, or the id of a device's token."""

    @property
    def title(self) -> str:
        """What it is, for people."""
        return self.role.value if self.role else f"device token of {self.host}"

    def may(self, permission: Permission) -> bool:
        """True if the role grants it, or the scope of a device."""
        return permission in (_GRANTS[self.role] if self.role else self.scope)

    @property
    def confined(self) -> bool:
        """True if it may know of some hosts only."""
        return self.role in (None, Role.OWNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """What is kept beside an account of its second factor; the secret itself lies in the vault."""

    confirmed: bool = False
    """Asked for at sign-in only once the person has shown to have it."""
    last_step: int = 0
    """Codes of this step and before were used, or are too old."""
    recovery: tuple[str, ...] = ()
    """Digests of the recovery codes that are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person's account; the password is stored as a hash only."""

    name: str
    role: Role
    password_hash: str
    created: datetime
    second_factor: SecondFactor | None = None

    @property
    def needs_code(self) -> bool:
        """True if the password alone lets nobody in."""
        return self.second_factor is not None and self.second_factor.confirmed
