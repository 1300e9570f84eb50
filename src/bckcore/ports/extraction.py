"""What restores ask of a storage, path by path, and what it answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.push import Conflict, PushOutcome
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import PathProblem

StatesOf = Callable[[RelPath], Sequence[FileEntry]]
"""All known states of a path. Asked only where size and time of what is stored do not tell."""


def no_states(_path: RelPath) -> Sequence[FileEntry]:
    """Nothing more is known: what has another time must have the digest."""
    return ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry to bring back."""

    entry: FileEntry
    gone: bool = False
    """It does not stand at the point itself, and is brought back all the same: its bytes are the first
    from its time on that have its size and mtime."""
    passed: int = 0
    """So many of the increments, from the oldest, are of its time or before: they do not count."""
    states_of: StatesOf = field(default=no_states, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where entries go, and what becomes of what is there already."""

    folder: Path
    """As :meth:`RestoreTargets.claim` or ``look`` gave it."""
    handle: int | None = None
    """The folder itself, held open by who claimed it; then its path is for words alone."""
    below: bytes = b""
    """Name of the folder in it that stands for the root of the source; empty: the folder itself."""
    conflict: Conflict | None = None
    """None: what is in the way stays, and the path that should stand there is a problem."""
    suffix: str
    """Put behind the name of what is moved aside; see :func:`bckcore.domain.push.suffix_at`."""
    resume: bool = False
    """An earlier restore of the same was cut: its leftovers go, folders it made get their attributes."""
    verify: bool = False
    """Read large files for their digest, too; small ones always are. Costs the quick way of copying."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became, or would become, of one entry. Without an outcome there is a problem."""

    entry: FileEntry
    outcome: PushOutcome | None
    problem: PathProblem | None = None


class ExtractWatcher(Protocol):
    """Hears how an extraction goes on. An exception that it raises stops the work and gets out."""

    def placed(self, placed: Placed) -> None:
        """Called once per entry, folders after what they hold."""

    def moved(self, count: int) -> None:
        """So many bytes of a file were copied; called at least every 16 MiB."""


class ContentReader(Protocol):
    """Reads stored bytes; see :meth:`ContentStore.reading`."""

    def open(self, wanted: Wanted) -> AbstractContextManager[BinaryIO]:
        """The bytes of a plain file, unbuffered, for one reading from the start.

        Quick for paths asked in order. Raises NotFoundError if there are none of the entry (see
        :class:`ContentStore`); files up to 256 KiB are compared with their digest first, and one that
        differs counts as not there.
        """


class ContentStore(Protocol):
    """The part of a storage that gives back what it holds.

    ``wanted`` is ordered by path, the root anywhere, so that a folder comes before what it holds. The
    bytes of a path come from the first of ``increments`` (oldest first) that holds it, else from
    ``current``. Called with the profile's lock held.

    Bytes that are lost are never made up for by those of another version: what stands there must have
    size and time of the entry, or those of a state with the same content, or the entry's digest. What has
    none of these is not given out: the path is a problem.
    """

    def extract(
        self,
        ref: ProfileRef,
        source: SourceName,
        wanted: Iterable[Wanted],
        increments: Sequence[RunId],
        placement: Placement,
        watcher: ExtractWatcher,
    ) -> None:
        """Write what is wanted into a folder, durably at the end.

        Names, bytes, modes, times in ns and links are exact; owners too when the process may set them.
        What stands there exactly so (kind, size, mtime, mode; a link by its target) is not touched.
        A name is only given to what is whole: a cut leaves at most one file under a temporary name.
        What appears in the target meanwhile is treated as if it had been there before.
        A folder that is not empty is never deleted: where another thing takes its place, it is moved
        aside, under ``Conflict.OVERWRITE`` too. No link in the target is followed.

        Raises NotFoundError if the folder is gone, StoreFullError if it has no room left.
        """

    def examine(
        self,
        ref: ProfileRef,
        source: SourceName,
        wanted: Iterable[Wanted],
        increments: Sequence[RunId],
        placement: Placement,
    ) -> Iterator[Placed]:
        """What :meth:`extract` would do, in the order of ``wanted``; changes nothing, not even the folder
        need be there."""

    def reading(
        self, ref: ProfileRef, source: SourceName, increments: Sequence[RunId]
    ) -> AbstractContextManager[ContentReader]:
        """Read files one after the other."""
