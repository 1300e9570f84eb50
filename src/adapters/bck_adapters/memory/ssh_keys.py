"""SshKeys without cryptography: keys that open nothing, certificates that can be read at sight."""

import base64
import json
import secrets
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256

from bckcore.domain.secret import Secret
from bckcore.domain.ssh_certificate import SshCertificate
from bckcore.errors import PrivateKeyError

_MARK = "memory private key "


class MemorySshKeys:
    """SshKeys for tests."""

    def new(self) -> Secret[str]:
        """See the port."""
        return Secret(_MARK + secrets.token_hex(16))

    def public(self, private: Secret[str]) -> str:
        """See the port."""
        if not private.reveal().startswith(_MARK):
            raise PrivateKeyError("That is no key of this memory.")
        parts = (b"ssh-ed25519", sha256(private.reveal().encode()).digest())
        blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return f"ssh-ed25519 {base64.b64encode(blob).decode()}"

    def certified(self, certificate: SshCertificate, authority: Secret[str]) -> str:
        """See the port."""
        told = asdict(certificate) | {"signed_by": self.public(authority)}
        return f"memory-cert {json.dumps(told, default=datetime.isoformat)}"


def read_certificate(text: str) -> tuple[SshCertificate, str]:
    """What a certificate of :class:`MemorySshKeys` says, and the public key that signed it."""
    told = json.loads(text.removeprefix("memory-cert "))
    signed_by = told.pop("signed_by")
    for name in ("valid_from", "valid_until"):
        told[name] = datetime.fromisoformat(told[name])
    return SshCertificate(**{**told, "addresses": tuple(told["addresses"])}), signed_by
