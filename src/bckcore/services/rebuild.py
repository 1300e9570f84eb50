"""Rebuild: the database's knowledge of a profile, made anew from what storage tells (law L6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bckcore.domain.run import ProfileRef
from bckcore.errors import BckError, NotFoundError, StorageError, StoreFullError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.chain import ChainFinding, chain_findings
from bckcore.services.chronicle import events
from bckcore.services.definitions import Definitions
from bckcore.services.recovery import Recovery
from bckcore.services.replay import Replay
from bckcore.services.salvage import Salvage

MOST_NAMED = 10
Told = Callable[[ProfileRef, int, int], None]
"""Called now and then with the profile, how many records have been entered, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What a rebuild brought back of one profile."""

    ref: ProfileRef
    runs: int
    points: int
    acts: int
    damage: tuple[ChainFinding, ...]
    """What was accepted as lost."""
    notes: tuple[str, ...]
    """Sentences for people: what was put in order, what is to be looked at."""


class Rebuild:
    """Rebuilds profiles, each under its storage lock. May be killed at any time and repeated.

    A rebuild that was cut leaves a beginning of the history, and the next start of anything in the
    profile goes on from there; one that was cut before the first record leaves a profile that is
    refused until it is rebuilt. Nothing ever works on half a catalog.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        storage: Storage,
        recovery: Recovery,
        clock: Clock,
    ) -> None:
        self._units = units
        self._storage = storage
        self._recovery = recovery
        self._replay = Replay(units=units, storage=storage)
        self._clock = clock
        self._definitions = Definitions(units=units, storage=storage, clock=clock)

    def found(self, profile: str | None = None) -> Sequence[ProfileRef]:
        """Profiles that storage tells of, by host and name. Raises NotFoundError for one it does not have."""
        refs = [ref for ref in self._storage.profiles() if profile in (None, ref.profile)]
        if profile is not None and not refs:
            raise NotFoundError(
                f"The storage holds nothing of a profile {profile}.",
                meaning="Its disk is not mounted, or the name is another one. Nothing was changed.",
                advice="See what it holds: the folders below .receipts are named HOST/PROFILE.",
            )
        return refs

    def known(self, ref: ProfileRef) -> bool:
        """True if the database has something of the profile that a rebuild would replace."""
        with self._units(read_only=True) as uow:
            return uow.runs.last(ref.profile) is not None

    def rebuild(
        self, ref: ProfileRef, *, accept_damage: bool = False, told: Told = lambda *_: None
    ) -> RebuildReport:
        """Forget what the database has of the profile, then enter all that storage tells of it.

        Raises StorageError, and changes nothing, where records are missing, damaged or changed and that
        is not accepted, or where storage tells nothing of what the database knows; ConflictError where
        another host has a profile of that name; StoreBusyError while something else works on it.
        """
        self._definitions.require_free(ref)
        with self._storage.lock(ref):
            for attempt in self._storage.unfolded(ref):
                self._recovery.fold(attempt)
            damage = tuple(chain_findings(self._storage, ref))
            self._require_history(ref)
            if damage and not accept_damage:
                raise _damaged(ref, damage)
            notes = self._rebuilt(ref, damage, told)
            return self._report(ref, damage, notes)

    def _rebuilt(self, ref: ProfileRef, damage: Sequence[ChainFinding], told: Told) -> list[str]:
        salvage = Salvage(units=self._units, storage=self._storage, clock=self._clock, ref=ref)
        if damage:
            salvage.prepare()
        numbers = self._storage.record_numbers(ref)
        total = len(numbers.receipts) + len(numbers.acts)
        with self._units() as uow:
            uow.catalog.forget_profile(ref.profile)
            uow.commit()
        whole = events(self._storage, ref, after_seq=0, after_act=0)
        self._replay.enter(salvage.events() if damage else whole, lambda done: told(ref, done, total))
        notes = salvage.finish() if damage else []
        self._replay.settle(ref)
        return [*notes, *self._definitions.bring_back(ref), *self._closed(ref)]

    def _closed(self, ref: ProfileRef) -> list[str]:
        """Close the run that was going on when the database was lost; a full storage may put that off."""
        try:
            return self._recovery.recover(ref)
        except StoreFullError as error:
            return [f"A run that was cut off stays open until there is room: {error.what}"]

    def _require_history(self, ref: ProfileRef) -> None:
        """An empty folder must not wipe out what the database knows."""
        if self._storage.record_numbers(ref).receipts:
            return
        with self._units(read_only=True) as uow:
            last = uow.runs.last(ref.profile)
        if last is not None and (last.outcome is not None or last.seq > 1):
            raise StorageError(
                f"The storage holds no receipt of {ref.profile}, and the database knows {last.seq} runs.",
                meaning="Rebuilt from this storage, the profile would have no history. Nothing was changed.",
                advice="Mount the right storage, or bring .receipts back from a copy of it.",
            )

    def _report(self, ref: ProfileRef, damage: tuple[ChainFinding, ...], notes: list[str]) -> RebuildReport:
        with self._units(read_only=True) as uow:
            last = uow.runs.last(ref.profile)
            return RebuildReport(
                ref=ref,
                runs=last.seq if last else 0,
                points=len(uow.points.list(ref.profile)),
                acts=uow.acts.last(ref.profile),
                damage=damage,
                notes=tuple(notes),
            )


def _damaged(ref: ProfileRef, damage: Sequence[ChainFinding]) -> BckError:
    named = "; ".join(finding.text for finding in damage[:MOST_NAMED])
    more = f"; and {len(damage) - MOST_NAMED} more" if len(damage) > MOST_NAMED else ""
    return StorageError(
        f"The records of {ref.profile} on {ref.host} are not whole: {named}{more}.",
        meaning="Not every point could be rebuilt as it was. Nothing was changed.",
        advice="Bring .receipts back from a copy of the backup storage. Without a copy, "
        "'bck catalog rebuild --accept-damage' brings back what is certain and names what is not.",
    )
