"""Events on SQLite are noted by message id and by lead in tables, not in indexes."""

from alembic import op

from features.store.migrations.noted import note_events

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Note what is there; PostgreSQL has its indexes."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        note_events(connection)
