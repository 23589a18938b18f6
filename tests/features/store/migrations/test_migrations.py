"""What `features.store.migrations` makes of empty databases, older stores and newer ones."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.errors import StoreError
from features.store.database import Database
from features.store.events import Event, EventStore, StoredScore
from features.store.migrations import LATEST, open_database, version_of
from features.store.schema import METADATA, account_members, events
from tests.features.store.migrations.older import take_back

MADE = Event("made", "ann", "view", 1, 2, '{"section":"docs"}')
_OLD = """
CREATE TABLE events (lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL, message_id TEXT NOT NULL,
  name TEXT NOT NULL, known_at BIGINT NOT NULL, properties TEXT NOT NULL,
  PRIMARY KEY (lead_id, occurred_at, message_id), UNIQUE (message_id)) WITHOUT ROWID;
CREATE TABLE scores (lead_id TEXT NOT NULL PRIMARY KEY, ladder TEXT NOT NULL, as_of BIGINT NOT NULL,
  step TEXT NOT NULL, position INTEGER NOT NULL, p_advance DOUBLE, low DOUBLE, high DOUBLE,
  p_purchase DOUBLE, priority DOUBLE NOT NULL, percentile DOUBLE, reasons TEXT NOT NULL,
  bundle TEXT NOT NULL, scored_at BIGINT NOT NULL, last_active BIGINT);
CREATE INDEX scores_queue ON scores (priority DESC, lead_id);
CREATE TABLE rung_meta ("key" TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO events VALUES ('ann', 1, 'made', 'view', 2, '{"section":"docs"}');
INSERT INTO scores VALUES ('ann', 'b2b', 3, 'value', 1, .2, .1, .3, .0, .2, NULL, '', 'x', 3, 1);
"""
"""A store as the first release wrote it, with one event and one score."""


def old_store(folder: Path, version: int) -> Path:
    """A store of one of the schemas that came before the migrations."""
    path = folder / "old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(_OLD)
        connection.execute("INSERT INTO rung_meta VALUES ('schema', ?)", [str(version)])
        if version > 1:
            connection.execute("CREATE TABLE rep_minutes (day BIGINT PRIMARY KEY, minutes DOUBLE)")
            connection.execute("INSERT INTO rep_minutes VALUES (20000, 5.0)")
    connection.close()
    return path


OF_PEOPLE = (
    "DROP TABLE lead_words",
    "DROP TABLE hands",
    "DROP TABLE actions",
    "DROP INDEX scores_queue",
    "DROP INDEX scores_source",
    "DROP INDEX scores_purchase",
    "DROP INDEX scores_recent",
    "ALTER TABLE scores DROP COLUMN source",
    "CREATE INDEX scores_queue ON scores (priority DESC, lead_id)",
)
"""What takes a store back to before people could say what they did."""


def test_the_tables_are_those_of_the_schema(database):
    """The migrations make every table, column and index of the schema, and no other."""
    inspected = sa.inspect(database.engine)
    noted = {f"events_by_{of}" for of in ("lead", "lead_new", "message", "message_new")}
    beside = noted if database.is_sqlite else set()
    assert set(inspected.get_table_names()) == {*METADATA.tables, *beside, "alembic_version"}
    for table in METADATA.tables.values():
        is_numbered = table is events and database.is_sqlite
        columns = {one["name"]: one["nullable"] for one in inspected.get_columns(table.name)}
        assert columns.pop("seq", None) is True if is_numbered else True
        assert columns == {one.name: one.nullable for one in table.columns}, table.name
        key = ["seq"] if is_numbered else [one.name for one in table.primary_key]
        assert inspected.get_pk_constraint(table.name)["constrained_columns"] == key
        indexes = {one["name"] for one in inspected.get_indexes(table.name)}
        assert {one.name for one in table.indexes} <= indexes, table.name


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_store_loses_nothing(tmp_path, version):
    """A store from before the migrations gets what it lacks; what it holds stays."""
    path = old_store(tmp_path, version)
    with EventStore.open(path) as store:
        assert store.event("made") == MADE
        score = store.scores.of("ann")
        assert score == StoredScore(
            "ann", "b2b", 3, "value", 1, 0.2, 0.1, 0.3, 0.0, 0.2, None, "", "x", 3, 1, cause="model"
        )
        assert store.rep_minutes(20_000) == (5.0 if version == 2 else 0.0)
        assert store.append_new([MADE._replace(message_id="shown")], 20_001, 5.0)
    with EventStore.open(path) as store, store.database.reading() as connection:
        assert store.rep_minutes(20_001) == 5.0
        assert version_of(connection) == LATEST


def test_an_older_rung_refuses_it(tmp_path):
    """The number that older versions ask for says that they cannot read the store."""
    with open_database(old_store(tmp_path, 2)) as database, database.reading() as connection:
        wanted = sa.text("SELECT value FROM rung_meta WHERE key = 'schema'")
        assert connection.scalar(wanted) == "3"


def test_a_newer_store(database):
    """A store that a newer version wrote is refused, and left as it is."""
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=f"has schema 9999, this version reads {LATEST}"):
        open_database(database.engine.url.render_as_string(hide_password=False))


def test_several_at_once(database_url):
    """Processes that start together on an empty database all find its tables made."""

    def opened(_: int) -> str | None:
        with open_database(database_url) as database, database.reading() as connection:
            return version_of(connection)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened, range(8))) == [LATEST] * 8


def test_opening_again_changes_nothing(tmp_path):
    """A store that is up to date is not written to."""
    path = tmp_path / "store.db"
    open_database(path).close()
    before = path.read_bytes()
    open_database(path).close()
    assert path.read_bytes() == before


def test_a_database_of_others(database_url):
    """Tables of somebody else are refused and left alone."""
    with Database.open(database_url) as database, database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER)")
    with pytest.raises(StoreError, match="not a store of Rung; it holds customers"):
        open_database(database_url)
    with Database.open(database_url) as database:
        assert sa.inspect(database.engine).get_table_names() == ["customers"]


def test_endpoints_of_before(database):
    """Endpoints and deliveries from before `include` stay, and include nothing."""
    with database.writing() as connection:
        take_back(connection, "0015")
        for statement in (
            "ALTER TABLE endpoints DROP COLUMN include",
            "ALTER TABLE deliveries DROP COLUMN extra",
            "DROP TABLE recalibrations",
            "DROP TABLE kept_columns",
            "DROP TABLE experiments",
            *OF_PEOPLE,
            "DROP TABLE champions",
            "INSERT INTO endpoints (id, url, description, types, secret, created_at)"
            " VALUES ('e', 'https://a.example', '', '[]', 'whsec_x', 1)",
            "INSERT INTO deliveries (notification_id, endpoint_id, attempts, leased_until)"
            " VALUES ('n', 'e', 3, 0)",
            "UPDATE alembic_version SET version_num = '0011'",
        ):
            connection.exec_driver_sql(statement)
    url = database.engine.url.render_as_string(hide_password=False)
    with open_database(url) as opened, opened.reading() as connection:
        assert version_of(connection) == LATEST
        assert connection.execute(sa.text("SELECT id, include FROM endpoints")).all() == [
            ("e", "[]")
        ]
        left = sa.text("SELECT notification_id, attempts, extra FROM deliveries")
        assert connection.execute(left).all() == [("n", 3, None)]


def test_companies_of_events_that_are_there(database):
    """What events from before accounts say of companies is known, the latest of each id."""
    said = [
        ("m1", "ann", "group", 1, '{"group_id": "old", "name": "Old"}'),
        ("m2", "ann", "group", 3, '{"group_id": "acme", "name": "Acme"}'),
        ("m3", "ann", "page", 4, '{"group_id": "acme", "name": "Pricing"}'),
        ("m4", "ann", "group", 2, '{"group_id": "between"}'),
        ("m5", "bob", "page", 1, '{"note": "group_id"}'),
        ("m6", "cem", "group", 1, '{"group_id": 7}'),
    ]
    with database.writing() as connection:
        for message, lead, name, at, properties in said:
            connection.execute(
                sa.insert(events).values(
                    message_id=message,
                    lead_id=lead,
                    name=name,
                    occurred_at=at,
                    known_at=at,
                    properties=properties,
                )
            )
        take_back(connection, "0015")
        for statement in (
            "DROP TABLE account_members",
            "DROP INDEX scores_account",
            "ALTER TABLE scores DROP COLUMN account_id",
            "ALTER TABLE endpoints DROP COLUMN include",
            "ALTER TABLE deliveries DROP COLUMN extra",
            "DROP TABLE recalibrations",
            "DROP TABLE kept_columns",
            "DROP TABLE experiments",
            *OF_PEOPLE,
            "DROP TABLE champions",
            "UPDATE alembic_version SET version_num = '0010'",
        ):
            connection.exec_driver_sql(statement)
    url = database.engine.url.render_as_string(hide_password=False)
    with open_database(url) as opened, opened.reading() as connection:
        rows = connection.execute(sa.select(account_members).order_by(account_members.c.id)).all()
        assert [tuple(row) for row in rows] == [
            ("ann", "acme", "Acme", 4, "acme", 4),
            ("cem", "7", "", 1, None, None),
        ]


def test_names_of_companies_that_are_there(database):
    """A name from before names had an instant of their own is that of the company beside it."""
    with database.writing() as connection:
        take_back(connection, "0016")
        connection.exec_driver_sql(
            "INSERT INTO account_members (id, account_id, name, told_at)"
            " VALUES ('ann', 'acme', 'Acme', 4), ('bob', 'acme', '', 4)"
        )
    url = database.engine.url.render_as_string(hide_password=False)
    with open_database(url) as opened, opened.reading() as connection:
        rows = connection.execute(sa.select(account_members).order_by(account_members.c.id)).all()
        assert [tuple(row) for row in rows] == [
            ("ann", "acme", "Acme", 4, "acme", 4),
            ("bob", "acme", "", 4, None, None),
        ]
