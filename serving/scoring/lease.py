"""Who scores where several services share a store: those of one ladder, with what came last of it.

Scores of two ladders in one store would undo each other for ever, each with notifications of steps
that nobody has completed; so would those of two bundles.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from features.errors import StoreAway
from features.store.events import EventStore
from features.store.kept.leases import ScoresWith
from features.store.kept.meta import meta_of
from serving.edge.logs import log

__all__ = ["SERVES", "ScoringLease"]

_RENEW_US: Final = 10_000_000
SERVES: Final = "serves"
"""Where the store keeps the hash of the bundle that began to serve last, and more after it."""


class ScoringLease:
    """What a process scores with, as the others are to know it.

    Parameters
    ----------
    holder : names the process.
    clock : the present, in microseconds since the epoch.
    """

    def __init__(self, store: EventStore, holder: str, clock: Callable[[], int]) -> None:
        self._store, self._holder, self._clock = store, holder, clock
        self._held: tuple[ScoresWith, int] | None = None
        self._gave_way = ""

    def other_ladder(self, ladder: str) -> str:
        """The ladder that another process scores with, if it is another one; "" where none does."""
        found = self._store.scorers.others(self._holder, self._clock())
        return next((one.ladder for one in found if one.ladder != ladder), "")

    def is_held(self, own: ScoresWith) -> bool:
        """Whether this process may score with something now; the others know it then."""
        scorers, now = self._store.scorers, self._clock()
        others = scorers.others(self._holder, now)
        newer = self._newer(own, others)
        if newer or any(one.ladder != own.ladder for one in others):
            self._tell_of(newer, own)
            self.release()
            return False
        self._gave_way = ""
        if self._held is None or self._held[0] != own or not 0 <= now - self._held[1] < _RENEW_US:
            self._held = (own, now) if scorers.take(own, self._holder, now) else None
        return self._held is not None

    def _newer(self, own: ScoresWith, others: list[ScoresWith]) -> str:
        """The bundle that another process scores with, and that came after one's own."""
        if all(one.bundle == own.bundle for one in others):
            return ""
        with self._store.database.reading() as connection:
            last = (meta_of(connection, SERVES) or "").partition(" ")[0]
        return last if last != own.bundle and any(one.bundle == last for one in others) else ""

    def _tell_of(self, newer: str, own: ScoresWith) -> None:
        if newer and newer != self._gave_way:
            log("another bundle scores here", logging.WARNING, own=own.bundle[:12], it=newer[:12])
        self._gave_way = newer

    def release(self) -> None:
        """Let others score with what they like, as far as this process is concerned."""
        if self._held is not None:
            self._held = None
            with suppress(StoreAway):  # then the lease runs out
                self._store.scorers.release(self._holder)
