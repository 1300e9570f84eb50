"""Pacing: end an attempt when the bandwidth plan allows another speed, so that the next one keeps to it.

No transport can change its speed on the way. What was sent stays, half a file too, so little is lost. Where
half a file would not stay, the attempt ends only when one has just come to its end: each brings one in.
"""

from collections.abc import Callable
from datetime import datetime

from bckcore.domain.profile import Profile
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.ports.clock import Clock
from bckcore.ports.transport import Watcher

PACE_SECONDS = 60.0
"""So long an attempt sends before another speed ends it: each one brings something in, whatever the plan."""
_LOOK_SECONDS = 5.0


class PacedWatcher:
    """Watcher of one attempt, around the run's. Thread-safe as far as that one is."""

    def __init__(
        self,
        watcher: Watcher,
        profile: Profile,
        started: datetime,
        clock: Clock,
        *,
        resumes: Callable[[], bool],
    ) -> None:
        """``resumes``: whether a file that is cut goes on where it stopped; asked when it matters."""
        self._watcher = watcher
        self._profile = profile
        self._limit = profile.options_at(started).bandwidth_limit
        self._clock = clock
        self._resumes = resumes
        self._files_done = 0
        self._between_files = False
        self._waits_for_file = False
        self._sending_since: float | None = None
        self._next_look = 0.0
        self._outpaced = False

    @property
    def outpaced(self) -> bool:
        """True once the attempt was told to stop for another speed, and for nothing else."""
        return self._outpaced and not self._watcher.is_cancelled()

    def progress(self, progress: TransferProgress) -> None:
        """See the port."""
        if progress.phase == Phase.TRANSFERRING and self._sending_since is None:
            self._sending_since = self._clock.monotonic()
        self._between_files = progress.files_done > self._files_done
        self._files_done = progress.files_done
        self._watcher.progress(progress)

    def log(self, line: str, *, level: str = "info") -> None:
        """See the port."""
        self._watcher.log(line, level=level)

    def is_cancelled(self) -> bool:
        """See the port; also when the plan allows another speed by now."""
        self._outpaced = self._outpaced or self._to_end()
        return self._outpaced or self._watcher.is_cancelled()

    def _to_end(self) -> bool:
        looks = self._looks() or (self._waits_for_file and self._between_files)
        if not looks or self._allowed() == self._limit:
            return False
        if self._between_files or self._resumes():
            return True
        if not self._waits_for_file:
            self._watcher.log(
                "The bandwidth plan allows another speed by now. This server's rsync cannot go on inside a "
                "file, so the speed stays until the file under way has ended."
            )
        self._waits_for_file = True
        return False

    def _looks(self) -> bool:
        """True if it is time to look at the plan."""
        if not self._profile.bandwidth_plan or self._sending_since is None:
            return False
        now = self._clock.monotonic()
        if now < max(self._sending_since + PACE_SECONDS, self._next_look):
            return False
        self._next_look = now + _LOOK_SECONDS
        return True

    def _allowed(self) -> int | None:
        return self._profile.options_at(self._clock.now()).bandwidth_limit
