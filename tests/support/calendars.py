"""Months of a PC in seconds: runs are entered as a backup would, without transport and receipts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import JobId, SourceName, new_run_id
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import ROOT, rel_path
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import Run, RunOutcome
from bckcore.services.prune import PruneReport
from tests.support.house import DOCS, PC, House

SECOND = 1_000_000_000
Files = Mapping[str, bytes]
_TOP = FileEntry(ROOT, EntryKind.FOLDER, 0o700, os.getuid(), os.getgid(), SECOND, 0)


@dataclass
class Year:
    """A house whose history is made by hand: files move as a run moves them, the books say so."""

    folder: Path
    policy: RetentionPolicy
    points: dict[int, RestorePoint] = field(default_factory=dict)
    """Every point that was ever made."""
    states: dict[int, Files] = field(default_factory=dict)
    """What each of them must restore to."""

    def __post_init__(self) -> None:
        self.house = House(self.folder / "store", MemoryTransport({PC: None}))  # type: ignore[dict-item]  # unused
        # Nothing is ever cut short here, and there are no receipts that could be missing.
        self.house.recovery.tidy = lambda ref, *, full=False: []  # type: ignore[method-assign]
        self.house.recovery.require_own_storage = lambda ref: None  # type: ignore[method-assign]
        self.house.change_profile(retention=self.policy)
        self.current = self.house.current()
        self.current.mkdir(parents=True)
        self._live: dict[str, tuple[bytes, int]] = {}
        self._waiting: list[tuple[Run, RestorePoint | None, list[Change]]] = []
        self._seq = 0
        self._restores = 0

    def back_up(self, at: datetime, files: Files, counted: Counted = Counted.COUNTED) -> None:
        """A run that finds these files at that time."""
        run = self._run(at, RunOutcome.SUCCEEDED)
        changes = [
            self._changed(run, name, data) for name, data in files.items() if self._differs(name, data)
        ]
        changes += [self._gone(name) for name in self._live.keys() - files.keys()]
        if not self.points:
            changes.append(Change(SourceName("docs"), ChangeOp.ADDED, _TOP))
        point = RestorePoint(
            profile=DOCS,
            run_id=run.id,
            seq=run.seq,
            outcome=RunOutcome.SUCCEEDED,
            counted=counted,
            started=at,
            finished=at,
            verified_at=at,
            counts=run.counts,
        )
        self._waiting.append((run, point, changes))
        self.points[run.seq], self.states[run.seq] = point, dict(files)

    def fail(self, at: datetime) -> None:
        """A run that comes to nothing."""
        self._waiting.append((self._run(at, RunOutcome.FAILED), None, []))

    def prune(self) -> PruneReport:
        """As at the end of every backup. Runs are entered together, right before: that is much quicker."""
        with self.house.database.units() as uow:
            for run, point, changes in self._waiting:
                uow.runs.add(run)
                uow.catalog.apply(DOCS, run.seq, changes)
                if point is not None:
                    uow.points.add(point)
            uow.commit()
        self._waiting.clear()
        return self.house.prunes.prune(DOCS, self.house.watcher)

    def kept(self) -> set[int]:
        """Numbers of the points that are there."""
        return {point.seq for point in self.house.points()}

    def assert_restores(self, seq: int) -> None:
        """The point gives back exactly what its run found."""
        self._restores += 1
        target = self.house.restore(self.points[seq], self.folder / f"r{self._restores}") / "docs"
        found = {path.name: path.read_bytes() for path in target.iterdir()}
        assert found == self.states[seq], f"point {seq}"

    def _run(self, at: datetime, outcome: RunOutcome) -> Run:
        self._seq += 1
        self.house.clock.set(at)
        return Run(
            id=new_run_id(at, self._seq.to_bytes(4, "big")),
            profile=DOCS,
            host=PC,
            job=JobId("j"),
            seq=self._seq,
            started=at,
            finished=at,
            outcome=outcome,
            made_point=outcome is RunOutcome.SUCCEEDED,
        )

    def _differs(self, name: str, data: bytes) -> bool:
        return name not in self._live or self._live[name][0] != data

    def _changed(self, run: Run, name: str, data: bytes) -> Change:
        """Displace what stands there, a copy of what the PC deleted long ago too, then write."""
        place = self.current / name
        if place.exists():
            increment = self.house.root / ".history" / run.id / PC / DOCS / "docs"
            increment.mkdir(parents=True, exist_ok=True)
            place.rename(increment / name)
        place.write_bytes(data)
        mtime_ns = run.seq * SECOND
        os.utime(place, ns=(mtime_ns, mtime_ns))
        op = ChangeOp.CONTENT if name in self._live else ChangeOp.ADDED
        self._live[name] = data, mtime_ns
        return Change(SourceName("docs"), op, self._entry(name))

    def _gone(self, name: str) -> Change:
        change = Change(SourceName("docs"), ChangeOp.GONE, self._entry(name))
        del self._live[name]
        return change

    def _entry(self, name: str) -> FileEntry:
        data, mtime_ns = self._live[name]
        path = rel_path(name.encode())
        return FileEntry(path, EntryKind.FILE, 0o600, os.getuid(), os.getgid(), mtime_ns, len(data))
