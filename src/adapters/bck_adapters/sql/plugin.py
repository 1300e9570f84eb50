"""What the SQL adapters offer."""

from bck_adapters.sql.database import sql_database
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import AdapterContext, Database, DatabaseFactories


@hookimpl
def bck_databases() -> DatabaseFactories:
    """``sqlite:///FILE`` keeps everything in one file, ``postgresql://…`` on a server."""
    return dict.fromkeys(("sqlite", "postgresql", "postgres"), _made)


def _made(context: AdapterContext) -> Database:
    return sql_database(context.database_url, context.clock, context.database_password)
