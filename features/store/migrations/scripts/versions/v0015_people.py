"""How people work with leads: words to find them by, hands, actions; a queue with filters."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make what is lacking; a service fills the words, and who scores fills the source."""
    bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "lead_words",
        sa.Column("word", bytewise, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("lead_words_id", "lead_words", ["id"])
    op.create_table(
        "hands",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("claimed_at", sa.BigInteger),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("snoozed_at", sa.BigInteger),
        sa.Column("snoozed_until", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "actions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("ladder", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("done_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("undone_at", sa.BigInteger),
        sa.Column("entered_at", sa.BigInteger),
    )
    op.create_index("ix_actions_lead_id", "actions", ["lead_id"])
    op.create_index("actions_open", "actions", ["entered_at", "due_at"])
    op.create_index("actions_done", "actions", ["done_at"])
    op.add_column("scores", sa.Column("source", sa.Text))
    op.drop_index("scores_queue", "scores")
    columns = ["lead_id", "step", "band", "source", "last_active"]
    op.create_index("scores_queue", "scores", [sa.text("priority DESC"), *columns])
    op.create_index("scores_source", "scores", ["source"])
    for name, column in (("scores_purchase", "p_purchase"), ("scores_recent", "last_active")):
        op.create_index(name, "scores", [sa.text(f"{column} DESC"), "lead_id"])
