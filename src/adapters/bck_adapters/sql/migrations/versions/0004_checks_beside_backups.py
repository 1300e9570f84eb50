"""A check runs beside other jobs of its host and profile."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OTHERS = sa.text("status = 'running' AND kind <> 'check'")
_CHECKS = sa.text("status = 'running' AND kind = 'check'")


def upgrade() -> None:
    """Make the two indexes that let one job of a host or profile run anew, and one for checks."""
    for column in ("host", "profile"):
        name = f"uq_job_running_{column}"
        op.drop_index(name, table_name="job")
        op.create_index(
            name, "job", [column], unique=True, sqlite_where=_OTHERS, postgresql_where=_OTHERS
        )
    op.create_index(
        "uq_job_running_check", "job", ["host"], unique=True, sqlite_where=_CHECKS, postgresql_where=_CHECKS
    )
