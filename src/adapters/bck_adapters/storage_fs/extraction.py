"""Write the entries of a point into a folder: names, bytes, modes, times, owners, links.

Every file is made under a temporary name and gets its own when it is whole, so under a real name there
is never half of one. The target is walked by handles from one that is held for the whole restore, and no
link in it is followed.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import replace

from bck_adapters.storage_fs.errors import NO_ROOM, reason_of, shown
from bck_adapters.storage_fs.frames import Frame, Frames
from bck_adapters.storage_fs.handles import FOLDER, PRIVATE, Descent, open_folder
from bck_adapters.storage_fs.making import Maker, remove_leftovers
from bck_adapters.storage_fs.origins import Origins, UnusableError
from bck_adapters.storage_fs.placing import Look, Step, has_attributes
from bck_adapters.storage_fs.settling import Place
from bck_adapters.storage_fs.syncing import sync_file_system
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import ROOT, components
from bckcore.domain.push import Conflict, PushOutcome
from bckcore.domain.transfer import PathProblem, ProblemKind
from bckcore.errors import NotFoundError, StoreFullError
from bckcore.ports.extraction import ExtractWatcher, Placed, Placement, Wanted

IN_THE_WAY = "Something else stands there already; it was left as it is."
CLOSED = "The folder above it could not be restored."
OUTCOMES = {
    Step.MAKE: PushOutcome.CREATED,
    Step.REPLACE: PushOutcome.REPLACED,
    Step.ASIDE: PushOutcome.KEPT_BOTH,
}


def problem_of(entry: FileEntry, message: str) -> PathProblem:
    """Why the entry is not restored."""
    return PathProblem(kind=ProblemKind.NOT_RESTORED, path=entry.path, message=message)


_TOP = FileEntry(ROOT, EntryKind.FOLDER, PRIVATE, 0, 0, 0, 0)
"""Stands for the root of a source until its own entry comes, and where none does."""


class Extraction:
    """One restore of one source into one folder."""

    def __init__(self, origins: Origins, placement: Placement, watcher: ExtractWatcher) -> None:
        self._origins = origins
        self._placement = placement
        self._watcher = watcher
        self._maker = Maker(watcher.moved, verify=placement.verify)
        self._prefix = [placement.below] if placement.below else []

    def run(self, wanted: Iterable[Wanted]) -> None:
        """Write all entries, and make it durable."""
        with Descent(_opened(self._placement)) as self._goal:
            top = self._begun_top()
            self._frames = Frames(top)
            root: FileEntry | None = None
            for one in wanted:
                if one.entry.path == ROOT:
                    root = one.entry
                    continue
                for frame in self._frames.over_before(one.entry):
                    self._finish(frame)
                self._place(one)
            for frame in self._frames.all_over():
                self._finish(frame)
            self._finish_top(top, root)
            self._goal.goto([])
            self._sync()

    def _sync(self) -> None:
        try:
            sync_file_system(self._goal.fd)
        except OSError as exc:
            raise self._full(exc) from exc

    def _place(self, wanted: Wanted) -> None:
        entry, above = wanted.entry, self._frames.above(wanted.entry)
        if above.enterable:
            fresh = self._frames.is_fresh(entry)
            frame = self._tried(entry, lambda: self._placed(wanted, fresh=fresh))
        else:
            frame = Frame(entry, above.outcome, enterable=False, reason=CLOSED)
        if entry.kind is EntryKind.FOLDER:
            self._frames.push(frame)
        if entry.kind is not EntryKind.FOLDER or not frame.enterable:
            self._tell(frame)

    def _tell(self, frame: Frame) -> None:
        problem = problem_of(frame.entry, frame.reason) if frame.outcome is None else None
        self._watcher.placed(Placed(frame.entry, frame.outcome, problem))

    def _tried(self, entry: FileEntry, step: Callable[[], Frame]) -> Frame:
        """What the step gives, or a problem in words. Raises StoreFullError when no room is left."""
        try:
            return step()
        except UnusableError as exc:
            reason = str(exc)
        except OSError as exc:
            if exc.errno in NO_ROOM:
                raise self._full(exc) from exc
            reason = reason_of(exc)
        return Frame(entry, None, enterable=False, reason=reason)

    def _full(self, exc: OSError) -> StoreFullError | NotFoundError:
        if exc.errno not in NO_ROOM:
            return NotFoundError(f"Writing to {shown(self._placement.folder)} failed ({reason_of(exc)}).")
        return StoreFullError(
            f"No room is left in the restore folder {shown(self._placement.folder)}.",
            meaning="The restore stopped; what it wrote so far is there, the rest is not.",
            advice="Free space there and resume, or restore into a folder on a larger disk.",
        )

    # --- one entry ---------------------------------------------------------------------------------

    def _placed(self, wanted: Wanted, *, fresh: bool) -> Frame:
        entry = wanted.entry
        *folder, name = components(entry.path)
        self._goal.goto([*self._prefix, *folder], make=True)
        look = Look(Step.MAKE) if fresh else None
        if entry.kind is EntryKind.FOLDER:
            return self._placed_folder(entry, name, look)
        place = Place(entry, name, self._goal.fd, self._placement)
        look = look or place.look()
        step = look.step
        if step in OUTCOMES:
            step = self._write(wanted, folder, name, place, look)
        if step in OUTCOMES:
            return Frame(entry, OUTCOMES[step])
        if step is Step.REFUSE:
            return Frame(entry, None, reason=IN_THE_WAY)
        return Frame(entry, PushOutcome.SAME if step is Step.SAME else PushOutcome.SKIPPED)

    def _write(self, wanted: Wanted, folder: list[bytes], name: bytes, place: Place, look: Look) -> Step:
        """Make the thing and put it into its place; the step that this took, or that leaves what is there."""
        entry, temporary = wanted.entry, self._maker.temporary
        origin = self._origins.open(wanted, folder, name) if entry.kind is EntryKind.FILE else None
        try:
            with self._maker.made(entry, self._goal.fd, origin):
                return place.settle(look, temporary).step
        finally:
            if origin is not None:
                os.close(origin)

    # --- folders -----------------------------------------------------------------------------------

    def _placed_folder(self, entry: FileEntry, name: bytes, look: Look | None = None) -> Frame:
        place = Place(entry, name, self._goal.fd, self._placement)
        look = place.settle(look or place.look())
        if look.step in OUTCOMES:
            return Frame(entry, OUTCOMES[look.step], fresh=True)
        if look.step is Step.MERGE:
            return self._merged(entry, name, look)
        if look.step is Step.REFUSE:
            return Frame(entry, None, enterable=False, reason=IN_THE_WAY)
        return Frame(entry, PushOutcome.SKIPPED, enterable=False)

    def _merged(self, entry: FileEntry, name: bytes, look: Look) -> Frame:
        fd = open_folder(name, self._goal.fd, usable=True)
        try:
            if self._placement.resume:
                remove_leftovers(fd)
        finally:
            os.close(fd)
        return Frame(entry, PushOutcome.SAME, before=look.info)

    def _begun_top(self) -> Frame:
        """The folder that stands for the root of the source; its own entry may come at any place."""
        if self._prefix:
            return self._tried(_TOP, lambda: self._placed_folder(_TOP, self._prefix[0]))
        if self._placement.resume:
            remove_leftovers(self._goal.fd)
        return Frame(_TOP, PushOutcome.SAME, fresh=not self._merges)

    @property
    def _merges(self) -> bool:
        """True if the target may hold something."""
        return self._placement.resume or self._placement.conflict is not None

    def _finish_top(self, top: Frame, root: FileEntry | None) -> None:
        if root is not None:
            frame = replace(top, entry=root)
            if top.enterable:
                self._finish(frame)
            else:
                self._tell(frame)
        elif top.before is not None:
            self._goal.goto(self._prefix)
            self._close_up(top.before)

    def _finish(self, frame: Frame) -> None:
        """All that the folder holds is there: attributes, then the word."""
        if frame.enterable:
            self._tell(self._tried(frame.entry, lambda: self._dressed(frame)))

    def _dressed(self, frame: Frame) -> Frame:
        self._goal.goto([*self._prefix, *components(frame.entry.path)])
        if frame.before is None:
            self._maker.dress(frame.entry, self._goal.fd)
            return frame
        same = has_attributes(frame.entry, frame.before)
        if same or takes_attributes(self._placement):
            self._maker.dress(frame.entry, self._goal.fd)
        else:
            self._close_up(frame.before)
        return replace(frame, outcome=merged_outcome(self._placement, same=same))

    def _close_up(self, before: os.stat_result) -> None:
        """A folder of somebody else's gets the mode back that it had."""
        mode = stat.S_IMODE(before.st_mode)
        if mode & PRIVATE != PRIVATE:
            os.chmod(self._goal.fd, mode)


def takes_attributes(placement: Placement) -> bool:
    """True if folders that are there already get mode and time of the entry."""
    return placement.resume or placement.conflict is Conflict.OVERWRITE


def merged_outcome(placement: Placement, *, same: bool) -> PushOutcome:
    """What becomes of a folder that was there already."""
    return PushOutcome.ADJUSTED if takes_attributes(placement) and not same else PushOutcome.SAME


def _opened(placement: Placement) -> int:
    try:
        if placement.handle is not None:
            return os.dup(placement.handle)
        return os.open(placement.folder, FOLDER)
    except OSError as exc:
        raise NotFoundError(
            f"The restore folder {shown(placement.folder)} cannot be opened ({reason_of(exc)}).",
            advice="Choose a folder that exists and that the service may write.",
        ) from exc
