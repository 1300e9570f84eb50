"""What the SQL adapters offer."""

from bck_adapters.sql.database import sql_database
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import (
    AdapterContext,
    Database,
    DatabaseFactories,
    OfferedQueue,
    QueueContext,
    QueueFactories,
    QueueState,
)
from bckcore.ports.node_queue import NodeQueue, told_of_others


@hookimpl
def bck_databases() -> DatabaseFactories:
    """``sqlite:///FILE`` keeps everything in one file, ``postgresql://…`` on a server."""
    return dict.fromkeys(("sqlite", "postgresql", "postgres"), _made)


@hookimpl
def bck_queues() -> QueueFactories:
    """``embedded``: the database is the queue."""
    return {"embedded": _embedded}


def _embedded(context: QueueContext) -> OfferedQueue:
    if context.database.node_queue is None:
        return OfferedQueue(queue=context.database.queue)
    queue = context.database.node_queue(context.node)
    return OfferedQueue(queue=queue, state=lambda: _state(queue))


def _state(queue: NodeQueue) -> QueueState:
    parts = [f"embedded, node {queue.node}", *told_of_others(queue)]
    worker = "a process that has a job under way" if queue.at_work() else ""
    return QueueState(ok=True, detail="; ".join(parts), worker=worker)


def _made(context: AdapterContext) -> Database:
    return sql_database(
        context.database_url, context.clock, context.database_password, used=context.database_used
    )
