"""RunProgress: a watcher that completes what a transport reports by what earlier runs tell."""

from threading import Lock

from bckcore.domain.estimate import Estimator, RunBase
from bckcore.domain.transfer import TransferProgress
from bckcore.ports.clock import Clock
from bckcore.ports.transport import Watcher


class RunProgress:
    """Watcher of one run, around the job's. Thread-safe."""

    def __init__(self, watcher: Watcher, *, base: RunBase, clock: Clock) -> None:
        self._watcher = watcher
        self._clock = clock
        self._estimator = Estimator(base)
        self._lock = Lock()

    def progress(self, progress: TransferProgress) -> None:
        """See the port."""
        with self._lock:
            completed = self._estimator.completed(progress, self._clock.monotonic())
        self._watcher.progress(completed)

    def log(self, line: str, *, level: str = "info") -> None:
        """See the port."""
        self._watcher.log(line, level=level)

    def is_cancelled(self) -> bool:
        """See the port."""
        return self._watcher.is_cancelled()
