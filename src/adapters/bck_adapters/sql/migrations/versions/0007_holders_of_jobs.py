"""Which process holds a job is kept with its claim; claims made before this step tell of none."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("job", sa.Column("holder", sa.JSON(none_as_null=True), nullable=True))
