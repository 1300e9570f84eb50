"""SshCertificate: what the server certifies of a key, as a PC's sshd will read it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SshCertificate:
    """A user certificate that is to be signed. It permits no terminal, no forwarding, no file of its own."""

    public: str
    """The key, ``TYPE BASE64``."""
    key_id: str
    """For the PC's log: for which host and what."""
    serial: int
    principal: str
    """The only name it counts for."""
    valid_from: datetime
    valid_until: datetime
    addresses: tuple[str, ...] = ()
    """Where the connection must come from; empty for anywhere."""
    command: str = ""
    """What sshd starts, whatever is asked for; empty for what is asked for."""
