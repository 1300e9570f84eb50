"""Hosts have owners, accounts second factors; sessions, their refresh tokens, device tokens, and what is remembered of failed tries."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Hosts from before belong to nobody; who is signed in signs in again."""
    op.add_column("host", sa.Column("owners", sa.JSON(), nullable=True))
    op.add_column("account", sa.Column("second_factor", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("used", _TIME, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("ended", _TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
    )
    op.create_index("ix_session_account", "session", ["account"])
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("issued", _TIME, nullable=False),
        sa.Column("used", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_token"),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="fk_refresh_token_session_session"),
    )
    op.create_index("ix_refresh_token_session", "refresh_token", ["session"])
    _devices_and_failures()


def _devices_and_failures() -> None:
    op.create_table(
        "device_token",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("revoked", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_device_token"),
        sa.UniqueConstraint("digest", name="uq_device_token_digest"),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", _TIME, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttle"),
    )
    op.create_index("ix_throttle_last", "throttle", ["last"])
