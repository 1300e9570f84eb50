"""KeyRing: the key that signs tokens, and those that did until lately, the same for all processes."""

import hashlib
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from bck_adapters.auth.key import replace_key, signing_key, write_private
from bckcore.errors import StorageError

KEY_FILE = "token-key.pem"
_RETIRED = re.compile(r"token-key\.([0-9a-f]{16})\.until-([0-9]{1,12})\.pub")
_NAME = re.compile(r"[0-9a-f]{16}")
Stamp = tuple[int, int, int]


class KeyRing:
    """Thread-safe. Of a retired key only the public half stays, until its last token expires."""

    def __init__(self, home: Path) -> None:
        """Take the key in ``home``, made at first use. Raises StorageError."""
        self._home = home
        self._file = home / KEY_FILE
        self._lock = Lock()
        self._stamp: Stamp | None = None
        self.current()

    def current(self) -> tuple[str, Ed25519PrivateKey]:
        """The name and the key to sign with; read again when another process has changed it."""
        with self._lock:
            stamp = self._stamped()
            if stamp is None or stamp != self._stamp:
                self._key = signing_key(self._file)
                self._stamp = self._stamped()
                self._name = _name_of(self._key.public_key())
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
                with suppress(OSError, ValueError):
                    found = load_pem_public_key(file.read_bytes())
                    if isinstance(found, Ed25519PublicKey) and _name_of(found) == name:
                        return found
        return None

    def rotate(self, now: datetime, until: datetime | None) -> str:
        """A new key; tokens of the one before count until then. None: those of no key before. Its name."""
        name, old = self.current()
        try:
            for file, end in self._retired():
                if until is None or end <= now.timestamp():
                    file.unlink(missing_ok=True)
            if until is not None:
                pem = old.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                write_private(self._home / f"token-key.{name}.until-{int(until.timestamp())}.pub", pem)
            replace_key(self._file)
        except OSError as exc:
            raise StorageError(f"The key {self._file} cannot be changed: {exc.strerror}.") from exc
        return self.current()[0]

    def _retired(self, name: str = "") -> list[tuple[Path, int]]:
        found = ((file, _RETIRED.fullmatch(file.name)) for file in self._home.glob("token-key.*.pub"))
        return [(file, int(match[2])) for file, match in found if match and name in ("", match[1])]

    def _stamped(self) -> Stamp | None:
        try:
            found = os.stat(self._file, follow_symlinks=False)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _name_of(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
