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
)


@hookimpl
def bck_databases() -> DatabaseFactories:
    """``sqlite:///FILE`` keeps everything in one file, ``postgresql://…`` on a server."""
    return dict.fromkeys(("sqlite", "postgresql", "postgres"), _made)


@hookimpl
def bck_queues() -> QueueFactories:
    """``embedded``: the database is the queue."""
    return {"embedded": _embedded}


def _embedded(context: QueueContext) -> OfferedQueue:
    of_node = context.database.node_queue
    return OfferedQueue(queue=of_node(context.node) if of_node else context.database.queue)


def _made(context: AdapterContext) -> Database:
    return sql_database(context.database_url, context.clock, context.database_password)
