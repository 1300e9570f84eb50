"""A runner process for tests: claims one job, says so, and holds it until it is killed or its input ends.

Started as ``python works.py DATABASE_URL NODE [LEASE_SECONDS]``.
"""

import sys

from bck_adapters.clock import SystemClock
from bck_adapters.processes import LinuxProcesses
from tests.support.dbos_queues import node


def main(url: str, name: str, lease_seconds: str = "600") -> None:
    """Say what was claimed, then wait."""
    clock, processes = SystemClock(), LinuxProcesses()
    with node(url, name) as made:
        queue = made.queue()
        claim = None
        while claim is None:
            claim = queue.claim("first", lease_seconds=float(lease_seconds), holder=processes.me())
            clock.wait(0.05, until=lambda: False)
        print(claim.job.id, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
