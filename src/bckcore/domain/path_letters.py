"""Letters of paths: which mean the same to a host, and which only look like something else.

An allow-list must never take two folders for one. So where nobody knows for sure what a file system does
with a letter, two letters count as different: the price is a refusal, never a folder too many.
"""

import re
import unicodedata

from bckcore.domain.host_platform import Platform

_SEPARATORS = "\u2044\u2215\u2216\u2571\u2572\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c"
_COLONS = "\u02f8\u2236\ua789\ufe13\ufe55\uff1a"
_DOTS = "\u0701\u0702\u2024\u2025\u2026\ufe19\ufe52\uff0e\uff61\u3002"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2064\ufeff\u3164\uffa0\U000e0000-\U000e007f"
)
_CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029"

_IMITATES = re.compile(f"[{_SEPARATORS}{_COLONS}]")
_ONLY_DOTS = re.compile(f"[.{_DOTS}]*[{_DOTS}][.{_DOTS}]*")
_HIDDEN = re.compile(f"[{_BIDI}{_UNSEEN}]")
_CONTROLS = re.compile(f"[{_CONTROL}]")
_KEPT_WHOLE = re.compile("([\u2000-\u2fff\uf900-\ufaff\U0002f800-\U0002faff]+)")
"""What Apple's older file system does not take apart."""


def control_in(name: str) -> str:
    """The first control character or line break of ``name``; empty if there is none."""
    return _first(_CONTROLS, name)


def unseen_in(name: str) -> str:
    """The first character that is not seen, or that turns the direction of reading; empty if none."""
    return _first(_HIDDEN, name)


def imitation_in(name: str) -> str:
    """What in ``name`` looks like a separator, a colon, or like ``.`` and ``..``; empty if nothing does.

    Dots in the middle of a name are dots; a name of nothing but look-alikes of them is none.
    """
    return _first(_IMITATES, name) or (name if _ONLY_DOTS.fullmatch(name) else "")


def folded(name: str, platform: Platform) -> str:
    """A text that is the same for two names only if the platform takes them for one name."""
    if platform is Platform.POSIX:
        return name
    if platform is Platform.MACOS:
        pieces = _KEPT_WHOLE.split(name)
        name = "".join(
            piece if number % 2 else unicodedata.normalize("NFD", piece)
            for number, piece in enumerate(pieces)
        )
    return "".join(map(_upper, name))


def _upper(letter: str) -> str:
    """The upper case of a letter, where the two belong together and to no third one.

    Not so the long s, the dotless i, the final sigma, the sharp s, the Kelvin sign, and letters beyond
    the basic plane: file systems differ there.
    """
    upper = letter.upper()
    return upper if len(upper) == 1 and upper.lower() == letter and ord(letter) < 0x10000 else letter


def _first(pattern: re.Pattern[str], name: str) -> str:
    found = pattern.search(name)
    return found[0] if found else ""
