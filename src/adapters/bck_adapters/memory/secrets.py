"""Memory doubles for secrets, sign-in and telling people."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from threading import Lock

from bckcore.domain.events import Event
from bckcore.domain.ids import JobId, SecretRef
from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass
from bckcore.errors import AccessDeniedError, InvalidInputError, NotFoundError, SealBrokenError
from bckcore.ports.sealed_box import LONGEST_SECRET

TOKEN_LIFE = timedelta(minutes=15)


class MemoryVault:
    """Vault that forgets everything with the process."""

    def __init__(self) -> None:
        self._secrets: dict[SecretRef, Secret[str]] = {}
        self._lock = Lock()

    def put(self, ref: SecretRef, secret: Secret[str]) -> None:
        """See the port."""
        with self._lock:
            self._secrets[ref] = secret

    def get(self, ref: SecretRef) -> Secret[str]:
        """See the port."""
        with self._lock:
            if ref not in self._secrets:
                raise NotFoundError(f"The vault holds no secret {ref}.", advice="Store it again.")
            return self._secrets[ref]

    def delete(self, ref: SecretRef) -> None:
        """See the port."""
        with self._lock:
            self._secrets.pop(ref, None)

    def undo_put(self, ref: SecretRef, before: Secret[str] | None) -> None:
        """See the port."""
        if before is None:
            self.delete(ref)
        else:
            self.put(ref, before)


class MemorySealedBox:
    """SealedBox whose sealed texts are numbers of a cloakroom, as long as real ones would grow."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[JobId, Secret[str]]] = {}
        self._lock = Lock()

    def seal(self, job: JobId, secret: Secret[str]) -> str:
        """See the port."""
        size = len(secret.reveal().encode("utf-8"))
        if size > LONGEST_SECRET:
            raise InvalidInputError(f"A password has at most {LONGEST_SECRET} bytes.")
        sealed = secrets.token_hex(16) + "." * (size // 64 * 64)
        with self._lock:
            self._kept[sealed] = (job, secret)
        return sealed

    def opened(self, job: JobId, sealed: str) -> Secret[str]:
        """See the port."""
        with self._lock:
            of, secret = self._kept.get(sealed, (None, Secret("")))
        if of != job:
            raise SealBrokenError(f"The password that was sent with job {job} cannot be opened.")
        return secret


class MemoryTokens:
    """Tokens that mean something to this process only."""

    def __init__(self, life: timedelta = TOKEN_LIFE) -> None:
        self._life = life
        self._issued: dict[str, tuple[Pass, datetime]] = {}
        self._lock = Lock()

    def ready(self) -> None:
        """See the port. There is no key."""

    def issue(self, told: Pass, *, now: datetime) -> tuple[Secret[str], datetime]:
        """See the port."""
        token, expires = secrets.token_urlsafe(16), now + self._life
        with self._lock:
            self._issued[token] = (told, expires)
        return Secret(token), expires

    def check(self, token: Secret[str], *, now: datetime) -> Pass:
        """See the port."""
        with self._lock:
            told, expires = self._issued.get(token.reveal(), (None, now))
        if told is None or now >= expires:
            raise AccessDeniedError("You are not signed in.", advice="Sign in again.")
        return told

    def rotate(self, *, now: datetime, overlap: bool = True) -> str:
        """See the port."""
        with self._lock:
            if not overlap:
                self._issued.clear()
        return secrets.token_hex(8)


class MemoryPasswordHasher:
    """PasswordHasher that is fast, for tests; never use it for real passwords."""

    decoy = "memory$0$"

    def hash(self, password: Secret[str]) -> str:
        """See the port."""
        return self._hashed(secrets.token_hex(4), password)

    def verify(self, password: Secret[str], password_hash: str) -> bool:
        """See the port."""
        _, _, rest = password_hash.partition("$")
        return compare_digest(self._hashed(rest.partition("$")[0], password), password_hash)

    def outdated(self, password_hash: str) -> bool:
        """See the port."""
        return not password_hash.startswith("memory$")

    def _hashed(self, salt: str, password: Secret[str]) -> str:
        return f"memory${salt}${sha256((salt + password.reveal()).encode()).hexdigest()}"


class RecordingNotifier:
    """Notifier that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._lock = Lock()

    def notify(self, event: Event) -> None:
        """See the port."""
        with self._lock:
            self.events.append(event)
