"""JobWatcher: carries a job's log, progress, lease and cancel flag between the work and the queue."""

import logging
from collections.abc import Callable
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
    request to cancel within about a second, until :meth:`end` or until the context is left. What is still
    unwritten then is written, once, and goes into the program's log where that fails. Of an endless log the
    first and the last lines are written (:mod:`bck_apps.runner.log_window`); progress overwrites what it was.
    A queue that is out of reach for a while is tried again; only its own word, LeaseLostError, means that the
    job is another runner's. From then on :meth:`is_cancelled` holds and nothing is written.
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
        self._calls = Lock()
        """Held around what is asked of the queue: nothing comes after the step that ends the claim."""
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
        ended = self._closing.is_set()
        self._closing.set()
        self._thread.join()
        if not ended:
            self._write(at_end=True)
            self._tell_unwritten()

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

    def write_rest(self) -> None:
        """Write what is unwritten, the last lines of an endless log too.

        Raises LeaseLostError, and what the queue raises: then no line is lost, and it may be called again.
        """
        with self._calls:
            self._send(at_end=True)

    def end(self, step: Callable[[Claim], object]) -> None:
        """Give the claim to the step that ends it. Once that has gone through, nothing more is written; when
        it raises, the lease goes on being renewed."""
        with self._calls:
            step(self._claim)
            self._closing.set()

    def _beat(self) -> None:
        while not self._closing.wait(self._flush_seconds) and not self.lease_lost:
            with self._calls:
                if not self._closing.is_set():
                    self._write()

    def _write(self, *, at_end: bool = False) -> None:
        try:
            self._send(at_end=at_end)
        except LeaseLostError:
            _logger.warning("job %s belongs to another runner now", self._claim.job.id)
        except BckError as error:
            _logger.warning("job %s: the queue is out of reach: %s", self._claim.job.id, error)
        except Exception:  # the lease must go on being renewed whatever a queue raises
            _logger.exception("job %s: the heartbeat failed", self._claim.job.id)

    def _send(self, *, at_end: bool) -> None:
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
            self._lost.set()
            raise
        except Exception:
            self._put_back(lines)
            raise

    def _taken(self, *, at_end: bool) -> tuple[list[LogLine], TransferProgress, bool]:
        with self._lock:
            lines = self._lines.taken(at_end=at_end)
            changed, self._progress_written = not self._progress_written, True
            return lines, self._progress, changed

    def _put_back(self, lines: list[LogLine]) -> None:
        with self._lock:
            self._lines.put_back(lines)
            self._progress_written = False

    def _tell_unwritten(self) -> None:
        if self.lease_lost:
            return
        for line in self._taken(at_end=True)[0]:
            _logger.warning("job %s: unwritten log line: %s", self._claim.job.id, line.text)
