"""A job that somebody had begun says when it was last asked for: what it did before that does not answer."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of jobs that are there nobody knows, and they answer as before."""
    op.add_column("job", sa.Column("asked", sa.DateTime(timezone=True), nullable=True))
