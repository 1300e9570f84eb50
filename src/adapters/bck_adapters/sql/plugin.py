"""What the SQL adapters offer."""

from bck_adapters.sql.database import sql_database
from bckcore.plugins.markers import hookimpl
from bckcore.plugins.registry import DatabaseFactories


@hookimpl
def bck_databases() -> DatabaseFactories:
    """``sqlite:///FILE`` keeps everything in one file."""
    return {"sqlite": lambda context: sql_database(context.database_url, context.clock)}
