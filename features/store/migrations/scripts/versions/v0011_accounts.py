"""Which company an id was last told to belong to, of the events that are there, and with scores."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add what is lacking, and fill it from the events."""
    members = op.create_table(
        "account_members",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("account_members_account", "account_members", ["account_id"])
    op.add_column("scores", sa.Column("account_id", sa.Text))
    op.create_index("scores_account", "scores", ["account_id", sa.text("position DESC")])
    connection = op.get_bind()
    told = sa.text(
        "SELECT lead_id, name, properties, occurred_at FROM events"
        " WHERE properties LIKE '%group_id%' ORDER BY occurred_at"
    )
    latest: dict[str, dict[str, Any]] = {}
    for lead_id, event, properties, occurred_at in connection.execute(told):
        said = json.loads(properties)
        account = said.get("group_id")
        if isinstance(account, int) and not isinstance(account, bool):
            account = str(account)
        if isinstance(account, str) and account.strip():
            before = latest.get(lead_id, {})
            name = said.get("name") if event == "group" else None
            name = name.strip() if isinstance(name, str) else ""
            if not name and before.get("account_id") == account.strip():
                name = before["name"]
            latest[lead_id] = {
                "id": lead_id,
                "account_id": account.strip(),
                "name": name,
                "told_at": occurred_at,
            }
    if latest:
        connection.execute(sa.insert(members), list(latest.values()))
