"""An idempotency key stands for its request as it was sent, before a name such as `latest` is resolved."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of keys that are there, only what their names stood for is known."""
    op.add_column("job_key", sa.Column("as_sent", sa.Boolean(), server_default=sa.false(), nullable=False))
