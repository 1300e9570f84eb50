"""FileVault: one sealed file per secret, readable by this service's user only."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import uuid4

from bck_adapters.vault_file.files import read_private, sync_folder, write_private
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
        with self._alone():
            self._require_private()
            self._write(ref, secret.reveal())

    def get(self, ref: SecretRef) -> Secret[str]:
        """See the port. Raises StorageError if others could have read or replaced it."""
        self._require_private()
        raw = self._read(ref)
        text, fresh = self._sealer.opened(ref, raw)
        if not fresh:  # of an older version, or sealed before there was the present key
            with suppress(StorageError, NotFoundError), self._alone():
                if self._read(ref) == raw:  # nobody has replaced or removed it meanwhile
                    self._write(ref, text)
        return Secret(text)

    def _read(self, ref: SecretRef) -> bytes:
        try:
            return read_private(self._place(ref))
        except FileNotFoundError:
            raise NotFoundError(f"The vault holds no secret {ref}.", advice="Store it again.") from None
        except OSError as exc:
            raise StorageError(f"The secret {ref} cannot be read: {exc}.") from exc

    def _write(self, ref: SecretRef, text: str) -> None:
        temp = self._folder / f".{uuid4().hex}"
        try:
            write_private(temp, self._sealer.sealed(ref, text))
            os.replace(temp, self._place(ref))
            sync_folder(self._folder)
        except OSError as exc:
            with suppress(OSError):
                temp.unlink()
            raise StorageError(f"The secret {ref} cannot be kept: {exc.strerror}.") from exc

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process changes the vault meanwhile."""
        with self._lock:
            try:
                folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as exc:
                raise StorageError(f"The vault {self._folder} cannot be used: {exc.strerror}.") from exc
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                os.close(folder)

    def delete(self, ref: SecretRef) -> None:
        """See the port."""
        with self._alone(), suppress(FileNotFoundError):
            self._place(ref).unlink()
            sync_folder(self._folder)

    def undo_put(self, ref: SecretRef, before: Secret[str] | None) -> None:
        """See the port."""
        if before is None:
            self.delete(ref)
        else:
            self.put(ref, before)

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
