"""Rules of retention by the calendar, holds, acts, and what kind a run is of."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Added = tuple[str, "sa.types.TypeEngine[Any]", str]
_DAY_US = 86_400_000_000
_PROFILE: list[Added] = [
    *((f"keep_{rule}", sa.Integer(), "0") for rule in ("hourly", "daily", "weekly", "monthly", "yearly")),
    ("min_age_us", sa.BigInteger(), str(_DAY_US)),
    ("time_zone", sa.Text(), "UTC"),
]
_RUN: list[Added] = [("kind", sa.String(length=16), "backup")]


def upgrade() -> None:
    """Add the columns and tables."""
    _add("profile", _PROFILE)
    _add("run", _RUN)
    _add_holds()
    _add_acts()


def _add(table: str, columns: list[Added]) -> None:
    """Add the columns with a value for old rows, which new ones must give themselves."""
    # PostgreSQL, which came later, changes a table in place; a copy would take the names of its constraints.
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table(table, recreate=recreate) as batch:
        for name, kind, old in columns:
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=old))
    with op.batch_alter_table(table, recreate=recreate) as batch:
        for name, kind, _ in columns:
            batch.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)


def _add_holds() -> None:
    op.create_table(
        "hold",
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("profile", "seq", name="pk_hold"),
    )


def _add_acts() -> None:
    op.create_table(
        "act",
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_whom", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("after_seq", sa.Integer(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("paths", sa.JSON(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("profile", "number", name="pk_act"),
    )
