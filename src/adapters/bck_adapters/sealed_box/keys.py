"""SealingKeys: the private half lies in the vault, the public one in a file beside it.

They are made when somebody first seals. Whoever removes the file has a new pair made; what waits under the
old one then opens no more. A file of another pair than the vault's is put right when something is opened.
"""

import fcntl
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import NotFoundError, SealBrokenError, StorageError
from bckcore.ports.vault import Vault

PUBLIC_FILE = "sealing.pub"
PRIVATE = SecretRef("runner/sealing-key")
_SIZE = 32


class SealingKeys:
    """One pair of an installation. Thread-safe; of several processes that make one, all take the same."""

    def __init__(self, home: Path, vault: Vault) -> None:
        self._file = home / PUBLIC_FILE
        self._vault = vault

    def public(self) -> bytes:
        """The public half, made with the other one where there is none. Raises StorageError."""
        try:
            return self._read() or self._made()
        except OSError as exc:
            raise StorageError(
                f"The key that seals passwords cannot be used: {self._file}: {exc.strerror}.",
                meaning="Nothing was started.",
                advice=f"Make room and give this account its right to {self._file.parent}.",
            ) from exc

    def private(self) -> X25519PrivateKey:
        """The private half. Raises SealBrokenError where there is none, StorageError."""
        private = self._kept()
        with suppress(OSError):  # the next one puts it right
            if private is None or self._read() not in (b"", _public(private)):
                self._put_right()
        if private is None:
            raise SealBrokenError("The vault no longer holds the key that opens sealed passwords.")
        return private

    def _kept(self) -> X25519PrivateKey | None:
        try:
            found = self._vault.get(PRIVATE)
        except NotFoundError:
            return None
        return X25519PrivateKey.from_private_bytes(_decoded(found.reveal()))

    def _made(self) -> bytes:
        with self._alone():
            if public := self._read():  # another one was faster
                return public
            private = X25519PrivateKey.generate()
            self._vault.put(PRIVATE, Secret(_encoded(private.private_bytes_raw())))
            public = _public(private)
            self._write(public)
            return public

    def _put_right(self) -> None:
        """Make a file that is there fit the vault as it is now; without one, who seals makes a new pair."""
        with self._alone():
            private = self._kept()
            if private is None:
                self._file.unlink(missing_ok=True)
            elif self._read() not in (b"", _public(private)):
                self._write(_public(private))

    def _read(self) -> bytes:
        """What the file holds; nothing where it is not there, or no key."""
        try:
            handle = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        with os.fdopen(handle, "rb") as file:
            try:
                raw = b64decode(file.read(_SIZE * 2).strip(), validate=True)
            except ValueError:
                return b""
        return raw if len(raw) == _SIZE else b""

    def _write(self, public: bytes) -> None:
        temp = self._file.with_name(f".{self._file.name}-{uuid4().hex}")
        try:
            with os.fdopen(
                os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w"
            ) as file:
                file.write(_encoded(public) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temp, self._file)
        finally:
            temp.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process makes a pair meanwhile."""
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _public(private: X25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def _encoded(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _SIZE:
        raise StorageError(
            "The key that opens sealed passwords is damaged.",
            meaning="No password that waits can be opened.",
            advice=f"Remove {PUBLIC_FILE} from BCK_HOME: a new pair is made, and work is started again.",
        )
    return raw
