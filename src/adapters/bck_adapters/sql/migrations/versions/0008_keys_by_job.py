"""Keys of requests are found by their job: old jobs go, and their keys with them."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_job_key_job_id", "job_key", ["job_id"])
