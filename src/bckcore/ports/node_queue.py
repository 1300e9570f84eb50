"""NodeQueue: the jobs of one storage node, for an engine that decides when each of them is offered."""

from collections.abc import Collection, Sequence
from typing import Protocol

from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.wording import counted
from bckcore.ports.job_queue import JobQueue


class NodeQueue(JobQueue, Protocol):
    """A JobQueue that takes only what belongs to its node.

    A profile belongs to the node where its first job was asked for, and so do its later jobs, whoever asks.
    A job that belongs to no node, from a time when there were none, may be taken by any; then it is that
    node's. Everything but :meth:`claim` and what is below sees the jobs of all nodes.
    """

    @property
    def node(self) -> str:
        """Name of the node; never empty."""

    def node_of(self, job: JobId) -> str:
        """Which node the job belongs to; empty if to none. Raises NotFoundError."""

    def ready(
        self, *, only: JobId | None = None, besides: Collection[JobId] = (), limit: int = 100
    ) -> Sequence[JobId]:
        """What :meth:`claim` would try now, in its order; ``only`` and ``besides`` as there."""

    def unfinished(self) -> Sequence[JobId]:
        """Jobs of this node that are queued or running, oldest first. Those of no node become its own."""

    def at_work(self) -> JobId | None:
        """A job of this node that somebody holds by a claim whose lease has not ended; None without one."""

    def waiting(self) -> dict[str, int]:
        """How many unfinished jobs each node has; empty for those of no node."""

    def profiles_elsewhere(self) -> frozenset[ProfileId]:
        """Profiles that belong to other nodes than this one."""

    def take_over(self, node: str) -> int:
        """Make another node's jobs, and with them its profiles, this node's; how many jobs there were."""


def told_of_others(queue: NodeQueue) -> list[str]:
    """For people: what waits for other nodes than the queue's own."""
    others = sorted((node, jobs) for node, jobs in queue.waiting().items() if node not in ("", queue.node))
    return [f"{counted(jobs, 'job')} for node {node}" for node, jobs in others]
