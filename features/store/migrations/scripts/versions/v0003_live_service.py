"""The live service: identities, marks, notifications, write-back, keys, privacy."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = sa.MetaData()


def _instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


sa.Table(
    "identity_links",
    _TABLES,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, primary_key=True, index=True),
    _instant("occurred_at"),
    _instant("known_at"),
    _instant("undone_at", nullable=True),
    sa.Index("identity_links_source", "source"),
    sqlite_with_rowid=False,
)
sa.Table(
    "identities",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, nullable=False, index=True),
    _instant("joined_at"),
    sqlite_with_rowid=False,
)
sa.Table(
    "opt_outs",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    _instant("at"),
    sa.Column("reason", sa.Text, nullable=False),
)
sa.Table(
    "erasures",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    _instant("at"),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("models", sa.Text, nullable=False),
)
sa.Table(
    "trainings",
    _TABLES,
    sa.Column("bundle", sa.Text, primary_key=True),
    sa.Column("ladder", sa.Text, nullable=False),
    _instant("until"),
    _instant("trained_at"),
)
_stale = sa.Table(
    "stale",
    _TABLES,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("mark", sa.Text, nullable=False),
    _instant("since"),
    _instant("leased_until"),
    sqlite_with_rowid=False,
)
sa.Index("stale_since", _stale.c.since)
sa.Table(
    "notifications",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("lead_id", sa.Text, index=True),
    _instant("created_at"),
    sa.Column("data", sa.Text, nullable=False),
    sa.Index("notifications_created", "created_at"),
)
sa.Table(
    "endpoints",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("types", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("former_secret", sa.Text),
    _instant("former_until", nullable=True),
    _instant("created_at"),
    _instant("disabled_at", nullable=True),
    sa.Column("disabled_why", sa.Text),
)
sa.Table(
    "deliveries",
    _TABLES,
    sa.Column("notification_id", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    _instant("due_at", nullable=True),
    _instant("leased_until"),
    _instant("attempted_at", nullable=True),
    _instant("delivered_at", nullable=True),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Index("deliveries_due", "due_at"),
)
sa.Table(
    "write_backs",
    _TABLES,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("wanted", sa.Text),
    _instant("due_at", nullable=True),
    _instant("leased_until"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("written", sa.Text),
    _instant("written_at", nullable=True),
    sa.Column("error", sa.Text),
    sa.Index("write_backs_due", "due_at"),
    sa.Index("write_backs_record", "connector", "external_id"),
)
sa.Table(
    "api_keys",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    _instant("created_at"),
    _instant("revoked_at", nullable=True),
)
sa.Table(
    "sessions",
    _TABLES,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, nullable=False, index=True),
    _instant("created_at"),
    _instant("expires_at"),
)
sa.Table(
    "seen_requests",
    _TABLES,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
)
sa.Table(
    "leases",
    _TABLES,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    _instant("until"),
)


def upgrade() -> None:
    """Add what the live service keeps."""
    _TABLES.create_all(op.get_bind())
    op.add_column("scores", sa.Column("band", sa.Text))
    op.add_column("scores", sa.Column("waiting_since", sa.BigInteger))
    op.create_index("scores_waiting", "scores", ["waiting_since"])
