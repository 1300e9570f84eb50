"""MemoryLatest: the newest of each profile, over a memory session."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from bck_adapters.memory.state import Session
from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import GOOD, Run, RunKind, RunOutcome


class MemoryLatest:
    """See the port for every promise."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def points(self, profiles: Collection[ProfileId] | None = None) -> Mapping[ProfileId, RestorePoint]:
        """See the port."""
        points = self._session.read.points
        newest = {name: points[name, seq] for name, seq in sorted(points)}
        return {name: newest[name] for name in self._wanted(profiles) if name in newest}

    def good_backups(
        self, until: datetime, profiles: Collection[ProfileId] | None = None
    ) -> Mapping[ProfileId, Run]:
        """See the port."""
        return self._backups(
            profiles, lambda run: run.outcome in GOOD and not run.error_code and run.started <= until
        )

    def point_counts(self, profiles: Collection[ProfileId] | None = None) -> Mapping[ProfileId, int]:
        """See the port."""
        owners = [profile for profile, _ in self._session.read.points]
        return {name: owners.count(name) for name in self._wanted(profiles) if name in owners}

    def backups(
        self,
        outcomes: Collection[RunOutcome],
        *,
        or_errors: Collection[str] = (),
        until: datetime | None = None,
        profiles: Collection[ProfileId] | None = None,
    ) -> Mapping[ProfileId, Run]:
        """See the port."""

        def wanted(run: Run) -> bool:
            ended = run.outcome in outcomes or run.error_code in or_errors
            return ended and (until is None or run.started <= until)

        return self._backups(profiles, wanted)

    def _backups(
        self, profiles: Collection[ProfileId] | None, wanted: Callable[[Run], bool]
    ) -> Mapping[ProfileId, Run]:
        found = {}
        for name in self._wanted(profiles):
            backups = (run for run in self._runs_down(name) if run.kind is RunKind.BACKUP)
            newest = next(filter(wanted, backups), None)
            if newest is not None:
                found[name] = newest
        return found

    def _runs_down(self, profile: ProfileId) -> Iterator[Run]:
        """From the newest; numbers have gaps only where a test made them."""
        state = self._session.read
        last = state.runs[state.newest_runs[profile]].seq if profile in state.newest_runs else 0
        names = (state.run_numbers.get((profile, seq)) for seq in range(last, 0, -1))
        return (state.runs[name] for name in names if name is not None)

    def _wanted(self, profiles: Collection[ProfileId] | None) -> Iterator[ProfileId]:
        return (name for name in self._session.read.profiles if profiles is None or name in profiles)
