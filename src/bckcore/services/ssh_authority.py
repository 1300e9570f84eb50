"""SshAuthority: the server's own authority, which certifies a fresh key for each connection to a host."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bckcore.domain.credential import KeyCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import SecretRef
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_certificate import SshCertificate
from bckcore.domain.ssh_trust import checked_addresses, principal_of
from bckcore.errors import ConflictError, NotFoundError, StorageError
from bckcore.ports.clock import Clock
from bckcore.ports.ssh_keys import SshKeys
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.vault import Vault
from bckcore.services.vaulting import stored

AUTHORITY = SecretRef("ssh-ca")
EARLY = timedelta(minutes=1)
"""A PC's clock may be behind by so much."""
VALID = timedelta(minutes=5)
"""A login must have happened by then; a connection that is open stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityKeys:
    """The public keys that PCs must trust, each ``TYPE BASE64``."""

    signing: str
    """Certificates are signed by it."""
    coming: str = ""
    """It signs once the renewal is finished; empty where none is under way."""

    @property
    def trusted(self) -> tuple[str, ...]:
        """All that a PC must hold now."""
        return (self.signing, self.coming) if self.coming else (self.signing,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What lies in the vault."""

    signing: Secret[str]
    coming: Secret[str] | None = None

    def written(self) -> Secret[str]:
        coming = self.coming.reveal() if self.coming else ""
        return Secret(json.dumps({"signing": self.signing.reveal(), "coming": coming}))


class SshAuthority:
    """Made when it is first needed; its private keys leave the vault only to sign. Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        vault: Vault,
        keys: SshKeys,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        addresses: Sequence[str] = (),
    ) -> None:
        """``addresses``: where this server's connections come from; empty where nobody said."""
        self._units = units
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._random_bytes = random_bytes
        self.addresses = checked_addresses(addresses)

    def public(self) -> AuthorityKeys:
        """What PCs must trust. Raises StorageError."""
        return self._public(self._kept())

    def certified(self, host: Host, purpose: str) -> KeyCredential:
        """A fresh key and its certificate, for one connection to ``host`` within minutes.

        ``purpose`` stands in the log of the PC. Raises StorageError.
        """
        private, now = self._keys.new(), self._clock.now()
        serial = int.from_bytes(self._random_bytes(8), "big") >> 1
        wanted = SshCertificate(
            public=self._keys.public(private),
            key_id=f"bck {host.id} {purpose}".rstrip(),
            serial=serial,
            principal=principal_of(host.id),
            valid_from=now - EARLY,
            valid_until=now + VALID,
            addresses=self.addresses,
            command=host.gate,
        )
        return KeyCredential(private, self._keys.certified(wanted, self._kept().signing))

    def renew(self, *, at_once: bool = False) -> AuthorityKeys:
        """Make another key. It signs after :meth:`finish`, so that PCs can learn of it before.

        ``at_once``: it signs from now on and no other counts, for a key that others may have seen; PCs
        let the server in again once they hold the new line. What is damaged in the vault is replaced too.
        Raises ConflictError while one is coming, unless ``at_once``.
        """
        with self._units() as uow:
            kept = _Kept(signing=self._keys.new()) if at_once else self._renewed()
            with stored(self._vault, AUTHORITY, kept.written()):
                uow.commit()
        return self._public(kept)

    def _renewed(self) -> _Kept:
        kept = self._found() or _Kept(signing=self._keys.new())
        if kept.coming is not None:
            raise ConflictError(
                "The server's SSH authority has a new key already, which does not sign yet.",
                advice="Give it to every PC, then: bck ssh-ca renew --finish",
            )
        return replace(kept, coming=self._keys.new())

    def finish(self) -> AuthorityKeys:
        """From now on the coming key signs, and the one before counts no more. Raises ConflictError."""
        with self._units() as uow:
            kept = self._found()
            if kept is None or kept.coming is None:
                raise ConflictError(
                    "There is no new key of the SSH authority.", advice="Make one first: bck ssh-ca renew"
                )
            kept = _Kept(signing=kept.coming)
            with stored(self._vault, AUTHORITY, kept.written()):
                uow.commit()
        return self._public(kept)

    def _public(self, kept: _Kept) -> AuthorityKeys:
        coming = self._keys.public(kept.coming) if kept.coming else ""
        return AuthorityKeys(signing=self._keys.public(kept.signing), coming=coming)

    def _kept(self) -> _Kept:
        found = self._found()
        return self._made() if found is None else found

    def _made(self) -> _Kept:
        """Made by one process only: units of work that write exclude one another."""
        with self._units() as uow:
            found = self._found()
            if found is None:
                found = _Kept(signing=self._keys.new())
                self._vault.put(AUTHORITY, found.written())
            uow.commit()
        return found

    def _found(self) -> _Kept | None:
        try:
            written = json.loads(self._vault.get(AUTHORITY).reveal())
            signing, coming = Secret(str(written["signing"])), str(written["coming"])
        except NotFoundError:
            return None
        except (ValueError, KeyError, TypeError):  # its text is a secret: it must not reach a traceback
            raise StorageError(
                "The SSH authority in the vault is damaged.",
                advice="Make another one, and give its line to every PC: bck ssh-ca renew --now",
            ) from None
        return _Kept(signing=signing, coming=Secret(coming) if coming else None)
