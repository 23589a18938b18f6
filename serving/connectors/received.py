"""When each connector was last sent something, and why it last refused it, or an event of it.

Anybody can call a connector, so a note is written once in ten seconds at most, by each process.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import sqlalchemy as sa

from features.clock import is_over
from features.errors import StoreAway
from features.store.database import Database
from features.store.kept.meta import held_meta, set_meta
from features.store.schema import meta
from serving.edge.logs import log

__all__ = ["NotUsed", "Received", "ReceivedNotes"]

_KEY: Final = "received by connector "
_PAUSE_US: Final = 10_000_000
_LONGEST_WHY: Final = 300


@dataclass(frozen=True, slots=True)
class Received:
    """What came of the requests to a connector. Instants are microseconds since the epoch.

    Parameters
    ----------
    taken_at, refused_at : when one was last taken, and last refused; None for never.
    why : the last one was refused; in words of ours, none of the request.
    """

    taken_at: int | None = None
    refused_at: int | None = None
    why: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether the last request was refused."""
        return (self.refused_at or 0) > (self.taken_at or 0)


@dataclass(frozen=True, slots=True)
class NotUsed:
    """What a request told that cannot be used; of a request that was taken nobody hears of it.

    Parameters
    ----------
    events, told : how many cannot be used, of how many.
    why : of the first.
    """

    events: int = 0
    told: int = 0
    why: str = ""


class ReceivedNotes:
    """The notes of a database, as one process writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: dict[tuple[str, bool], int] = {}
        self._lock = threading.Lock()

    def taken(self, name: str, as_of: int) -> None:
        """Note that a connector took a request."""
        self._noted(name, as_of, None)

    def refused(self, name: str, as_of: int, why: str) -> None:
        """Note that a connector refused a request."""
        self._noted(name, as_of, why[:_LONGEST_WHY])

    def answered(self, name: str, as_of: int, not_used: NotUsed) -> None:
        """Note what became of a request: taken, or refused where no event of it can be used."""
        if not not_used.events or not_used.events < not_used.told:
            self.taken(name, as_of)
        if not_used.events:
            self.refused(
                name, as_of, f"{not_used.events} of {not_used.told} events, as {not_used.why}"
            )

    def of(self, names: Iterable[str]) -> Mapping[str, Received]:
        """What is noted of some connectors, by name."""
        keys = [f"{_KEY}{name}" for name in names]
        wanted = sa.select(meta.c.key, meta.c.value).where(meta.c.key.in_(keys))
        with self._database.reading() as connection:
            return {
                row.key.removeprefix(_KEY): Received(**json.loads(row.value))
                for row in connection.execute(wanted)
            }

    def _noted(self, name: str, as_of: int, why: str | None) -> None:
        """Keep a note. What became of the request is decided by then, whatever becomes of this."""
        if not self._may_write(name, as_of, is_taken=why is None):
            return
        try:
            self._keep(name, as_of, why)
        except StoreAway as error:
            log("what a connector received is not noted", logging.WARNING, why=str(error))

    def _may_write(self, name: str, as_of: int, *, is_taken: bool) -> bool:
        with self._lock:
            until = self._written.get((name, is_taken), 0) + _PAUSE_US
            if not is_over(until, as_of, _PAUSE_US):
                return False
            self._written[name, is_taken] = as_of
            return True

    def _keep(self, name: str, as_of: int, why: str | None) -> None:
        key = f"{_KEY}{name}"
        with self._database.writing() as connection:
            held = held_meta(connection, key)
            former = Received(**json.loads(held)) if held else Received()
            now = (
                replace(former, taken_at=as_of)
                if why is None
                else replace(former, refused_at=as_of, why=why)
            )
            set_meta(connection, key, json.dumps(asdict(now), ensure_ascii=False))
