"""Enrolment: a PC hands over its host keys for a token, once, and learns what its sshd must trust."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bckcore.domain.host_key import checked_host_keys
from bckcore.domain.host_platform import Platform
from bckcore.domain.ids import EnrolmentId, HostId
from bckcore.domain.ssh_trust import checked_gate
from bckcore.errors import InvalidInputError

USUAL_MINUTES = 15
LONGEST_MINUTES = 24 * 60
LONGEST_FACT = 64
"""Characters of a version or an account that a PC tells of itself."""
LONGEST_ADDRESS = 255
CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much the clocks of several machines of one server may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentToken:
    """The token itself is shown once and not kept, only its digest is."""

    id: EnrolmentId
    """Stands in the token, so that guesses at one are counted together."""
    host: HostId
    digest: str
    created: datetime
    created_by: str
    expires: datetime
    replace_host_key: bool = False
    """Whether another host key than the pinned one is taken."""
    used: datetime | None = None
    revoked: datetime | None = None

    def open(self, now: datetime) -> bool:
        """True if it counts. One that was made while a clock was ahead does not outlive that."""
        return self.lives(now) and self.created <= now + CLOCKS_DIFFER

    def lives(self, now: datetime) -> bool:
        """True if it counts, or may as soon as the clock is where it was when it was made."""
        return self.used is None and self.revoked is None and now < self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownByHost:
    """What a PC tells of itself when it redeems a token."""

    host_keys: tuple[str, ...]
    """As the PC has them; kept as :func:`bckcore.domain.host_key.checked_host_keys` gives them."""
    platform: Platform | None = None
    address: str = ""
    """Where it wants to be reached; empty: where it came from."""
    user: str = ""
    """The account that it has for the server; empty: whichever the server names."""
    gate_command: str = ""
    """How its sshd starts the gate; empty where it has none."""
    gate: str = ""
    rsync: str = ""
    """Versions, for people."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "host_keys", checked_host_keys(self.host_keys))
        facts = (self.user, self.rsync, self.gate)
        if any(len(fact) > LONGEST_FACT or not fact.isprintable() for fact in facts):
            raise InvalidInputError(f"What a PC tells of itself has at most {LONGEST_FACT} plain characters.")
        checked_gate(self.gate_command)
        if len(self.address) > LONGEST_ADDRESS:
            raise InvalidInputError(f"An address has at most {LONGEST_ADDRESS} characters.")


def checked_minutes(minutes: int) -> timedelta:
    """How long an enrolment stays open. Raises InvalidInputError."""
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise InvalidInputError(
            "An enrolment is open for 1 minute to 24 hours.",
            meaning="Until it is redeemed, whoever has the token can give the server a host key.",
            advice=f"{USUAL_MINUTES} minutes are usual: --minutes {USUAL_MINUTES}",
        )
    return timedelta(minutes=minutes)
