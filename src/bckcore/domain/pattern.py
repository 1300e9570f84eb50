"""Pattern: what a person types to find a file, and which paths it means.

Names are bytes. They are compared as UTF-8 text; a byte that is no UTF-8 is a character of its own, equal to
itself only, so that a name with such bytes is found by the parts that are text. Letters match in either
case unless asked otherwise: those of ASCII among themselves, others where lower case is one letter.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bckcore.domain.ids import SourceName
from bckcore.domain.paths import ROOT, RelPath
from bckcore.errors import InvalidInputError

LONGEST = 4096
ANY_FOLDERS = "**"
_ASCII_RUN = re.compile(r"[\x01-\x7f]+")
_TOKEN = re.compile(r"\\([*?\[\]\\])|(\*+)|(\?)|\[([!^]?)(\]?[^\]]+|\])\]|(.)", re.DOTALL)


def folded(text: str) -> str:
    """Lower case, letter by letter; no letter becomes an ASCII one that was none."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def _lower(char: str) -> str:
    low = char.lower()
    return low if len(low) == 1 and low.isascii() is char.isascii() else char


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands between two slashes."""

    regex: re.Pattern[str]
    texts: tuple[str, ...]
    """Literal texts in order, a wildcard between any two; the ends are empty where one stands there."""
    any_folders: bool


@dataclass(frozen=True)
class Pattern:
    """A plain word means any part of a name; with ``*``, ``?`` or ``[…]`` it means the whole name.

    With a slash it is compared with the whole path as people see it, ``source/folder/name``; ``**`` between
    slashes stands for any number of folders, nothing else goes across a slash. A backslash takes the
    meaning of the wildcard after it. The root of a source matches nothing.
    """

    raw: bytes
    ignore_case: bool = True

    def __post_init__(self) -> None:
        if not self.raw.strip(b"/") or b"\0" in self.raw or len(self.raw) > LONGEST:
            raise InvalidInputError(
                "The pattern is empty, too long or holds NUL.",
                advice="Write a part of a name, or a pattern such as '*.pdf'.",
            )

    def matches(self, source: SourceName, path: RelPath) -> bool:
        """True if the path is one that is meant."""
        if path == ROOT:
            return False
        if self.whole_path:
            text = self._text_of(source.encode("ascii") + b"/" + path)
            return _fits(self._parts, text.split("/")) if self.is_glob else self._word in text
        name = path[path.rfind(b"/") + 1 :]
        if self._quick is not None:
            return self._quick in (name.lower() if self.ignore_case else name)
        text = self._text_of(name)
        return self._parts[0].regex.fullmatch(text) is not None if self.is_glob else self._word in text

    def chosen(self, source: SourceName, paths: Iterable[RelPath]) -> list[RelPath]:
        """Those of the paths that are meant."""
        quick = self._quick
        if quick is None:
            return [path for path in paths if self.matches(source, path)]
        if self.ignore_case:
            paths = [path for path in paths if quick in path[path.rfind(b"/") + 1 :].lower()]
        else:
            paths = [path for path in paths if quick in path[path.rfind(b"/") + 1 :]]
        return [path for path in paths if path != ROOT]

    @cached_property
    def whole_path(self) -> bool:
        """True if it is compared with the whole path."""
        return b"/" in self.raw

    @cached_property
    def is_glob(self) -> bool:
        """True if it holds a wildcard."""
        return any(len(part.texts) > 1 for part in self._parts)

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """ASCII texts that every matching path inside its source holds, one after the other, in some case.

        So an index may look for them first. What stands before the first slash may be the source's name.
        """
        parts = self._parts[1:] if self.whole_path else self._parts
        return tuple(run for part in parts for text in part.texts for run in _ASCII_RUN.findall(text))

    @cached_property
    def name_start(self) -> str:
        """ASCII text with which every matching name begins, in some case; empty if none is sure."""
        found = re.match(r"[\x01-\x7f]*", self._last.texts[0]) if self.is_glob else None
        return found[0] if found else ""

    @cached_property
    def name_end(self) -> str:
        """ASCII text with which every matching name ends, in some case; empty if none is sure."""
        found = re.search(r"[\x01-\x7f]*\Z", self._last.texts[-1]) if self.is_glob else None
        return found[0] if found else ""

    @property
    def _last(self) -> _Part:
        return self._parts[-1]

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        parts = tuple(map(_parsed, self._text_of(self.raw).split("/")))
        glob = any(len(part.texts) > 1 for part in parts)
        return parts[1:] if glob and parts[0].texts == ("",) else parts

    @cached_property
    def _word(self) -> str:
        """The text of a pattern without wildcard."""
        return "/".join(part.texts[0] for part in self._parts)

    @cached_property
    def _quick(self) -> bytes | None:
        """A plain ASCII word can be sought in the bytes as they are."""
        plain = not self.is_glob and not self.whole_path and self._word.isascii()
        return self._word.encode("ascii") if plain else None

    def _text_of(self, raw: bytes) -> str:
        text = raw.decode("utf-8", "surrogateescape")
        return folded(text) if self.ignore_case else text


def _parsed(text: str) -> _Part:
    texts, pieces = [""], [""]
    for escaped, stars, one, negated, members, plain in _TOKEN.findall(text):
        if literal := escaped or plain:
            texts[-1] += literal
            pieces[-1] += re.escape(literal)
            continue
        texts.append("")
        if stars:
            pieces.append("")
        else:
            pieces[-1] += "." if one else _class(negated, members)
    return _Part(re.compile(_regex(pieces), re.DOTALL), tuple(texts), text == ANY_FOLDERS)


def _regex(pieces: Sequence[str]) -> str:
    """Stars stand between the pieces. Each piece is taken where it comes first: no way back is needed."""
    first, *rest = pieces
    if not rest:
        return first
    return first + "".join(f"(?>.*?{piece})" for piece in rest[:-1]) + f".*{rest[-1]}"


def _class(negated: str, members: str) -> str:
    found = "".join(_members(members))
    if not found:  # a range that runs backwards holds nothing
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{found}]"


def _members(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        if text[place + 1 : place + 2] == "-" and place + 2 < len(text):
            low, high = text[place], text[place + 2]
            if low <= high:
                yield f"{re.escape(low)}-{re.escape(high)}"
            place += 3
        else:
            yield re.escape(text[place])
            place += 1


def _fits(parts: Sequence[_Part], names: Sequence[str]) -> bool:
    """Whether the names fit part by part. After ``**``, what fits first is taken, and moved on if need be."""
    place = here = 0
    retry: tuple[int, int] | None = None
    while here < len(names):
        if place < len(parts) and parts[place].any_folders:
            retry = (place + 1, here)
            place += 1
        elif place < len(parts) and parts[place].regex.fullmatch(names[here]):
            place, here = place + 1, here + 1
        elif retry is not None:
            place, here = retry[0], retry[1] + 1
            retry = (place, here)
        else:
            return False
    return all(part.any_folders for part in parts[place:])
