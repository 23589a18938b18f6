"""How events go into a database: each message id once, whoever else brings it at the same time."""

from __future__ import annotations

from collections.abc import Sequence
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

_Row = tuple[str | None, str, str, int, int, str]
"""As `Event`, with a message id."""
_Ids = set[str | None]


class Inserts:
    """Puts events into a database, as a part of the caller's transactions."""

    def __init__(self, database: Database) -> None:
        self._is_sqlite = database.is_sqlite
        self._sweeps = Sweeps()
        self.traits_event: str | None = None
        """What the event is called that tells who leads are; None where nobody has said so."""
        insert = insert_of_many(database.engine, events).on_conflict_do_nothing()
        self._insert_new = Prepared.of(insert, database.engine, Event._fields)

    def events(self, connection: sa.Connection, rows: Sequence[_Row]) -> int:
        """Insert those rows, as `Event` has them, whose message id is new; how many they were.

        Of several with one message id the first is.
        """
        first: dict[str | None, _Row] = {}
        for row in rows:
            first.setdefault(row[0], row)
        return len(self._new_of(connection, list(first.values())))

    def _inserted(self, connection: sa.Connection, rows: Sequence[_Row]) -> int:
        """Insert those rows whose message id is new; how many they were."""
        count = self._insert_new.together(connection, rows)
        if self._is_sqlite:
            self._sweeps.after(connection, count)
        return count

    def _note(self, connection: sa.Connection, rows: Sequence[_Row]) -> None:
        """Keep what new events say beside themselves: of companies, of hands, of names."""
        note_accounts(connection, rows)
        note_hands(connection, rows)
        if self.traits_event is not None:
            note_words(connection, rows, self.traits_event)

    def arrivals(self, connection: sa.Connection, arrivals: Sequence[Arrival]) -> list[bool]:
        """Insert arrivals; which of them were new. Of several with one message id the first is."""
        first: dict[str, int] = {}
        for at, one in enumerate(arrivals):
            first.setdefault(one.message_id, at)
        new = self._new_of(connection, [_row_of(arrivals[at]) for at in first.values()])
        if len(new) != len(first):
            fresh = {row[0] for row in new}
            first = {one: at for one, at in first.items() if one in fresh}
        return [first.get(one.message_id) == at for at, one in enumerate(arrivals)]

    def _new_of(self, connection: sa.Connection, rows: Sequence[_Row]) -> Sequence[_Row]:
        """Insert rows, each with a message id of its own; those that were new, in their order.

        An event that was passed over says nothing: it is not noted either.
        """
        insert = self._of_one_writer if self._is_sqlite else self._of_many_writers
        fresh = insert(connection, rows) if rows else None
        new = rows if fresh is None else [row for row in rows if row[0] in fresh]
        if new:
            self._note(connection, new)
        return new

    def _of_one_writer(self, connection: sa.Connection, rows: Sequence[_Row]) -> _Ids | None:
        """Insert rows on SQLite; the message ids of those that were new, None where all were.

        It has one writer, who appends, so what stands last is new. Nothing is tried and taken back:
        for that SQLite would copy each page before it is changed.
        """
        count = self._inserted(connection, sorted(rows, key=_BY_LEAD))  # in the order of an index
        if count == len(rows):
            return None
        return set(connection.exec_driver_sql(_LAST, (count,)).scalars())

    def _of_many_writers(self, connection: sa.Connection, rows: Sequence[_Row]) -> _Ids | None:
        """As `_of_one_writer`, where others insert meanwhile."""
        # So ordered that no two wait for each other's rows.
        wanted = sorted(rows, key=_BY_MESSAGE)
        for _ in range(_TRIES):
            if len(wanted) == 1:  # as below, at once
                break
            undo = connection.begin_nested()
            if not wanted or self._inserted(connection, wanted) == len(wanted):
                undo.commit()
                return None if len(wanted) == len(rows) else {row[0] for row in wanted}
            undo.rollback()  # some are here already; which ones is seen by looking
            known = _known(connection, [row[0] for row in wanted])
            wanted = [row for row in wanted if row[0] not in known]
        # The same events go on arriving elsewhere: one by one they say which were new.
        return {row[0] for row in wanted if self._inserted(connection, [row])}


def _known(connection: sa.Connection, message_ids: Sequence[str | None]) -> _Ids:
    """Those of some message ids that are here already."""
    found: _Ids = set()
    for part in in_parts([one for one in message_ids if one is not None]):
        found.update(connection.scalars(_AMONG, {"ids": part}))
    return found


def _row_of(arrival: Arrival) -> tuple[str, str, str, int, int, str]:
    """An arrival as `Event` has it: what it begins with."""
    return arrival[:6]
