"""Events on SQLite in the order in which they came; PostgreSQL has kept them so all along."""

from alembic import op

from features.store.migrations.append_only import move_events

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Move what is there."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        move_events(connection)
