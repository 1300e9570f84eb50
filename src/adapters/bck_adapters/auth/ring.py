"""KeyRing: the key that signs tokens, and those that did until lately, the same for all processes.

The private half lies in the vault. A file beside it holds the public half: that it was replaced tells every
process to read again, and whoever cannot open the vault can still retire the key that it names.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bck_adapters.auth.key import name_of, private_of, read_public, secret_of, write_public
from bckcore.domain.ids import SecretRef
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.vault import Vault

PUBLIC_FILE = "token-key.pub"
UNSEALED_FILE = "token-key.pem"
"""Where older versions kept the private half. It counts no more: copies of the disk have it."""
PRIVATE = SecretRef("tokens/signing-key")
_RETIRED = re.compile(r"token-key\.([0-9a-f]{16})\.until-([0-9]{1,12})\.pub")
_NAME = re.compile(r"[0-9a-f]{16}")
_ADVICE = "Or have a new one made: bck user rotate-key. Nobody loses a session by it."
Stamp = tuple[int, int, int]


class KeyRing:
    """Thread-safe. Of a retired key only the public half stays, until its last token expires.

    The key is read, and made where there is none, when it is first asked for.
    """

    def __init__(self, home: Path, vault: Vault) -> None:
        self._home = home
        self._file = home / PUBLIC_FILE
        self._vault = vault
        self._lock = Lock()
        self._stamp: Stamp | None = None

    def current(self) -> tuple[str, Ed25519PrivateKey]:
        """The name and the key to sign with; read again when another process has changed it.

        Raises StorageError where there is one that cannot be opened.
        """
        with self._lock:
            if self._stamp is None or self._stamp != self._stamped():
                with self._alone():
                    self._take()
            return self._name, self._key

    def public(self, name: str, now: datetime) -> Ed25519PublicKey | None:
        """The key of that name to check with; None if it signs no more, or never did."""
        current, key = self.current()
        if name == current:
            return key.public_key()
        if not _NAME.fullmatch(name):
            return None
        for file, until in self._retired(name):
            if now.timestamp() < until:
                with suppress(OSError):
                    found = read_public(file)
                    if found is not None and name_of(found) == name:
                        return found
        return None

    def rotate(self, now: datetime, until: datetime | None) -> str:
        """A new key; tokens of the one before count until then. None: those of no key before. Its name.

        The one before need not be opened for it.
        """
        with self._alone():
            for file, end in self._retired():
                if until is None or end <= now.timestamp():
                    file.unlink(missing_ok=True)
            old = read_public(self._file)
            if until is not None and old is not None:
                retired = f"token-key.{name_of(old)}.until-{int(until.timestamp())}.pub"
                write_public(self._home / retired, old)
            return name_of(self._made().public_key())

    def _take(self) -> None:
        """The key as it is now, with the stamp from before it was read."""
        stamp = self._stamped()
        key = self._kept()
        if key is None:
            key, stamp = self._made(), None
        elif (known := read_public(self._file)) is None or name_of(known) != name_of(key.public_key()):
            write_public(self._file, key.public_key())
            stamp = None
        (self._home / UNSEALED_FILE).unlink(missing_ok=True)
        self._key, self._name = key, name_of(key.public_key())
        self._stamp = stamp or self._stamped()

    def _kept(self) -> Ed25519PrivateKey | None:
        try:
            return private_of(self._vault.get(PRIVATE))
        except NotFoundError:
            return None
        except ValueError as exc:
            raise _unusable("it is damaged", _ADVICE) from exc
        except StorageError as exc:
            raise _unusable(exc.what, f"{exc.advice} {_ADVICE}".strip()) from exc

    def _made(self) -> Ed25519PrivateKey:
        """A new key: first sealed, then told."""
        key = Ed25519PrivateKey.generate()
        self._vault.put(PRIVATE, secret_of(key))
        write_public(self._file, key.public_key())
        (self._home / UNSEALED_FILE).unlink(missing_ok=True)
        return key

    def _retired(self, name: str = "") -> list[tuple[Path, int]]:
        found = ((file, _RETIRED.fullmatch(file.name)) for file in self._home.glob("token-key.*.pub"))
        return [(file, int(match[2])) for file, match in found if match and name in ("", match[1])]

    def _stamped(self) -> Stamp | None:
        try:
            found = os.stat(self._file, follow_symlinks=False)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process reads or changes the key meanwhile. Raises StorageError for what fails inside."""
        try:
            folder = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                os.close(folder)
        except OSError as exc:
            why = f"{exc.strerror} ({exc.filename or self._home})"
            raise _unusable(why, f"Make room and give this account its right to {self._home}.") from exc


def _unusable(why: str, advice: str) -> StorageError:
    return StorageError(
        f"The key that signs access tokens cannot be used: {why.rstrip('.')}.",
        meaning="Nobody can sign in or go on until it can.",
        advice=advice,
    )
