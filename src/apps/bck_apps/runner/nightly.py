"""The nightly check: one check job for each profile that is switched on, one after the other."""

import logging
from collections.abc import Callable, Collection
from datetime import date

from bckcore.domain.access import NIGHTLY
from bckcore.domain.check import CheckRequest
from bckcore.domain.ids import ProfileId
from bckcore.domain.nightly import Nightly
from bckcore.domain.profile import Profile
from bckcore.errors import BckError
from bckcore.ports.clock import Clock
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.profiles import ProfileService

REQUESTED_BY = NIGHTLY
LOOK_SECONDS = 30.0

_logger = logging.getLogger(__name__)


class NightlyCheck:
    """Call :meth:`look` often; it asks for the next check when one is due, and none is going on.

    So checks never take more than one place of a runner. What waits for another storage node, dead perhaps,
    is that one's matter: nobody waits for it here, and nobody asks for more of it. The key of a job holds
    the date: several runners, or one that is started again, ask for each night's check only once. A night
    that was missed is made up for, the newest one only, and not for a profile that was made or checked since.
    """

    def __init__(
        self,
        *,
        nightly: Nightly,
        sample: float,
        profiles: ProfileService,
        check_jobs: CheckJobs,
        elsewhere: Callable[[], Collection[ProfileId]],
        clock: Clock,
    ) -> None:
        """``elsewhere``: profiles whose files lie on other storage nodes, which check them themselves."""
        self._nightly = nightly
        self._request = CheckRequest(sample=sample)
        self._profiles = profiles
        self._check_jobs = check_jobs
        self._elsewhere = elsewhere
        self._clock = clock
        self._done: tuple[date, set[str]] = date.min, set()
        self._next_look = clock.monotonic()

    def look(self) -> None:
        """Ask for what is due, if the last look is a while ago. Never raises."""
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        try:
            self._look()
        except BckError as error:
            _logger.warning("the nightly check is put off: %s", error)
        except Exception:  # the runner goes on, and the next look tries again
            _logger.exception("the nightly check is put off")

    def _look(self) -> None:
        night, moment = self._nightly.latest(self._clock.now())
        if self._done[0] != night:
            self._done = night, set()
        waiting = [one for one in self._profiles.list() if one.enabled and one.id not in self._done[1]]
        if not waiting:
            return
        elsewhere = self._elsewhere()
        if any(job.profile not in elsewhere for job in self._check_jobs.unfinished()):
            return
        if not (waiting := [one for one in waiting if one.id not in elsewhere]):
            return
        newest = self._check_jobs.newest([profile.id for profile in waiting])
        for profile in waiting:
            self._done[1].add(profile.id)
            checked = newest.get(profile.id)
            made_since = profile.created is not None and profile.created >= moment
            if made_since or (checked is not None and checked.created >= moment):
                continue
            self._ask(profile, night)
            return

    def _ask(self, profile: Profile, night: date) -> None:
        key = f"nightly-check/{profile.id}/{night.isoformat()}"
        asked = self._check_jobs.start(profile.id, self._request, requested_by=REQUESTED_BY, key=key)
        if asked.created:
            _logger.info("nightly check of %s: job %s", profile.id, asked.job.id)
