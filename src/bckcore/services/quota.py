"""Quota: how much may be stored of one host, before a transfer and while it goes on.

What lies on the disk is measured, not what the PC claims: a file of 4 GiB of holes takes nothing. The look
costs a walk over all that is stored of the host, so it is taken where the transfer may have used up the room,
and now and then besides; hosts without a quota pay nothing.
"""

from threading import Lock

from bckcore.domain.host import Host
from bckcore.domain.transfer import TransferProgress
from bckcore.errors import QuotaExceededError
from bckcore.ports.clock import Clock
from bckcore.ports.storage import Storage, StoreUsage
from bckcore.ports.transport import Watcher

SHORTEST_SECONDS, SHORTEST_TIMES = 1.0, 5
"""Between two looks that the progress asks for, at least; and so many times what the look took."""
USUAL_SECONDS, USUAL_TIMES = 30.0, 20
"""Between two looks at all events: names and folders that nobody transfers take room as well."""


def exceeded(host: Host, usage: StoreUsage) -> QuotaExceededError | None:
    """The error if what is stored of the host has reached its quota."""
    for used, quota, what in (
        (usage.bytes, host.quota_bytes, "bytes"),
        (usage.inodes, host.quota_inodes, "files and folders"),
    ):
        if quota is not None and used >= quota:
            return QuotaExceededError(
                f"{host.id} holds {used} {what} in the backup storage; its quota is {quota}.",
                meaning="Nothing more of it is stored; everything kept so far stays.",
                advice=f"Find out why it grew (bck diff, bck host usage {host.id}). Then keep fewer points "
                f"and prune, or give more: bck host set {host.id} --quota SIZE --quota-files NUMBER",
            )
    return None


class QuotaWatcher:
    """Watcher of a run, around the job's: stops transfers when what is stored of the host reached a quota.

    Thread-safe. Making one measures the disk, for a host with a quota.
    """

    def __init__(self, host: Host, watcher: Watcher, *, storage: Storage, clock: Clock) -> None:
        """Raises QuotaExceededError if there is no room left, and StorageError."""
        self._host = host
        self._watcher = watcher
        self._storage = storage
        self._clock = clock
        self._lock = Lock()
        self._limited = host.quota_bytes is not None or host.quota_inodes is not None
        self._at = TransferProgress()
        self._room = StoreUsage(bytes=0, inodes=0)
        self._next_early = self._next_late = 0.0
        self.error: QuotaExceededError | None = None
        """Why the transfer was stopped; None as long as there is room."""
        if self._limited:
            self._look(self._at)
            if self.error is not None:
                raise self.error

    def progress(self, progress: TransferProgress) -> None:
        """See the port; looks at the disk where that may be needed."""
        if self._limited and self.error is None:
            with self._lock:
                self._consider(progress)
        self._watcher.progress(progress)

    def log(self, line: str, *, level: str = "info") -> None:
        """See the port."""
        self._watcher.log(line, level=level)

    def is_cancelled(self) -> bool:
        """See the port."""
        return self.error is not None or self._watcher.is_cancelled()

    def _consider(self, progress: TransferProgress) -> None:
        now = self._clock.monotonic()
        if progress.bytes_done < self._at.bytes_done:  # a new attempt counts from nothing
            self._at = TransferProgress()
        arrived = progress.bytes_done - self._at.bytes_done
        files = progress.files_seen - self._at.files_seen
        full = (self._host.quota_bytes is not None and arrived >= self._room.bytes) or (
            self._host.quota_inodes is not None and files >= self._room.inodes
        )
        if now >= self._next_late or (full and now >= self._next_early):
            self._look(progress)

    def _look(self, progress: TransferProgress) -> None:
        """Measure, and reckon from here how much may still come."""
        began = self._clock.monotonic()
        usage = self._storage.usage(self._host.id)
        now = self._clock.monotonic()
        self._at = progress
        self._room = StoreUsage(
            bytes=max(0, (self._host.quota_bytes or 0) - usage.bytes),
            inodes=max(0, (self._host.quota_inodes or 0) - usage.inodes),
        )
        self._next_early = now + max(SHORTEST_SECONDS, SHORTEST_TIMES * (now - began))
        self._next_late = now + max(USUAL_SECONDS, USUAL_TIMES * (now - began))
        self.error = exceeded(self._host, usage)
