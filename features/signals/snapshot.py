"""The ONE signal function: what is known about some leads at an instant.

Training, serving and every batch job call `snapshot`. It cannot be called without `as_of`, and an
event learned of after `as_of` never changes what it returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import accumulate, chain
from math import isnan
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.arrays import Ints
from features.clock import microseconds
from features.errors import EventsError
from features.events.log import DAY_US, EventLog, LogColumns, Times
from features.events.order import place_by_lead
from features.ladder.ladder import Ladder
from features.signals.fold import NONE, fold
from features.signals.linked_log import LinkedLog, link
from features.signals.program import Compiled, compile_ladder
from features.signals.signal import Signal
from features.threads import in_threads, processors

__all__ = ["LOST", "Snapshot", "snapshot", "snapshot_at", "snapshot_of_known", "snapshots_of_known"]

LOST: Final = "ladder.lost"
"""The column of a frame that says who is over by the ladder's own rule; it is no signal."""


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """The signals of some leads, each at its own instant.

    Parameters
    ----------
    leads : lead ids, one a row; the same lead may stand in several rows.
    as_of : shape (n,), microseconds since the epoch, UTC.
    values : shape (n, n_signals), float64; NaN where a signal is absent. A category's value is an
        index into `categories[signal_id]`.
    position : shape (n,), the highest rung completed; 0 is none.
    last_active : shape (n,), when the lead last showed interest, `NONE` of the fold if never.
    lost_at : shape (n,), when a lead was lost that still is; `NONE` for all others.
    """

    leads: tuple[str, ...]
    as_of: Times
    signals: tuple[Signal, ...]
    values: npt.NDArray[np.float64]
    categories: dict[str, tuple[str, ...]]
    position: Ints
    last_active: Times
    lost_at: Times

    @property
    def is_lost(self) -> npt.NDArray[np.bool_]:
        """Shape (n,), by the ladder's own rules."""
        return np.asarray(self.lost_at != NONE)

    def active_within(self, days: float) -> npt.NDArray[np.bool_]:
        """Shape (n,), whether a lead showed interest in the last so many days; never is not."""
        since = self.as_of - np.where(self.last_active == NONE, self.as_of, self.last_active)
        return np.asarray((self.last_active != NONE) & (since <= days * DAY_US))

    def __len__(self) -> int:
        return len(self.as_of)

    def rows(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Snapshot:
        """Some of the rows, by mask or by index; a slice of them is no copy."""
        if isinstance(keep, slice):
            return self._of(self.leads[keep], keep)
        indices = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
        return self._of(tuple(self.leads[at] for at in indices), indices)

    def _of(
        self,
        leads: tuple[str, ...],
        rows: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp],
    ) -> Snapshot:
        return Snapshot(
            leads,
            self.as_of[rows],
            self.signals,
            self.values[rows],
            self.categories,
            self.position[rows],
            self.last_active[rows],
            self.lost_at[rows],
        )

    def value(self, row: int, column: int) -> float | str | None:
        """One signal of one row as a person would say it: a number, a text, or None."""
        number = float(self.values[row, column])
        if np.isnan(number):
            return None
        signal = self.signals[column]
        if signal.id in self.categories:
            return self.categories[signal.id][int(number)]
        return number

    def column(self, column: int) -> list[float | str | None]:
        """One signal of all rows, each as `value` has it."""
        numbers = self.values[:, column].tolist()
        names = self.categories.get(self.signals[column].id)
        if names is None:
            return [None if isnan(number) else number for number in numbers]
        return [None if isnan(number) else names[int(number)] for number in numbers]

    def frame(self) -> pd.DataFrame:
        """A row a lead: lead_id, as_of, a column a signal (categories as Categorical), `LOST`."""
        columns: dict[str, object] = {
            "lead_id": list(self.leads),
            "as_of": pd.to_datetime(self.as_of, unit="us", utc=True),
        }
        for at, signal in enumerate(self.signals):
            if signal.id in self.categories:
                codes = np.nan_to_num(self.values[:, at], nan=-1.0).astype(np.int64)
                texts = pd.Index(list(self.categories[signal.id]), dtype="str")
                columns[signal.id] = pd.Categorical.from_codes(codes, categories=texts)
            else:
                columns[signal.id] = self.values[:, at]
        return pd.DataFrame(columns | {LOST: self.is_lost})


def snapshot(
    log: EventLog,
    ladder: Ladder,
    leads: Sequence[str] | None,
    as_of: datetime | Times,
) -> Snapshot:
    """The signals of leads from what was known of them at `as_of`.

    Parameters
    ----------
    log : holds the columns that the ladder reads (`features.reading` sees to it).
    leads : lead ids; None means every lead of the log, in its order.
    as_of : one aware instant for all, or an array of shape (n,) in microseconds since the epoch.

    Raises
    ------
    UnknownLead : a lead that the log does not hold.
    TimeError : a naive `as_of`.
    EventsError : as many instants as leads are not given, or the log was read for another ladder.
    """
    if leads is None:
        indices, names = np.arange(len(log.leads)), log.leads
    else:
        names = tuple(leads)
        indices = np.array([log.index_of(lead) for lead in names], dtype=np.int64)
    if isinstance(as_of, datetime):
        as_of = np.full(len(indices), microseconds(as_of), dtype=np.int64)
    if len(as_of) != len(indices):
        raise EventsError(f"as_of has {len(as_of)} instants for {len(indices)} leads")
    return snapshot_at(log, compile_ladder(ladder), names, indices, as_of)


def snapshot_at(
    log: EventLog,
    compiled: Compiled,
    names: tuple[str, ...],
    indices: Ints,
    as_of: Times,
) -> Snapshot:
    """As `snapshot`, from lead indices and a compiled table of signals."""
    if log.columns != compiled.columns:
        raise EventsError(_wrong_columns(log.columns, compiled.columns))
    count = len(indices)
    values = np.empty((count, len(compiled.signals)))
    position = np.empty(count, dtype=np.int64)
    last_active = np.empty(count, dtype=np.int64)
    lost_at = np.empty(count, dtype=np.int64)
    _fold_in_parts(link(log, compiled), indices, as_of, values, position, last_active, lost_at)
    categories = {id_: log.text_values[at] for id_, at in compiled.categories}
    return Snapshot(
        names, as_of, compiled.signals, values, categories, position, last_active, lost_at
    )


def snapshot_of_known(log: EventLog, compiled: Compiled, as_of: int) -> Snapshot:
    """The leads of a log, in its order, of which something was known at an instant.

    Parameters
    ----------
    as_of : microseconds since the epoch.
    """
    return snapshots_of_known(log, compiled, (as_of,))[0]


def snapshots_of_known(
    log: EventLog, compiled: Compiled, instants: Sequence[int]
) -> tuple[Snapshot, ...]:
    """As `snapshot_of_known`, at each of some instants; each lead's events are walked over once."""
    first = _first_known(log)
    known = [np.flatnonzero(first <= as_of) for as_of in instants]
    counts = list(map(len, known))
    whole = snapshot_at(
        log,
        compiled,
        tuple(chain.from_iterable(_names(log, indices) for indices in known)),
        np.concatenate([np.empty(0, dtype=np.int64), *known]),
        np.repeat(np.array(instants, dtype=np.int64), counts),
    )
    return tuple(
        whole.rows(slice(end - count, end))
        for end, count in zip(accumulate(counts), counts, strict=True)
    )


def _names(log: EventLog, indices: npt.NDArray[np.intp]) -> Sequence[str]:
    return log.leads if len(indices) == len(log.leads) else [log.leads[at] for at in indices]


def _first_known(log: EventLog) -> Times:
    if not len(log):
        return np.empty(0, dtype=np.int64)
    return np.minimum.reduceat(log.known, log.starts[:-1])


_WORTH_A_THREAD = 20_000
"""Snapshots below which starting a second thread costs more than it saves."""


def _fold_in_parts(linked: LinkedLog, lead: Ints, *rest: Any) -> None:
    """The fold over all snapshots, in as many threads as there are processors to use."""
    events, program = linked.events, linked.program
    if len(lead) == 1:
        fold(events, program, _FIRST, lead, *rest)
        return
    order = _together(lead, len(linked.events.starts) - 1)
    parts = min(processors(), 1 + len(order) // _WORTH_A_THREAD)
    in_threads(
        [partial(fold, events, program, part, lead, *rest) for part in np.array_split(order, parts)]
    )


_FIRST = np.zeros(1, dtype=np.int64)


def _together(lead: Ints, leads: int) -> Ints:
    """The order of snapshots by lead, of which there are so many; those of one as they came."""
    if len(lead) < leads // _FEW or (lead[1:] >= lead[:-1]).all():
        return np.argsort(lead, kind="stable")
    _, place = place_by_lead((lead + 1).astype(np.int32), leads + 1)  # -1 is a lead without events
    order = np.empty(len(lead), dtype=np.int64)
    order[place] = np.arange(len(lead))
    return order


_FEW = 4
"""Of so many leads one or less is asked for: then a sort is quicker than to count them all."""


def _wrong_columns(held: LogColumns, needed: LogColumns) -> str:
    absent = [*set(needed.numbers) - set(held.numbers), *set(needed.texts) - set(held.texts)]
    if absent:
        return f"this log lacks the columns {sorted(absent)}; read it with this ladder"
    return "this log was read for another ladder; read it with this one"
