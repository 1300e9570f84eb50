"""FileVault: one sealed file per secret, readable by this service's user only."""

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import uuid4

from bck_adapters.vault_file.sealing import Sealer
from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import NotFoundError, StorageError


class FileVault:
    """Vault in one folder (0700). File names are hashes, so that a reference may hold any text."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        """Take the folder, or make it. Raises StorageError if others could look into it."""
        self._folder = folder
        self._sealer = sealer
        self._lock = Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise StorageError(f"The vault {folder} cannot be made: {exc.strerror}.") from exc
        self._require_private()

    def put(self, ref: SecretRef, secret: Secret[str]) -> None:
        """See the port. Durable when it returns."""
        place = self._place(ref)
        temp = self._folder / f".{uuid4().hex}"
        with self._lock:
            self._require_private()
            try:
                _write_private(temp, self._sealer.sealed(ref, secret.reveal()))
                os.replace(temp, place)
                _sync_folder(self._folder)
            except OSError as exc:
                with suppress(OSError):
                    temp.unlink()
                raise StorageError(f"The secret {ref} cannot be kept: {exc.strerror}.") from exc

    def get(self, ref: SecretRef) -> Secret[str]:
        """See the port. Raises StorageError if others could have read or replaced it."""
        self._require_private()
        try:
            text, fresh = self._sealer.opened(ref, _read_private(self._place(ref)))
        except FileNotFoundError:
            raise NotFoundError(f"The vault holds no secret {ref}.", advice="Store it again.") from None
        except OSError as exc:
            raise StorageError(f"The secret {ref} cannot be read: {exc}.") from exc
        if not fresh:  # of an older version, or sealed before there was the present key
            with suppress(StorageError):
                self.put(ref, Secret(text))
        return Secret(text)

    def delete(self, ref: SecretRef) -> None:
        """See the port."""
        with self._lock, suppress(FileNotFoundError):
            self._place(ref).unlink()
            _sync_folder(self._folder)

    def _place(self, ref: SecretRef) -> Path:
        return self._folder / sha256(ref.encode("utf-8")).hexdigest()

    def _require_private(self) -> None:
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise StorageError(
                f"The vault {self._folder} is open to others.",
                meaning="Secrets in it may be known to them; it is not used like this.",
                advice=f"Make it yours alone: chmod 700 {self._folder}.",
            )


def _write_private(place: Path, content: bytes) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read_private(place: Path) -> bytes:
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        if found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise PermissionError(f"{place} is open to others")
        return file.read()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
