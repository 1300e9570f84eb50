"""A host may wait for its PC, which redeems a token to hand over its host keys."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Hosts from before wait for nobody."""
    op.add_column(
        "host", sa.Column("awaits_enrolment", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "enrolment",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("replace_host_key", sa.Boolean(), nullable=False),
        sa.Column("used", _TIME, nullable=True),
        sa.Column("revoked", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment"),
    )
