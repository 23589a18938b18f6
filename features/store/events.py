"""The durable side of the event log: events come in, each once, and are read by lead.

SQLAlchemy Core over SQLite or PostgreSQL; what differs stands in `features.store.database`.
What `append` and `ingest` returned is on the disk. Events are kept under the id that was sent, and
are read by lead: `features.store.identities` says which ids are one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from zlib import crc32

import sqlalchemy as sa

from features.clock import microseconds
from features.errors import StoreError
from features.events.log import EventLog
from features.events.of_lead import Row
from features.events.table import EventTable
from features.ladder.ladder import Ladder
from features.store.arrivals import Arrival, Event
from features.store.changes import ScoreChanges
from features.store.connecting.engines import parsed_url
from features.store.connecting.locks import OF_A_LEAD, OF_MINUTES
from features.store.connecting.outages import shown
from features.store.database import Database, Prepared
from features.store.identities.links import Identities, links_of, links_of_table
from features.store.identities.members import lead_of
from features.store.identities.rule import Link
from features.store.identities.turns import Erased, check_no_erasure
from features.store.inserts import Inserts
from features.store.kept.accounts import Accounts
from features.store.kept.champions import Champions
from features.store.kept.experiments import Experiments
from features.store.kept.leases import Leases, Marks, Scorers
from features.store.kept.notifications import Notice, add_notices
from features.store.kept.offers import OfferVersions
from features.store.kept.queue import QueueStore
from features.store.kept.recalibrations import Recalibrations
from features.store.kept.scores import ScoreStore, StoredScore
from features.store.migrations import open_database
from features.store.migrations.older import WhenOlder, keep_as_it_is
from features.store.people.actions import Actions
from features.store.people.hands import Hands
from features.store.people.minutes import add_minutes, minutes_of
from features.store.people.names import LeadNames
from features.store.places import sent_ids, with_message_id
from features.store.privacy.opt_outs import check_not_out, opted_out_since
from features.store.privacy.screening import screened, screened_rows
from features.store.privacy.suppressions import Suppressions, suppressed_among
from features.store.schema import JOINED, NAMED
from features.store.schema import events as _events
from features.store.schema import identities as _identities
from features.store.schema import meta as _meta
from features.store.whole_log.log import dated_after, log_of_all, log_of_some
from features.store.whole_log.message_ids import MessageIds, events_of
from features.store.whole_log.of_lead import LeadRows, Stamp, StampedRows
from features.store.whole_log.recent import RecentEvents

__all__ = ["Appended", "AtWriting", "Event", "EventStore", "Stamp", "StoredScore"]

_BATCH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Appended:
    """How many events of a call were new, and how many the store had already.

    Parameters
    ----------
    suppressed : how many were of leads that were erased and must not come back; they are not kept.
    """

    accepted: int
    duplicates: int
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class AtWriting:
    """What a store holds at the moment when something is written, which nobody else changes then.

    Parameters
    ----------
    rows : the events of the lead, as `EventStore.read` gives them.
    minutes : of reps, that the day was given.
    """

    rows: list[Row]
    minutes: float


class EventStore:
    """Events by id and time, each message id once; who is whom; minutes of reps by day.

    Threads and processes may share a store.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.identities = Identities(database)
        self.marks = Marks(database)
        self.leases = Leases(database)
        self.scorers = Scorers(database)
        self.scores = ScoreStore(database, self.marks)
        self.queue = QueueStore(database)
        self.changes = ScoreChanges(database)
        self.accounts = Accounts(database)
        self.offers = OfferVersions(database, self.scores)
        self.experiments = Experiments(database, self.scores)
        self.recalibrations = Recalibrations(database)
        self.champions = Champions(database)
        self.suppressions = Suppressions(database)
        self._inserts = Inserts(database)
        self.names = LeadNames(database)
        self.hands = Hands(database)
        self.actions = Actions(database, self._inserts.events, self.marks.put)
        self.recent = RecentEvents(database)
        engine = database.engine
        columns = (_events.c[name] for name in Event._fields)
        is_it = with_message_id(engine.dialect.name, sa.bindparam("message"))
        self._of_message = Prepared.of(sa.select(*columns).where(is_it), engine)
        self._lead_rows = LeadRows(database)

    @classmethod
    def open(cls, url: str | Path, *, when_older: WhenOlder | None = None) -> EventStore:
        """The store at a path or a URL such as sqlite:///events.db, made where there is none.

        Parameters
        ----------
        when_older : asked before a store of an older version is brought up to date; None where
            nobody minds, as at the start of a service.

        Raises
        ------
        StoreError : no database there can be opened, it holds something else, or `when_older`
            keeps it as it is.
        """
        return cls(open_database(url, when_older=when_older))

    @classmethod
    def existing(cls, url: str | Path) -> EventStore:
        """As `open`, but StoreError where there is no file yet, or a store of an older version.

        Whoever looks, or changes some row of it, brings no store up to date that a process of an
        older version may have open. One that only reads will do.
        """
        parsed = parsed_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            raise StoreError(
                f"{shown(parsed)}: there is no such store; import events into it first"
            )
        return cls(open_database(url, may_only_read=True, when_older=keep_as_it_is))

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
        leads anew; what an import says is no news, so nobody is notified. Ids that stand in one row
        with a lead's own are linked with it, as an identify call does.
        """
        ids = MessageIds(table)
        accepted = suppressed = 0
        for start in range(0, len(table), _BATCH):
            stop = min(start + _BATCH, len(table))
            rows = ids.named(start, events_of(table.part(start, stop)))
            with self.database.writing() as connection:
                kept = screened_rows(connection, rows)
                suppressed += len(rows) - len(kept)
                accepted += self._inserts.events(connection, kept)
                self.scores.want_full_run(connection)
                again = [JOINED] if self._inserts.traits_event else [JOINED, NAMED]
                connection.execute(sa.delete(_meta).where(_meta.c.key.in_(again)))
            if progress:
                progress(f"{stop:,} of {len(table):,} events stored")
        self._link(links_of_table(table))
        return Appended(accepted, len(table) - suppressed - accepted, suppressed)

    def name_by(self, traits_event: str) -> None:
        """From now on leads can be found by the traits of events of this name, as they come."""
        self._inserts.traits_event = traits_event

    def _link(self, links: Sequence[Link]) -> None:
        """Keep what an import says of identities, some at a time."""
        for start in range(0, len(links), _BATCH):
            with self.database.writing() as connection:
                if self.link(connection, links[start : start + _BATCH]):  # scored meanwhile?
                    self.scores.want_full_run(connection)

    def link(self, connection: sa.Connection, links: Sequence[Link]) -> set[str]:
        """Keep links that no arrival tells; the leads that changed, as `Identities.add` has them.

        An id that was erased for good is linked with none.
        """
        out = suppressed_among(connection, {one for link in links for one in link[1:3]})
        kept = [link for link in links if not out.intersection(link[1:3])]
        return self.identities.add(connection, kept)

    def append_events(self, events: Iterable[Event]) -> Appended:
        """As `append`, for a few events, in one transaction; all of them need a message id."""
        rows = list(events)
        if any(row.message_id is None for row in rows):
            raise StoreError("an event without a message_id; give it one, or append a table")
        if not rows:
            return Appended(0, 0)
        with self.database.writing() as connection:
            out = suppressed_among(connection, {row.lead_id for row in rows})
            kept = [row for row in rows if row.lead_id not in out]
            accepted = self._inserts.events(connection, kept)
        return Appended(accepted, len(kept) - accepted, len(rows) - len(kept))

    def ingest(self, arrivals: Sequence[Arrival]) -> list[bool | None]:
        """Keep events as they arrive, with what they say of identities; whether each was new.

        All in one transaction, which also marks the leads to be scored anew. Of several arrivals
        with one message id the first counts. None where one must not be kept, as its lead was
        erased for good (`features.store.privacy.screening`).
        """
        if not arrivals:
            return []
        mark = secrets.token_hex(8)
        with self.database.writing() as connection:
            screening = screened(connection, arrivals)
            kept = [one for one in screening if one is not None]
            is_new = self._inserts.arrivals(connection, kept)
            new = [one for one, fresh in zip(kept, is_new, strict=True) if fresh]
            links = links_of(new)
            erased = self.identities.erased(connection) if links else None
            moved = self.identities.add(connection, links, erased) if links else set()
            since: dict[str, int] = {}
            for one in new:
                since.setdefault(one.sent_id, one.known_at)
            first = min(since.values(), default=0)
            for lead in moved:
                since.setdefault(lead, first)
            self.marks.put(connection, since, mark)
        self.identities.remember(links, erased)
        told = iter(is_new)
        return [None if one is None else next(told) for one in screening]

    def screen(self, arrivals: Sequence[Arrival]) -> Sequence[Arrival | None]:
        """Each arrival as `ingest` would keep it now; None for one that it would not."""
        with self.database.reading() as connection:
            return screened(connection, arrivals)

    def append_new(
        self,
        events: Sequence[Event],
        day: int = 0,
        minutes: float = 0.0,
        notices: Sequence[Notice] = (),
        check: Callable[[AtWriting], None] | None = None,
        erased: Erased | None = None,
        *,
        may_be_out: bool = False,
    ) -> bool:
        """Add events that belong together if the first of them is new; whether it was.

        All in one transaction: of two callers with the same first event one is told that it was
        new, and nothing of the other's is stored.

        Parameters
        ----------
        minutes : what the events cost a rep on `day`, in days since the epoch, UTC.
        notices : what outside systems are to be told of it.
        check : looks at what is stored by then, the first event among it, and raises where the
            events must not be. Of several that write with a check for one lead, or minutes of
            reps, each sees what the one before has written, also across processes.
        erased : as it was before what the events rest on was read; None: they rest on nothing.
        may_be_out : whether that is kept of a lead that has opted out.

        Raises
        ------
        ErasedSince, OptedOut : a lead was erased since, maybe this one; it has opted out by now.
        """
        first, *others = events
        with self.database.writing() as connection:
            if check is not None:
                self._wait_for_turn(connection, first.lead_id, minutes)
            if suppressed_among(connection, {event.lead_id for event in events}):
                return False
            check_no_erasure(connection, erased)  # and now there is none before the end
            is_new = self._inserts.events(connection, [first])
            if not may_be_out:
                check_not_out(connection, first.lead_id)
            if not is_new:
                return False
            if check is not None:
                held = self._lead_rows.within(connection, first.lead_id)
                check(AtWriting(held, minutes_of(connection, day)))
            self._inserts.events(connection, others)
            if minutes:
                add_minutes(connection, day, minutes)
            since = {event.lead_id: event.known_at for event in reversed(events)}
            self.marks.put(connection, since, secrets.token_hex(8))
            add_notices(connection, notices)
        return True

    def _wait_for_turn(self, connection: sa.Connection, id_: str, minutes: float) -> None:
        """Until the end of the transaction nobody else has a turn for this lead, or for minutes.

        SQLite has one writer in any case.
        """
        if self.database.is_sqlite:
            return
        turns = [(OF_A_LEAD, crc32(lead_of(connection, id_).encode()) - 2**31)]
        if minutes:
            turns.append((OF_MINUTES, 0))
        for turn in turns:  # always in this order, so that no two wait for each other
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*turn)))

    def undo_link(self, kind: str, source: str, target: str, undone_at: int) -> None:
        """Let a link between two ids hold no longer, and score their leads anew.

        What was kept of both as of one lead goes: its score, what notifications of it include, and
        what CRMs were told of it. That they are two is no news; what waits of one still is.

        Parameters
        ----------
        kind : "claim" or "alias".
        undone_at : now, in microseconds since the epoch.

        Raises
        ------
        UnknownLink : there is none such, or it is undone already.
        """
        with self.database.writing() as connection:
            moved = self.identities.undo(connection, (kind, source, target), undone_at)
            self.marks.put_parted(connection, moved | {source, target}, undone_at)

    # ---------------------------------------------------------------------------------- reading

    def read(self, id_: str) -> tuple[str, list[Row]]:
        """The lead that an id belongs to, and its events in time order; see `LeadRows.read`."""
        return self._lead_rows.read(id_)

    def read_stamped(self, id_: str) -> StampedRows | None:
        """As `read`, with the stamp of what was read; None where that is None."""
        return self._lead_rows.read_stamped(id_)

    def stamp(self, id_: str) -> Stamp | None:
        """What differs whenever something else is known of the lead that an id belongs to.

        None of a lead of which nothing is known, or which must not be profiled.
        """
        return self._lead_rows.stamp(id_)

    def events_of(self, id_: str) -> list[Row]:
        """The events of the lead that an id belongs to; see `read`."""
        return self.read(id_)[1]

    def lead_of(self, id_: str) -> str:
        """The lead that an id belongs to; itself where nothing says otherwise."""
        return self.identities.lead_of(id_)

    def ids_of(self, id_: str) -> list[str]:
        """All ids of the lead that an id belongs to, sorted."""
        return self.identities.ids_of(id_)

    def event(self, message_id: str) -> Event | None:
        """The event with a message id; None where there is none."""
        found = self._of_message.all(self.database, message=message_id)
        return Event(*found[0]) if found else None

    def rep_minutes(self, day: int) -> float:
        """The minutes of reps that a day was given, in days since the epoch, UTC."""
        with self.database.reading() as connection:
            return minutes_of(connection, day)

    def log(
        self,
        ladder: Ladder,
        until: datetime | None = None,
        now: int | None = None,
        *,
        everybody: bool = False,
    ) -> EventLog:
        """All events known by `until`, with the columns that a ladder reads.

        Leads that opted out of profiling are left out, unless `everybody` is only to be counted,
        and so are events dated after `now` (microseconds since the epoch).
        """
        known_until = None if until is None else microseconds(until)
        with self.database.reading() as connection:
            return log_of_all(connection, ladder, known_until, now, everybody=everybody)

    def opted_out(self) -> dict[str, int]:
        """What the leads are called that opted out, and since when, microseconds."""
        with self.database.reading() as connection:
            return opted_out_since(connection)

    def log_of(self, lead_ids: Sequence[str], ladder: Ladder) -> EventLog:
        """The events of some leads, with the columns that a ladder reads.

        Whichever of its ids a lead is asked for by, the log has it under the one it is called by.
        """
        with self.database.reading() as connection:
            return log_of_some(connection, lead_ids, ladder)

    def lead_ids(self) -> list[str]:
        """All leads, sorted; merged ones by the id that they are called by."""
        own = sent_ids(self.database.engine.dialect.name)
        lead = sa.func.coalesce(_identities.c.lead_id, own.c.lead_id)
        known = own.outerjoin(_identities, _identities.c.id == own.c.lead_id)
        with self.database.reading() as connection:
            return sorted(connection.scalars(sa.select(lead).distinct().select_from(known)))

    def count(self, *, after: int | None = None) -> int:
        """How many events there are; with an instant, how many are dated after it."""
        wanted = sa.select(sa.func.count()).select_from(_events)
        if after is not None:
            wanted = wanted.where(dated_after(after))
        with self.database.reading() as connection:
            return int(connection.scalar(wanted) or 0)
