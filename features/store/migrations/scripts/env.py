"""What Alembic runs; the connection, and its transaction, are the caller's."""

from alembic import context

from features.store.schema import METADATA

if hasattr(context, "config"):  # Alembic runs it; who only imports it wants nothing
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
