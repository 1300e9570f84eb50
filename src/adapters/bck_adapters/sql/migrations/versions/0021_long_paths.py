"""PostgreSQL takes paths of any length: its index holds their heads, and a digest of the rest."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_HEAD = "substr(path, 1, 2600)"
_REST = "(CASE WHEN octet_length(path) > 2600 THEN sha256(substr(path, 2601)) ELSE ''::bytea END)"


def upgrade() -> None:
    """Put the index into the place of the key. SQLite always took them and keeps its key.

    The rows stay where they are; the index of a million takes some seconds.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE file_version ALTER COLUMN path SET STORAGE MAIN")
    op.execute(
        f"CREATE UNIQUE INDEX uq_file_version_key ON file_version (source_id, {_HEAD}, {_REST}, since_seq)"
    )
    op.drop_constraint("pk_file_version", "file_version")
