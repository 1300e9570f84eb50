"""DeviceToken: lets the program on one PC start and watch its backups and tell how it is; nothing else."""

from dataclasses import dataclass
from datetime import datetime

from bckcore.domain.access import Permission
from bckcore.domain.ids import HostId, TokenId

SCOPES = {"start": Permission.START, "watch": Permission.WATCH}
"""What a token may be given, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceToken:
    """The token itself is shown once and not kept, only its digest is."""

    id: TokenId
    name: str
    """For people: which device has it."""
    host: HostId
    scopes: tuple[str, ...]
    digest: str
    created: datetime
    created_by: str
    expires: datetime
    revoked: datetime | None = None

    def alive(self, now: datetime) -> bool:
        """True if it counts."""
        return self.revoked is None and now < self.expires

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it grants."""
        return frozenset(SCOPES[scope] for scope in self.scopes)
