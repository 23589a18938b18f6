"""Databases: how they are read and written, and what differs between them.

SQLite and PostgreSQL. Everything else of the store is SQLAlchemy Core that both understand.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from features.clock import SKEW_US
from features.errors import StoreAway
from features.store.connecting.engines import (
    STATEMENTS_AT_HAND,
    WRITES,
    execute_when_free,
    file_of,
    new_engine,
    written_back,
)
from features.store.connecting.looks import Looks
from features.store.connecting.outages import cause, reachable, shown
from features.store.connecting.read_only import ONLY_READS

__all__ = [
    "Database",
    "Prepared",
    "all_tuples_of",
    "in_parts",
    "insert_for",
    "insert_into",
    "insert_of_many",
    "is_storable",
    "listed_ids",
    "over",
    "tuples_of",
]

_TOGETHER: Final = 512
"""How many rows one statement inserts at the most."""
_EXACTLY: Final = STATEMENTS_AT_HAND // 4
"""Up to so many rows there is a statement for each number of them."""
_IDS: Final = 500
"""How many ids one statement names; SQLite takes 32,766 parameters."""

_IN_VAIN_SECONDS: Final = 5.0
"""Somebody has waited for so long and could not write: for as long nobody else waits, so that many
who come one after the other, and hold threads meanwhile, do not wait for half a minute each."""
_LONG_AGO: Final = float("-inf")


class Database:
    """A database that is read and written by threads and processes at once.

    A write transaction of SQLite holds the one write lock from its beginning, so that what it has
    read is still true when it writes; threads of one process take turns before that. PostgreSQL
    needs neither.

    Attributes
    ----------
    only_reads : whether it is a file of SQLite beside which nothing can be written.
    trouble : why a transaction that was to write could not; "" where none failed since somebody
        tried what takes room (`features.store.kept.meta.why_not_writable`). On a full disk there
        is room for a small one between those that fail, so that one says nothing.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.trouble = ""
        self._vain_until = _LONG_AGO
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.only_reads = ONLY_READS in engine.get_execution_options()
        self.looks = Looks(engine)
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if self.is_sqlite else nullcontext()
        )

    @classmethod
    def open(cls, url: str | Path, *, may_only_read: bool = False) -> Self:
        """The database at a path or a URL, made where there is none. It holds no tables yet.

        Parameters
        ----------
        may_only_read : whether a file of SQLite will do beside which nothing can be written.

        Raises
        ------
        StoreError : no database there can be opened.
        """
        engine = new_engine(url, may_only_read=may_only_read)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        except sa.exc.SQLAlchemyError as error:
            engine.dispose()
            raise StoreAway(f"{shown(engine.url)}: cannot be opened: {cause(error)}") from error
        return cls(engine)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes: durable when the block ends, nothing of it after an error.

        Raises
        ------
        StoreAway : the database is out of reach, read-only, full, or busy for too long.
        """
        since = time.monotonic()
        with self._turn, self._noting_trouble(since), reachable(self.engine):
            if since < self._vain_until:
                since = _LONG_AGO  # it tries, and waits for nobody
            with self.engine.connect() as connection:
                found = connection.info.get("file")
                connection.execution_options(**{WRITES: since})
                with connection.begin():
                    yield connection
            if file_of(self.engine) != found:
                raise StoreAway(f"{shown(self.engine.url)}: is gone, and what was written with it")

    @contextmanager
    def _noting_trouble(self, since: float) -> Iterator[None]:
        try:
            yield
        except StoreAway as error:
            self.trouble = str(error)
            now = time.monotonic()
            if now - since >= _IN_VAIN_SECONDS:
                self._vain_until = now + _IN_VAIN_SECONDS
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with; StoreAway where the database is out of reach."""
        with reachable(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def reading_one_state(self) -> Iterator[sa.Connection]:
        """As `reading`, where each statement sees what the first one saw, whoever writes meanwhile.

        It keeps nobody from writing.
        """
        with self.reading() as connection:
            if not self.is_sqlite:  # which does so in any transaction
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def write_ahead(self) -> None:
        """Let readers go on while there is a writer; the database remembers it."""
        if self.is_sqlite and not self.only_reads:
            connection = self.engine.raw_connection()  # it cannot be done within a transaction
            try:
                driver = cast(sqlite3.Connection, connection.driver_connection)
                execute_when_free(driver, "PRAGMA journal_mode=WAL")
            finally:
                connection.close()

    def shorten_log(self) -> bool:
        """Have SQLite move what its log holds into the file, and give the room of the log back.

        Whether it did: not where somebody reads or writes, or the disk is full. It waits for
        nobody, and nothing is lost or undone where it cannot.
        """
        if not self.is_sqlite:
            return True
        connection = self.engine.raw_connection()  # it cannot be done within a transaction
        try:
            driver = cast(sqlite3.Connection, connection.driver_connection)
            return written_back(driver)
        finally:
            connection.close()

    def close(self) -> None:
        """Let go of the database."""
        self.looks.close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def insert_into(engine: sa.Engine, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what is to become of a row that is there already."""
    return insert_for(engine.dialect.name, table)


def insert_of_many(engine: sa.Engine, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """As `insert_into`, for many rows of one statement.

    To be able to take back the rows before one that cannot be inserted, SQLite would copy each page
    before it is changed. Whoever inserts gives the transaction up then, and OR FAIL says so; of an
    update within the insert it cannot be said.
    """
    insert = insert_into(engine, table)
    return insert.prefix_with("OR FAIL") if engine.dialect.name == "sqlite" else insert


def insert_for(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """As `insert_into`, for a kind of database by its name: sqlite or postgresql."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the driver takes it: SQLAlchemy compiles it once, then is out of the way."""

    text: str
    order: tuple[str, ...] | None
    """The names of positional parameters, None where the driver takes them by name."""
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, statement: sa.sql.ClauseElement, engine: sa.Engine, names: tuple[str, ...] = ()
    ) -> Prepared:
        """The statement for the driver of `engine`; `names` are the columns that `many` fills."""
        compiled = cast(SQLCompiler, statement.compile(engine, column_keys=list(names) or None))
        order = tuple(compiled.positiontup or ()) if compiled.positional else None
        return cls(str(compiled), order, names)

    def all(self, database: Database, **values: object) -> list[Any]:
        """All rows, as tuples."""
        given = self._given(values)
        found = database.looks.rows(self.text, given)
        if found is not None:
            return found
        engine = database.engine
        with reachable(engine):
            connection = engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(self.text, given)
                return list(cursor.fetchall())
            except engine.dialect.loaded_dbapi.Error:
                connection.invalidate()  # whatever it is worth, nobody need find out
                raise
            finally:
                connection.close()  # back to the pool

    def within(self, connection: sa.Connection, **values: object) -> list[Any]:
        """As `all`, within a transaction that is under way."""
        given: Any = self._given(values)
        return [tuple(row) for row in connection.exec_driver_sql(self.text, given)]

    def _given(self, values: dict[str, object]) -> dict[str, object] | tuple[object, ...]:
        return values if self.order is None else tuple(values[name] for name in self.order)

    def many(self, connection: sa.Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute for each row; how many rows changed."""
        if self.order is None:
            given: list[Any] = [dict(zip(self.names, row, strict=True)) for row in rows]
        else:
            given = list(map(itemgetter(*map(self.names.index, self.order)), rows))
        return connection.exec_driver_sql(self.text, given).rowcount

    def together(self, connection: sa.Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """As `many`, of an insert by `insert_of_many`: on SQLite by statements of many rows each.

        The driver gives the interpreter away after each row of `many`, and has to wait for it while
        another thread is busy: up to `sys.getswitchinterval()`, a thousand times what a row takes.
        """
        if self.order is None:
            return self.many(connection, rows) if rows else 0
        in_order, count, at = itemgetter(*map(self.names.index, self.order)), 0, 0
        while at < len(rows):
            size = _size_of_next(len(rows) - at)
            part = map(in_order, rows[at : at + size])
            text = _of_rows(self.text, len(self.names), size)
            count += connection.exec_driver_sql(text, tuple(chain.from_iterable(part))).rowcount
            at += size
        return count


def _size_of_next(remaining: int) -> int:
    """How many rows the next statement inserts.

    All of a few, as many small requests at once bring them: each statement may have to wait. Of
    many a power of two, so that there are few sizes, and the driver has a statement of each.
    """
    return remaining if remaining <= _EXACTLY else min(_TOGETHER, 1 << remaining.bit_length() - 1)


@lru_cache(STATEMENTS_AT_HAND)
def _of_rows(insert: str, width: int, rows: int) -> str:
    """The statement that inserts so many rows where another one inserts one."""
    row = f"({', '.join('?' * width)})"
    before, after = insert.split(row)
    return f"{before}{', '.join([row] * rows)}{after}"


def tuples_of(
    connection: sa.Connection, statement: sa.Select[Any], size: int, **values: object
) -> Iterator[Sequence[Any]]:
    """The rows of texts and whole numbers that a statement finds, `size` at a time.

    Each is a tuple. Of SQLite they are the driver's own: SQLAlchemy's object of a row takes as long
    as reading the row does.
    """
    if connection.dialect.name == "sqlite":
        # Streaming would have taken the first row already.
        plain = {"stream_results": False}
        with connection.execute(statement, values, execution_options=plain) as result:
            while rows := result.cursor.fetchmany(size):
                yield rows
    else:
        streaming = connection.execution_options(stream_results=True)
        yield from streaming.execute(statement, values).partitions(size)


def all_tuples_of(
    connection: sa.Connection, statement: sa.Select[Any], **values: object
) -> Sequence[Any]:
    """The same rows at once, of a statement with parameters."""
    with connection.execute(statement, values) as result:
        is_sqlite = connection.dialect.name == "sqlite"
        return result.cursor.fetchall() if is_sqlite else result.all()


def in_parts(ids: Sequence[str]) -> list[Sequence[str]]:
    """Ids in parts of as many as one statement names."""
    return [ids[at : at + _IDS] for at in range(0, len(ids), _IDS)]


def over(
    until: sa.ColumnElement[int],
    now: sa.ColumnElement[int] | int,
    longest: sa.ColumnElement[int] | int,
) -> sa.ColumnElement[bool]:
    """Where a wait or a lease is over: `features.clock.is_over`, of a column."""
    return sa.or_(until <= now, until > now + longest + SKEW_US)


def listed_ids(dialect: str) -> sa.TableValuedAlias:
    """A table of the ids that a statement is given as `ids`, in its column `value`."""
    value = sa.column("value", sa.Text)
    if dialect == "postgresql":
        array = sa.bindparam("ids", type_=postgresql.ARRAY(sa.Text))
        return sa.func.unnest(array).table_valued(value, name="listed").render_derived()
    texts = sa.bindparam("ids", type_=sa.JSON)
    return sa.func.json_each(texts).table_valued(value, name="listed")


def is_storable(text: str) -> bool:
    """Whether databases take a text: it has no NUL and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
