"""The queue, made from what an installation tells."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url

from bck_adapters.dbos.node_lock import NodeLock
from bck_adapters.dbos.offers import Offers
from bck_adapters.dbos.queue import DbosJobQueue
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError
from bckcore.plugins.registry import OfferedQueue, QueueContext

if TYPE_CHECKING:
    from bck_adapters.dbos.engine import DbosEngine

_CONNECT_SECONDS = 10
_SILENT_MS = 30_000
_CONNECTIONS = 5
_ADVICE = "Set queue.engine to embedded, or move the database: bck db migrate-to postgresql://…"


def made_queue(context: QueueContext) -> OfferedQueue:
    """The queue of the context's node. Raises InvalidInputError where DBOS or PostgreSQL is lacking."""
    url = make_url(context.adapter.database_url)
    of_node = context.database.node_queue
    if not url.drivername.startswith("postgres") or of_node is None:
        raise InvalidInputError(
            f"The queue engine dbos needs PostgreSQL, and the database is {url.get_backend_name()}.",
            meaning="Nothing was started.",
            advice=_ADVICE,
        )
    require_package()
    connections, offers = made_connections(url, context.adapter.database_password), Offers()

    def make_engine() -> "DbosEngine":
        from bck_adapters.dbos.engine import DbosEngine

        return DbosEngine(connections, context.node, offers)

    queue = DbosJobQueue(of_node(context.node), make_engine, offers, NodeLock(connections, context.node))
    return OfferedQueue(queue=queue, close=queue.close, state=queue.state, worker_of=queue.worker_of)


def require_package() -> None:
    """Raises InvalidInputError where DBOS is not installed."""
    if find_spec("dbos") is None:
        raise InvalidInputError(
            "The queue engine dbos needs the package dbos, which is not installed.",
            meaning="Nothing was started.",
            advice="Install it: pip install 'bckwinrsync[server,cluster]'.",
        )


def made_connections(url: URL, password: Secret[str] | None = None) -> Engine:
    """The pool of DBOS and of the node's lock, apart from that of the tables."""
    if password is not None and not url.password:
        url = url.set(password=password.reveal())
    wanted: dict[str, object] = {
        "application_name": "bck queue",
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": _SILENT_MS,
    }
    given = {name: value for name, value in wanted.items() if name not in url.query}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=given,
        hide_parameters=True,  # an error would quote them
        pool_size=_CONNECTIONS,
        max_overflow=-1,
        pool_pre_ping=True,
    )
