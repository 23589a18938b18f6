"""How events go into a database: each message id once, whoever else brings it at the same time."""

from __future__ import annotations

from collections.abc import Container, Sequence
from operator import itemgetter
from typing import Final

import sqlalchemy as sa

from features.store.arrivals import Arrival, Event
from features.store.database import Database, Prepared, in_parts, insert_of_many
from features.store.identities.accounts import note_accounts
from features.store.people.hands import note_hands
from features.store.people.names import note_words
from features.store.places import Sweeps
from features.store.schema import events

__all__ = ["Inserts"]

_TRIES: Final = 3
_AMONG: Final = sa.select(events.c.message_id).where(
    events.c.message_id.in_(sa.bindparam("ids", expanding=True))
)
_BY_MESSAGE: Final = itemgetter(0)
_BY_LEAD: Final = itemgetter(1, 3)
_LAST: Final = "SELECT message_id FROM events ORDER BY seq DESC LIMIT ?"


class Inserts:
    """Puts events into a database, as a part of the caller's transactions."""

    def __init__(self, database: Database) -> None:
        self._is_sqlite = database.is_sqlite
        self._sweeps = Sweeps()
        self.traits_event: str | None = None
        """What the event is called that tells who leads are; None where nobody has said so."""
        insert = insert_of_many(database.engine, events).on_conflict_do_nothing()
        self._insert_new = Prepared.of(insert, database.engine, Event._fields)

    def events(
        self, connection: sa.Connection, rows: Sequence[tuple[str | None, str, str, int, int, str]]
    ) -> int:
        """Insert those rows, as `Event` has them, whose message id is new; how many they were."""
        self._note(connection, rows)
        return self._inserted(connection, rows) if rows else 0

    def _inserted(
        self, connection: sa.Connection, rows: Sequence[tuple[str | None, str, str, int, int, str]]
    ) -> int:
        """Insert those rows whose message id is new; how many they were."""
        count = self._insert_new.together(connection, rows)
        if self._is_sqlite:
            self._sweeps.after(connection, count)
        return count

    def _note(
        self, connection: sa.Connection, rows: Sequence[tuple[str | None, str, str, int, int, str]]
    ) -> None:
        """Keep what events say beside themselves: of companies, of hands, of names."""
        note_accounts(connection, rows)
        note_hands(connection, rows)
        if self.traits_event is not None:
            note_words(connection, rows, self.traits_event)

    def arrivals(
        self,
        connection: sa.Connection,
        arrivals: Sequence[Arrival],
        left_out: Container[str] = frozenset(),
    ) -> list[bool]:
        """Insert arrivals; which of them were new. Of several with one message id the first is.

        Those sent under an id of `left_out` are not inserted.
        """
        first: dict[str, int] = {}
        for at, one in enumerate(arrivals):
            if one.sent_id not in left_out:
                first.setdefault(one.message_id, at)
        insert = self._where_new_of_one_writer if self._is_sqlite else self._where_new
        wanted = insert(connection, arrivals, first)
        return [wanted.get(one.message_id) == at for at, one in enumerate(arrivals)]

    def _where_new_of_one_writer(
        self, connection: sa.Connection, arrivals: Sequence[Arrival], first: dict[str, int]
    ) -> dict[str, int]:
        """As `_where_new` on SQLite: it has one writer, who appends, so what stands last is new.

        Nothing is tried and taken back: for that SQLite would copy each page before it is changed.
        """
        rows = [_row_of(arrivals[at]) for at in first.values()]
        if not rows:
            return {}
        rows.sort(key=_BY_LEAD)  # faster in the order of an index
        count = self._inserted(connection, rows)
        if count != len(rows):
            fresh = set(connection.exec_driver_sql(_LAST, (count,)).scalars())
            first = {one: at for one, at in first.items() if one in fresh}
            rows = [row for row in rows if row[0] in fresh]
        self._note(connection, rows)
        return first

    def _where_new(
        self, connection: sa.Connection, arrivals: Sequence[Arrival], first: dict[str, int]
    ) -> dict[str, int]:
        """Insert the arrivals at some places by message id; those that were new."""
        wanted = dict(first)
        for _ in range(_TRIES):
            rows = [_row_of(arrivals[at]) for at in wanted.values()]
            rows.sort(key=_BY_MESSAGE)  # so that no two wait for each other's rows
            undo = connection.begin_nested()
            if not rows or self.events(connection, rows) == len(rows):
                undo.commit()
                break
            undo.rollback()  # some are here already; which ones is seen by looking
            for message_id in _known(connection, list(wanted)):
                del wanted[message_id]
        else:  # the same events go on arriving elsewhere: one by one they say which were new
            for message_id in sorted(wanted):
                if not self.events(connection, [_row_of(arrivals[wanted[message_id]])]):
                    del wanted[message_id]
        return wanted


def _known(connection: sa.Connection, message_ids: Sequence[str]) -> list[str]:
    """Those of some message ids that are here already."""
    found: list[str] = []
    for part in in_parts(message_ids):
        found += connection.scalars(_AMONG, {"ids": part})
    return found


def _row_of(arrival: Arrival) -> tuple[str, str, str, int, int, str]:
    """An arrival as `Event` has it: what it begins with."""
    return arrival[:6]
