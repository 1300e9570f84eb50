"""Keys and certificates as OpenSSH writes them."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
    SSHCertPrivateKeyTypes,
    load_ssh_private_key,
    load_ssh_public_key,
)

from bckcore.domain.secret import Secret
from bckcore.domain.ssh_certificate import SshCertificate
from bckcore.errors import PrivateKeyError

_OPENSSH = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH


class OpenSshKeys:
    """SshKeys by the cryptography library."""

    def new(self) -> Secret[str]:
        """See the port."""
        return Secret(
            Ed25519PrivateKey.generate()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            .decode("ascii")
        )

    def public(self, private: Secret[str]) -> str:
        """See the port."""
        return _loaded(private).public_key().public_bytes(*_OPENSSH).decode("ascii")

    def certified(self, certificate: SshCertificate, authority: Secret[str]) -> str:
        """See the port. No extension is granted: no terminal, no forwarding, no rc file."""
        builder = (
            SSHCertificateBuilder()
            .public_key(load_ssh_public_key(certificate.public.encode("ascii")))  # type: ignore[arg-type]  # a key of ours
            .type(SSHCertificateType.USER)
            .serial(certificate.serial)
            .key_id(certificate.key_id.encode())
            .valid_principals([certificate.principal.encode()])
            .valid_after(int(certificate.valid_from.timestamp()))
            .valid_before(int(certificate.valid_until.timestamp()))
        )
        if certificate.command:
            builder = builder.add_critical_option(b"force-command", certificate.command.encode())
        if certificate.addresses:
            builder = builder.add_critical_option(b"source-address", ",".join(certificate.addresses).encode())
        return builder.sign(_loaded(authority)).public_bytes().decode("ascii").strip()


def _loaded(private: Secret[str]) -> SSHCertPrivateKeyTypes:
    """The key. What is in ``private`` reaches no error."""
    raw = private.reveal().encode()
    for load in (load_ssh_private_key, serialization.load_pem_private_key):
        try:
            key = load(raw, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return key  # type: ignore[return-value]  # other kinds were refused when the key was given
    raise PrivateKeyError(
        "A private key in the vault cannot be read.",
        advice="Give another one (bck host set HOST --key FILE), or let the server make one "
        "(bck host key HOST --new).",
    )
