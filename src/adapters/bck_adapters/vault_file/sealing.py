"""Sealing: secrets lie on the disk as AES-256-GCM, under a key that need not lie on the same disk.

The key is the systemd credential ``bck-vault-key`` where the service is given one (which a TPM may guard),
else a file of its own beside the vault, made when first needed. What was sealed with the file's key, or not
at all by an older version, is still opened, and sealed anew with the present key.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bck_adapters.vault_file.files import read_private, sync_folder, write_private
from bckcore.domain.ids import SecretRef
from bckcore.errors import StorageError

CREDENTIAL = "bck-vault-key"
KEY_FILE = "vault.key"
MAGIC = b"bck-sealed-1\n"
_NONCE = 12
_SHORTEST = 32
Keys = Callable[[], tuple[bytes, ...]]
"""The keys of the moment, each 32 bytes; the first one seals. Raises StorageError."""


class Sealer:
    """Seals and opens. Thread-safe. The reference is part of the seal: sealed secrets cannot be swapped."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def sealed(self, ref: SecretRef, text: str) -> bytes:
        """What may lie on the disk. Raises StorageError without a key."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self._keys()[0])
        return MAGIC + nonce + cipher.encrypt(nonce, text.encode("utf-8"), ref.encode("utf-8"))

    def opened(self, ref: SecretRef, raw: bytes) -> tuple[str, bool]:
        """The secret, and whether the first key sealed it. Raises StorageError."""
        if not raw.startswith(MAGIC):
            return _plain(ref, raw), False
        nonce, sealed = raw[len(MAGIC) :][:_NONCE], raw[len(MAGIC) + _NONCE :]
        for number, key in enumerate(self._keys()):
            with suppress(InvalidTag, ValueError):
                return AESGCM(key).decrypt(nonce, sealed, ref.encode("utf-8")).decode("utf-8"), number == 0
        raise StorageError(
            f"The secret {ref} cannot be opened: it was sealed with another key, or altered.",
            meaning="Nobody can read it without that key.",
            advice=f"Give the service its credential {CREDENTIAL}, or bring {KEY_FILE} back from a copy; "
            "or store the secret again.",
        )


def _plain(ref: SecretRef, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise StorageError(f"The secret {ref} is damaged.", advice="Store the secret again.") from exc


def keys_of(home: Path, environment: Mapping[str, str] | None = None) -> Keys:
    """The keys of an installation: the credential's, then the file's, made where there is neither."""
    given = os.environ if environment is None else environment
    folder = given.get("CREDENTIALS_DIRECTORY", "")
    credential, file = Path(folder) / CREDENTIAL, home / KEY_FILE

    def keys() -> tuple[bytes, ...]:
        found = [_key(credential, Path.read_bytes)] if folder and credential.exists() else []
        if file.exists() or not found:
            found.append(_of_file(file))
        return tuple(found)

    return keys


def _key(place: Path, read: Callable[[Path], bytes]) -> bytes:
    try:
        content = read(place).strip()
    except OSError as exc:
        raise StorageError(f"The key of the vault cannot be read: {place}: {exc}.") from exc
    if len(content) < _SHORTEST:
        raise StorageError(
            f"The key of the vault is too short: {place}.",
            meaning="No secret can be opened or kept.",
            advice="It has 32 random bytes or more, for instance from: openssl rand -hex 32",
        )
    return sha256(content).digest()


def _of_file(file: Path) -> bytes:
    """The file's key, made where there is none; of several processes that make one, all take the same."""
    if not file.exists():
        temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        try:
            write_private(temporary, secrets.token_hex(32).encode() + b"\n")
            with suppress(FileExistsError):
                os.link(temporary, file)
            temporary.unlink()
            sync_folder(file.parent)
        except OSError as exc:
            with suppress(OSError):
                temporary.unlink()
            raise StorageError(f"The key of the vault cannot be made: {file}: {exc.strerror}.") from exc
    return _key(file, read_private)
