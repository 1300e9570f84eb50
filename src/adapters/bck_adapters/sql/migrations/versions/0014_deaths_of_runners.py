"""It is counted how often a runner died over a job; one preview of a profile waits or runs at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("status IN ('queued', 'running') AND kind IN ('backup', 'prune', 'preview')")
_SECOND_PREVIEWS = """
    UPDATE job SET status = 'cancelled', finished = created, token = '', lease_until = NULL, holder = NULL
    WHERE kind = 'preview' AND status IN ('queued', 'running') AND EXISTS (
        SELECT 1 FROM job AS other WHERE other.kind = 'preview' AND other.profile = job.profile
        AND other.status IN ('queued', 'running') AND other.number < job.number
    )
"""


def upgrade() -> None:
    """Add the column; cancel previews that only repeat an earlier one; make their index anew."""
    op.add_column("job", sa.Column("deaths", sa.Integer(), server_default="0", nullable=False))
    op.execute(_SECOND_PREVIEWS)
    op.drop_index("uq_job_unfinished", table_name="job")
    op.create_index(
        "uq_job_unfinished",
        "job",
        ["profile", "kind"],
        unique=True,
        sqlite_where=_UNFINISHED,
        postgresql_where=_UNFINISHED,
    )
