"""What the DBOS adapter offers. Nothing of DBOS is loaded before this engine is chosen."""

from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import OfferedQueue, QueueContext, QueueFactories


@hookimpl
def bck_queues() -> QueueFactories:
    """``dbos``: several storage nodes on one PostgreSQL."""
    return {"dbos": _made}


def _made(context: QueueContext) -> OfferedQueue:
    from bck_adapters.dbos.making import made_queue

    return made_queue(context)
