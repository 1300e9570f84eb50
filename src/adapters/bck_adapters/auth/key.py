"""Ed25519 keys that sign tokens, as texts: the private half for the vault, the public one for a file."""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bckcore.domain.secret import Secret


def name_of(key: Ed25519PublicKey) -> str:
    """What a token calls the key that signed it."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def secret_of(key: Ed25519PrivateKey) -> Secret[str]:
    """For the vault."""
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))


def private_of(secret: Secret[str]) -> Ed25519PrivateKey:
    """What the vault held. Raises ValueError for anything but such a key."""
    try:
        key = load_pem_private_key(secret.reveal().encode(), password=None)
    except (TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key")  # a damaged secret, not a wrong call
    return key


def read_public(file: Path) -> Ed25519PublicKey | None:
    """The public half in a file; None where there is none, or something else. Raises OSError."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as source:
            found = load_pem_public_key(source.read())
    except (FileNotFoundError, ValueError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, Ed25519PublicKey) else None


def write_public(file: Path, key: Ed25519PublicKey) -> None:
    """Whole or not at all, on the disk, for nobody else to read whatever the umask is. Raises OSError."""
    temp = file.with_name(f".{file.name}-{uuid4().hex}")
    try:
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            out.flush()
            os.fsync(out.fileno())
        os.replace(temp, file)
    finally:
        temp.unlink(missing_ok=True)
