"""Strays: what stands in the storage as a whole and belongs to no profile. It repairs nothing."""

from dataclasses import dataclass

from bckcore.domain.check import STORAGE, Cause, Finding
from bckcore.domain.ids import ProfileId
from bckcore.domain.run import ProfileRef
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.ports.verification import RecordKind

_OURS = (RecordKind.RECEIPT, RecordKind.MANIFEST, RecordKind.ACT)
_UNKNOWN = "no profile of the database or of the receipts has a place there"


@dataclass(frozen=True, kw_only=True)
class StrayCheck:
    """Looks at the folders above those of profiles, which the check of a profile does not see."""

    units: UnitOfWorkFactory
    storage: Storage

    def find(self) -> tuple[Finding, ...]:
        """Each stray once, by its path below the storage's root. Raises StorageError.

        What is found is looked for once more, for a profile may be added meanwhile.
        """
        first = set(self._look())
        found = [path for path in self._look() if path in first] if first else []
        return tuple(
            Finding(
                cause=Cause.EXTRA,
                profile=ProfileId(""),
                source=None,
                path=path,
                place=STORAGE,
                detail=_UNKNOWN,
            )
            for path in found
        )

    def _look(self) -> list[bytes]:
        return list(self.storage.strays(self._known()))

    def _known(self) -> frozenset[ProfileRef]:
        """The database's, and those deleted there whose records stand. Files alone make no profile."""
        with self.units(read_only=True) as uow:
            own = {profile.ref for profile in uow.profiles.list()}
        others = {ref for ref in self.storage.profiles() if ref not in own and self._has_records(ref)}
        return frozenset(own | others)

    def _has_records(self, ref: ProfileRef) -> bool:
        return any(record.kind in _OURS for record in self.storage.records(ref))
