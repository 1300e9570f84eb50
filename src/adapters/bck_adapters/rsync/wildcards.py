"""Pure: the wildcards of one gitignore rule as a regular expression over bytes.

pathspec reads the same language, but lets a rule that matches a folder also match what lies in it; with
``!`` rules that differs from git and from rsync (seen), and a file that only one of the two readings
hides would be taken for deleted. So the few forms there are are written out here.
"""

import re
from collections.abc import Sequence

ANY_DEPTH = b"**"

_CHAR = rb"(?:\\.|[^\]\\])"
_RANGE = rb"(?:-" + _CHAR + rb")?"
# What stands in a class is taken piece by piece and never anew in another way (`+`): so do git and rsync.
_TOKEN = re.compile(
    rb"\\.|\[[!^]?(?:\]" + _RANGE + rb")?+(?:\[:[^\]]*:\]|" + _CHAR + _RANGE + rb")*+\]|[^\\\[]", re.DOTALL
)
_MEMBER = re.compile(rb"\[:(?P<name>[^\]]*):\]|(?P<low>\\.|.)(?:-(?P<high>\\.|[^\]]))?", re.DOTALL)
_CLASSES = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb"\t ",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"!-~",
    b"lower": rb"a-z",
    b"print": rb" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb"\t-\r ",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}

_CASES = ((b"a", b"z"), (b"A", b"Z"))


def split_name(name: bytes) -> Sequence[bytes] | None:
    """The characters, escapes, stars and classes of one name; None if it is malformed."""
    tokens = _TOKEN.findall(name)
    if b"".join(tokens) != name:
        return None
    return tokens if all(_is_sound(token) for token in tokens) else None


def in_either_case(name: bytes) -> bytes:
    """The name with a class of both its cases for each ASCII letter, in classes too; other letters stay.

    So one writing serves the regular expression and rsync, which has no option for it. Git does the same
    with ``core.ignorecase``. ``name`` is sound.
    """
    return b"".join(map(_either_case, split_name(name) or ()))


def name_regex(name: bytes) -> re.Pattern[bytes]:
    """Matches the names that a rule without a slash matches. ``**`` is one star there."""
    return re.compile(_name_regex(name), re.DOTALL)


def path_regex(parts: Sequence[bytes]) -> re.Pattern[bytes]:
    """Matches the whole path of what a rule with these names matches, and nothing below it.

    Rules may come from a PC. So what stands after a star is taken where it is found first, and stays there
    (``(?>…)``): a later place would leave less to what follows, and to try them all takes for ever.
    """
    pieces = list[bytes]()
    fixed, anywhere = list[bytes](), False
    for part in parts:
        if part != ANY_DEPTH:
            fixed.append(_name_regex(part))
            continue
        if fixed:
            folders = b"".join(name + b"/" for name in fixed)
            pieces.append(rb"(?>(?:.*?/)??" + folders + b")" if anywhere else folders)
        fixed, anywhere = [], True
    pieces.append((rb"(?:.*/)?" if anywhere else b"") + b"/".join(fixed) if fixed else rb".+")
    return re.compile(b"".join(pieces), re.DOTALL)


def _is_sound(token: bytes) -> bool:
    if token[:1] != b"[":
        return True
    names = (match["name"] for match in _MEMBER.finditer(_members(token)))
    if any(name is not None and name not in _CLASSES for name in names):
        return False
    try:
        re.compile(_class_regex(token))
    except re.error:
        return False
    return True


def _name_regex(name: bytes) -> bytes:
    texts = [b""]  # each of a fixed length, a star between any two
    for token in split_name(name) or ():
        if token == b"*":
            texts.append(b"")
        else:
            texts[-1] += _token_regex(token)
    if len(texts) == 1:
        return texts[0]
    first, *inner, last = texts
    return first + b"".join(rb"(?>[^/]*?" + text + b")" for text in inner if text) + rb"[^/]*" + last


def _token_regex(token: bytes) -> bytes:
    if token == b"?":
        return rb"[^/]"
    if token[:1] == b"[":
        return rb"(?!/)" + _class_regex(token)
    return re.escape(_literal(token))


def _class_regex(token: bytes) -> bytes:
    negated = token[1:2] in (b"!", b"^")
    members: list[bytes] = []
    for match in _MEMBER.finditer(_members(token)):
        if match["name"] is not None:
            members.append(_CLASSES[match["name"]])
        else:
            members.append(re.escape(_literal(match["low"])))
            if match["high"] is not None:
                members[-1] += b"-" + re.escape(_literal(match["high"]))
    return b"[" + (b"^" if negated else b"") + b"".join(members) + b"]"


def _either_case(token: bytes) -> bytes:
    if token[:1] != b"[":
        letter = _literal(token)
        return b"[" + letter + letter.swapcase() + b"]" if letter.isalpha() else token
    inner = _members(token)
    members = map(_member_in_either_case, _MEMBER.finditer(inner))
    return token[: -len(inner) - 1] + b"".join(members) + b"]"


def _members(token: bytes) -> bytes:
    """What stands in a class, without the sign that turns it round."""
    return token[2 if token[1:2] in (b"!", b"^") else 1 : -1]


def _member_in_either_case(match: "re.Match[bytes]") -> bytes:
    if match["name"] is not None:
        return b"[:alpha:]" if match["name"] in (b"lower", b"upper") else match[0]
    low = _literal(match["low"])
    if match["high"] is None:
        return match[0] + (low.swapcase() if low.isalpha() else b"")
    high = _literal(match["high"])
    others = (
        max(low, first).swapcase() + b"-" + min(high, last).swapcase()
        for first, last in _CASES
        if low <= last and high >= first
    )
    return match[0] + b"".join(others)


def _literal(token: bytes) -> bytes:
    return token[1:] if len(token) == 2 and token[:1] == b"\\" else token
