"""Stopping: a job that is to stop begins nothing more, whoever was told so and is gone since."""

from bckcore.errors import JobCancelledError
from bckcore.ports.transport import Watcher


def require_wanted(watcher: Watcher, what: str) -> None:
    """Raise JobCancelledError if ``what`` is to stop: an earlier runner may have died before it heeded that.

    To be asked under the storage lock, which may have taken long to get, and before anything is begun.
    """
    if watcher.is_cancelled():
        raise JobCancelledError(f"The {what} was cancelled.", meaning="Nothing was changed after that.")
