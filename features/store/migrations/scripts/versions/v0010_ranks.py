"""What callers of Personalizer's addresses let choose among actions of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add what is lacking."""
    op.create_table(
        "ranks",
        sa.Column("loop", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, index=True),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("situation", sa.Text),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("chosen", sa.Text, nullable=False),
        sa.Column("exposed_at", sa.BigInteger),
        sa.Column("reward", sa.Double),
        sa.Column("rewarded_at", sa.BigInteger),
    )
    op.create_index("ranks_occurred", "ranks", ["loop", "occurred_at"])
    op.create_index("ranks_rewarded", "ranks", ["loop", "rewarded_at"])
