"""How deeply leads used what brought them to a step, as it was known when they came to it."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from features.arrays import Floats, Ints
from features.events.log import Codes, EventLog
from features.funnel.stays import Stays
from features.ladder.ladder import Condition, EventRule
from features.signals.beats import sums_of_log

__all__ = ["Depths", "depths_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Depths:
    """The use of the asset that completed the step before; every array has shape (n,).

    Parameters
    ----------
    rank : in (0, 1), its place among all that completed by the same event and measure; NaN where
        the completion has no measure, or nothing came before.
    over : the measure as a multiple of what the condition asks for; NaN likewise.
    measures : what was measured, as "asset_used minutes".
    """

    rank: Floats
    over: Floats
    measures: tuple[str, ...]


def depths_of(log: EventLog, stays: Stays) -> Depths:
    """How deep the completions were with which stays began.

    A completion that meets several rules is judged by the one that it exceeds most.
    """
    rank, over = np.full(len(stays), np.nan), np.full(len(stays), np.nan)
    measures: list[str] = []
    for goal in range(1, len(stays.ladder.goals)):
        rows = np.flatnonzero((stays.goal == goal) & ~stays.passed)
        for rule in stays.ladder.goals[goal - 1].complete_when:
            for condition in rule.where:
                found = _reached(log, stays, rows, rule, condition)
                if found is None:
                    continue
                held = np.isfinite(found)
                measures += [f"{rule.event} {condition.property}"] if held.any() else []
                times = found / max(float(condition.value), 1e-12)  # type: ignore[arg-type]
                better = held & ~(times <= over[rows])
                over[rows[better]] = times[better]
                rank[rows[better]] = _ranks(found, held)[better]
    return Depths(rank, over, tuple(dict.fromkeys(measures)))


def _reached(
    log: EventLog, stays: Stays, rows: Ints, rule: EventRule, condition: Condition
) -> Floats | None:
    """Shape (n_rows,): the measure of the completing events; None where there can be none."""
    is_more = condition.operator in ("at_least", "above") and not condition.is_text
    columns = log.columns.numbers
    if not is_more or rule.event not in log.names or condition.property not in columns:
        return None
    values = log.numbers[columns.index(condition.property)]
    for one in stays.ladder.beats:
        if (one.event, one.measure) == (rule.event, condition.property):
            values = sums_of_log(log, one)
    found = np.full(len(rows), np.nan)
    name = log.names.index(rule.event)
    clocks = log.starts, log.name, log.occurred, log.known
    event = name, float(condition.value)  # type: ignore[arg-type]
    _measure_at(clocks, values, event, stays.lead[rows], stays.entered[rows], stays.until, found)
    return found


@numba.njit(cache=True, nogil=True)
def _measure_at(
    clocks: tuple[Ints, Codes, Ints, Ints],
    values: Floats,
    event: tuple[int, float],
    lead: Ints,
    instant: Ints,
    until: int,
    found: Floats,
) -> None:
    """The largest value of events of a name at instants, where it is so much at least."""
    (starts, name, occurred, known), (wanted, least) = clocks, event
    for at in range(len(lead)):
        for row in range(starts[lead[at]], starts[lead[at] + 1]):
            if occurred[row] < instant[at] or name[row] != wanted or known[row] > until:
                continue
            if occurred[row] > instant[at]:
                break
            if values[row] >= least and not found[at] >= values[row]:
                found[at] = values[row]


def _ranks(values: Floats, held: Floats) -> Floats:
    """Shape (n,): mid-ranks of those that are held, in (0, 1)."""
    ranks = np.full(len(values), np.nan)
    of = values[held]
    sorted_values = np.sort(of)
    low = np.searchsorted(sorted_values, of, side="left")
    high = np.searchsorted(sorted_values, of, side="right")
    ranks[held] = (low + high) / (2.0 * max(len(of), 1))
    return ranks
