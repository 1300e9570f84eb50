"""TlsFiles: the certificate files of an installation, made when missing and renewed in time."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bck_adapters.pki.certificates import (
    Identity,
    create_ca,
    fingerprint,
    is_usable,
    issue_server_certificate,
)
from bck_adapters.pki.machine import own_names
from bckcore.errors import PermanentError

BEFORE = "ca-before.pem"
"""Earlier certificates of the CA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the certificates lie. ``fingerprint`` is the SHA-256 of the CA, in hex: what clients pin."""

    ca_certificate: Path
    server_certificate: Path
    server_key: Path
    fingerprint: str
    imported: bool = False
    """True for a certificate that an administrator brought; nobody renews it by itself."""


def ensure_tls(
    home: Path, *, names: Sequence[str], now: datetime, made: Callable[[], None] = lambda: None
) -> TlsFiles:
    """Make sure that ``home/tls`` holds a CA and a server certificate good for 30 days more.

    The certificate covers this machine's own names and addresses, and ``names``. The CA is made once
    and never replaced. Safe to repeat, and to call from several processes at once; when nothing has to
    be done, nothing is written; whoever wrote calls ``made`` once it lies there.

    Raises InvalidInputError for a malformed name, PermanentError when the
    CA cannot be read, has no key left, or has expired.
    """
    folder = home / "tls"
    wanted = tuple(dict.fromkeys((*own_names(), *names)))
    found = _usable(folder, wanted, now)
    if found is None:
        with writing(folder):
            found = _usable(folder, wanted, now)
            mine = found is None
            found = found or _renewed(folder, wanted, now)
        if mine:
            made()
    return found


def renew_tls(home: Path, *, names: Sequence[str], now: datetime) -> TlsFiles:
    """A new server key and certificate of our own CA, though the old ones may be good. See :func:`ensure_tls`
    for names and errors."""
    folder = home / "tls"
    with writing(folder):
        return _renewed(folder, tuple(dict.fromkeys((*own_names(), *names))), now)


def renew_authority(home: Path, *, names: Sequence[str], now: datetime, new_key: bool) -> TlsFiles:
    """Another CA instead of ours, and a server certificate of it. Names and errors: see :func:`ensure_tls`.

    With the old one's key, whoever pinned that goes on until it ends; with ``new_key`` nobody does, and the
    old one need not even be readable. Cut off, it is whole with the next start.
    """
    folder = home / "tls"
    with writing(folder):
        if new_key:
            (folder / "ca.pem").unlink(missing_ok=True)  # without it the next step makes both anew
        elif (folder / "ca.pem").exists():
            _followed(folder, now)
        return _renewed(folder, tuple(dict.fromkeys((*own_names(), *names))), now)


def _usable(folder: Path, names: Sequence[str], now: datetime) -> TlsFiles | None:
    server = _read_identity(folder / "server.pem", folder / "server-key.pem")
    if server is None or not (folder / "ca.pem").exists():
        return None
    ca = _read_ca_certificate(folder)
    return _files(folder, ca) if is_usable(server, ca, names, now=now) else None


def _renewed(folder: Path, names: Sequence[str], now: datetime) -> TlsFiles:
    if not (folder / "ca.pem").exists():
        ca = create_ca(now=now)
        write_file(folder / "ca-key.pem", ca.key_pem())
        write_file(folder / "ca.pem", ca.certificate_pem())
    ca = _read_ca(folder)
    server = issue_server_certificate(ca, names, now=now)
    # Key first: a crash in between leaves a pair that does not match, and that is renewed next time.
    write_file(folder / "server-key.pem", server.key_pem())
    # The CA goes with it, so that a client that knows only the CA's fingerprint can check it.
    chain = (server.certificate, ca.certificate, *_before(folder, ca.certificate, now))
    write_file(folder / "server.pem", _pems(chain))
    return _files(folder, ca.certificate)


def _followed(folder: Path, now: datetime) -> None:
    """Another certificate of our CA; those before it are remembered as long as they are valid."""
    old = _read_ca(folder)
    new = create_ca(now=now, like=old)
    write_file(folder / BEFORE, _pems((old.certificate, *_before(folder, old.certificate, now))))
    write_file(folder / "ca.pem", new.certificate_pem())


def _before(folder: Path, ca: x509.Certificate, now: datetime) -> list[x509.Certificate]:
    """Earlier certificates of the same CA, which clients may have pinned. Harmed ones are none."""
    try:
        found = x509.load_pem_x509_certificates((folder / BEFORE).read_bytes())
    except (OSError, ValueError):
        return []
    key = ca.public_key()
    return [one for one in found if one != ca and one.public_key() == key and now < one.not_valid_after_utc]


def _pems(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _files(folder: Path, ca: x509.Certificate) -> TlsFiles:
    return TlsFiles(
        ca_certificate=folder / "ca.pem",
        server_certificate=folder / "server.pem",
        server_key=folder / "server-key.pem",
        fingerprint=fingerprint(ca),
    )


def _read_ca_certificate(folder: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    except (OSError, ValueError) as exc:
        raise _unusable_ca(folder / "ca.pem", exc) from exc


def _read_ca(folder: Path) -> Identity:
    certificate = _read_ca_certificate(folder)
    try:
        key = _read_key(folder / "ca-key.pem")
    except (OSError, ValueError, TypeError) as exc:
        raise _unusable_ca(folder / "ca-key.pem", exc) from exc
    if key.public_key() != certificate.public_key():
        raise _unusable_ca(folder / "ca-key.pem", "it belongs to another certificate")
    return Identity(certificate=certificate, key=key)


def _unusable_ca(path: Path, why: object) -> PermanentError:
    return PermanentError(
        f"The certificate authority cannot be used: {path}: {why}.",
        meaning="No server certificate can be made that the clients would accept.",
        advice="Bring the file back from a copy. Without one: bck cert renew --authority --now; every client "
        "must then trust the new authority.",
    )


def _read_identity(certificate: Path, key: Path) -> Identity | None:
    """None for whatever is missing or damaged: it will be made anew."""
    try:
        return Identity(
            certificate=x509.load_pem_x509_certificate(certificate.read_bytes()), key=_read_key(key)
        )
    except (OSError, ValueError, TypeError):
        return None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("it is no elliptic-curve key")
    return key


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two processes never mix one's key with the other's certificate.

    Raises PermanentError for what cannot be written inside.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise PermanentError(
            f"The certificate cannot be written: {exc.filename or folder}: {exc.strerror}.",
            meaning="The one before is shown as long as it is there and valid.",
            advice=f"Make room, or give {folder} back to the account of the service; then say it again.",
        ) from exc


def sync_folder(folder: Path) -> None:
    """Names in it are on the disk when this returns. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all, and for nobody else to read, whatever the umask is."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
