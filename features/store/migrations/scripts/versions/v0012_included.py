"""Endpoints may ask for more than ids; what a delivery includes is kept with it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add what is lacking."""
    op.add_column("endpoints", sa.Column("include", sa.Text, nullable=False, server_default="[]"))
    op.add_column("deliveries", sa.Column("extra", sa.Text))
