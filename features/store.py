"""The durable side of the event log, the scores that the queue is made of, and the reps' minutes.

SQLAlchemy Core, so that another database can take the place of SQLite; what differs between them
stands in `features.database`. What `append` returned is on the disk.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

from features.clock import microseconds
from features.database import (
    Prepared,
    cause,
    insert_into,
    new_engine,
    parsed_url,
    shown,
    write_ahead,
)
from features.errors import StoreError
from features.event_columns import numbers_of, text_array, texts_of
from features.event_log import EventLog, LogColumns, encode
from features.event_table import EventTable, concat
from features.ladder import Ladder
from features.lead_events import Row
from features.signals import ladder_columns

__all__ = ["Appended", "Event", "EventStore", "StoredScore"]

_SCHEMA: Final = 2
_BATCH: Final = 10_000
_PARAMETERS: Final = 500
"""How many leads one statement asks for; SQLite takes 32,766 parameters, older ones 999."""

_metadata = sa.MetaData()
_events = sa.Table(
    "events",
    _metadata,
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
    _metadata,
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
_rep_minutes = sa.Table(
    "rep_minutes",
    _metadata,
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("minutes", sa.Double, nullable=False),
)
_meta = sa.Table(
    "rung_meta",
    _metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


class Event(NamedTuple):
    """One event to append; `properties` is JSON text, instants are microseconds since the epoch."""

    message_id: str | None
    lead_id: str
    name: str
    occurred_at: int
    known_at: int
    properties: str = "{}"


@dataclass(frozen=True, slots=True)
class Appended:
    """How many events of a call were new, and how many the store had already."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class StoredScore:
    """The latest score of a lead, as the queue shows it.

    Parameters
    ----------
    as_of, scored_at, last_active : microseconds since the epoch; `as_of` is what was known,
        `scored_at` when it was computed.
    step : the id of the next step; `position` counts the rungs completed.
    p_advance, low, high, p_purchase : probabilities in [0, 1]; None where data are insufficient.
    priority : the queue's order, the highest first.
    percentile : share of leads with a lower priority when it was scored, in [0, 1].
    reasons : JSON text.
    bundle : fingerprint of what scored.
    """

    lead_id: str
    ladder: str
    as_of: int
    step: str
    position: int
    p_advance: float | None
    low: float | None
    high: float | None
    p_purchase: float | None
    priority: float
    percentile: float | None
    reasons: str
    bundle: str
    scored_at: int
    last_active: int | None


class EventStore:
    """Events by lead and time, each message id once; one score a lead; minutes of reps by day.

    Threads may share a store: each statement has a connection of the pool to itself, and writes
    wait for each other.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self._insert_new = _insert_new(engine)
        self._add_minutes = _add_minutes(engine)
        self._of_message = Prepared.of(
            sa.select(*(_events.c[name] for name in Event._fields)).where(
                _events.c.message_id == sa.bindparam("message")
            ),
            engine,
        )
        of_lead = sa.select(
            _events.c.name, _events.c.occurred_at, _events.c.known_at, _events.c.properties
        )
        self._of_lead = Prepared.of(
            of_lead.where(_events.c.lead_id == sa.bindparam("lead")).order_by(
                _events.c.occurred_at, _events.c.message_id
            ),
            engine,
        )

    @classmethod
    def open(cls, url: str | Path) -> EventStore:
        """The store at a path or a URL such as sqlite:///events.db, made where there is none.

        Raises
        ------
        StoreError : no database there can be opened, or it holds something else.
        """
        engine = new_engine(url)
        try:
            _prepare(engine)
            write_ahead(engine)
        except sa.exc.SQLAlchemyError as error:
            engine.dispose()
            raise StoreError(f"{shown(engine.url)}: cannot be opened: {cause(error)}") from error
        except StoreError:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def existing(cls, url: str | Path) -> EventStore:
        """As `open`, but StoreError where there is no file yet."""
        parsed = parsed_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            raise StoreError(
                f"{shown(parsed)}: there is no such store; import events into it first"
            )
        return cls.open(url)

    def close(self) -> None:
        """Let go of the database; the store cannot be used after."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---------------------------------------------------------------------------------- writing

    def append(self, table: EventTable, progress: Callable[[str], None] | None = None) -> Appended:
        """Add events; those whose message id is here already are left as they are.

        An event without a message id gets one from what it says and which of its equals in the
        table it is, so that importing a file again adds nothing.
        """
        ids = _Ids(table)
        accepted = 0
        for start in range(0, len(table), _BATCH):
            stop = min(start + _BATCH, len(table))
            accepted += self._insert(ids.named(start, _events_of(table.part(start, stop))))
            if progress:
                progress(f"{stop:,} of {len(table):,} events stored")
        return Appended(accepted, len(table) - accepted)

    def append_events(self, events: Iterable[Event]) -> Appended:
        """As `append`, for a few events, in one transaction; all of them need a message id."""
        rows = list(events)
        if any(row.message_id is None for row in rows):
            raise StoreError("an event without a message_id; give it one, or append a table")
        accepted = self._insert(rows)
        return Appended(accepted, len(rows) - accepted)

    def append_new(self, events: Sequence[Event], day: int = 0, minutes: float = 0.0) -> bool:
        """Add events that belong together if the first of them is new; whether it was.

        All in one transaction: of two callers with the same first event one is told that it was
        new, and nothing of the other's is stored.

        Parameters
        ----------
        minutes : what the events cost a rep on `day`, in days since the epoch, UTC.
        """
        first, *others = events
        with self._writing, self._engine.begin() as connection:
            if not self._insert_new.many(connection, [first]):
                return False
            if others:
                self._insert_new.many(connection, others)
            if minutes:
                connection.execute(self._add_minutes, {"day": day, "minutes": minutes})
        return True

    def _insert(self, rows: Sequence[Event]) -> int:
        if not rows:
            return 0
        with self._writing, self._engine.begin() as connection:
            return self._insert_new.many(connection, rows)

    def save_scores(self, rows: Iterable[StoredScore]) -> int:
        """Keep the scores, each in place of the lead's former one; how many there were."""
        remaining, saved, replace = iter(rows), 0, _replace_score(self._engine)
        while part := [asdict(score) for score in islice(remaining, _BATCH)]:
            with self._writing, self._engine.begin() as connection:
                connection.execute(replace, part)
            saved += len(part)
        return saved

    # ---------------------------------------------------------------------------------- reading

    def events_of(self, lead_id: str) -> list[Row]:
        """A lead's events in time order, as `features.lead_events.log_of_rows` takes them."""
        rows = self._of_lead.all(self._engine, lead=lead_id)
        if not rows:
            return []
        names, occurred, known, texts = zip(*rows, strict=True)
        return list(zip(names, occurred, known, _objects(texts), strict=True))

    def event(self, message_id: str) -> Event | None:
        """The event with a message id; None where there is none."""
        found = self._of_message.all(self._engine, message=message_id)
        return Event(*found[0]) if found else None

    def rep_minutes(self, day: int) -> float:
        """The minutes of reps that a day was given, in days since the epoch, UTC."""
        wanted = sa.select(_rep_minutes.c.minutes).where(_rep_minutes.c.day == day)
        with self._engine.connect() as connection:
            return float(connection.scalar(wanted) or 0.0)

    def log(self, ladder: Ladder, until: datetime | None = None) -> EventLog:
        """All events known by `until`, with the columns that a ladder reads."""
        wanted = _log_rows()
        if until is not None:
            wanted = wanted.where(_events.c.known_at <= microseconds(until))
        return _log([wanted], self._engine, LogColumns(*ladder_columns(ladder)))

    def log_of(self, lead_ids: Sequence[str], ladder: Ladder) -> EventLog:
        """The events of some leads, with the columns that a ladder reads."""
        ids = sorted(set(lead_ids))
        wanted = [
            _log_rows().where(_events.c.lead_id.in_(ids[at : at + _PARAMETERS]))
            for at in range(0, len(ids), _PARAMETERS)
        ]
        return _log(wanted, self._engine, LogColumns(*ladder_columns(ladder)))

    def lead_ids(self) -> list[str]:
        """All leads, sorted."""
        return sorted(self._column(sa.select(_events.c.lead_id).distinct()))

    def count(self) -> int:
        """How many events there are."""
        with self._engine.connect() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(_events)) or 0)

    def queue(self, limit: int, after: tuple[float, str] | None = None) -> list[StoredScore]:
        """Scores by priority, the highest first, then by lead; `after` is the last pair seen."""
        wanted = sa.select(_scores).order_by(_scores.c.priority.desc(), _scores.c.lead_id)
        if after is not None:
            priority, lead_id = after
            same = sa.and_(_scores.c.priority == priority, _scores.c.lead_id > lead_id)
            wanted = wanted.where(sa.or_(_scores.c.priority < priority, same))
        return self._scores(wanted.limit(limit))

    def score_of(self, lead_id: str) -> StoredScore | None:
        """The latest score of a lead, None where it has none."""
        return next(
            iter(self._scores(sa.select(_scores).where(_scores.c.lead_id == lead_id))), None
        )

    def _scores(self, wanted: sa.Select[tuple[object, ...]]) -> list[StoredScore]:
        with self._engine.connect() as connection:
            return [StoredScore(**row._mapping) for row in connection.execute(wanted)]

    def _column(self, wanted: sa.Select[tuple[str]]) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(wanted))


def _insert_new(engine: sa.Engine) -> Prepared:
    """Inserts the events whose message id is new."""
    insert = insert_into(engine, _events).on_conflict_do_nothing()
    return Prepared.of(insert, engine, Event._fields)


def _add_minutes(engine: sa.Engine) -> sa.Insert:
    """Adds minutes to those of a day."""
    insert = insert_into(engine, _rep_minutes)
    total = _rep_minutes.c.minutes + insert.excluded.minutes
    return insert.on_conflict_do_update(index_elements=["day"], set_={"minutes": total})


def _replace_score(engine: sa.Engine) -> sa.Insert:
    insert = insert_into(engine, _scores)
    values = {column.name: insert.excluded[column.name] for column in _scores.c}
    del values["lead_id"]
    return insert.on_conflict_do_update(index_elements=["lead_id"], set_=values)


def _prepare(engine: sa.Engine) -> None:
    """Make the tables in an empty database, or those that a store of an older version lacks.

    Raises
    ------
    StoreError : it holds something else, or was written by a newer version.
    """
    with engine.begin() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        if _meta.name not in tables:
            if tables:
                found = ", ".join(sorted(tables)[:3])
                raise StoreError(f"{shown(engine.url)}: not a store of Rung; it holds {found}")
            _metadata.create_all(connection)
            connection.execute(sa.insert(_meta).values(key="schema", value=str(_SCHEMA)))
            return
        version = connection.scalar(sa.select(_meta.c.value).where(_meta.c.key == "schema"))
        if version == "1":  # what is new since then is a table of its own
            connection.execute(sa.schema.CreateTable(_rep_minutes, if_not_exists=True))
            connection.execute(
                sa.update(_meta).where(_meta.c.key == "schema").values(value=str(_SCHEMA))
            )
            return
    if version != str(_SCHEMA):
        raise StoreError(
            f"{shown(engine.url)}: has schema {version}, this version reads {_SCHEMA}; "
            "export its events with the version that wrote it and import them again"
        )


# --------------------------------------------------------------------------------- rows and columns


class _Ids:
    """Message ids for the events of a table that have none."""

    def __init__(self, table: EventTable) -> None:
        self._alike = _alike(table) if table.message_id.null_count else None
        self._seen: Counter[bytes] = Counter()

    def named(self, start: int, events: list[Event]) -> list[Event]:
        """The events with an id each; `start` is the row of the first in the table."""
        if self._alike is None:
            return events
        return [
            event
            if event.message_id is not None
            else event._replace(message_id=self._id(event, bool(self._alike[start + at])))
            for at, event in enumerate(events)
        ]

    def _id(self, event: Event, has_equals: bool) -> str:
        text = json.dumps(event[1:], ensure_ascii=False, separators=(",", ":"))
        digest = blake2b(text.encode(), digest_size=16)
        before = 0
        if has_equals:
            before = self._seen[digest.digest()]
            self._seen[digest.digest()] += 1
        return f"content-{digest.hexdigest()}-{before}"


def _alike(table: EventTable) -> npt.NDArray[np.bool_]:
    """Rows that may equal another one: those of the same lead, name and instant."""
    keys = (encode(table.name)[0], table.occurred_at, encode(table.lead_id)[0])
    order = np.lexsort(keys)
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    alike = np.zeros(len(order), dtype=np.bool_)
    alike[order[1:]] |= same
    alike[order[:-1]] |= same
    return alike


def _events_of(table: EventTable) -> list[Event]:
    rows = zip(
        table.message_id.to_pylist(),
        table.lead_id.to_pylist(),
        table.name.to_pylist(),
        table.occurred_at.tolist(),
        table.known_at.tolist(),
        table.property_texts(),
        strict=True,
    )
    return [Event(*row) for row in rows]


_LogRows = sa.Select[tuple[str, str, int, int, str]]
_Found = sa.Row[tuple[str, str, int, int, str]]


def _log_rows() -> _LogRows:
    columns = _events.c
    return sa.select(
        columns.lead_id, columns.name, columns.occurred_at, columns.known_at, columns.properties
    )


def _log(wanted: Sequence[_LogRows], engine: sa.Engine, columns: LogColumns) -> EventLog:
    """The log of all rows that the statements find."""
    tables = [_table(rows, columns) for rows in _batches(wanted, engine)]
    return concat([EventTable.empty(), *tables]).log(columns)


def _batches(wanted: Sequence[_LogRows], engine: sa.Engine) -> Iterator[Sequence[_Found]]:
    with engine.connect() as connection:
        for statement in wanted:
            found = connection.execution_options(stream_results=True).execute(statement)
            yield from found.partitions(_BATCH)


def _table(rows: Sequence[_Found], columns: LogColumns) -> EventTable:
    leads, names, occurred, known, texts = zip(*rows, strict=True)
    objects = _objects(texts)
    return EventTable(
        pa.nulls(len(rows), pa.string()),
        pa.array(leads, pa.string()),
        pa.array(names, pa.string()),
        np.array(occurred, dtype=np.int64),
        np.array(known, dtype=np.int64),
        {
            name: _finite(numbers_of([found.get(name) for found in objects])[0])
            for name in columns.numbers
        },
        {
            name: text_array(texts_of([found.get(name) for found in objects]))
            for name in columns.texts
        },
    )


def _finite(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _objects(texts: Iterable[str]) -> list[dict[str, object]]:
    """JSON objects from texts that the store wrote: one call of the parser for all."""
    objects: list[dict[str, object]] = json.loads(f"[{','.join(texts)}]")
    return objects
