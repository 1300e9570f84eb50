"""HistoryEdits: ``current`` goes back to an earlier state; a path is removed for good. Part of Storage."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import PathProblem
from bckcore.ports.extraction import StatesOf, no_states

if TYPE_CHECKING:  # the storage port is made of this one
    from bckcore.ports.storage import AttemptDirs


@dataclass(frozen=True, slots=True)
class StepBack:
    """One path: what it is now and what it is to be again. At least one of the two is there."""

    live: FileEntry | None
    """Its live state; None where it has none (an old file may stand in ``current`` all the same)."""
    wanted: FileEntry | None
    """Its state at the point to go back to; None: it did not exist."""
    states_of: StatesOf = field(default=no_states, compare=False, repr=False)

    @property
    def path(self) -> RelPath:
        """The path that both are about."""
        entry = self.wanted or self.live
        assert entry is not None  # noqa: S101  # by the promise above
        return entry.path


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBackReport:
    """What going back did to ``current``."""

    put: int = 0
    """Files that got earlier bytes or attributes."""
    displaced: int = 0
    """Entries, folders moved as a whole included, that moved aside."""
    copied: int = 0
    """Bytes that had to be copied, because the file system neither clones nor links them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlace:
    """Where the storage holds anything at or below a path."""

    run: RunId | None
    """The run whose increment it is; None for ``current``."""
    files: int
    """All that are no folders."""
    bytes: int
    aside: bool = False
    """True for what that run found harmed and set aside."""


class HistoryEdits(Protocol):
    """What undoing and forgetting ask of the storage. The lock is held, but for :meth:`places_of`."""

    def put_back(
        self,
        attempt: "AttemptDirs",
        steps: Iterable[StepBack],
        increments: Sequence[RunId],
        *,
        trusted: bool,
        on_problem: Callable[[PathProblem], None],
    ) -> PutBackReport:
        """Bring the attempt's source in ``current`` back to an earlier state.

        ``steps``, by path, tell of every path that is live or wanted. What must give way moves by renames
        into the attempt's ``displaced_dir``, under the same relative path; the bytes of a wanted file come
        from the first of ``increments`` (oldest first) that holds it, else stand in ``current`` already.
        What stands there is the wanted file's by the rules of :class:`ContentStore`, and files up to 256 KiB
        are compared with their digest, too; else the path is a problem.
        Increments keep what they hold. ``trusted``: ``current`` surely holds the live state, so what is
        equal need not be looked at, unless an increment holds the path: an equal digest can be forged, and
        the bytes of that point are those. ``on_problem`` is told of each path that could not be put back; its
        live state then stands, as far as it could. May be cut anywhere: fold the attempt afterwards.
        What ``steps`` raises gets out.
        """

    def places_of(self, ref: ProfileRef, source: SourceName, path: RelPath) -> Sequence[StoredPlace]:
        """Where anything at or below the path is held: ``current`` first, then increments by age, then what
        was set aside."""

    def remove_path(self, ref: ProfileRef, source: SourceName, path: RelPath) -> Sequence[StoredPlace]:
        """Remove the path, and all below it, from ``current``, every increment and what was set aside; return
        what was where.

        Partial files of the source, and what restores had got ready, go with it: they do not tell whose
        they are. No attempt of the profile is unfolded. May be cut anywhere and repeated.
        """
