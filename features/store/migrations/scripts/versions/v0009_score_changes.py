"""Scores have traits, and a place in the order in which they change; what is gone has one too."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add what is lacking."""
    op.add_column("scores", sa.Column("traits", sa.Text, nullable=False, server_default="{}"))
    op.add_column("scores", sa.Column("seq", sa.BigInteger))
    op.create_index("scores_changes", "scores", ["seq", "lead_id"])
    op.create_table(
        "gone_scores",
        sa.Column("lead_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("gone_scores_changes", "gone_scores", ["seq", "lead_id"])
