"""The durable side of the event log: events come in, each once, and are read by lead.

SQLAlchemy Core over SQLite or PostgreSQL; what differs stands in `features.store.database`.
What `append` and `ingest` returned is on the disk. Events are kept under their subject, the id that
was sent, and are read by lead: `features.store.identities` says which ids are one person.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import sqlalchemy as sa

from features.clock import microseconds
from features.errors import StoreError
from features.events.columns import numbers_of, text_array, texts_of
from features.events.log import EventLog, LogColumns, encode
from features.events.of_lead import Row
from features.events.table import EventTable, concat
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns
from features.store.arrivals import Arrival
from features.store.database import Database, Prepared, insert_into, parsed_url, shown
from features.store.identities import Identities, links_of
from features.store.migrations import open_database
from features.store.notifications import Notice, add_notices
from features.store.opt_outs import opted_out_subjects
from features.store.schema import events as _events
from features.store.schema import identities as _identities
from features.store.schema import opt_outs as _opt_outs
from features.store.schema import rep_minutes as _rep_minutes
from features.store.scores import ScoreStore, StoredScore

__all__ = ["Appended", "Event", "EventStore", "StoredScore"]

_BATCH: Final = 10_000
_PARAMETERS: Final = 500
"""How many leads one statement asks for; SQLite takes 32,766 parameters, older ones 999."""
_TRIES: Final = 3
_BY_MESSAGE: Final = itemgetter(0)
_BY_TABLE: Final = itemgetter(1, 3)


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


class EventStore:
    """Events by subject and time, each message id once; who is whom; minutes of reps by day.

    Threads and processes may share a store.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.identities = Identities(database)
        self.scores = ScoreStore(database)
        engine = database.engine
        self._insert_new = _insert_new(engine)
        self._add_minutes = _add_minutes(engine)
        self._of_message = Prepared.of(
            sa.select(*(_events.c[name] for name in Event._fields)).where(
                _events.c.message_id == sa.bindparam("message")
            ),
            engine,
        )
        self._of_lead = Prepared.of(_rows_of_lead(), engine)
        self._stamp = Prepared.of(_stamp_of_lead(), engine)

    @classmethod
    def open(cls, url: str | Path) -> EventStore:
        """The store at a path or a URL such as sqlite:///events.db, made where there is none.

        Raises
        ------
        StoreError : no database there can be opened, or it holds something else.
        """
        return cls(open_database(url))

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
        self.database.close()

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
        table it is, so that importing a file again adds nothing. A running service scores all
        leads anew; what an import says is no news, so nobody is notified.
        """
        ids = _Ids(table)
        accepted = 0
        for start in range(0, len(table), _BATCH):
            stop = min(start + _BATCH, len(table))
            rows = ids.named(start, _events_of(table.part(start, stop)))
            with self.database.writing() as connection:
                accepted += self._insert_new.many(connection, rows)
                self.scores.want_full_run(connection)
            if progress:
                progress(f"{stop:,} of {len(table):,} events stored")
        return Appended(accepted, len(table) - accepted)

    def append_events(self, events: Iterable[Event]) -> Appended:
        """As `append`, for a few events, in one transaction; all of them need a message id."""
        rows = list(events)
        if any(row.message_id is None for row in rows):
            raise StoreError("an event without a message_id; give it one, or append a table")
        if not rows:
            return Appended(0, 0)
        with self.database.writing() as connection:
            accepted = self._insert_new.many(connection, rows)
        return Appended(accepted, len(rows) - accepted)

    def ingest(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Keep events as they arrive, with what they say of identities; whether each was new.

        All in one transaction, which also marks the leads to be scored anew. Of several arrivals
        with one message id the first counts.
        """
        if not arrivals:
            return []
        mark = secrets.token_hex(8)
        with self.database.writing() as connection:
            is_new = self._insert_arrivals(connection, arrivals)
            new = [one for one, fresh in zip(arrivals, is_new, strict=True) if fresh]
            links = links_of(new)
            moved = self.identities.add(connection, links) if links else set()
            since: dict[str, int] = {}
            for one in new:
                since.setdefault(one.subject, one.known_at)
            first = min(since.values(), default=0)
            for subject in moved:
                since.setdefault(subject, first)
            self.scores.mark(connection, since, mark)
        self.identities.remember(links)
        return is_new

    def _insert_arrivals(
        self, connection: sa.Connection, arrivals: Sequence[Arrival]
    ) -> list[bool]:
        """Which arrivals are new; they are inserted."""
        first: dict[str, int] = {}
        for at, one in enumerate(arrivals):
            first.setdefault(one.message_id, at)
        wanted = dict(first)
        for _ in range(_TRIES):
            rows = [_row_of(arrivals[at]) for at in wanted.values()]
            # Two who wait for each other's rows are PostgreSQL's danger; SQLite has one writer, who
            # is faster in the order of the table.
            rows.sort(key=_BY_TABLE if self.database.is_sqlite else _BY_MESSAGE)
            undo = connection.begin_nested()
            if not rows or self._insert_new.many(connection, rows) == len(rows):
                undo.commit()
                break
            undo.rollback()  # some are here already; which ones is seen by looking
            for message_id in self._known(connection, list(wanted)):
                del wanted[message_id]
        else:  # the same events go on arriving elsewhere: one by one they say which were new
            for message_id in sorted(wanted):
                row = _row_of(arrivals[wanted[message_id]])
                if not self._insert_new.many(connection, [row]):
                    del wanted[message_id]
        return [wanted.get(one.message_id) == at for at, one in enumerate(arrivals)]

    def _known(self, connection: sa.Connection, message_ids: Sequence[str]) -> list[str]:
        found: list[str] = []
        for at in range(0, len(message_ids), _PARAMETERS):
            part = message_ids[at : at + _PARAMETERS]
            wanted = sa.select(_events.c.message_id).where(_events.c.message_id.in_(part))
            found += connection.scalars(wanted)
        return found

    def append_new(
        self,
        events: Sequence[Event],
        day: int = 0,
        minutes: float = 0.0,
        notices: Sequence[Notice] = (),
    ) -> bool:
        """Add events that belong together if the first of them is new; whether it was.

        All in one transaction: of two callers with the same first event one is told that it was
        new, and nothing of the other's is stored.

        Parameters
        ----------
        minutes : what the events cost a rep on `day`, in days since the epoch, UTC.
        notices : what outside systems are to be told of it.
        """
        first, *others = events
        with self.database.writing() as connection:
            if not self._insert_new.many(connection, [first]):
                return False
            if others:
                self._insert_new.many(connection, others)
            if minutes:
                connection.execute(self._add_minutes, {"day": day, "minutes": minutes})
            since = {event.lead_id: event.known_at for event in reversed(events)}
            self.scores.mark(connection, since, secrets.token_hex(8))
            add_notices(connection, notices)
        return True

    def undo_link(self, kind: str, source: str, target: str, at: int) -> None:
        """Let a link between two ids hold no longer, and score their leads anew.

        Parameters
        ----------
        kind : "claim" or "alias".
        at : now, in microseconds since the epoch.

        Raises
        ------
        UnknownLink : there is none such, or it is undone already.
        """
        with self.database.writing() as connection:
            moved = self.identities.undo(connection, (kind, source, target), at)
            since = dict.fromkeys(moved | {source, target}, at)
            self.scores.mark(connection, since, secrets.token_hex(8))

    # ---------------------------------------------------------------------------------- reading

    def read(self, subject: str) -> tuple[str, list[Row]]:
        """The lead that an id belongs to, and its events in time order.

        They are as `features.events.of_lead.log_of_rows` takes them. What is known of one person
        under several ids was known of it when these were known to be one; the id that the lead
        began with is the person. (Before, the others were somebody else.)
        """
        rows = self._of_lead.all(self.database.engine, lead=subject) if "\0" not in subject else []
        if not rows:
            return subject, []
        leads, subjects, names, occurred, known, texts, joined = zip(*rows, strict=True)
        if joined.count(0) != len(joined):
            known = _known_since(subjects, occurred, known, joined)
        return leads[0], list(zip(names, occurred, known, _objects(texts), strict=True))

    def stamp(self, subject: str) -> tuple[object, ...] | None:
        """What differs whenever something else is known of the lead that an id belongs to.

        None of a lead of which nothing is known, or which must not be profiled.
        """
        if "\0" in subject:
            return None
        ((lead, count, *rest, is_out),) = self._stamp.all(self.database.engine, lead=subject)
        return None if is_out or not count else (lead, count, *rest)

    def events_of(self, subject: str) -> list[Row]:
        """The events of the lead that an id belongs to; see `read`."""
        return self.read(subject)[1]

    def lead_of(self, subject: str) -> str:
        """The lead that an id belongs to; itself where nothing says otherwise."""
        return self.identities.lead_of(subject)

    def subjects_of(self, lead_id: str) -> list[str]:
        """All ids of the lead that an id belongs to, sorted."""
        return self.identities.subjects_of(lead_id)

    def event(self, message_id: str) -> Event | None:
        """The event with a message id; None where there is none."""
        found = self._of_message.all(self.database.engine, message=message_id)
        return Event(*found[0]) if found else None

    def rep_minutes(self, day: int) -> float:
        """The minutes of reps that a day was given, in days since the epoch, UTC."""
        wanted = sa.select(_rep_minutes.c.minutes).where(_rep_minutes.c.day == day)
        with self.database.reading() as connection:
            return float(connection.scalar(wanted) or 0.0)

    def log(self, ladder: Ladder, until: datetime | None = None) -> EventLog:
        """All events known by `until`, with the columns that a ladder reads.

        People who opted out of profiling are left out.
        """
        wanted = _log_rows()
        if until is not None:
            wanted = wanted.where(_events.c.known_at <= microseconds(until))
        with self.database.reading() as connection:
            out = opted_out_subjects(connection)
            persons = _Persons.read(connection)
            log = _log([wanted], connection, LogColumns(*ladder_columns(ladder)), persons, out)
        return log if until is None else log.known_by(microseconds(until))

    def log_of(self, lead_ids: Sequence[str], ladder: Ladder) -> EventLog:
        """The events of some leads, with the columns that a ladder reads.

        Whichever of its ids a lead is asked for by, the log has it under the one it is called by.
        """
        ids = sorted(set(lead_ids))
        with self.database.reading() as connection:
            persons = _Persons.read_some(connection, ids)
            subjects = sorted({*ids, *persons.lead})
            wanted = [
                _log_rows().where(_events.c.lead_id.in_(subjects[at : at + _PARAMETERS]))
                for at in range(0, len(subjects), _PARAMETERS)
            ]
            return _log(wanted, connection, LogColumns(*ladder_columns(ladder)), persons)

    def lead_ids(self) -> list[str]:
        """All leads, sorted; merged ones by the id that they are called by."""
        lead = sa.func.coalesce(_identities.c.lead_id, _events.c.lead_id)
        wanted = (
            sa.select(lead)
            .distinct()
            .select_from(_events.outerjoin(_identities, _identities.c.id == _events.c.lead_id))
        )
        with self.database.reading() as connection:
            return sorted(connection.scalars(wanted))

    def count(self) -> int:
        """How many events there are."""
        with self.database.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(_events)) or 0)


def _insert_new(engine: sa.Engine) -> Prepared:
    """Inserts the events whose message id is new."""
    insert = insert_into(engine, _events).on_conflict_do_nothing()
    return Prepared.of(insert, engine, Event._fields)


def _add_minutes(engine: sa.Engine) -> sa.Insert:
    """Adds minutes to those of a day."""
    insert = insert_into(engine, _rep_minutes)
    total = _rep_minutes.c.minutes + insert.excluded.minutes
    return insert.on_conflict_do_update(index_elements=["day"], set_={"minutes": total})


def _row_of(arrival: Arrival) -> tuple[str, str, str, int, int, str]:
    """An arrival as `Event` has it."""
    return (
        arrival.message_id,
        arrival.subject,
        arrival.name,
        arrival.occurred_at,
        arrival.known_at,
        arrival.properties,
    )


def _members() -> sa.Subquery:
    """The ids of the lead that the id `lead` belongs to, with what it is called."""
    named = sa.bindparam("lead", type_=sa.Text)
    of = sa.select(_identities.c.lead_id).where(_identities.c.id == named).scalar_subquery()
    together = sa.select(_identities.c.lead_id, _identities.c.id, _identities.c.joined_at)
    alone = sa.select(
        named.label("lead_id"),
        named.label("id"),
        sa.literal_column("0", sa.BigInteger).label("joined_at"),
    )
    return sa.union_all(
        together.where(_identities.c.lead_id == of), alone.where(of.is_(None))
    ).subquery()


def _rows_of_lead() -> sa.Select[tuple[str, str, str, int, int, str, int]]:
    """The events of a lead, with what it is called and the id that each came under."""
    members = _members()
    wanted = sa.select(
        members.c.lead_id,
        members.c.id,
        _events.c.name,
        _events.c.occurred_at,
        _events.c.known_at,
        _events.c.properties,
        members.c.joined_at,
    ).select_from(members.join(_events, _events.c.lead_id == members.c.id))
    return wanted.order_by(_events.c.occurred_at, _events.c.lead_id, _events.c.message_id)


def _stamp_of_lead() -> sa.Select[tuple[str, int, int, int, int]]:
    members, out = _members(), _members()
    is_out = sa.select(sa.func.count()).select_from(out.join(_opt_outs, _opt_outs.c.id == out.c.id))
    return sa.select(
        sa.func.max(members.c.lead_id),
        sa.func.count(_events.c.message_id),
        sa.func.max(_events.c.known_at),
        sa.func.max(members.c.joined_at),
        is_out.scalar_subquery(),
    ).select_from(members.outerjoin(_events, _events.c.lead_id == members.c.id))


def _known_since(
    subjects: Sequence[str],
    occurred: Sequence[int],
    known: Sequence[int],
    joined: Sequence[int],
) -> tuple[int, ...]:
    """When each event was known of the person: that of another id, not before the ids were one."""
    _, first, since = min(zip(occurred, subjects, joined, strict=True))
    return tuple(
        known[at] if subject == first else max(known[at], joined[at], since)
        for at, subject in enumerate(subjects)
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


@dataclass(frozen=True, slots=True)
class _Persons:
    """Who is whom, for ids that share a lead with others.

    Parameters
    ----------
    lead : by id, what the lead is called.
    since : by id, when its events were known of the person; absent for the id it began with.
    """

    lead: dict[str, str]
    since: dict[str, int]

    @classmethod
    def read(cls, connection: sa.Connection) -> _Persons:
        """Everyone."""
        wanted = sa.select(_identities.c.id, _identities.c.lead_id, _identities.c.joined_at)
        members = [(row.id, row.lead_id, row.joined_at) for row in connection.execute(wanted)]
        return cls._of(connection, members)

    @classmethod
    def read_some(cls, connection: sa.Connection, ids: Sequence[str]) -> _Persons:
        """Those whom some ids belong to."""
        leads: set[str] = set()
        for at in range(0, len(ids), _PARAMETERS):
            some = _identities.c.id.in_(ids[at : at + _PARAMETERS])
            leads |= set(connection.scalars(sa.select(_identities.c.lead_id).where(some)))
        named = sorted(leads)
        members: list[tuple[str, str, int]] = []
        for at in range(0, len(named), _PARAMETERS):
            some = _identities.c.lead_id.in_(named[at : at + _PARAMETERS])
            wanted = sa.select(_identities.c.id, _identities.c.lead_id, _identities.c.joined_at)
            found = connection.execute(wanted.where(some))
            members += [(row.id, row.lead_id, row.joined_at) for row in found]
        return cls._of(connection, members)

    @classmethod
    def _of(cls, connection: sa.Connection, members: Sequence[tuple[str, str, int]]) -> _Persons:
        ids = [one for one, _, _ in members]
        first: dict[str, int] = {}
        for at in range(0, len(ids), _PARAMETERS):
            wanted = sa.select(_events.c.lead_id, sa.func.min(_events.c.occurred_at))
            some = _events.c.lead_id.in_(ids[at : at + _PARAMETERS])
            found = connection.execute(wanted.where(some).group_by(_events.c.lead_id))
            first |= {row[0]: row[1] for row in found}
        began: dict[str, tuple[int, str, int]] = {}
        for one, lead, joined_at in members:
            if one in first:
                candidate = (first[one], one, joined_at)
                began[lead] = min(began.get(lead, candidate), candidate)
        since = {
            one: max(joined_at, began[lead][2])
            for one, lead, joined_at in members
            if one in first and began[lead][1] != one
        }
        return cls({one: lead for one, lead, _ in members}, since)


def _log(
    wanted: Sequence[_LogRows],
    connection: sa.Connection,
    columns: LogColumns,
    persons: _Persons,
    left_out: frozenset[str] = frozenset(),
) -> EventLog:
    """The log of all rows that the statements find."""
    tables = [_table(rows, columns, persons) for rows in _batches(wanted, connection, left_out)]
    return concat([EventTable.empty(), *tables]).log(columns)


def _batches(
    wanted: Sequence[_LogRows], connection: sa.Connection, left_out: frozenset[str]
) -> Iterator[Sequence[_Found]]:
    streaming = connection.execution_options(stream_results=True)
    for statement in wanted:
        for rows in streaming.execute(statement).partitions(_BATCH):
            kept = [row for row in rows if row.lead_id not in left_out] if left_out else rows
            if kept:
                yield kept


def _table(rows: Sequence[_Found], columns: LogColumns, persons: _Persons) -> EventTable:
    subjects, names, occurred, known, texts = zip(*rows, strict=True)
    leads = [persons.lead.get(one, one) for one in subjects] if persons.lead else subjects
    known_at = np.array(known, dtype=np.int64)
    if persons.since:
        known_at = np.maximum(known_at, [persons.since.get(one, 0) for one in subjects])
    found = _columns(_objects(texts), {*columns.numbers, *columns.texts})
    count = len(rows)
    return EventTable(
        pa.nulls(count, pa.string()),
        pa.array(leads, pa.string()),
        pa.array(names, pa.string()),
        np.array(occurred, dtype=np.int64),
        known_at,
        {
            name: _finite(numbers_of(found[name])[0]) if name in found else np.full(count, np.nan)
            for name in columns.numbers
        },
        {
            name: text_array(texts_of(found[name] if name in found else [None] * count))
            for name in columns.texts
        },
    )


def _columns(objects: Sequence[dict[str, object]], wanted: set[str]) -> dict[str, list[object]]:
    """The members that are wanted, as columns; those that no object has are left out."""
    columns: dict[str, list[object]] = {}
    for at, held in enumerate(objects):
        for name, value in held.items():  # few of each event, of many that a ladder may read
            if name in wanted:
                if name not in columns:
                    columns[name] = [None] * len(objects)
                columns[name][at] = value
    return columns


def _finite(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _objects(texts: Iterable[str]) -> list[dict[str, object]]:
    """JSON objects from texts that the store wrote: one call of the parser for all."""
    objects: list[dict[str, object]] = orjson.loads(f"[{','.join(texts)}]")
    return objects
