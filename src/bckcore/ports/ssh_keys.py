"""SshKeys: make keys for logins, and certify them."""

from typing import Protocol

from bckcore.domain.secret import Secret
from bckcore.domain.ssh_certificate import SshCertificate


class SshKeys(Protocol):
    """Thread-safe; keeps nothing."""

    def new(self) -> Secret[str]:
        """A fresh Ed25519 private key as OpenSSH reads it, without a pass phrase."""

    def public(self, private: Secret[str]) -> str:
        """The public half, ``TYPE BASE64``. Raises PrivateKeyError for what is no key."""

    def certified(self, certificate: SshCertificate, authority: Secret[str]) -> str:
        """The certificate in one line as OpenSSH reads it, signed by the private key ``authority``.

        Raises PrivateKeyError where that is no key.
        """
