"""Hosts have owners."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Hosts from before belong to nobody."""
    op.add_column("host", sa.Column("owners", sa.JSON(), nullable=True))
