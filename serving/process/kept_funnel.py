"""The stays that a worker kept, read once for all requests until there are newer ones."""

from __future__ import annotations

import threading

from features.funnel.kept import KIND, newest_stays
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder
from features.store.database import Database
from features.store.kept.columns import KeptColumns

__all__ = ["KeptFunnel"]


class KeptFunnel:
    """The newest stays of a database, in memory."""

    def __init__(self, database: Database) -> None:
        self._columns = KeptColumns(database)
        self._turn = threading.Lock()
        self._held: tuple[tuple[str, int | None], Stays | None] | None = None

    def stays(self, ladder: Ladder) -> Stays | None:
        """The newest stays on a ladder; None where none are kept, or of another version of it."""
        with self._turn:
            stamp = ladder.fingerprint, self._columns.as_of(KIND, ladder.name)
            if self._held is None or self._held[0] != stamp:
                self._held = stamp, newest_stays(self._columns, ladder)
            return self._held[1]
