"""SQL adapters: repositories, catalog and lease queue on SQLite, written to move to PostgreSQL."""

from bck_adapters.sql.database import sql_database

__all__ = ["sql_database"]
