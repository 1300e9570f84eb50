"""Each job belongs to a storage node; jobs from before belong to none, and any node may take them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its indexes."""
    op.add_column("job", sa.Column("node", sa.String(length=64), server_default="", nullable=False))
    op.create_index("ix_job_node", "job", ["node", "status", "number"])
    op.create_index("ix_job_profile", "job", ["profile", "number"])
