"""Host: a machine whose files are protected."""

from dataclasses import dataclass

from bckcore.domain.access import checked_user_name
from bckcore.domain.host_path import HostPath, covering, is_normal, parsed_path, path_or_none
from bckcore.domain.host_platform import Platform
from bckcore.domain.ids import HostId, SecretRef, checked_name
from bckcore.domain.login import Login
from bckcore.domain.ssh_trust import checked_gate
from bckcore.errors import HostNotEnrolledError, InvalidInputError, PathNotAllowedError

__all__ = ["Host", "Platform"]

LARGEST_QUOTA = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine we protect and how it is reached. ``allowed_roots`` is the server's own allow-list."""

    id: HostId
    address: str
    """Name or address; empty for transports that need none (``local``)."""
    port: int = 22
    user: str = "backupsvc"
    platform: Platform = Platform.POSIX
    transport: str = "rsync-ssh"
    """Registered name of the transport."""
    login: Login = Login.KEY
    """How the server is let in."""
    key: SecretRef | None = None
    """What the vault keeps for that: a private key, or a password where a person insists."""
    gate: str = ""
    """Command of the gate on the host, which lines and certificates then force; empty where none is known."""
    host_keys: tuple[str, ...] = ()
    """Pinned public keys, each ``type base64``."""
    allowed_roots: tuple[str, ...] = ()
    """Full, normal paths as rsync on the host takes them, see :class:`~bckcore.domain.host_path.HostPath`."""
    quota_bytes: int | None = None
    """How much all that is stored of the host may take on the disk; None: as much as there is."""
    quota_inodes: int | None = None
    """How many files and folders may be stored of it; None: as many as there is room for."""
    owners: tuple[str, ...] = ()
    """Accounts that may work with it as with their own (role owner). Not part of what storage keeps."""
    awaits_enrolment: bool = False
    """True until the PC has handed over its host keys: nobody connects to it before."""

    def __post_init__(self) -> None:
        checked_name(self.id, "host")
        for owner in self.owners:
            checked_user_name(owner)
        if not 1 <= self.port <= 65535:
            raise InvalidInputError(f"Port {self.port} is not between 1 and 65535.")
        checked_gate(self.gate)
        bad = self.address.startswith("-") or self.user.startswith("-")
        if bad or any(char.isspace() or not char.isprintable() for char in self.address + self.user):
            raise InvalidInputError("Address and user hold no blanks and do not start with '-'.")
        if any(not is_normal(root) for root in self.allowed_roots):
            raise InvalidInputError("Allowed roots are full, normal paths.", advice="For example /home/u.")
        for quota in (self.quota_bytes, self.quota_inodes):
            if quota is not None and not 0 < quota <= LARGEST_QUOTA:
                raise InvalidInputError("A quota is a number above 0.", advice="For example --quota 500G.")

    def require_enrolled(self) -> None:
        """Raise HostNotEnrolledError while the PC has not handed over its host keys."""
        if self.awaits_enrolment:
            raise HostNotEnrolledError(
                f"{self.id} is not enrolled yet.",
                meaning="Nobody can tell that PC from another one, so nothing connects to it.",
                advice="Redeem its token on the PC (bck-gate enrol …); for another token: "
                f"bck host enrol {self.id}",
            )

    def require_allowed(self, path: str) -> None:
        """Raise PathNotAllowedError unless ``path`` is an allowed root or lies below one.

        Compared are whole names, as the host's platform tells them apart. Raises PathRefusedError for
        what is no full path on that platform, or goes up by ``..``.
        """
        asked = parsed_path(path, self.platform)
        if covering(asked, self._roots()):
            return
        allowed = ", ".join(self.allowed_roots) or "none yet"
        raise PathNotAllowedError(
            f"{asked.native} is outside the folders allowed for {self.id}.",
            meaning="Nothing was read and nothing was changed.",
            advice=f"Allowed are: {allowed}. An administrator can give another list: "
            f"bck host set {self.id} --allow PATH …",
        )

    def guarded_folders(self, path: str) -> tuple[str, ...]:
        """What must not be a link on the host when ``path`` is read, outermost first.

        That is the outermost allowed root that covers it, ``path`` itself and every folder between the
        two; ``path`` alone where none covers it. What lies above an allowed root is the administrator's.
        Raises PathRefusedError for what is no full path on the host.
        """
        asked = parsed_path(path, self.platform)
        first = next((len(root.names) for root in covering(asked, self._roots())), len(asked.names))
        counts = range(max(first, 1), len(asked.names) + 1)
        return tuple(HostPath(self.platform, asked.names[:count]).text for count in counts)

    def _roots(self) -> tuple[HostPath, ...]:
        """The allowed roots that are paths on this platform; the others allow nothing."""
        return tuple(root for text in self.allowed_roots if (root := path_or_none(text, self.platform)))

    def link_refused(self, path: str, folder: str, target: str = "") -> PathNotAllowedError:
        """The error that ``path`` is not read because ``folder``, one of its guarded ones, is a link."""
        where = f" to {target}" if target else ""
        inside = "" if folder == path else f", and {path} lies below it"
        return PathNotAllowedError(
            f"{folder} is a link{where} on {self.id}{inside}.",
            meaning="Following it could read folders that are not allowed. Nothing was read or changed.",
            advice="Name the real folder as the source, and have an administrator allow that one; "
            "if nobody made this link on purpose, find out who did.",
        )
