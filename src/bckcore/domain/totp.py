"""Codes of six digits that change every 30 seconds (RFC 6238, on RFC 4226); pure."""

import hmac
from base64 import b32encode
from datetime import datetime
from urllib.parse import quote

SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20
DRIFT = 1
"""So many steps the clock of a phone may be early or late."""


def code_of(secret: bytes, step: int, *, digits: int = DIGITS, digest: str = "sha1") -> str:
    """The code of one step."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), digest)
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now: datetime) -> int:
    """The step that a moment lies in."""
    return int(now.timestamp()) // SECONDS


def matching_step(secret: bytes, code: str, now: datetime, *, after: int) -> int | None:
    """The step whose code this is, of those about now after the last used one; None: there is none."""
    typed = code.replace(" ", "").encode("utf-8", "replace")
    here = step_at(now)
    found = None
    for step in range(here - DRIFT, here + DRIFT + 1):
        same = hmac.compare_digest(code_of(secret, step).encode("ascii"), typed)
        if same and step > after and found is None:
            found = step
    return found


def base32(secret: bytes) -> str:
    """The secret as programs on phones take it."""
    return b32encode(secret).decode("ascii").rstrip("=")


def uri(issuer: str, name: str, secret: bytes) -> str:
    """What a phone reads from a picture."""
    label = f"{quote(issuer, safe='')}:{quote(name, safe='')}"
    return f"otpauth://totp/{label}?secret={base32(secret)}&issuer={quote(issuer, safe='')}"
