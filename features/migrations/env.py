"""What Alembic runs; the connection, and its transaction, are the caller's."""

from alembic import context

from features.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
