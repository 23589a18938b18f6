"""A file of who was put into which arm of somebody else's experiment, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features.arrays import Ints
from features.clock import rfc3339
from features.errors import ExperimentError
from features.events.formats.layout import Layout
from features.events.log import LogColumns, Times
from features.events.times import ABSENT, READ, read_times
from features.ladder.ladder import EventNames
from features.ladder.words import things
from features.reading import read_table

__all__ = ["NEVER", "AssignmentColumns", "Assignments", "read_assignments"]

NEVER: Final = -1
"""Stands for when something reached a lead that it did not reach."""
_ARM, _REACHED = "arm", "reached_at"


@dataclass(frozen=True, slots=True)
class AssignmentColumns:
    """What the columns of such a file are called.

    Parameters
    ----------
    reached_at : when what the arm gives reached the lead; "" for none.
    """

    lead: str = "lead_id"
    at: str = "assigned_at"
    arm: str = "arm"
    reached_at: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Assignments:
    """The first assignment of each id of a file, in the order of time.

    Parameters
    ----------
    ids : as the file has them.
    at : shape (n,), when each was put into its arm, in microseconds since the epoch.
    arms : the arm of each, by its name in the file.
    reached_at : shape (n,), when what the arm gives reached the lead, `NEVER` where it did not;
        None where the file does not say.
    again : how many rows said the same of an id again.
    """

    ids: tuple[str, ...]
    at: Times
    arms: tuple[str, ...]
    reached_at: Times | None
    again: int

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, keep: Ints) -> Assignments:
        """Some of them, by index."""
        return Assignments(
            tuple(self.ids[row] for row in keep),
            self.at[keep],
            tuple(self.arms[row] for row in keep),
            None if self.reached_at is None else self.reached_at[keep],
            self.again,
        )


def read_assignments(
    file: Path,
    columns: AssignmentColumns,
    *,
    timezone: str | None = None,
    rejects: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Assignments:
    """The assignments of a file, all of them or none: a lot of which rows are missing is no lot.

    Parameters
    ----------
    timezone, rejects : as of `features.reading.read_table`.

    Raises
    ------
    EventsError : the file cannot be read, lacks a column, or has a row that cannot be read.
    ExperimentError : a row without an arm, an id in two arms, or reached before it was assigned.
    """
    renamed = [(_ARM, columns.arm)] + [(_REACHED, columns.reached_at)] * bool(columns.reached_at)
    layout = Layout(
        name="assignments",
        title="assignments of an experiment",
        marks=tuple((one,) for one in (columns.lead, columns.at, *(at for _, at in renamed))),
        lead=(columns.lead,),
        always="assigned",
        occurred_at=(columns.at,),
        renamed=tuple(renamed),
    )
    table, _ = read_table(
        file,
        strict=True,
        rejects=rejects,
        needs=LogColumns(texts=(_ARM, _REACHED)),
        names=EventNames(),
        assume_timezone=timezone,
        layout=layout,
        progress=progress,
    )
    ids = table.lead_id.to_pylist()
    if not ids:
        raise ExperimentError(f"{file}: there is no assignment in it")
    arms = table.texts[_ARM].to_pylist() if _ARM in table.texts else [None] * len(ids)
    reached = None
    if columns.reached_at:
        reached = _reached(file, ids, table.texts[_REACHED], table.occurred_at, timezone)
    return _first_of_each(file, ids, table.occurred_at, arms, reached)


def _reached(
    file: Path, ids: Sequence[str], texts: pa.Array, at: Times, timezone: str | None
) -> Times:
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    times, state = read_times(texts, timezone)
    wrong = (state != READ) & (state != ABSENT)
    if wrong.any():
        row = int(wrong.argmax())
        raise ExperimentError(
            f"{file}: lead {ids[row]!r}: {texts[row].as_py()!r} does not say when it was reached;"
            " write a time such as 2026-03-01T12:00:00Z, or nothing where it was not"
        )
    early = (state == READ) & (times < at)
    if early.any():
        row = int(early.argmax())
        raise ExperimentError(
            f"{file}: lead {ids[row]!r} was reached at {rfc3339(int(times[row]))}, before it was"
            f" assigned at {rfc3339(int(at[row]))}"
        )
    return np.where(state == READ, times, NEVER)


def _first_of_each(
    file: Path,
    ids: Sequence[str],
    at: Times,
    arms: Sequence[str | None],
    reached: Times | None,
) -> Assignments:
    order = np.argsort(at, kind="stable").tolist()
    first: dict[str, int] = {}
    crossed: dict[str, tuple[str, str]] = {}
    reached = None if reached is None else reached.copy()
    for row in order:
        arm = arms[row]
        if not arm:
            raise ExperimentError(f"{file}: lead {ids[row]!r} has a row without an arm")
        known = first.setdefault(ids[row], row)
        other = arms[known]
        if other is not None and other != arm:
            crossed.setdefault(ids[row], (other, arm))
        if reached is not None and reached[known] == NEVER:
            reached[known] = reached[row]
    if crossed:
        lead, both = next(iter(crossed.items()))
        raise ExperimentError(
            f"{file}: in two arms at once: {things(len(crossed), 'lead')}, such as {lead!r} in"
            f" {both[0]!r} and {both[1]!r}; name the arm that each was put into first"
        )
    rows = np.array(list(first.values()), dtype=np.int64)
    return Assignments(
        tuple(first),
        at[rows],
        tuple(str(arms[row]) for row in rows),
        None if reached is None else reached[rows],
        again=len(ids) - len(rows),
    )
