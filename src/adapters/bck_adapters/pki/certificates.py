"""Certificates as values: make a CA, issue a server certificate, judge one. No file is touched here.

EC P-256 throughout: every OpenSSL, Qt and Windows client of the last ten years takes it.
"""

import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bckcore.errors import InvalidInputError, PermanentError

CA_LIFE = timedelta(days=3652)
SERVER_LIFE = timedelta(days=396)
"""With the margin below this stays under the 397 days that clients accept."""
RENEW_BEFORE = timedelta(days=30)
CLOCK_MARGIN = timedelta(hours=1)
"""A certificate is valid from a little before it is made: clocks of PCs are seldom exact."""

_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """The private key as PEM (PKCS 8, not encrypted: its file is 0600)."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, as 64 lower-case hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def create_ca(*, now: datetime, like: Identity | None = None) -> Identity:
    """A new CA that may sign servers and no further CA. Its name is unique, so two never get mixed up.

    ``like``: the one that it is to follow, with the same name and key. Whoever pinned that accepts what this
    one signs until that one ends.
    """
    key = like.key if like else ec.generate_private_key(ec.SECP256R1())
    name = like.certificate.subject if like else _name(f"Backup Orchestrator CA {secrets.token_hex(4)}")
    builder = (
        _builder(name, name, key.public_key(), now, now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return Identity(certificate=builder.sign(key, hashes.SHA256()), key=key)


def issue_server_certificate(ca: Identity, names: Sequence[str], *, now: datetime) -> Identity:
    """A new key and a certificate for these names and addresses, never outliving the CA.

    Raises InvalidInputError for a malformed name, PermanentError when the CA is over.
    """
    end = min(now + SERVER_LIFE, ca.certificate.not_valid_after_utc)
    if end <= now:
        raise PermanentError(
            "The certificate authority of this installation has expired.",
            meaning="Clients that pinned it accept no server any more.",
            advice="Make another one, bck cert renew --authority, and let every client trust that.",
        )
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name("Backup Orchestrator server"), ca.certificate.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
    )
    return Identity(certificate=builder.sign(ca.key, hashes.SHA256()), key=key)


def is_usable(server: Identity, ca: x509.Certificate, names: Sequence[str], *, now: datetime) -> bool:
    """True if clients that pin ``ca`` accept the certificate for all ``names``, also in 30 days.

    Near the CA's own end, "in 30 days" is too much to ask: then it need only be valid now.
    """
    certificate = server.certificate
    until = min(now + RENEW_BEFORE, ca.not_valid_after_utc)
    return (
        certificate.public_key() == server.key.public_key()
        and _is_signed_by(certificate, ca)
        and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
        and until <= certificate.not_valid_after_utc
        and set(_general_names(names)) <= set(_alternative_names(certificate))
    )


def parsed_name(text: str) -> str | Address:
    """An address, or a host name in its ASCII form. Raises InvalidInputError."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        pass
    try:
        name = text.rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _DNS_NAME.fullmatch(name):
        raise InvalidInputError(
            f"{text!r} is neither a host name nor an IP address.",
            meaning="The server certificate is made for it.",
            advice="Give names such as backup.example.org or 192.168.1.10, without https:// or port.",
        )
    return name


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    parsed = dict.fromkeys(parsed_name(name) for name in names)
    return [x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name) for name in parsed]


def _alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _is_signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_MARGIN)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
