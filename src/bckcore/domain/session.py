"""Session: one signing-in of a person, and the tokens that come of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret

LONGEST_CLIENT = 200
"""Characters that are kept of what a client calls itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Where a request comes from."""

    address: str = ""
    """IP address; empty where there is none, as in tests."""
    client: str = ""
    """What the program calls itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Begins with a password, lives on by refresh tokens, and is over for good once it has ended."""

    id: SessionId
    user: str
    created: datetime
    used: datetime
    """Last refreshed."""
    expires: datetime
    address: str = ""
    client: str = ""
    ended: datetime | None = None
    reason: str = ""
    """Why it ended."""

    def alive(self, now: datetime) -> bool:
        """True if its tokens count."""
        return self.ended is None and now < self.expires

    def over(self, at: datetime, reason: str) -> "Session":
        """The same, ended; one that has ended already keeps its reason."""
        return self if self.ended else replace(self, ended=at, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One link of a session's chain; the token itself is not kept."""

    digest: str
    session: SessionId
    issued: datetime
    used: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What an access token says: who, and by which session. The role is looked up, never carried."""

    name: str
    session: SessionId


def digest_of(token: Secret[str]) -> str:
    """What is kept of an opaque token: 256 random bits need no slow hash."""
    return sha256(token.reveal().encode("utf-8", "surrogatepass")).hexdigest()
