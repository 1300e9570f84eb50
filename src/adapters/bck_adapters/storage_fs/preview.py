"""What an extraction would do, found out without changing anything."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from bck_adapters.storage_fs.errors import reason_of
from bck_adapters.storage_fs.extraction import CLOSED, IN_THE_WAY, OUTCOMES, merged_outcome, problem_of
from bck_adapters.storage_fs.frames import Frame, Frames
from bck_adapters.storage_fs.handles import FOLDER, Descent, entries
from bck_adapters.storage_fs.origins import Origins, UnusableError
from bck_adapters.storage_fs.placing import Step, has_attributes, step_for
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import ROOT, components
from bckcore.domain.push import PushOutcome
from bckcore.ports.extraction import Placed, Placement, Wanted

_NOT_THERE = Frame(FileEntry(ROOT, EntryKind.FOLDER, 0, 0, 0, 0, 0), PushOutcome.CREATED, fresh=True)


class Preview:
    """Looks at the target of one source. ``placement.folder`` need not exist."""

    def __init__(self, origins: Origins, placement: Placement) -> None:
        self._origins = origins
        self._placement = placement
        self._prefix = [placement.below] if placement.below else []

    def run(self, wanted: Iterable[Wanted]) -> Iterator[Placed]:
        """What would become of each entry, in their order."""
        try:
            top = os.open(self._placement.folder, FOLDER)
        except FileNotFoundError:
            yield from self._told(wanted, None, _NOT_THERE)
            return
        with Descent(top) as goal:
            yield from self._told(wanted, goal, self._top(goal))

    def _top(self, goal: Descent) -> Frame:
        entry = _NOT_THERE.entry
        if not self._prefix:
            return replace(_NOT_THERE, before=os.fstat(goal.fd), outcome=PushOutcome.SAME, fresh=False)
        return self._tried(Wanted(entry), lambda: self._folder(entry, goal, self._prefix[0]))

    def _told(self, wanted: Iterable[Wanted], goal: Descent | None, top: Frame) -> Iterator[Placed]:
        frames = Frames(top)
        for one in wanted:
            for _over in frames.over_before(one.entry):
                pass
            frame = self._frame(one, goal, frames, top)
            if one.entry.kind is EntryKind.FOLDER and one.entry.path != ROOT:
                frames.push(frame)
            problem = problem_of(one.entry, frame.reason) if frame.outcome is None else None
            yield Placed(one.entry, frame.outcome, problem)

    def _frame(self, wanted: Wanted, goal: Descent | None, frames: Frames, top: Frame) -> Frame:
        entry, above = wanted.entry, frames.above(wanted.entry)
        if entry.path == ROOT:
            return self._root_frame(entry, top)
        if not above.enterable:
            return Frame(entry, above.outcome, enterable=False, reason=CLOSED)
        if goal is None or frames.is_fresh(entry):
            return self._tried(wanted, lambda: self._made(wanted, PushOutcome.CREATED))
        return self._tried(wanted, lambda: self._looked_at(wanted, goal))

    def _root_frame(self, entry: FileEntry, top: Frame) -> Frame:
        if top.before is None:
            return replace(top, entry=entry)
        return replace(top, entry=entry, outcome=self._merged(entry, top.before))

    def _merged(self, entry: FileEntry, before: os.stat_result) -> PushOutcome:
        return merged_outcome(self._placement, same=has_attributes(entry, before))

    def _looked_at(self, wanted: Wanted, goal: Descent) -> Frame:
        entry = wanted.entry
        *folder, name = components(entry.path)
        if not goal.reach([*self._prefix, *folder]):
            return self._made(wanted, PushOutcome.CREATED)
        if entry.kind is EntryKind.FOLDER:
            return self._folder(entry, goal, name)
        step = step_for(entry, name, goal.fd, self._placement.conflict)
        if step is Step.REPLACE and _holds_something(name, goal.fd):
            step = Step.ASIDE
        if step in OUTCOMES:
            return self._made(wanted, OUTCOMES[step])
        return _left(entry, step)

    def _folder(self, entry: FileEntry, goal: Descent, name: bytes) -> Frame:
        step = step_for(entry, name, goal.fd, self._placement.conflict)
        if step is Step.MERGE:
            before = os.stat(name, dir_fd=goal.fd, follow_symlinks=False)
            return Frame(entry, self._merged(entry, before), before=before)
        if step in OUTCOMES:
            return Frame(entry, OUTCOMES[step], fresh=True)
        return _left(entry, step)

    def _made(self, wanted: Wanted, outcome: PushOutcome) -> Frame:
        """Bytes are looked for, too. Raises UnusableError."""
        entry = wanted.entry
        if entry.kind is EntryKind.FILE:
            *folder, name = components(entry.path)
            os.close(self._origins.open(wanted, folder, name))
        return Frame(entry, outcome, fresh=entry.kind is EntryKind.FOLDER)

    def _tried(self, wanted: Wanted, step: Callable[[], Frame]) -> Frame:
        try:
            return step()
        except UnusableError as exc:
            reason = str(exc)
        except OSError as exc:
            reason = reason_of(exc)
        return Frame(wanted.entry, None, enterable=False, reason=reason)


def _left(entry: FileEntry, step: Step) -> Frame:
    if step is Step.REFUSE:
        return Frame(entry, None, enterable=False, reason=IN_THE_WAY)
    outcome = PushOutcome.SAME if step is Step.SAME else PushOutcome.SKIPPED
    return Frame(entry, outcome, enterable=False)


def _holds_something(name: bytes, parent: int) -> bool:
    """True for a folder that is not empty."""
    try:
        fd = os.open(name, FOLDER, dir_fd=parent)
    except OSError as exc:
        if exc.errno in (errno.ENOTDIR, errno.ELOOP):
            return False
        raise
    try:
        return next(entries(fd), None) is not None
    finally:
        os.close(fd)
