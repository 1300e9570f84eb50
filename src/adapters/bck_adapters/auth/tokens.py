"""JwtTokens: short-lived access tokens, signed with Ed25519."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt

from bck_adapters.auth.ring import KeyRing
from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass
from bckcore.errors import AccessDeniedError
from bckcore.ports.vault import Vault

ALGORITHM = "EdDSA"
ISSUER = "bck"
AUDIENCE = "bck-api"
LIFETIME_MINUTES = 15
_CLAIMS = ["iss", "aud", "exp", "iat", "jti", "sub", "sid"]


class JwtTokens:
    """Tokens. Times are checked against the ``now`` that is given, never against the machine's clock."""

    def __init__(self, home: Path, vault: Vault, *, lifetime_minutes: int = LIFETIME_MINUTES) -> None:
        """Sign with the key in the vault, of which the folder ``home`` holds the public half."""
        self._ring = KeyRing(home, vault)
        self._life = timedelta(minutes=lifetime_minutes)

    def ready(self) -> None:
        """See the port. A key that an older version left open in ``home`` goes with it."""
        self._ring.current()

    def issue(self, told: Pass, *, now: datetime) -> tuple[Secret[str], datetime]:
        """See the port. Expiry is in whole seconds."""
        name, key = self._ring.current()
        issued = int(now.timestamp())
        expires = issued + int(self._life.total_seconds())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": told.name,
            "sid": told.session,
            "iat": issued,
            "exp": expires,
            "jti": uuid4().hex,
        }
        token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": name})
        return Secret(token), datetime.fromtimestamp(expires, UTC)

    def check(self, token: Secret[str], *, now: datetime) -> Pass:
        """See the port. The algorithm is ours, whatever the token says of itself."""
        try:
            named = jwt.get_unverified_header(token.reveal()).get("kid")
            key = self._ring.public(named, now) if isinstance(named, str) else None
            if key is None:
                raise AccessDeniedError("You are not signed in.", advice="Sign in again.")
            claims = jwt.decode(
                token.reveal(),
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
            )
            if now.timestamp() >= int(claims["exp"]):
                raise AccessDeniedError("The session has expired.", advice="Sign in again.")
            return Pass(name=str(claims["sub"]), session=SessionId(str(claims["sid"])))
        except (jwt.PyJWTError, ValueError, TypeError) as exc:
            raise AccessDeniedError("You are not signed in.", advice="Sign in again.") from exc

    def rotate(self, *, now: datetime, overlap: bool = True) -> str:
        """See the port."""
        return self._ring.rotate(now, now + self._life if overlap else None)
