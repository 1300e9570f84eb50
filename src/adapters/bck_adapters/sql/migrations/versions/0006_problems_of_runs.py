"""What a run could not read or store is kept with it; runs before this one name no paths."""

import sqlalchemy as sa
from alembic import op

from bck_adapters.sql.columns import Blob

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "run_problem",
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("path", Blob, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "seq", "number", name="pk_run_problem"),
        sqlite_with_rowid=False,
    )
