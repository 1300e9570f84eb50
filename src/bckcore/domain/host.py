"""Host: a machine whose files are protected."""

import posixpath
from dataclasses import dataclass
from enum import StrEnum

from bckcore.domain.access import checked_user_name
from bckcore.domain.ids import HostId, SecretRef, checked_name
from bckcore.errors import InvalidInputError, PathNotAllowedError


class Platform(StrEnum):
    """What the host's file names and permissions look like."""

    POSIX = "posix"
    WINDOWS = "windows"
    MACOS = "macos"

    @property
    def ignores_case(self) -> bool:
        """True where names that differ in case only mean the same file, so that rules must fit both."""
        return self is not Platform.POSIX


def normal_posix_path(raw: str) -> str:
    """An absolute POSIX path without ``.``/``..``/double slashes; raises InvalidInputError otherwise."""
    if not raw.startswith("/") or "\0" in raw or ".." in raw.split("/"):
        raise InvalidInputError(
            f"{raw!r} is not a full path.",
            advice="Give the path from / on, without '..'.",
        )
    return "/" + posixpath.normpath(raw).strip("/")


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
    key: SecretRef | None = None
    """Private key in the vault."""
    host_keys: tuple[str, ...] = ()
    """Pinned public keys, each ``type base64``."""
    allowed_roots: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    """Accounts that may work with it as with their own (role owner). Not part of what storage keeps."""

    def __post_init__(self) -> None:
        checked_name(self.id, "host")
        for owner in self.owners:
            checked_user_name(owner)
        if not 1 <= self.port <= 65535:
            raise InvalidInputError(f"Port {self.port} is not between 1 and 65535.")
        bad = self.address.startswith("-") or self.user.startswith("-")
        if bad or any(char.isspace() or not char.isprintable() for char in self.address + self.user):
            raise InvalidInputError("Address and user hold no blanks and do not start with '-'.")
        if any(normal_posix_path(root) != root for root in self.allowed_roots):
            raise InvalidInputError("Allowed roots are full, normal paths.", advice="For example /home/u.")

    def require_allowed(self, path: str) -> None:
        """Raise PathNotAllowedError unless ``path`` is an allowed root or lies below one.

        Raises InvalidInputError for a path that is not full, or that goes up by ``..``.
        """
        path = normal_posix_path(path)
        for root in self.allowed_roots:
            if path == root or path.startswith(root.rstrip("/") + "/"):
                return
        allowed = ", ".join(self.allowed_roots) or "none yet"
        raise PathNotAllowedError(
            f"{path} is outside the folders allowed for {self.id}.",
            meaning="Nothing was read and nothing was changed.",
            advice=f"Allowed are: {allowed}. An administrator can give another list: "
            f"bck host set {self.id} --allow PATH …",
        )

    def guarded_folders(self, path: str) -> tuple[str, ...]:
        """What must not be a link on the host when ``path`` is read, outermost first.

        That is the outermost allowed root that covers it, ``path`` itself and every folder between the
        two; ``path`` alone where none covers it. What lies above an allowed root is the administrator's.
        """
        path = normal_posix_path(path)
        covering = [root for root in self.allowed_roots if f"{path}/".startswith(root.rstrip("/") + "/")]
        first = min(covering, key=len, default=path)
        parts = path[1:].split("/")
        prefixes = ("/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return tuple(prefix for prefix in prefixes if len(prefix) >= len(first) and prefix != "/")

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
