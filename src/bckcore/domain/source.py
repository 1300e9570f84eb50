"""Source: one root folder on a host."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bckcore.domain.host_path import covering, is_normal, parsed_path, typed_path
from bckcore.domain.host_platform import Platform
from bckcore.domain.ids import SourceName, checked_name
from bckcore.errors import InvalidInputError

_ON_DRIVE = re.compile(r"/cygdrive/([a-z])/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One root folder on a Host; ``name`` is unique in its profile and never derived again."""

    name: SourceName
    path: str
    """Full path on the host, normal form, as rsync there takes it (``/home/u``, ``/cygdrive/c/Users``).
    Source of the fact: the person who made the profile."""

    def __post_init__(self) -> None:
        checked_name(self.name, "source")
        if not is_normal(self.path):
            raise InvalidInputError(f"{self.path!r} is not a full, normal path.")


def derived_name(path: str, taken: Iterable[str]) -> SourceName:
    """A source name from the last component of ``path``, on Windows with the drive's letter before it;
    ``-2``, ``-3`` … when taken."""
    last = path.rstrip("/").rpartition("/")[2].lower()
    if drive := _ON_DRIVE.match(path):
        last = f"{drive[1]}-{last}"
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
    if not equals or given[:1] in ("/", "\\") or given[1:2] == ":":
        return None, typed_path(text).text
    return given, typed_path(path).text


def require_disjoint(sources: Iterable[Source], platform: Platform = Platform.POSIX) -> None:
    """Raise InvalidInputError if two sources share a name, or one lies inside another on that platform."""
    seen: list[Source] = []
    for source in sources:
        for other in seen:
            if source.name == other.name:
                raise InvalidInputError(
                    f"Two sources are called {source.name}.", advice="Name one: NAME=PATH."
                )
            paths = [parsed_path(one.path, platform) for one in (source, other)]
            if covering(paths[0], paths[1:]) or covering(paths[1], paths[:1]):
                raise InvalidInputError(
                    f"The sources {other.path} and {source.path} overlap.",
                    advice="Keep the outer one and exclude what you do not want.",
                )
        seen.append(source)
    if not seen:
        raise InvalidInputError("A profile needs at least one source folder.")
