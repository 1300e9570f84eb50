"""Read a private key file for `bck host add` and say clearly what is wrong with it."""

import base64
import binascii
import re
from pathlib import Path

from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

LONGEST_KEY = 65_536
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s+(.*?)-----END \1-----", re.DOTALL)
_MAGIC = b"openssh-key-v1\0"
_MAKE_ONE = "Make one without a pass phrase: ssh-keygen -t ed25519 -N '' -f FILE"
PUBLIC_KEY = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+)\s+(AAAA[A-Za-z0-9+/]+={0,2})(?:\s|$)")


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


def checked_private_key(raw: bytes, name: str) -> Secret[str]:
    """The key in the form OpenSSH reads. Raises InvalidInputError that never quotes what it holds."""
    text = raw.decode("ascii", "replace").replace("\r\n", "\n").strip()
    if PUBLIC_KEY.match(text):
        raise _refused(name, "is the public half of a key", "Give the file without .pub.")
    if text.startswith("PuTTY-User-Key-File"):
        raise _refused(name, "is a PuTTY key", "Convert it: puttygen FILE -O private-openssh -o NEW.")
    match = _PEM.search(text)
    if match is None or len(raw) > LONGEST_KEY:
        raise _refused(name, "is no private key that OpenSSH reads", _MAKE_ONE)
    if _is_encrypted(match[1], match[2], name):
        raise _refused(
            name, "is protected by a pass phrase", f"Nobody is there at night to type it. {_MAKE_ONE}"
        )
    return Secret(match[0] + "\n")


def _is_encrypted(label: str, body: str, name: str) -> bool:
    if label != "OPENSSH PRIVATE KEY":
        return label.startswith("ENCRYPTED") or "Proc-Type: 4,ENCRYPTED" in body
    try:
        blob = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error as exc:
        raise _refused(name, "is damaged", _MAKE_ONE) from exc
    cipher_at = len(_MAGIC) + 4
    length = int.from_bytes(blob[len(_MAGIC) : cipher_at], "big")
    if not blob.startswith(_MAGIC) or length > 64:
        raise _refused(name, "is damaged", _MAKE_ONE)
    return blob[cipher_at : cipher_at + length] != b"none"


def _refused(name: str, why: str, advice: str) -> InvalidInputError:
    return InvalidInputError(f"{name} {why}.", meaning="Nothing was changed.", advice=advice)


def public_key(text: str) -> str:
    """``type base64`` from a .pub line or a known_hosts line. Raises InvalidInputError."""
    match = PUBLIC_KEY.search(text.strip())
    if match is None:
        raise InvalidInputError(
            f"{text[:60]!r} is not a public host key.",
            advice="Give one line of /etc/ssh/ssh_host_ed25519_key.pub of the PC, or of known_hosts.",
        )
    return f"{match[1]} {match[2]}"
