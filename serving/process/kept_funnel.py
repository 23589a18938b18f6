"""The stays that a worker kept, read once for all requests until there are newer ones."""

from __future__ import annotations

import threading

from features.funnel.kept import KIND, newest_stays
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder
from features.store.database import Database
from features.store.identities.turns import erased_by_now
from features.store.kept.columns import KeptColumns

__all__ = ["KeptFunnel"]


class KeptFunnel:
    """The newest stays of a database, in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._columns = KeptColumns(database)
        self._turn = threading.Lock()
        self._held: tuple[object, Stays | None] | None = None

    def stays(self, ladder: Ladder) -> Stays | None:
        """The newest stays on a ladder; None where none are kept, or of another version of it."""
        with self._turn:
            with self._database.reading() as connection:
                erased = erased_by_now(connection)  # it is made again as of the same instant
            stamp = ladder.fingerprint, self._columns.as_of(KIND, ladder.name), erased
            if self._held is None or self._held[0] != stamp:
                self._held = stamp, newest_stays(self._columns, ladder)
            return self._held[1]
