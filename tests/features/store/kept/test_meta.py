"""Values under keys: the last one stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from features.errors import StoreAway
from features.store.database import Database
from features.store.kept.meta import held_meta, meta_of, set_meta, why_not_writable


def test_meta(database):
    """The last value of a key is kept; a key that nobody has set has none."""
    with database.writing() as connection:
        set_meta(connection, "colour", "red")
        set_meta(connection, "colour", "blue")
        assert held_meta(connection, "colour") == "blue"
        assert held_meta(connection, "size") is None
        assert meta_of(connection, "colour") == "blue"


@contextmanager
def full(database: Database) -> Iterator[None]:
    """No file of the database can grow; what fits into the pages that there are is written."""
    if database.is_sqlite:

        def bounded(connection, *_):
            connection.execute("PRAGMA max_page_count = 1")  # it is what there is at least

        sa.event.listen(database.engine, "checkout", bounded)
        yield
        sa.event.remove(database.engine, "checkout", bounded)
        database.engine.dispose()
        return
    refused = "CREATE FUNCTION full_disk() RETURNS {} LANGUAGE plpgsql AS $$ BEGIN RAISE"
    refused += " 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
    for statement in (
        refused.format("event_trigger"),
        "CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE TABLE')"
        " EXECUTE FUNCTION full_disk()",
    ):
        with database.writing() as connection:
            connection.exec_driver_sql(statement)
    yield
    with database.writing() as connection:
        connection.exec_driver_sql("DROP EVENT TRIGGER full_disk")
        connection.exec_driver_sql("DROP FUNCTION full_disk()")


def test_a_full_disk(database):
    """A small write that finds a place does not say that there is room again."""
    with full(database):
        database.trouble = "could not extend file"
        with database.writing() as connection:
            set_meta(connection, "colour", "green")
        for _ in range(3):
            assert "full" in why_not_writable(database) or "space" in why_not_writable(database)
            assert database.trouble
    assert why_not_writable(database) == ""
    assert database.trouble == ""
    assert why_not_writable(database) == ""


def test_a_disk_with_room_leaves_nothing_behind(database):
    """What is tried is taken away again: no table, and no long value."""
    with pytest.raises(StoreAway), database.writing():
        raise StoreAway("of a moment ago")
    assert database.trouble == "of a moment ago"
    assert why_not_writable(database) == ""
    assert not [one for one in sa.inspect(database.engine).get_table_names() if "probe" in one]
    with database.reading() as connection:
        assert not meta_of(connection, "probe")
