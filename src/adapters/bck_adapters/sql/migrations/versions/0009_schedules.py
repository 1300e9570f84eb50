"""Schedules by cron with windows, what is remembered of them, signs of life, and objectives."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and tables; an interval that a profile has stays where it is."""
    op.add_column("profile", sa.Column("schedule", sa.JSON(), nullable=True))
    op.add_column("profile", sa.Column("bandwidth_plan", sa.JSON(), nullable=True))
    op.add_column("profile", sa.Column("fresh_within_us", sa.BigInteger(), nullable=True))
    op.create_table(
        "schedule_state",
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("answered", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("job", sa.Text(), nullable=True),
        sa.Column("last_try", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offline_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("stale_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("profile", name="pk_schedule_state"),
    )
    op.create_table(
        "presence",
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("awake", sa.Boolean(), nullable=False),
        sa.Column("on_mains", sa.Boolean(), nullable=True),
        sa.Column("unmetered", sa.Boolean(), nullable=True),
        sa.Column("idle", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("host", name="pk_presence"),
    )
