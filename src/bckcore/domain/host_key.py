"""Public host keys as a PC hands them over: taken only if they are whole and of a known kind. Pure."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence

from bckcore.domain.ssh_trust import public_key_parts
from bckcore.errors import InvalidInputError

MOST_KEYS = 16
LONGEST_LINE = 2_048
_LINE = re.compile(r"([a-z0-9-]{1,32}) ([A-Za-z0-9+/]{16,1600}={0,2})(?: [^\r\n]*)?")
_LEAST_RSA, _LARGEST_RSA = 2_048, 8_192
_POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}


def checked_host_keys(lines: Sequence[str]) -> tuple[str, ...]:
    """``TYPE BASE64`` of each, comments left out, each once, in order. Raises InvalidInputError."""
    if not 1 <= len(lines) <= MOST_KEYS:
        raise _wrong(f"A PC shows 1 to {MOST_KEYS} host keys.")
    return tuple(dict.fromkeys(_checked(line) for line in lines))


def differing(pinned: Sequence[str], shown: Sequence[str]) -> bool:
    """True if a PC that shows these keys is not known to be the one whose keys are pinned.

    It is known if all that it shows is pinned. A pinned key is public and proves nothing about a further one,
    of whatever kind: that may be a stranger's.
    """
    return bool(pinned) and not set(shown) <= set(pinned)


def _checked(line: str) -> str:
    match = _LINE.fullmatch(line.strip(" \r\n")) if len(line) <= LONGEST_LINE else None
    if match is None:
        raise _wrong("That is no public host key.")
    if match[1] not in _KINDS:
        raise _wrong(f"A host key of the kind {match[1]} is not taken; known are {', '.join(_KINDS)}.")
    try:
        _, blob = public_key_parts(f"{match[1]} {match[2]}")
        whole = _KINDS[match[1]](_fields(blob)[1:])
    except (InvalidInputError, ValueError):
        whole = False
    if not whole:
        raise _wrong(f"The host key of the kind {match[1]} is damaged, or too weak.")
    return f"{match[1]} {base64.b64encode(blob).decode('ascii')}"


def _fields(blob: bytes) -> list[bytes]:
    """The strings of which the key consists. Raises ValueError if they do not fill it exactly."""
    fields, at = [], 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if end > len(blob):
            raise ValueError("cut")
        fields.append(blob[at + 4 : end])
        at = end
    return fields


def _ed25519(fields: Sequence[bytes]) -> bool:
    return [len(field) for field in fields] == [32]


def _rsa(fields: Sequence[bytes]) -> bool:
    exponent, modulus = (int.from_bytes(field, "big") for field in fields)
    return exponent % 2 == 1 and exponent > 1 and _LEAST_RSA <= modulus.bit_length() <= _LARGEST_RSA


def _ecdsa(curve: str) -> "Callable[[Sequence[bytes]], bool]":
    def good(fields: Sequence[bytes]) -> bool:
        name, point = fields
        return name == curve.encode() and len(point) == _POINTS[curve] and point[0] == 4

    return good


_KINDS: "Mapping[str, Callable[[Sequence[bytes]], bool]]" = {
    "ssh-ed25519": _ed25519,
    **{f"ecdsa-sha2-{curve}": _ecdsa(curve) for curve in _POINTS},
    "ssh-rsa": _rsa,
}


def _wrong(what: str) -> InvalidInputError:
    return InvalidInputError(
        what, advice="Give the lines of /etc/ssh/ssh_host_*_key.pub of the PC, each as it stands there."
    )
