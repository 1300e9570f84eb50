"""An idempotency key stands for one request, whatever its profile and kind."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OLD = sa.table(
    "job_key",
    sa.column("profile", sa.String),
    sa.column("kind", sa.String),
    sa.column("idempotency_key", sa.Text),
    sa.column("job_id", sa.String),
    sa.column("at", sa.DateTime(timezone=True)),
)
_JOB = sa.table("job", sa.column("id", sa.String), sa.column("payload", sa.JSON))


def upgrade() -> None:
    """Make the table anew; of keys that stood for several requests, the newest remains."""
    connection = op.get_bind()
    query = sa.select(_OLD, _JOB.c.payload).select_from(_OLD.join(_JOB, _OLD.c.job_id == _JOB.c.id))
    kept = {row.idempotency_key: row for row in connection.execute(query.order_by(_OLD.c.at))}
    op.drop_table("job_key")
    made = op.create_table(
        "job_key",
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_key_job_id_job"),
        sa.PrimaryKeyConstraint("idempotency_key", name="pk_job_key"),
    )
    rows = [
        {"idempotency_key": row.idempotency_key, "request": _request(row), "job_id": row.job_id, "at": row.at}
        for row in kept.values()
    ]
    if rows:
        connection.execute(sa.insert(made), rows)


def _request(row: sa.Row[tuple[object, ...]]) -> str:
    """As the program wrote it when this step was made."""
    return json.dumps([row.profile, row.kind, row.payload], sort_keys=True, separators=(",", ":"))
