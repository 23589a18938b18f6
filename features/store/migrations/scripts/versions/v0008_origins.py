"""From which sites' pages a key may be used."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add what is lacking. No key so far may be used from a page."""
    op.add_column("api_keys", sa.Column("origins", sa.Text, nullable=False, server_default=""))
