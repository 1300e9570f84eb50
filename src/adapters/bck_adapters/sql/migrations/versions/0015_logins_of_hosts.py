"""How a host lets the server in, and the command of its gate."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every host that is known is entered with a key that a person gave."""
    op.add_column("host", sa.Column("login", sa.String(16), server_default="key", nullable=False))
    op.add_column("host", sa.Column("gate", sa.Text(), server_default="", nullable=False))
