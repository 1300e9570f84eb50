"""Profiles have presets, rules of the PC's owner and a limit of size; a preview runs beside other jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OTHERS = sa.text("status = 'running' AND kind NOT IN ('check', 'preview')")
_ASIDE = sa.text("status = 'running' AND kind IN ('check', 'preview')")


def upgrade() -> None:
    """Add the column; make the three indexes anew that let one job of each sort run at a time."""
    op.add_column("profile", sa.Column("filters", sa.JSON(), nullable=True))
    for column in ("host", "profile"):
        name = f"uq_job_running_{column}"
        op.drop_index(name, table_name="job")
        op.create_index(
            name, "job", [column], unique=True, sqlite_where=_OTHERS, postgresql_where=_OTHERS
        )
    op.drop_index("uq_job_running_check", table_name="job")
    op.create_index(
        "uq_job_running_check", "job", ["host"], unique=True, sqlite_where=_ASIDE, postgresql_where=_ASIDE
    )
