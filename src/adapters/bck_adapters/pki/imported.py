"""A certificate from elsewhere: checked the way a client checks it, then used instead of our own.

It lies beside our own CA, which stays for the day when the foreign one is given up.
"""

import os
import shutil
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from bck_adapters.pki.certificates import fingerprint
from bck_adapters.pki.handshake import refusal
from bck_adapters.pki.tls import TlsFiles, sync_folder, write_file, writing
from bckcore.errors import InvalidInputError, PermanentError

NAME = "imported"
"""A link to the folder of the import that is in use, so that one renaming exchanges all files at once."""
_UNCHANGED = "Nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import found."""

    files: TlsFiles
    accepted: tuple[str, ...]
    """The names, of those asked for, under which a client accepts the server."""
    refused: tuple[str, ...]
    """Those under which it does not."""


def is_imported(folder: Path) -> bool:
    """Whether an import is in use, in ``home/tls``."""
    return (folder / NAME).is_symlink()


def imported_files(folder: Path) -> TlsFiles | None:
    """The files of the import in ``home/tls``; None where there is none. Raises PermanentError."""
    if not is_imported(folder):
        return None
    place = (folder / NAME).resolve()  # of one import, whatever comes meanwhile
    try:
        authority = x509.load_pem_x509_certificate((place / "ca.pem").read_bytes())
    except (OSError, ValueError) as exc:
        raise PermanentError(
            f"The imported certificate cannot be used: {place / 'ca.pem'}: {exc}.",
            meaning="The server cannot show who it is.",
            advice="Import it again: bck cert import; or use the server's own: bck cert renew --own",
        ) from exc
    return _files(place, authority)


def import_certificate(
    folder: Path, *, certificate: bytes, key: bytes, authority: bytes, names: Sequence[str], now: datetime
) -> Imported:
    """Use this certificate from now on, in ``home/tls``; the names are those that clients use.

    ``certificate``: PEM, the server's first, then whatever leads to the authority. ``authority``: PEM; empty
    where the chain ends with it. Raises InvalidInputError, and changes nothing then, for whatever a
    client would not accept under any of the names.
    """
    chain, root = _checked(certificate, key, authority, now)
    with writing(folder):
        staged = Path(tempfile.mkdtemp(dir=folder, prefix=f"{NAME}-"))
        try:
            _fill(staged, chain, root, key)
            accepted, refused = _tried(staged, names)
            _use(folder, staged)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        sync_folder(folder)
        _clear(folder, but=staged)
    return Imported(files=_files(staged.resolve(), root), accepted=accepted, refused=refused)


def remove_import(folder: Path) -> bool:
    """Give the imported certificate up; False where there was none."""
    with writing(folder):
        found = is_imported(folder)
        (folder / NAME).unlink(missing_ok=True)
        _clear(folder)
    return found


def _checked(
    certificate: bytes, key: bytes, authority: bytes, now: datetime
) -> tuple[list[x509.Certificate], x509.Certificate]:
    """The chain without its authority, and that. Raises InvalidInputError."""
    chain = _certificates(certificate, "The certificate")
    server = chain[0]
    _require_fitting(server, key)
    if not server.not_valid_before_utc <= now < server.not_valid_after_utc:
        raise _wrong(
            f"The certificate is valid from {server.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{server.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and not now.",
            "Ask for a new one.",
        )
    if authority:
        root = _certificates(authority, "The certificate of the authority")[0]
        return [one for one in chain if one != root] or [server], root
    root = chain[-1]
    if root.issuer != root.subject:
        raise _wrong(
            "The file does not end with the certificate of the authority that signed it.",
            "Give that one as well: --ca FILE",
        )
    return chain[:-1] or [server], root


def _certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as exc:
        raise _wrong(f"{what} cannot be read: {exc}.", "Give a PEM file: with BEGIN CERTIFICATE") from exc


def _require_fitting(server: x509.Certificate, key: bytes) -> None:
    try:
        found = serialization.load_pem_private_key(key, password=None)
    except TypeError as exc:
        raise _wrong(
            "The private key is protected by a passphrase.",
            "Take it away in a copy: openssl pkey -in KEY -out PLAIN_KEY",
        ) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise _wrong("The private key cannot be read.", "Give a PEM file: with BEGIN PRIVATE KEY") from exc
    if found.public_key() != server.public_key():
        raise _wrong(
            "The private key belongs to another certificate.",
            "The first certificate of the file must be the server's own.",
        )


def _tried(staged: Path, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        reasons = {
            name: refusal(staged / "server.pem", staged / "server-key.pem", staged / "ca.pem", name)
            for name in names
        }
    except (ssl.SSLError, ValueError) as exc:
        raise _wrong(f"OpenSSL cannot use the certificate: {exc}.", "Ask for another one.") from exc
    accepted = tuple(name for name, reason in reasons.items() if not reason)
    if not accepted:
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise _wrong(
            f"No client would accept this certificate: {told}.",
            "It must be signed by that authority and name the server as clients do; 'api.names' in the "
            "settings adds names.",
        )
    return accepted, tuple(name for name in names if name not in accepted)


def _fill(staged: Path, chain: Sequence[x509.Certificate], root: x509.Certificate, key: bytes) -> None:
    write_file(staged / "server-key.pem", key)
    write_file(staged / "server.pem", b"".join(_pem(one) for one in (*chain, root)))
    write_file(staged / "ca.pem", _pem(root))


def _use(folder: Path, staged: Path) -> None:
    """A crash leaves the old import in use, or the new one."""
    link = folder / f".{NAME}"
    link.unlink(missing_ok=True)
    link.symlink_to(staged.name)
    os.replace(link, folder / NAME)


def _clear(folder: Path, but: Path | None = None) -> None:
    """Remove earlier imports, and what a crash left of one."""
    for old in folder.glob(f"{NAME}-*"):
        if but is None or old.name != but.name:
            shutil.rmtree(old, ignore_errors=True)


def _files(place: Path, authority: x509.Certificate) -> TlsFiles:
    return TlsFiles(
        ca_certificate=place / "ca.pem",
        server_certificate=place / "server.pem",
        server_key=place / "server-key.pem",
        fingerprint=fingerprint(authority),
        imported=True,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _wrong(what: str, advice: str) -> InvalidInputError:
    return InvalidInputError(what, meaning=_UNCHANGED, advice=advice)
