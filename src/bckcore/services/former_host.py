"""Former hosts: what is left of a host that was removed waits under its name, for whoever gets that name."""

from bckcore.domain.ids import HostId
from bckcore.errors import ConflictError, StorageError
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.storage import Storage

_MOST_NAMED = 5


class FormerHosts:
    """Looks for what is kept of hosts that are not there any more. Thread-safe."""

    def __init__(self, *, storage: Storage, queue: JobQueue) -> None:
        self._storage = storage
        self._queue = queue

    def require_new_name(self, host: HostId) -> None:
        """Raise ConflictError if backups or jobs of that name are kept: they would be the new host's."""
        if not (left := self.left_of(host)):
            return
        raise ConflictError(
            f"There was a host {host} before. Kept of it: {left}.",
            meaning="A host of that name takes over all of it: its owners would see the files and job logs "
            "of the former one, even if that was another person's PC. Nothing was changed.",
            advice="Take another name. If it is the same PC or takes its place, say so: --take-over-history. "
            "Where this storage comes from another server: bck catalog rebuild.",
        )

    def left_of(self, host: HostId) -> str:
        """What is kept, in words; empty if nothing. A storage that is not there now tells nothing: hosts may
        be made without it, and the jobs speak for themselves."""
        try:
            profiles = [ref.profile for ref in self._storage.profiles() if ref.host == host]
        except StorageError:
            profiles = []
        named = ", ".join(profiles[:_MOST_NAMED])
        more = f" and {len(profiles) - _MOST_NAMED} more" if len(profiles) > _MOST_NAMED else ""
        told = [f"backups of {named}{more}"] if profiles else []
        if self._queue.list(hosts={host}, limit=1):
            told.append("jobs with their logs")
        return " and ".join(told)
