"""A certificate authority that is not the program's, as a company has one: RSA, with an intermediate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """The key of that name; made once, for it takes a while."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(name: str, passphrase: bytes = b"") -> bytes:
    """As a file holds it."""
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key(name).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A root, an intermediate, and what they sign."""

    now: datetime

    def root(self) -> bytes:
        """PEM of the root."""
        return self._signed("root", "root", ca=True)

    def intermediate(self) -> bytes:
        """PEM of what the root signed."""
        return self._signed("intermediate", "root", ca=True)

    def server(self, names: Sequence[str], *, begins: int = -1, ends: int = 90) -> bytes:
        """PEM of a server's certificate, signed by the intermediate; days from now."""
        return self._signed("server", "intermediate", names=names, begins=begins, ends=ends)

    def nameless(self, name: str) -> bytes:
        """PEM of a server's certificate, signed by the root, whose name stands in its subject alone."""
        return self._signed("server", "root", called=name)

    def _signed(
        self,
        subject: str,
        issuer: str,
        *,
        ca: bool = False,
        names: Sequence[str] = (),
        called: str = "",
        begins: int = -1,
        ends: int = 90,
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(called) if called else _name(subject))
            .issuer_name(_name(issuer))
            .public_key(key(subject).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + timedelta(days=begins))
            .not_valid_after(self.now + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            dns = [x509.DNSName(name) for name in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(dns), critical=False)
        made = builder.sign(key(issuer), hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return _named(f"Example {text}")


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
