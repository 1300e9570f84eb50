"""What schedules remember and what hosts say of themselves, over a memory session."""

from collections.abc import Sequence

from bck_adapters.memory.state import Session
from bckcore.domain.due import ScheduleState
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.presence import Presence


class MemoryScheduleStates:
    """ScheduleStateRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, profile: ProfileId) -> ScheduleState:
        """See the port."""
        return self._session.read.schedule_states.get(profile) or ScheduleState(profile=profile)

    def list(self) -> Sequence[ScheduleState]:
        """See the port."""
        states = self._session.read.schedule_states
        return [states[name] for name in sorted(states)]

    def put(self, state: ScheduleState) -> None:
        """See the port."""
        self._session.write().schedule_states[state.profile] = state

    def remove(self, profile: ProfileId) -> None:
        """See the port."""
        self._session.write().schedule_states.pop(profile, None)


class MemoryPresences:
    """PresenceRepository."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, host: HostId) -> Presence | None:
        """See the port."""
        return self._session.read.presences.get(host)

    def list(self) -> Sequence[Presence]:
        """See the port."""
        presences = self._session.read.presences
        return [presences[name] for name in sorted(presences)]

    def put(self, presence: Presence) -> None:
        """See the port."""
        self._session.write().presences[presence.host] = presence

    def remove(self, host: HostId) -> None:
        """See the port."""
        self._session.write().presences.pop(host, None)
