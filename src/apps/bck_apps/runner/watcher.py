"""JobWatcher: carries a job's log, progress, lease and cancel flag between the work and the queue."""

import logging
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from bck_apps.runner.log_window import LogWindow
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import BckError, LeaseLostError
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim, JobQueue, LogLine, shortened

FLUSH_SECONDS = 0.5
"""How often log lines and progress are written while there are any."""
BEAT_SECONDS = 1.0
"""How often the lease is renewed, and a request to cancel noticed, while there are none."""

_logger = logging.getLogger(__name__)


class JobWatcher:
    """Watcher of one claim, as a context manager around the work. Thread-safe.

    A thread of its own writes what is new, at most twice a second, renews the lease and learns of a
    request to cancel within about a second. What is still unwritten is written when the context is
    left. Of an endless log the first and the last lines are written (:mod:`bck_apps.runner.log_window`);
    progress overwrites what it was. A queue that is out of reach for a while is tried again; only its own
    word, LeaseLostError, means that the job is another runner's. From then on :meth:`is_cancelled` holds
    and nothing is written.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        claim: Claim,
        clock: Clock,
        lease_seconds: float,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._queue = queue
        self._claim = claim
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._flush_seconds = flush_seconds
        self._beat_seconds = min(BEAT_SECONDS, lease_seconds / 3)
        self._lock = Lock()
        self._lines = LogWindow(clock.now)
        self._progress = claim.job.progress
        self._progress_written = True
        self._last_beat = clock.monotonic()
        self._stop = Event()
        self._lost = Event()
        self._closing = Event()
        self._thread = Thread(target=self._beat, name=f"heartbeat-{claim.job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        self._write(at_end=True)

    @property
    def claim(self) -> Claim:
        """The claim as last renewed."""
        return self._claim

    @property
    def lease_lost(self) -> bool:
        """True once the job is known to belong to somebody else."""
        return self._lost.is_set()

    @property
    def stop_asked(self) -> bool:
        """True after :meth:`ask_to_stop`."""
        return self._stop.is_set()

    @property
    def cancel_requested(self) -> bool:
        """True once a person's request to cancel was noticed."""
        return self._claim.job.cancel_requested

    def ask_to_stop(self) -> None:
        """Stop the work because this process ends; nobody cancelled the job."""
        self._stop.set()

    def progress(self, progress: TransferProgress) -> None:
        """See the port."""
        with self._lock:
            if progress != self._progress:
                self._progress, self._progress_written = progress, False

    def log(self, line: str, *, level: str = "info") -> None:
        """See the port."""
        entry = shortened(LogLine(number=0, at=self._clock.now(), level=level, text=line))
        with self._lock:
            self._lines.add(entry)

    def is_cancelled(self) -> bool:
        """See the port."""
        return self.lease_lost or self.stop_asked or self.cancel_requested

    def _beat(self) -> None:
        while not self._closing.wait(self._flush_seconds) and not self.lease_lost:
            self._write()

    def _write(self, *, at_end: bool = False) -> None:
        due = self._clock.monotonic() - self._last_beat >= self._beat_seconds
        lines, progress, changed = self._taken(at_end=at_end)
        if self.lease_lost or not (lines or changed or due):
            return
        try:
            # Always, and first: it is what notices, without any lines, that nothing may be written any more.
            self._claim = self._queue.heartbeat(
                self._claim, lease_seconds=self._lease_seconds, progress=progress
            )
            self._last_beat = self._clock.monotonic()
            if lines:
                self._queue.append_log(self._claim.job.id, lines, claim=self._claim)
        except LeaseLostError:
            _logger.warning("job %s belongs to another runner now", self._claim.job.id)
            self._lost.set()
        except BckError as error:
            _logger.warning("job %s: the queue is out of reach: %s", self._claim.job.id, error)
            self._put_back(lines, at_end=at_end)
        except Exception:  # the lease must go on being renewed whatever a queue raises
            _logger.exception("job %s: the heartbeat failed", self._claim.job.id)
            self._put_back(lines, at_end=at_end)

    def _taken(self, *, at_end: bool) -> tuple[list[LogLine], TransferProgress, bool]:
        with self._lock:
            lines = self._lines.taken(at_end=at_end)
            changed, self._progress_written = not self._progress_written, True
            return lines, self._progress, changed

    def _put_back(self, lines: list[LogLine], *, at_end: bool) -> None:
        if at_end:
            for line in lines:
                _logger.warning("job %s: unwritten log line: %s", self._claim.job.id, line.text)
            return
        with self._lock:
            self._lines.put_back(lines)
            self._progress_written = False
