"""Credential: what the server shows a host to be let in."""

from dataclasses import dataclass

from bckcore.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class KeyCredential:
    """A private key, and where the host trusts a certificate authority, the certificate of that key."""

    private: Secret[str]
    """As OpenSSH reads it, without a pass phrase."""
    certificate: str = ""
    """In one line, as OpenSSH reads it; empty where the host knows the key itself."""


@dataclass(frozen=True, slots=True)
class PasswordCredential:
    """The password of the account on the host, where a person insists on one."""

    password: Secret[str]


Credential = KeyCredential | PasswordCredential
