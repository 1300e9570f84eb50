"""JwtTokens: short-lived access tokens, signed with Ed25519."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt

from bck_adapters.auth.key import signing_key
from bckcore.domain.access import Principal, Role
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError

ALGORITHM = "EdDSA"
ISSUER = "bck"
AUDIENCE = "bck-api"
KEY_FILE = "token-key.pem"
LIFETIME_MINUTES = 15
_CLAIMS = ["iss", "aud", "exp", "iat", "jti", "sub", "role"]


class JwtTokens:
    """Tokens. Times are checked against the ``now`` that is given, never against the machine's clock."""

    def __init__(self, home: Path, *, lifetime_minutes: int = LIFETIME_MINUTES) -> None:
        """Take the key in the folder ``home``, made at first use. Raises StorageError."""
        self._key = signing_key(home / KEY_FILE)
        self._public = self._key.public_key()
        self._life = timedelta(minutes=lifetime_minutes)

    def issue(self, principal: Principal, *, now: datetime) -> tuple[Secret[str], datetime]:
        """See the port. Expiry is in whole seconds."""
        issued = int(now.timestamp())
        expires = issued + int(self._life.total_seconds())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": principal.name,
            "role": principal.role.value if principal.role else "",
            "iat": issued,
            "exp": expires,
            "jti": uuid4().hex,
        }
        token = jwt.encode(claims, self._key, algorithm=ALGORITHM)
        return Secret(token), datetime.fromtimestamp(expires, UTC)

    def check(self, token: Secret[str], *, now: datetime) -> Principal:
        """See the port."""
        try:
            claims = jwt.decode(
                token.reveal(),
                self._public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
            )
            if now.timestamp() >= int(claims["exp"]):
                raise AccessDeniedError("The session has expired.", advice="Sign in again.")
            return Principal(name=claims["sub"], role=Role(claims["role"]))
        except (jwt.PyJWTError, ValueError, TypeError) as exc:
            raise AccessDeniedError("You are not signed in.", advice="Sign in again.") from exc
