"""The tables of a store before there were migrations; a store that has them keeps them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = None

_TABLES = sa.MetaData()
sa.Table(
    "events",
    _TABLES,
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("occurred_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.Text, primary_key=True, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.Column("properties", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
_scores = sa.Table(
    "scores",
    _TABLES,
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("ladder", sa.Text, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("p_advance", sa.Double),
    sa.Column("low", sa.Double),
    sa.Column("high", sa.Double),
    sa.Column("p_purchase", sa.Double),
    sa.Column("priority", sa.Double, nullable=False),
    sa.Column("percentile", sa.Double),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("bundle", sa.Text, nullable=False),
    sa.Column("scored_at", sa.BigInteger, nullable=False),
    sa.Column("last_active", sa.BigInteger),
)
sa.Index("scores_queue", _scores.c.priority.desc(), _scores.c.lead_id)
sa.Table(
    "rep_minutes",
    _TABLES,
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("minutes", sa.Double, nullable=False),
)
_meta = sa.Table(
    "rung_meta",
    _TABLES,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


def upgrade() -> None:
    """Make what is not there."""
    connection = op.get_bind()
    _TABLES.create_all(connection)
    # An older version of Rung asks for this number, and leaves the store alone.
    connection.execute(sa.delete(_meta).where(_meta.c.key == "schema"))
    connection.execute(sa.insert(_meta).values(key="schema", value="3"))
