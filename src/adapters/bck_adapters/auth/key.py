"""The Ed25519 key that signs tokens: made at first use, kept in a private file."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bckcore.errors import StorageError


def signing_key(file: Path) -> Ed25519PrivateKey:
    """The key in ``file``, made if there is none. Raises StorageError if others could have read it."""
    try:
        if not file.exists():
            _make(file)
        return _read(file)
    except (OSError, ValueError) as exc:
        raise StorageError(
            f"The key {file} that signs sessions cannot be used: {exc}.",
            advice="Move it away; a new one is made and everybody signs in again.",
        ) from exc


def replace_key(file: Path) -> None:
    """A new key in place of the one in ``file``, all at once. Raises OSError."""
    write_private(file, _new_key())


def write_private(file: Path, content: bytes) -> None:
    """Whole or not at all, on the disk, for nobody else to read whatever the umask is. Raises OSError."""
    temp = _written(file, content)
    try:
        os.replace(temp, file)
    except OSError:
        os.unlink(temp)
        raise


def _make(file: Path) -> None:
    """By a link that fails when another process was faster, so that all of them use the same key."""
    temp = _written(file, _new_key())
    try:
        with suppress(FileExistsError):
            os.link(temp, file)
    finally:
        os.unlink(temp)


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _written(file: Path, content: bytes) -> Path:
    """The content in a private file beside ``file``."""
    temp = file.with_name(f".{file.name}-{uuid4().hex}")
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    return temp


def _read(file: Path) -> Ed25519PrivateKey:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as source:
        found = os.fstat(source.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise ValueError("it is open to others")
        key = load_pem_private_key(source.read(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key")  # a damaged file, not a wrong call
    return key
