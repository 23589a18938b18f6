"""When a lead that waits for a reply asked last, and by whom somebody was put aside.

The memory of signed requests goes: message ids tell what was taken.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the columns; whoever scores fills the first, and the next putting aside the other."""
    op.drop_table("seen_requests")
    op.add_column("scores", sa.Column("asked_at", sa.BigInteger))
    op.add_column("hands", sa.Column("snoozed_by", sa.Text, nullable=False, server_default=""))
