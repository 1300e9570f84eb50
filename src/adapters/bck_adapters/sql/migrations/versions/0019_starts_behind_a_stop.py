"""A job that was asked to stop keeps no new one of its profile and kind from waiting behind it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_WANTED = sa.text(
    "status IN ('queued', 'running') AND kind IN ('backup', 'prune', 'preview') AND NOT cancel_requested"
)


def upgrade() -> None:
    """Make the index anew. It holds fewer jobs than before, so whatever is there fits."""
    op.drop_index("uq_job_unfinished", table_name="job")
    op.create_index(
        "uq_job_unfinished",
        "job",
        ["profile", "kind"],
        unique=True,
        sqlite_where=_WANTED,
        postgresql_where=_WANTED,
    )
