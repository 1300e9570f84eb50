"""Which certificate the server shows: its own CA's, or one that an administrator brought."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from bck_adapters.pki import (
    Imported,
    TlsFiles,
    ensure_tls,
    fingerprint,
    import_certificate,
    imported_files,
    is_imported,
    own_names,
    remove_import,
    renew_authority,
    renew_tls,
)
from bckcore.domain.audit import Action
from bckcore.errors import BckError, RefusedError
from bckcore.ports.clock import Clock
from bckcore.services.evidence import Evidence

_logger = logging.getLogger("bck.audit")
SECRET = "tls/server"  # noqa: S105  # its name in the audit log
AUTHORITY_SECRET = "tls/authority"  # noqa: S105  # the same

WARN_BEFORE = timedelta(days=21)
AUTHORITY_WARN_BEFORE = timedelta(days=182)
"""Every client has to be told of another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What a person may want to know of the certificate in use."""

    files: TlsFiles
    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime
    server_fingerprint: str
    """SHA-256 in hex; clients pin that of the CA, which outlives this one."""
    ca_valid_until: datetime

    def worry(self, now: datetime) -> str:
        """What ends soon, what that means, and what to do; empty while nothing does."""
        lasting = self.ca_valid_until - now > AUTHORITY_WARN_BEFORE
        if lasting and self.valid_until - now > WARN_BEFORE:
            return ""
        if self.files.imported:
            return "it was imported, and nobody renews it by itself: bck cert import"
        if lasting:
            return "the server should have renewed it, and has not: bck cert renew"
        return "then no client accepts the server: bck cert renew --authority, and tell every client"


class Certificates:
    """The certificates of an installation. Safe to use from several processes."""

    def __init__(
        self, home: Path, names: tuple[str, ...], clock: Clock, evidence: Callable[[], Evidence]
    ) -> None:
        """``names``: what clients call the server, besides the machine's own names and addresses.

        ``evidence`` is asked for only where a key changes: certificates are there also without a database.
        """
        self._evidence = evidence
        self._home = home
        self._names = names
        self._clock = clock

    def files(self) -> TlsFiles:
        """The files in use; our own are made or renewed when needed.

        Raises InvalidInputError for a malformed name, PermanentError.
        """
        found = imported_files(self._home / "tls")
        return found or ensure_tls(
            self._home, names=self._names, now=self._clock.now(), made=self._enter_renewal
        )

    def authority_pem(self) -> bytes:
        """The authority that clients pin. Raises what :meth:`files` raises."""
        return self.files().ca_certificate.read_bytes()

    def facts(self) -> CertificateFacts:
        """Of the certificate in use. Raises what :meth:`files` raises."""
        files = self.files()
        server = x509.load_pem_x509_certificate(files.server_certificate.read_bytes())
        authority = x509.load_pem_x509_certificate(files.ca_certificate.read_bytes())
        return CertificateFacts(
            files=files,
            subject=server.subject.rfc4514_string(),
            issuer=server.issuer.rfc4514_string(),
            names=_names(server),
            valid_from=server.not_valid_before_utc,
            valid_until=server.not_valid_after_utc,
            server_fingerprint=fingerprint(server),
            ca_valid_until=authority.not_valid_after_utc,
        )

    def renew(self, *, own: bool) -> None:
        """A new certificate of our own CA; with ``own`` also instead of an imported one.

        Raises RefusedError while an imported one is in use, and what :meth:`files` raises.
        """
        self._require_own(own)
        with self._evidence().around(Action.KEY_STORED, secret=SECRET) as told:
            files = renew_tls(self._home, names=self._names, now=self._clock.now())
            remove_import(self._home / "tls")
            told["fingerprint"] = _shown(files)

    def renew_authority(self, *, own: bool, new_key: bool) -> None:
        """Another CA of our own, which clients are to pin; with the same key those that pinned the old one go
        on until that ends. ``own`` and errors as in :meth:`renew`."""
        self._require_own(own)
        with self._evidence().around(Action.KEY_STORED, secret=AUTHORITY_SECRET) as told:
            files = renew_authority(self._home, names=self._names, now=self._clock.now(), new_key=new_key)
            remove_import(self._home / "tls")
            told |= {"fingerprint": files.fingerprint, "key": "new" if new_key else "the same"}

    def _require_own(self, own: bool) -> None:
        if not own and is_imported(self._home / "tls"):
            raise RefusedError(
                "An imported certificate is in use; only whoever signed it can renew it.",
                meaning="Nothing was changed.",
                advice="Import the new one: bck cert import; or go back to the server's own: "
                "bck cert renew --own",
            )

    def bring(self, certificate: bytes, key: bytes, authority: bytes) -> Imported:
        """Use a certificate from elsewhere; see :func:`bck_adapters.pki.import_certificate`."""
        names = self._names or own_names()
        with self._evidence().around(Action.KEY_STORED, secret=SECRET) as told:
            imported = import_certificate(
                self._home / "tls",
                certificate=certificate,
                key=key,
                authority=authority,
                names=names,
                now=self._clock.now(),
            )
            told["fingerprint"] = _shown(imported.files)
        return imported

    def _enter_renewal(self) -> None:
        """It has happened already, and clients need it whatever becomes of the log."""
        own = self._home / "tls" / "server.pem"
        try:
            shown = fingerprint(x509.load_pem_x509_certificate(own.read_bytes()))
            self._evidence().tell_after(Action.KEY_STORED, secret=SECRET, fingerprint=shown)
        except (BckError, OSError) as error:
            _logger.error("a new server key is not entered into the audit log: %s", error)


def _shown(files: TlsFiles) -> str:
    return fingerprint(x509.load_pem_x509_certificate(files.server_certificate.read_bytes()))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in found)
