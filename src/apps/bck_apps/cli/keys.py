"""Read a private key file for `bck host add` and say clearly what is wrong with it."""

from pathlib import Path

from bckcore.domain.private_key import LONGEST_KEY, PUBLIC_KEY, checked_private_key
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError


def read_private_key(path: Path) -> tuple[Secret[str], str]:
    """The key, and a warning (empty if none) about the file's permissions. Raises InvalidInputError."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            raw = file.read(LONGEST_KEY + 1)
    except OSError as exc:
        raise InvalidInputError(
            f"The key file {path} cannot be read: {exc.strerror}.",
            meaning="Nothing was changed.",
            advice="--key names the file with the private key, for example ~/.ssh/backup_ed25519.",
        ) from exc
    key = checked_private_key(raw, str(path))
    shared = mode & 0o077 != 0
    return key, f"{path} can be read by others: chmod 600 it, or remove it now." if shared else ""


def public_key(text: str) -> str:
    """``type base64`` from a .pub line or a known_hosts line. Raises InvalidInputError."""
    match = PUBLIC_KEY.search(text.strip())
    if match is None:
        raise InvalidInputError(
            f"{text[:60]!r} is not a public host key.",
            advice="Give one line of /etc/ssh/ssh_host_ed25519_key.pub of the PC, or of known_hosts.",
        )
    return f"{match[1]} {match[2]}"
