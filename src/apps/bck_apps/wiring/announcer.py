"""Announcer: tells plugins' hooks, and then the notifiers they offer, what happened."""

from collections.abc import Sequence
from typing import cast

from bck_apps.wiring.plugins import OfferedNotifier, Plugins
from bckcore.domain.events import (
    Event,
    HostKeyRefused,
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run
from bckcore.ports.notifier import Channel, Notifier
from bckcore.services.notices import NoticeService


class Announcer:
    """Implements ``bckcore.services.hooks.Hooks``. Never raises.

    Notifiers are told here and now; for channels it is noted, and delivered later by whoever does that.
    """

    def __init__(self, plugins: Plugins, offered: Sequence[OfferedNotifier], notices: NoticeService) -> None:
        self._plugins = plugins
        self._offered = [one for one in offered if not isinstance(one.notifier, Channel)]
        self._notices = notices

    def run_starting(self, run: Run, profile: Profile) -> str | None:
        """The first plugin's reason for a veto, or None."""
        return self._plugins.run_starting(run, profile)

    def run_finished(self, event: RunFinished) -> None:
        """Tell every plugin and every notifier."""
        self._plugins.run_finished(event)
        self._notify(event)

    def host_unreachable(self, event: HostUnreachable) -> None:
        """Tell every plugin and every notifier."""
        self._plugins.host_unreachable(event)
        self._notify(event)

    def points_pruned(self, event: PointsPruned) -> None:
        """Tell every plugin and every notifier."""
        self._plugins.points_pruned(event)
        self._notify(event)

    def profile_stale(self, event: ProfileStale) -> None:
        """Tell every plugin and every notifier."""
        self._plugins.profile_stale(event)
        self._notify(event)

    def profile_recovered(self, event: ProfileRecovered) -> None:
        """Tell every plugin and every notifier."""
        self._plugins.profile_recovered(event)
        self._notify(event)

    def host_key_refused(self, event: HostKeyRefused) -> None:
        """Tell every notifier."""
        self._notify(event)

    def _notify(self, event: Event) -> None:
        self._notices.note(event)
        for offered in self._offered:
            try:
                cast("Notifier", offered.notifier).notify(event)
            except Exception as exc:  # noqa: BLE001  # whatever a notifier does, the work goes on
                self._plugins.tell(offered.plugin, f"notifier {offered.name!r}", exc)
