"""Host rules: what ``.bckignore`` and ``CACHEDIR.TAG`` files on a PC say, as rules of the whole source.

Whoever uses the PC wrote them, or whoever took it over. So they only ever hide, within the profile's own
rules; they are bounded in number; and what cannot be used is named and hides nothing.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bckcore.domain.filters import BCKIGNORE, CACHEDIR_TAG
from bckcore.domain.gather import LARGEST_GATHERED, MOST_GATHERED, Gathered
from bckcore.domain.paths import ROOT, RelPath, components
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import InvalidInputError

MOST_RULES = 2000
"""Of one source; each costs time for every path that is read."""
MOST_PROBLEMS = 100
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""With these bytes begins every CACHEDIR.TAG that is one."""
_SPECIAL = re.compile(r"([\\*?\[])")

Understood = Callable[[str], object]
"""Raises InvalidInputError for a rule that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRules:
    """gitignore rules of one source that its own files brought."""

    rules: tuple[str, ...] = ()
    files: tuple[RelPath, ...] = ()
    """Which file brought each of them, below the source."""
    problems: tuple[PathProblem, ...] = ()
    """The first 100 of what could not be used; ``problem_count`` counts all."""
    problem_count: int = 0


NOTHING = HostRules()


def host_rules(found: Gathered, understood: Understood, *, names_are_text: bool = False) -> HostRules:
    """The rules of all the files, those of inner folders after those of outer ones. Never raises.

    ``names_are_text``: no name on that host is other than UTF-8, so a rule that is none fits nothing there.
    """
    reader = _Reader(understood, names_are_text)
    for path in found.too_large:
        reader.trouble(path, f"it has more than {LARGEST_GATHERED} bytes; no rule of it is used")
    for path in found.no_files:
        if _name(path) == BCKIGNORE:
            reader.trouble(path, "it is a link or the like, not a file with rules; it is not followed")
    for path, content in sorted(found.files, key=lambda one: (len(components(one[0])), one[0])):
        reader.read(path, content)
    if found.more:
        reader.trouble(ROOT, f"there are more than {MOST_GATHERED} such files; the others are not heeded")
    brought = (*reader.rules, *reader.caches)
    return HostRules(
        rules=tuple(rule for rule, _ in brought),
        files=tuple(file for _, file in brought),
        problems=tuple(reader.problems),
        problem_count=reader.problem_count,
    )


@dataclass(slots=True)
class _Reader:
    understood: Understood
    names_are_text: bool
    rules: list[tuple[str, RelPath]] = field(default_factory=list)
    caches: list[tuple[str, RelPath]] = field(default_factory=list)
    problems: list[PathProblem] = field(default_factory=list)
    problem_count: int = 0

    def trouble(self, path: RelPath, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(PathProblem(kind=ProblemKind.FILTER, path=path, message=message))

    def read(self, path: RelPath, content: bytes) -> None:
        name, folder = _name(path), _folder(path)
        if "\n" in folder or "\r" in folder:
            self.trouble(path, "the name of its folder holds a line break; it is not heeded")
        elif name == CACHEDIR_TAG.lower():
            if content.startswith(SIGNATURE):
                self._add_all(path, _cache_rules(folder), self.caches)
        elif name == BCKIGNORE:
            self._add_all(path, _anchored_rules(folder, content), self.rules)

    def _add_all(
        self, path: RelPath, rules: Iterable[tuple[int, str, str]], to: list[tuple[str, RelPath]]
    ) -> None:
        for number, written, rule in rules:
            if len(self.rules) + len(self.caches) >= MOST_RULES:
                self.trouble(
                    path, f"the source has more than {MOST_RULES} such rules; from here on none is used"
                )
                return
            if self.names_are_text and not _is_text(rule):
                self.trouble(path, f"line {number}: it is no UTF-8 and fits no name; save the file as UTF-8")
                continue
            try:
                self.understood(rule)
            except InvalidInputError as error:
                self.trouble(path, f"line {number}: {self._told(written) or error.what}")
            else:
                to.append((rule, path))

    def _told(self, written: str) -> str:
        """What is wrong with the rule as it stands in the file; empty where that alone is none."""
        try:
            self.understood(written)
        except InvalidInputError as error:
            return error.what
        return ""


def _name(path: RelPath) -> bytes:
    return path.rpartition(b"/")[2].lower()


def _folder(path: RelPath) -> str:
    """The folder of a file as the beginning of a rule; empty for the source's root."""
    raw = path.rpartition(b"/")[0]
    text = _SPECIAL.sub(r"\\\1", raw.decode("utf-8", "surrogateescape"))
    return f"/{text}" if text else ""


def _cache_rules(folder: str) -> Iterator[tuple[int, str, str]]:
    """All that lies in the folder, but the tag that says why."""
    for rule in (f"{folder}/*", f"!{folder}/{CACHEDIR_TAG.decode()}"):
        yield 1, rule, rule


def _anchored_rules(folder: str, content: bytes) -> Iterator[tuple[int, str, str]]:
    """The rules of one .bckignore: line number, as written, and from the root of the source on."""
    for number, line in enumerate(_text(content).split("\n"), start=1):
        rule = line.removesuffix("\r")
        if not rule.startswith("#") and _names_something(rule):
            yield number, rule, _anchored(folder, rule)


def _text(content: bytes) -> str:
    """What the file says. Windows' own tools write UTF-16, and say so at the beginning."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.removeprefix(BOM_UTF8).decode("utf-8", "surrogateescape")


def _is_text(rule: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in rule)


def _names_something(rule: str) -> bool:
    """Whether it is a rule at all. A sign, slashes or blanks alone do nothing in git; put behind the name of
    their folder, they would speak of all of it."""
    return bool(rule.removeprefix("!").rstrip(" ").strip("/"))


def _anchored(folder: str, rule: str) -> str:
    if not folder:
        return rule
    sign = "!" if rule.startswith("!") else ""
    body = rule.removeprefix(sign)
    if body.startswith("/"):
        return f"{sign}{folder}{body}"
    # Without a slash before its end, a rule means names at any depth.
    bound = "/" in body.rstrip(" ")[:-1]
    return f"{sign}{folder}/{body}" if bound else f"{sign}{folder}/**/{body}"
