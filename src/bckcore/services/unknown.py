"""Unknown: a profile that the database lacks and the storage holds is not simply a wrong name."""

from types import TracebackType
from typing import cast

from bckcore.errors import BckError, NotFoundError, unknown_profile
from bckcore.ports.storage import Storage
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory


class UnitsWithHints:
    """UnitOfWorkFactory. An unknown profile that leaves a unit as an error is looked up in the storage."""

    def __init__(self, units: UnitOfWorkFactory, storage: Storage) -> None:
        self._units = units
        self._storage = storage

    def __call__(self, *, read_only: bool = False) -> UnitOfWork:
        """See the port."""
        return cast("UnitOfWork", _Hinted(self._units(read_only=read_only), self._storage))


class _Hinted:
    """Gives the unit itself; only the way out is its own, so that what goes well costs nothing."""

    def __init__(self, unit: UnitOfWork, storage: Storage) -> None:
        self._unit = unit
        self._storage = storage

    def __enter__(self) -> UnitOfWork:
        return self._unit.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unit.__exit__(kind, error, trace)
        if isinstance(error, NotFoundError) and error.profile and (hosts := self._holders(error.profile)):
            raise unknown_profile(
                error.profile,
                meaning=f"The storage holds {error.profile} on {', '.join(hosts)}, which this database does "
                "not know.",
                advice="If the database was lost or is an old one: bck catalog rebuild",
            ) from error

    def _holders(self, profile: str) -> list[str]:
        try:
            return [ref.host for ref in self._storage.profiles() if ref.profile == profile]
        except BckError:  # the storage is another matter; the name stays unknown
            return []
