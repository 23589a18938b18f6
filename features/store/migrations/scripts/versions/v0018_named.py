"""Of which company the name is that an id told last, and when: a name may come late."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the columns; a name that is there is of the company beside it."""
    op.add_column("account_members", sa.Column("named_id", sa.Text))
    op.add_column("account_members", sa.Column("named_at", sa.BigInteger))
    op.execute(
        "UPDATE account_members SET named_id = account_id, named_at = told_at WHERE name <> ''"
    )
