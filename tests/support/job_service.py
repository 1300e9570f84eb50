"""Jobs of a house: asked for, and carried out here and now."""

import itertools

from bck_adapters.memory import MemoryBell
from bckcore.services.jobs import JobService
from tests.support.house import House


def job_service(house: House) -> JobService:
    """The service over a house's parts."""
    numbers = itertools.count(1)
    queue = house.database.queue
    return JobService(
        queue=queue,
        units=house.database.units,
        restores=house.restores,
        host_restores=house.host_restores,
        passwords=house.passwords,
        bell=MemoryBell(),
        clock=house.clock,
        new_id=lambda: f"asked-{next(numbers)}-{len(queue.list(limit=10_000))}",
    )
