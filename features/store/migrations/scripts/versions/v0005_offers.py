"""The versions of offers that stand beside the ladder file; what is suggested, kept with scores."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is lacking."""
    op.create_table(
        "offers",
        sa.Column("ladder", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("from_at", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.add_column("scores", sa.Column("cause", sa.Text, nullable=False, server_default="model"))
    op.add_column("scores", sa.Column("p_week_ago", sa.Double))
    op.add_column("scores", sa.Column("tab", sa.Text))
    op.add_column("scores", sa.Column("offer_id", sa.Text))
    op.add_column("scores", sa.Column("gain", sa.Double))
    op.add_column("scores", sa.Column("rep_minutes", sa.Double))
