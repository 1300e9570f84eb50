"""Rebuilding a house's database from its storage, and comparing what was with what came back."""

from dataclasses import dataclass
from pathlib import Path

from bck_adapters.memory import MemoryDatabase
from bck_adapters.storage_fs import FsRestoreTargets
from bckcore.domain.file_version import FileEntry
from bckcore.domain.hold import Hold
from bckcore.domain.ids import SourceName
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run_problem import RUNS_WITH_PROBLEMS
from bckcore.plugins.registry import Database
from bckcore.services.ledger import Ledger
from bckcore.services.rebuild import Rebuild
from bckcore.services.recovery import Recovery
from bckcore.services.restore import RestoreService
from tests.support.house import DOCS, House


def rebuilding(house: House, database: Database | None = None) -> Rebuild:
    """The service over the house's storage and a database, its own if none is given."""
    units = (database or house.database).units
    ledger = Ledger(units=units, storage=house.storage)
    recovery = Recovery(storage=house.storage, clock=house.clock, ledger=ledger)
    return Rebuild(units=units, storage=house.storage, recovery=recovery, clock=house.clock)


def new_database(house: House) -> Database:
    """One that knows nothing."""
    return MemoryDatabase(house.clock).as_database()


@dataclass(frozen=True)
class Known:
    """Everything that a rebuild must bring back."""

    points: tuple[RestorePoint, ...]
    entries: dict[tuple[int, SourceName], tuple[FileEntry, ...]]
    holds: tuple[Hold, ...]
    runs: tuple[object, ...]
    problems: tuple[object, ...]
    excluded: frozenset[tuple[SourceName, bytes, int]]
    """Which paths a run left out, and which run it was."""


def known(database: Database) -> Known:
    """What a database knows of the profile; attempts of runs are not part of a receipt, and a rebuild does
    not bring back what housekeeping would drop."""
    with database.units(read_only=True) as uow:
        points = tuple(uow.points.list(DOCS))
        old = set(uow.runs.old_problems(keep=RUNS_WITH_PROBLEMS, limit=1_000_000, profile=DOCS))
        return Known(
            points=points,
            entries={
                (point.seq, source): tuple(uow.catalog.entries(DOCS, point.seq, source))
                for point in points
                for source in uow.catalog.sources_at(DOCS, point.seq)
            },
            holds=tuple(uow.holds.list(DOCS)),
            problems=tuple(
                () if (DOCS, run.seq) in old else tuple(uow.runs.problems(DOCS, run.seq))
                for run in uow.runs.list(DOCS)
            ),
            excluded=frozenset(
                (source, version.entry.path, version.until_seq or 0)
                for source in uow.catalog.source_states(DOCS)
                for version in uow.catalog.history(DOCS, source, after=None, limit=100_000)
                if version.excluded
            ),
            runs=tuple((run.id, run.seq, run.kind, run.outcome, run.counts) for run in uow.runs.list(DOCS)),
        )


def restored_with(house: House, database: Database, point: RestorePoint, to: Path) -> Path:
    """The point, restored by what that database knows."""
    ledger = Ledger(units=database.units, storage=house.storage)
    restores = RestoreService(
        units=database.units,
        storage=house.storage,
        recovery=Recovery(storage=house.storage, clock=house.clock, ledger=ledger),
        targets=FsRestoreTargets(house.root),
        clock=house.clock,
    )
    report = restores.restore(DOCS, point=point.run_id, to=to, paths=(), watcher=house.watcher)
    assert report.problem_count == 0, f"point {point.seq} cannot be restored: {report.problems}"
    return to
