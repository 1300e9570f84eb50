"""Putting right: an undo that came to nothing leaves ``current`` as the catalog says it is.

A backup that is cut may leave ``current`` between two states, for the next one goes on from there. An undo
must not: it moves away files that the PC may not show to the next run - a disk unplugged, a folder closed -
and that run could then neither carry them on nor keep them.
"""

from bckcore.domain.ids import RunId
from bckcore.domain.run import Run
from bckcore.errors import BckError
from bckcore.ports.put_back import StepBack
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


def put_right(units: UnitOfWorkFactory, storage: Storage, run: Run) -> None:
    """Bring every live file back that the undo, which is not closed yet, moved away. Safe to repeat.

    What it had displaced lies in its own increment and stays there. Raises StoreFullError, StorageError.
    """
    with units(read_only=True) as uow:
        states = uow.catalog.source_states(run.profile)
        increments = _since_the_last_change(uow, run)
        for name, state in states.items():
            if not state.interrupted:
                continue
            live = uow.catalog.entries(run.profile, run.seq, name)
            attempt = storage.begin_attempt(run.ref, run.id, name)
            try:
                storage.put_back(
                    attempt,
                    (StepBack(entry, entry) for entry in live),
                    increments,
                    trusted=False,
                    on_problem=lambda _: None,  # it is missing for every point alike: a check names it
                )
            except BckError:
                storage.keep_displaced(attempt)
                raise
            storage.fold(attempt)


def _since_the_last_change(uow: UnitOfWork, run: Run) -> list[RunId]:
    """Increments of runs that came to nothing since the live state was made; the bytes may lie there."""
    made = [one.seq for one in uow.runs.list(run.profile) if one.made_point and one.seq < run.seq]
    after = made[-1] if made else 0
    found = [one.id for one in uow.runs.increments(run.profile, after_seq=after)]
    return found if run.id in found else [*found, run.id]
