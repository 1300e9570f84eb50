"""Source: one root folder on a host."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bckcore.domain.host import normal_posix_path
from bckcore.domain.ids import SourceName, checked_name
from bckcore.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One root folder on a Host; ``name`` is unique in its profile and never derived again."""

    name: SourceName
    path: str
    """Full path on the host, normal form. Source of the fact: the person who made the profile."""

    def __post_init__(self) -> None:
        checked_name(self.name, "source")
        if normal_posix_path(self.path) != self.path:
            raise InvalidInputError(f"{self.path!r} is not a full, normal path.")


def derived_name(path: str, taken: Iterable[str]) -> SourceName:
    """A source name from the last component of ``path``; ``-2``, ``-3`` … when taken."""
    last = path.rstrip("/").rpartition("/")[2].lower()
    base = re.sub(r"[^a-z0-9._-]+", "-", last).strip("._-")[:56] or "root"
    used = set(taken)
    name, number = base, 2
    while name in used:
        name, number = f"{base}-{number}", number + 1
    return SourceName(name)


def parsed_sources(texts: Iterable[str], before: Iterable[Source] = ()) -> tuple[Source, ...]:
    """Sources from ``[NAME=]PATH`` texts; names that are given come first, others give way to them.

    A path without a name keeps the one it has in ``before``: a name is never derived twice.
    Raises InvalidInputError for doubles and overlaps.
    """
    parts = [_parted(text) for text in texts]
    known = {source.path: source.name for source in before}
    taken = {*known.values(), *(name for name, _ in parts if name)}
    sources: list[Source] = []
    for given, path in parts:
        name = SourceName(given) if given is not None else known.get(path) or derived_name(path, taken)
        taken.add(name)
        sources.append(Source(name=name, path=path))
    require_disjoint(sources)
    return tuple(sources)


def _parted(text: str) -> tuple[str | None, str]:
    """The name, if one is given, and the path."""
    given, equals, path = text.partition("=")
    if not equals or given.startswith("/"):
        return None, normal_posix_path(text)
    return given, normal_posix_path(path)


def require_disjoint(sources: Iterable[Source]) -> None:
    """Raise InvalidInputError if two sources share a name, or one lies inside another."""
    seen: list[Source] = []
    for source in sources:
        for other in seen:
            if source.name == other.name:
                raise InvalidInputError(
                    f"Two sources are called {source.name}.", advice="Name one: NAME=PATH."
                )
            short, long = sorted((source.path, other.path), key=len)
            if long == short or long.startswith(short.rstrip("/") + "/"):
                raise InvalidInputError(
                    f"The sources {other.path} and {source.path} overlap.",
                    advice="Keep the outer one and exclude what you do not want.",
                )
        seen.append(source)
    if not seen:
        raise InvalidInputError("A profile needs at least one source folder.")
