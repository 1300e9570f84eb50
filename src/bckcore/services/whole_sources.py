"""Whole sources: those that a profile no longer has, and what it means when none could be read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bckcore.domain.ids import SourceName
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.profile import Profile
from bckcore.domain.transfer import PathProblem
from bckcore.errors import SourceMissingError
from bckcore.ports.catalog import SourceState


def dropped(profile: Profile, states: Mapping[SourceName, SourceState]) -> list[SourceState]:
    """Sources that the profile no longer has and that still are part of the state: the next run ends them."""
    present = {source.name for source in profile.sources}
    return [state for name, state in states.items() if name not in present and state.paths]


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a source could be read."""

    nothing: bool
    """Not even the folder's first entry was listed. A full listing may be incomplete, too."""
    said: tuple[str, ...]
    """The first thing that was amiss, if anything was."""


def reading_of(
    paths: Iterable[RelPath], unlisted: frozenset[RelPath], problems: Sequence[PathProblem]
) -> Reading:
    """Judge a source by what a transport reports of it."""
    nothing = ROOT in unlisted and len(list(islice(paths, 2))) < 2
    return Reading(nothing, tuple(problem.message for problem in problems[:1]))


def require_something_read(readings: Sequence[Reading]) -> None:
    """Raise SourceMissingError where nothing of any source could be read."""
    if all(one.nothing for one in readings):
        messages = [message for one in readings for message in one.said]
        raise SourceMissingError(
            f"None of the folders could be read: {'; '.join(messages) or 'no listing'}",
            meaning="Nothing was marked as deleted; everything kept so far stays.",
            advice="Check that the folders exist on the PC and that its backup account may read them.",
        )
