"""A job that waits may hold a password, sealed for its runner; one that is over never does."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. In words of SQL: it brings its rule with it, for which SQLite would copy the table."""
    op.execute(
        "ALTER TABLE job ADD COLUMN sealed TEXT DEFAULT '' NOT NULL "
        "CONSTRAINT ck_job_sealed CHECK (sealed = '' OR status IN ('queued', 'running'))"
    )
