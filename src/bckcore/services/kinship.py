"""Kinship: do this database and this storage tell of the same history?

Storage is written first. So a storage that lacks what the database knows is another one, or damaged;
a database that lacks what storage tells is behind: by what a crash kept from it, or because it was
brought back from an older copy. Behind is fine, as long as what it does know is what storage tells.
"""

from collections.abc import Sequence

from bckcore.domain.run import ProfileRef, Run
from bckcore.errors import ConflictError, NotFoundError, StorageError
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWorkFactory


class Kinship:
    """Compares; changes nothing."""

    def __init__(self, *, units: UnitOfWorkFactory, storage: Storage) -> None:
        self._units = units
        self._storage = storage

    def require(self, ref: ProfileRef, finished: int, left_open: Run | None) -> bool:
        """True if storage has more than the database. Raises unless that may be entered:

        ConflictError where the database knows no run at all, StorageError where the two contradict.

        The everyday case, the receipt of the run that is still open, costs one look; more than that is
        held against everything the database knows.
        """
        numbers = self._storage.record_numbers(ref)
        behind = [seq for seq in numbers.receipts if seq > finished]
        if behind and not finished and left_open is None:
            raise unknown_history(ref)
        if behind and left_open is not None:
            self._require_same(ref, left_open)
        with self._units(read_only=True) as uow:
            known = uow.acts.last(ref.profile)
        acts_behind = [number for number in numbers.acts if number > known]
        usual = len(behind) == (left_open is not None and bool(behind)) and len(acts_behind) <= 1
        if not usual:
            self._require_all_the_same(ref, finished)
        return bool(behind or acts_behind)

    def unknown(self) -> Sequence[ProfileRef]:
        """Histories in storage of which the database knows no run: they are another one's, or it is new."""
        with self._units(read_only=True) as uow:
            return [
                ref
                for ref in self._storage.profiles()
                if self._storage.record_numbers(ref).receipts
                and ((last := uow.runs.last(ref.profile)) is None or last.host != ref.host)
            ]

    def require_newest(self, ref: ProfileRef, finished: int) -> None:
        """Raise StorageError unless storage has the newest finished run and act of the database."""
        with self._units(read_only=True) as uow:
            runs = uow.runs.list(ref.profile, after_seq=finished - 1, limit=1) if finished else ()
            act = uow.acts.last(ref.profile)
        for run in runs:
            self._require_same(ref, run)
        if act and act not in self._storage.record_numbers(ref).acts:
            raise other_storage(ref, f"act {act}")

    def _require_all_the_same(self, ref: ProfileRef, finished: int) -> None:
        with self._units(read_only=True) as uow:
            runs = uow.runs.list(ref.profile)
            acts = uow.acts.list(ref.profile)
        for run in runs:
            if run.seq <= finished:
                self._require_same(ref, run)
        for act in acts:
            try:
                found, _ = self._storage.read_act(ref, act.number)
            except NotFoundError:
                raise other_storage(ref, f"act {act.number}") from None
            if found != act:
                raise _contradiction(ref, f"act {act.number}")

    def _require_same(self, ref: ProfileRef, run: Run) -> None:
        try:
            found = self._storage.read_receipt(ref, run.seq)[0].run
        except NotFoundError:
            raise other_storage(ref, f"receipt of run {run.seq}") from None
        ended = run.outcome is not None
        if found.id != run.id or (ended and (found.outcome, found.finished) != (run.outcome, run.finished)):
            raise _contradiction(ref, f"run {run.seq}")


def other_storage(ref: ProfileRef, record: str) -> StorageError:
    """The error that storage lacks what the database knows."""
    return StorageError(
        f"The storage holds no {record} of {ref.profile}, which the database knows.",
        meaning="Its disk is not mounted, it is another storage, or files are missing. Nothing was changed.",
        advice="Bring the right storage back. If this one is right, and older than the database: "
        f"bck catalog rebuild --profile {ref.profile}.",
    )


def unknown_history(ref: ProfileRef) -> ConflictError:
    """The refusal that the database knows nothing of a history that storage has."""
    return ConflictError(
        f"The storage holds a history of {ref.profile} on {ref.host} that this database knows nothing of.",
        meaning="The database is new, or a rebuild was cut off at its start. Nothing was changed.",
        advice=f"If this is its storage: bck catalog rebuild --profile {ref.profile}. "
        "If not: make a profile with another name.",
    )


def _contradiction(ref: ProfileRef, what: str) -> StorageError:
    return StorageError(
        f"The database and the storage tell different things of {what} of {ref.profile}.",
        meaning="They do not belong together: one of them is a copy that went its own way. "
        "Nothing was changed.",
        advice="Bring back the two that belong together, or take the storage for true: "
        f"bck catalog rebuild --profile {ref.profile}.",
    )
