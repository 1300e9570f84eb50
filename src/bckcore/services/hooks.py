"""What the services tell plugins; a typed, thin caller stands behind it."""

from typing import Protocol

from bckcore.domain.events import (
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run


class Hooks(Protocol):
    """Never raises: a plugin that fails is reported by name and otherwise passed over."""

    def run_starting(self, run: Run, profile: Profile) -> str | None:
        """The first plugin's reason for a veto, or None."""

    def run_finished(self, event: RunFinished) -> None:
        """A run is over."""

    def host_unreachable(self, event: HostUnreachable) -> None:
        """A host did not answer."""

    def points_pruned(self, event: PointsPruned) -> None:
        """Points were forgotten."""

    def profile_stale(self, event: ProfileStale) -> None:
        """The newest good backup has become too old, or still is."""

    def profile_recovered(self, event: ProfileRecovered) -> None:
        """It is fresh again."""


class NullHooks:
    """Nobody listens."""

    def run_starting(self, run: Run, profile: Profile) -> str | None:
        """No veto."""
        return None

    def run_finished(self, event: RunFinished) -> None:
        """Nothing."""

    def host_unreachable(self, event: HostUnreachable) -> None:
        """Nothing."""

    def points_pruned(self, event: PointsPruned) -> None:
        """Nothing."""

    def profile_stale(self, event: ProfileStale) -> None:
        """Nothing."""

    def profile_recovered(self, event: ProfileRecovered) -> None:
        """Nothing."""
