"""The text of an enrolment token: what a person carries from the server to a PC. Pure.

``bck1-ID-SECRET-CA-CHECK``, in base32 without upper case: which enrolment it is, what proves it, the SHA-256
of the certificate authority by which the PC knows the server, and a checksum, so that a slip of the pen is
told from a token that does not count. The checksum proves nothing: anybody can compute it.
"""

import re
from base64 import b32decode, b32encode
from dataclasses import dataclass
from hashlib import sha256

from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

ID_BYTES, SECRET_BYTES, CA_BYTES = 5, 20, 32
LONGEST_TEXT = 300
"""Characters, blanks and line breaks of a careless copy included."""
_CHECK = 6
_FORM = re.compile(rf"(bck1-([a-z2-7]{{8}})-([a-z2-7]{{32}})-([a-z2-7]{{52}}))-([a-z2-7]{{{_CHECK}}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenParts:
    """What a token says."""

    id: str
    secret: Secret[str]
    ca_sha256: str
    """Of the certificate authority, 64 lower-case hex digits."""


def token_text(parts: TokenParts) -> Secret[str]:
    """The token as it is shown. ``id`` and ``secret`` are as :func:`random_parts` makes them."""
    body = f"bck1-{parts.id}-{parts.secret.reveal()}-{_plain(bytes.fromhex(parts.ca_sha256))}"
    return Secret(f"{body}-{_checksum(body)}")


def random_parts(randomness: bytes, ca_sha256: str) -> TokenParts:
    """Fresh parts out of ``ID_BYTES + SECRET_BYTES`` random bytes."""
    secret = randomness[ID_BYTES : ID_BYTES + SECRET_BYTES]
    return TokenParts(id=_plain(randomness[:ID_BYTES]), secret=Secret(_plain(secret)), ca_sha256=ca_sha256)


def parsed_token(text: Secret[str]) -> TokenParts:
    """What the token says; blanks, line breaks and upper case do no harm.

    Raises InvalidInputError for what is none, or was mistyped, and never quotes it.
    """
    given = text.reveal()
    plain = "".join(given.split()).lower() if len(given) <= LONGEST_TEXT else ""
    match = _FORM.fullmatch(plain)
    if match is None:
        raise InvalidInputError(
            "That is no enrolment token.",
            meaning="Nothing was sent and nothing was changed.",
            advice="Copy it whole, from bck1- to its end, as 'bck host enrol' showed it.",
        )
    authority = b32decode(match[4].upper() + "====")
    if match[5] != _checksum(match[1]) or _plain(authority) != match[4]:
        raise InvalidInputError(
            "The enrolment token was mistyped: its checksum does not fit.",
            meaning="Nothing was sent and nothing was changed. The token still counts.",
            advice="Copy it again, whole.",
        )
    return TokenParts(id=match[2], secret=Secret(match[3]), ca_sha256=authority.hex())


def _plain(raw: bytes) -> str:
    return b32encode(raw).decode("ascii").rstrip("=").lower()


def _checksum(body: str) -> str:
    return _plain(sha256(body.encode("ascii")).digest())[:_CHECK]
