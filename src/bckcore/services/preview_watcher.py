"""PreviewWatcher: nobody who asked for a look is to read that something is being transferred."""

from dataclasses import replace

from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.ports.transport import Watcher

_AS_IN_A_RUN = frozenset({Phase.LISTING, Phase.TRANSFERRING})


class PreviewWatcher:
    """Watcher of a look, around the job's: what a transport reports as of a pull is told as of a look."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def progress(self, progress: TransferProgress) -> None:
        """See the port."""
        if progress.phase in _AS_IN_A_RUN:
            progress = replace(
                progress, phase=Phase.PREVIEWING, files_done=0, bytes_done=0, bytes_per_second=None
            )
        self._watcher.progress(progress)

    def log(self, line: str, *, level: str = "info") -> None:
        """See the port."""
        self._watcher.log(line, level=level)

    def is_cancelled(self) -> bool:
        """See the port."""
        return self._watcher.is_cancelled()
