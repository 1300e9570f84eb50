"""Old problems: what old runs could not read leaves the database, which would only grow; receipts have it."""

from bckcore.domain.ids import ProfileId
from bckcore.domain.run_problem import RUNS_WITH_PROBLEMS
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

_AT_ONCE = 1000


class OldProblems:
    """Thread-safe; any number of runners may do it at once."""

    def __init__(self, units: UnitOfWorkFactory) -> None:
        self._units = units

    def drop(self, *, limit: int) -> int:
        """Drop the problems of at most ``limit`` runs, in one transaction; how many runs there were.

        Those stay that :data:`RUNS_WITH_PROBLEMS` tells. Looks without a lock: an old run never becomes new.
        """
        with self._units(read_only=True) as uow:
            going = uow.runs.old_problems(keep=RUNS_WITH_PROBLEMS, limit=limit)
        if going:
            with self._units() as uow:
                for profile, seq in going:
                    uow.runs.keep_problems(profile, seq, ())
                uow.commit()
        return len(going)


def drop_of(uow: UnitOfWork, profile: ProfileId) -> None:
    """The same of all old runs of one profile, within a transaction that enters some of its runs."""
    while going := uow.runs.old_problems(keep=RUNS_WITH_PROBLEMS, limit=_AT_ONCE, profile=profile):
        for _, seq in going:
            uow.runs.keep_problems(profile, seq, ())
