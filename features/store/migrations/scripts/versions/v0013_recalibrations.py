"""How the probabilities of each bundle have moved with the outcomes; and what served since when."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make what is lacking."""
    op.create_table(
        "recalibrations",
        sa.Column("bundle", sa.Text, primary_key=True),
        sa.Column("goal", sa.Text, primary_key=True),
        sa.Column("known_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("intercept", sa.Double, nullable=False),
        sa.Column("slope", sa.Double, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "champions",
        sa.Column("ladder", sa.Text, primary_key=True),
        sa.Column("from_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("report_hash", sa.Text, nullable=False),
    )
