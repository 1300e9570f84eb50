"""Versions that ended because they were left out are told from those that are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; how older versions ended is not known any more, they count as gone.

    The table is not copied: it may hold millions of rows, and a default costs them nothing.
    """
    op.add_column(
        "file_version", sa.Column("excluded", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
