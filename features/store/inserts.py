"""How events go into a database: each message id once, whoever else brings it at the same time."""

from __future__ import annotations

from collections.abc import Container, Sequence
from operator import itemgetter
from typing import Final

import sqlalchemy as sa

from features.store.arrivals import Arrival, Event
from features.store.database import Database, Prepared, in_parts, insert_into
from features.store.identities.accounts import note_accounts
from features.store.people.hands import note_hands
from features.store.people.names import note_words
from features.store.schema import events

__all__ = ["Inserts"]

_TRIES: Final = 3
_AMONG: Final = sa.select(events.c.message_id).where(
    events.c.message_id.in_(sa.bindparam("ids", expanding=True))
)
_BY_MESSAGE: Final = itemgetter(0)
_BY_TABLE: Final = itemgetter(1, 3)


class Inserts:
    """Puts events into a database, as a part of the caller's transactions."""

    def __init__(self, database: Database) -> None:
        self._is_sqlite = database.is_sqlite
        self.traits_event: str | None = None
        """What the event is called that tells who leads are; None where nobody has said so."""
        insert = insert_into(database.engine, events).on_conflict_do_nothing()
        self._insert_new = Prepared.of(insert, database.engine, Event._fields)

    def events(
        self, connection: sa.Connection, rows: Sequence[tuple[str | None, str, str, int, int, str]]
    ) -> int:
        """Insert those rows, as `Event` has them, whose message id is new; how many they were."""
        note_accounts(connection, rows)
        note_hands(connection, rows)
        if self.traits_event is not None:
            note_words(connection, rows, self.traits_event)
        return self._insert_new.many(connection, rows) if rows else 0

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
        wanted = dict(first)
        for _ in range(_TRIES):
            rows = [_row_of(arrivals[at]) for at in wanted.values()]
            # Two who wait for each other's rows are PostgreSQL's danger; SQLite has one writer, who
            # is faster in the order of the index by lead.
            rows.sort(key=_BY_TABLE if self._is_sqlite else _BY_MESSAGE)
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
        return [wanted.get(one.message_id) == at for at, one in enumerate(arrivals)]


def _known(connection: sa.Connection, message_ids: Sequence[str]) -> list[str]:
    """Those of some message ids that are here already."""
    found: list[str] = []
    for part in in_parts(message_ids):
        found += connection.scalars(_AMONG, {"ids": part})
    return found


def _row_of(arrival: Arrival) -> tuple[str, str, str, int, int, str]:
    """An arrival as `Event` has it: what it begins with."""
    return arrival[:6]
