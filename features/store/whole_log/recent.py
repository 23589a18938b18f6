"""Events of leads that were read lately, kept in memory: reading them again reads what is new.

Only of SQLite, whose rows are numbered in the order in which they came. What is given is what the
store holds at that moment, whatever was deleted or renumbered since: each time the events of each
id are counted, and their instants added up, from the index alone.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

from features.events.log import EventLog, LogColumns, encode
from features.events.table import EventTable, concat
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns
from features.store.connecting.engines import file_of
from features.store.database import Database, all_tuples_of, in_parts
from features.store.identities.members import Members
from features.store.identities.turns import erased_by_now
from features.store.places import NOTED, ROW
from features.store.schema import events
from features.store.whole_log.log import log_by_lead, log_of_some
from features.store.whole_log.tables import events_where, table_of, table_of_ids

__all__ = ["RecentEvents"]

_LAST: Final = sa.select(sa.func.max(ROW)).select_from(events)
_LOW_BITS: Final = (1 << 30) - 1
"""Of an instant, so that neither a sum of integers nor one of floats is too large to be exact."""
_IDS: Final[sa.BindParameter[Sequence[str]]] = sa.bindparam("ids", expanding=True)
_SUMS: Final = tuple(
    sa.select(
        noted.c.lead_id,
        sa.func.count(),
        sa.func.sum(noted.c.occurred_at.bitwise_and(_LOW_BITS)),
        sa.func.sum(noted.c.known_at.bitwise_and(_LOW_BITS)),
    )
    .where(noted.c.lead_id.in_(_IDS))
    .group_by(noted.c.lead_id)
    for noted in NOTED
)
_MOST_BYTES: Final = 96 << 20
_MOST_NEW: Final = 500_000
"""Of more new events, an import, most are of leads that nobody asks for: all is forgotten."""
_MOST_PARTS: Final = 12

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Part:
    """Events that were read together, and for each the number of the id that it was sent under."""

    number: _Ints
    table: EventTable

    def __len__(self) -> int:
        return len(self.number)


@dataclass(slots=True)
class _Held:
    """What is held of one state of the world.

    Parameters
    ----------
    world : what all that is held depends on; where it is another one, nothing holds.
    erased : how many erasures there were, and when the last was; likewise.
    number_of : ids whose events are all here, up to `last`, by the number that they have in parts.
        An id that is read anew gets another one.
    last : the number of the newest row that was looked at.
    """

    world: object = None
    erased: tuple[int, int | None] = (0, None)
    number_of: dict[str, int] = field(default_factory=dict)
    parts: list[_Part] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    last: int = 0
    numbers: int = 0


class RecentEvents:
    """The events of some leads, most of them from memory. Threads may share it.

    Parameters
    ----------
    most_bytes : what is asked for least is let go of when more than that is held.
    """

    def __init__(self, database: Database, most_bytes: int = _MOST_BYTES) -> None:
        self._database = database
        self._most_bytes = most_bytes
        self._held = _Held()
        self._calls = 0
        self._turn = threading.Lock()

    @property
    def bytes(self) -> int:
        """How much is held."""
        return sum(_bytes(part.table) + part.number.nbytes for part in self._held.parts)

    def log_of(self, lead_ids: Sequence[str], ladder: Ladder) -> EventLog:
        """The events of some leads, as `log_of_some` reads them."""
        with self._database.reading_one_state() as connection:
            if not self._database.is_sqlite:
                return log_of_some(connection, lead_ids, ladder)
            asked = sorted(set(lead_ids))
            members = Members.read_some(connection, asked)
            columns = LogColumns(*ladder_columns(ladder))
            with self._turn:
                self._calls += 1
                self._catch_up(connection, columns)
                table = self._read(connection, sorted({*asked, *members.lead}), columns)
                self._make_room()
        return log_by_lead(table, members, columns)

    def let_go_of_erased(self) -> None:
        """Hold nothing any more where somebody was erased since the last call."""
        if not self._held.parts:
            return
        with self._database.reading() as connection, self._turn:
            if erased_by_now(connection) != self._held.erased:
                self._held = _Held()

    def _catch_up(self, connection: sa.Connection, columns: LogColumns) -> None:
        """Take in what came since the last call; forget all where that is not enough."""
        world, erased = (file_of(self._database.engine), columns), erased_by_now(connection)
        last = connection.scalar(_LAST) or 0
        is_same = world == self._held.world and erased == self._held.erased
        if not is_same or last - self._held.last > _MOST_NEW:
            self._held = _Held(world, erased)
        elif self._held.number_of and last > self._held.last:
            new = events_where(ROW.between(self._held.last + 1, last))
            self._add(table_of(connection, [new], columns))
        self._held.last = last

    def _add(self, table: EventTable) -> None:
        """Keep those events whose ids are held."""
        code, ids = encode(table.lead_id)
        number_of = self._held.number_of
        number = np.array([number_of.get(one, -1) for one in ids], dtype=np.int64)[code]
        kept = np.flatnonzero(number >= 0)
        if len(kept):
            self._held.parts.append(_Part(number[kept], table.rows(kept)))

    def _read(
        self, connection: sa.Connection, ids: Sequence[str], columns: LogColumns
    ) -> EventTable:
        """The events of some ids; those of which not all are held are read from the database."""
        held = self._held
        for one in self._changed(connection, ids):
            del held.number_of[one]
        missing = [one for one in ids if one not in held.number_of]
        for one in missing:
            held.number_of[one] = held.numbers
            held.numbers += 1
        if missing:
            self._add(table_of_ids(connection, missing, columns))
        held.used.update(dict.fromkeys(ids, self._calls))
        wanted = self._mask([held.number_of[one] for one in ids])
        found = [part.table.rows(np.flatnonzero(wanted[part.number])) for part in held.parts]
        return concat([EventTable.empty(), *(table for table in found if len(table))])

    def _changed(self, connection: sa.Connection, ids: Sequence[str]) -> list[str]:
        """Those of some ids that are held, but not as the database has them."""
        held = [one for one in ids if one in self._held.number_of]
        numbers = [self._held.number_of[one] for one in held]
        sums = np.zeros((3, self._held.numbers), dtype=np.int64)
        wanted = self._mask(numbers)
        for part in self._held.parts:
            rows = np.flatnonzero(wanted[part.number])
            number, table = part.number[rows], part.table
            sums[0] += np.bincount(number, minlength=sums.shape[1])
            for into, times in zip(sums[1:], (table.occurred_at, table.known_at), strict=True):
                low = (times[rows] & _LOW_BITS).astype(np.float64)
                into += np.bincount(number, low, minlength=sums.shape[1]).astype(np.int64)
        told = _sums(connection, held)
        ours = map(tuple, sums[:, numbers].T.tolist())
        return [one for one, our in zip(held, ours, strict=True) if told.get(one, (0, 0, 0)) != our]

    def _mask(self, numbers: Sequence[int]) -> npt.NDArray[np.bool_]:
        mask = np.zeros(self._held.numbers, dtype=np.bool_)
        mask[numbers] = True
        return mask

    def _make_room(self) -> None:
        """Put parts together, without what is not asked for any more."""
        held, size = self._held, self.bytes
        if len(held.parts) <= _MOST_PARTS and size <= self._most_bytes:
            return
        rows = np.zeros(held.numbers, dtype=np.int64)
        for part in held.parts:
            rows += np.bincount(part.number, minlength=held.numbers)
        # More goes than has to, or each of the next calls would have to begin anew.
        share = 1.0 if size <= self._most_bytes else 0.7 * self._most_bytes / size
        latest = sorted(held.number_of, key=lambda one: (-held.used[one], one))
        numbers = np.array([held.number_of[one] for one in latest], dtype=np.int64)
        is_in = np.cumsum(rows[numbers]) <= share * rows.sum()
        stay = [one for one, stays in zip(latest, is_in, strict=True) if stays]
        renumbered = np.full(held.numbers, -1, dtype=np.int64)
        renumbered[numbers[is_in]] = np.arange(len(stay))
        parts = [_renumbered(part, renumbered) for part in held.parts]
        together = _Part(
            np.concatenate([part.number for part in parts]),
            _solid(concat([part.table for part in parts])),
        )
        self._held = _Held(
            held.world,
            held.erased,
            {one: at for at, one in enumerate(stay)},
            [together],
            {one: held.used[one] for one in stay},
            held.last,
            len(stay),
        )


def _renumbered(part: _Part, numbers: _Ints) -> _Part:
    """The events whose id has another number, -1 being none."""
    rows = np.flatnonzero(numbers[part.number] >= 0)
    return _Part(numbers[part.number[rows]], part.table.rows(rows))


def _sums(connection: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """By id: how many events there are, and the sums of when they happened and were known."""
    told: dict[str, tuple[int, int, int]] = {}
    for some in in_parts(ids):
        for wanted in _SUMS:
            for one, count, occurred, known in all_tuples_of(connection, wanted, ids=some):
                before = told.get(one, (0, 0, 0))
                told[one] = (before[0] + count, before[1] + occurred, before[2] + known)
    return told


def _solid(table: EventTable) -> EventTable:
    """With each column in one piece: rows of many pieces take long to find."""

    def whole(column: Any) -> pa.Array:
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    return EventTable(
        pa.nulls(len(table), pa.string()),
        whole(table.lead_id),
        whole(table.name),
        table.occurred_at,
        table.known_at,
        table.numbers,
        {name: whole(column) for name, column in table.texts.items()},
    )


def _bytes(table: EventTable) -> int:
    columns = (table.lead_id, table.name, *table.texts.values())
    clocks = (table.occurred_at, table.known_at)
    return sum(column.nbytes for column in (*columns, *clocks, *table.numbers.values()))
