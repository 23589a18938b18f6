"""Places for several ladders and for reports: the ladder of a key, reports that are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what is lacking; keys that were made before are good for any ladder."""
    op.add_column("api_keys", sa.Column("ladder", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "reports",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("ladder", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("as_of", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
