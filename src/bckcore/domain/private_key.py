"""Private keys as OpenSSH reads them; everything else is refused by its name. Pure."""

import base64
import binascii
import re
from typing import NoReturn

from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

LONGEST_KEY = 65_536
PUBLIC_KEY = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+)\s+(AAAA[A-Za-z0-9+/]+={0,2})(?:\s|$)")
MAKE_ONE = "Make one without a pass phrase: ssh-keygen -t ed25519 -N '' -f FILE"
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s+(.*?)-----END \1-----", re.DOTALL)
_MAGIC = b"openssh-key-v1\0"
_DER_SEQUENCE = 0x30


def checked_private_key(raw: bytes, name: str) -> Secret[str]:
    """The key in the form OpenSSH reads; ``name`` is how people call where it came from.

    A key that was cut or changed on its way is found by its lengths; whether a host takes it is not
    known here. Raises InvalidInputError that never quotes what ``raw`` holds.
    """
    text = raw.decode("ascii", "replace").replace("\r\n", "\n").strip()
    if PUBLIC_KEY.match(text):
        _refuse(name, "is the public half of a key", "Give the file without .pub.")
    if text.startswith("PuTTY-User-Key-File"):
        _refuse(name, "is a PuTTY key", "Convert it: puttygen FILE -O private-openssh -o NEW.")
    match = _PEM.search(text)
    if match is None or len(raw) > LONGEST_KEY:
        _refuse(name, "is no private key that OpenSSH reads", MAKE_ONE)
    label, body = match[1], match[2]
    encrypted = label.startswith("ENCRYPTED") or "Proc-Type: 4,ENCRYPTED" in body
    try:
        if not encrypted:
            encrypted = _look_into(base64.b64decode("".join(body.split()), validate=True), label)
    except (binascii.Error, ValueError):
        _refuse(name, "is damaged", MAKE_ONE)
    if encrypted:
        _refuse(name, "is protected by a pass phrase", f"Nobody is there at night to type it. {MAKE_ONE}")
    return Secret(match[0] + "\n")


def _look_into(blob: bytes, label: str) -> bool:
    """Whether the key is encrypted. Raises ValueError if it is not whole."""
    if label == "OPENSSH PRIVATE KEY":
        return _cipher(blob) != b"none"
    if len(blob) != _der_length(blob):
        raise ValueError("not one DER value")
    return False


def _cipher(blob: bytes) -> bytes:
    """The cipher that an OpenSSH key names. Raises ValueError if the parts do not fill it exactly."""
    if not blob.startswith(_MAGIC):
        raise ValueError("no OpenSSH key")
    cipher, at = _string(blob, len(_MAGIC))
    for _ in ("key derivation", "its options"):
        _, at = _string(blob, at)
    at += 4  # how many keys follow: one
    for _ in ("public", "private"):
        _, at = _string(blob, at)
    if at != len(blob):
        raise ValueError("too long")
    return cipher


def _string(blob: bytes, at: int) -> tuple[bytes, int]:
    start = at + 4
    end = start + int.from_bytes(blob[at:start], "big")
    if end > len(blob):
        raise ValueError("cut")
    return blob[start:end], end


def _der_length(blob: bytes) -> int:
    """How long the value is that begins the bytes. Raises ValueError if none does."""
    if len(blob) < 2 or blob[0] != _DER_SEQUENCE:
        raise ValueError("no DER sequence")
    first = blob[1]
    if first < 0x80:
        return 2 + first
    width = first & 0x7F
    return 2 + width + int.from_bytes(blob[2 : 2 + width], "big")


def _refuse(name: str, why: str, advice: str) -> NoReturn:
    raise InvalidInputError(f"{name} {why}.", meaning="Nothing was changed.", advice=advice)
