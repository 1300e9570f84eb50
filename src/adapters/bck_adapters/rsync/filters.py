"""gitignore rules: translated for rsync, and decided here.

Two readings of the same rules must agree, or a file that rsync skipped would be taken for deleted:

* :func:`rsync_rules` gives rsync's filter rules. gitignore's last match wins, rsync's first one, so the
  order is turned round. The rules hide on the PC only; they never protect what the store holds, or a
  folder with a hidden file in it could not become a file.
* :class:`GitIgnoreFilter` decides for one path, from the top folder down.

Both work on bytes: ``?`` is one byte, as in git and rsync. For a host whose names mean the same in either
case, letters become classes of both cases before either reading begins; that concerns ASCII, as in git.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, product

from bck_adapters.rsync.wildcards import ANY_DEPTH, in_either_case, name_regex, path_regex, split_name
from bckcore.domain.paths import RelPath, components
from bckcore.errors import InvalidInputError

_WILD = frozenset(b"*?[")
_MOST_DEPTHS = 4
_LONGEST = 1_000
_FOLDERS = 4_096
"""Of so many folders it is kept whether they are hidden: paths come folder by folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """One gitignore rule, taken apart."""

    shows: bool
    """Written with ``!``: brings back what an earlier rule hides."""
    folders_only: bool
    anchored: bool
    """Bound to the source root rather than to a name at any depth."""
    text: str
    """As it was written."""
    parts: tuple[bytes, ...]
    """Names between slashes, still with wildcards and backslashes; ``**`` stands for any depth."""


def parsed_rules(rules: Iterable[str], *, ignore_case: bool = False) -> list[IgnoreRule]:
    """The rules that say something; comments, blank ones and those that match nothing are left out.

    Raises InvalidInputError for a rule that cannot be understood, naming it.
    """
    parsed = (_parsed(rule) for rule in rules)
    found = [rule for rule in parsed if rule is not None]
    return [_in_either_case(rule) for rule in found] if ignore_case else found


def rsync_rules(rules: Iterable[str], *, ignore_case: bool = False) -> list[bytes]:
    """The same meaning as values of rsync's ``--filter``. Raises InvalidInputError."""
    translated: list[bytes] = []
    for rule in reversed(parsed_rules(rules, ignore_case=ignore_case)):
        side = b"S " if rule.shows else b"H "
        translated += [side + pattern for pattern in _patterns(rule)]
    return translated


def rsync_folder_rules(rules: Iterable[str], *, ignore_case: bool = False) -> list[bytes]:
    """The same for folders alone: which of them are hidden, and nothing about files."""
    translated = rsync_rules(rules, ignore_case=ignore_case)
    return [rule if rule.endswith(b"/") else rule + b"/" for rule in translated]


class GitIgnoreFilter:
    """A PathFilter: hidden is a path with a rule's last word against it, or below a hidden folder."""

    def __init__(self, rules: Iterable[str], *, ignore_case: bool = False) -> None:
        self._rules = [
            (rule, (path_regex(rule.parts) if rule.anchored else name_regex(rule.parts[-1])).fullmatch)
            for rule in reversed(parsed_rules(rules, ignore_case=ignore_case))
        ]
        self._folder = lru_cache(_FOLDERS)(lambda path: self._last_word(path, is_folder=True))

    def excludes(self, path: RelPath, *, is_folder: bool) -> bool:
        """True if the path, or a folder above it, is hidden."""
        return self.rule(path, is_folder=is_folder) is not None

    def rule(self, path: RelPath, *, is_folder: bool) -> str | None:
        """The rule, as it was written, that hides the path or the topmost hidden folder above it."""
        names = components(path)
        for depth in range(1, len(names)):
            if found := self._folder(b"/".join(names[:depth])):
                return found.text
        found = self._last_word(path, is_folder=is_folder) if names else None
        return found.text if found else None

    def _last_word(self, path: bytes, *, is_folder: bool) -> IgnoreRule | None:
        """The rule that hides just this path."""
        name = path[path.rfind(b"/") + 1 :]
        for rule, matches in self._rules:
            if (is_folder or not rule.folders_only) and matches(path if rule.anchored else name):
                return None if rule.shows else rule
        return None


def _in_either_case(rule: IgnoreRule) -> IgnoreRule:
    parts = tuple(part if part == ANY_DEPTH else in_either_case(part) for part in rule.parts)
    return replace(rule, parts=parts)


def _parsed(rule: str) -> IgnoreRule | None:
    raw = _encoded(rule)
    text = _without_trailing_blanks(raw)
    if not text or text.startswith(b"#"):
        return None
    shows = text.startswith(b"!")
    body = text[1:] if shows else text
    folders_only = body.endswith(b"/") and not body.endswith(b"\\/")
    body = body.rstrip(b"/") if folders_only else body
    if b"//" in text:
        return None  # an empty name: git finds nothing by it
    anchored = b"/" in body
    parts = tuple(_checked_part(part, rule) for part in body.lstrip(b"/").split(b"/") if part)
    if not parts:
        return None
    anchored = anchored and not (len(parts) == 2 and parts[0] == ANY_DEPTH and parts[1] != ANY_DEPTH)
    if parts.count(ANY_DEPTH) > _MOST_DEPTHS:
        raise _not_understood(rule, "it holds too many '**'")
    return IgnoreRule(shows=shows, folders_only=folders_only, anchored=anchored, parts=parts, text=rule)


def _patterns(rule: IgnoreRule) -> Iterator[bytes]:
    """rsync's patterns that together match what the rule matches."""
    tail = b"/" if rule.folders_only else b""
    if not rule.anchored:
        yield _rsync_form(rule.parts[-1]) + tail
        return
    # rsync's `**` between slashes stands for one folder or more, git's also for none.
    inner = [index for index, part in enumerate(rule.parts[:-1]) if part == ANY_DEPTH]
    for dropped in product((False, True), repeat=len(inner)):
        gone = {index for index, drop in zip(inner, dropped, strict=True) if drop}
        kept = [part for index, part in enumerate(rule.parts) if index not in gone]
        yield _rsync_form(b"/" + b"/".join(kept)) + tail


def _rsync_form(pattern: bytes) -> bytes:
    """rsync takes a backslash for an escape only in patterns that hold ``*``, ``?`` or ``[``."""
    if _WILD & set(pattern):
        return pattern
    return re.sub(rb"\\(.)", rb"\1", pattern)


def _checked_part(part: bytes, rule: str) -> bytes:
    """One name of a rule, runs of stars beside other characters made one. Raises InvalidInputError.

    Two stars or more alone between slashes are any depth, as in git.
    """
    if part.startswith(ANY_DEPTH) and not part.strip(b"*"):
        return ANY_DEPTH
    tokens = split_name(part)
    if tokens is None:
        raise _not_understood(rule, "a '[…]' is malformed, or a backslash stands last")
    return b"".join(
        token for before, token in pairwise((b"", *tokens)) if not (token == b"*" and before == b"*")
    )


def _encoded(rule: str) -> bytes:
    raw = rule.encode("utf-8", "surrogateescape")
    if b"\n" in raw or b"\r" in raw or b"\0" in raw or len(raw) > _LONGEST:
        raise _not_understood(rule, "it holds a line break, or is too long")
    return raw


def _without_trailing_blanks(raw: bytes) -> bytes:
    """Blanks at the end mean nothing unless a backslash stands before them."""
    kept = raw.rstrip(b" ")
    slashes = len(kept) - len(kept.rstrip(b"\\"))
    return kept + b" " if slashes % 2 and len(kept) < len(raw) else kept


def _not_understood(rule: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The rule {rule[:80]!r} cannot be understood: {why}.",
        meaning="Nothing was excluded by it, so nothing was changed.",
        advice="Write it as in a .gitignore file.",
    )
