"""What came after the purchase in each arm, such as renewals; told apart, and never learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, Times
from features.ladder.ladder import Afterwards, Ladder
from features.signals.fold import NONE
from features.signals.linked_log import link
from features.signals.program import compile_signals
from models.judging.trials.shapes import AfterwardsOfArm, AfterwardsOfExperiment

__all__ = ["afterwards"]

_DRAWS: Final = 400
_SEED: Final = 1


def afterwards(
    log: EventLog,
    ladder: Ladder,
    lead: Ints,
    at: Times,
    arm: Ints,
    arms: Sequence[str],
    until: int,
) -> list[AfterwardsOfExperiment]:
    """The average a lead of each arm, since it was put there, for what the ladder names.

    Parameters
    ----------
    lead, at, arm : shape (n,), the leads, when each was put where, as places in `arms`.
    """
    return [
        {
            "id": one.id,
            "title": one.title,
            "days": one.days,
            "arms": _by_arm(_came(log, ladder, one, lead, at), at, arm, arms, one, until),
        }
        for one in ladder.after_purchase
    ]


def _came(log: EventLog, ladder: Ladder, one: Afterwards, lead: Ints, at: Times) -> Floats:
    """Shape (n,): what came of each lead within the days after it was put."""
    compiled = compile_signals(
        (), goals=(((one.gain.rule,), one.days),), columns=log.columns, beats=ladder.beats
    )
    rows = np.flatnonzero(link(log, compiled).meets(0))
    since = np.full(len(log.leads), NONE, dtype=np.int64)
    since[lead] = at
    whose = log.lead_of_rows()[rows]
    began, then = since[whose], log.occurred[rows]
    counts: Bools = (began != NONE) & (then >= began)
    counts &= then - np.where(counts, began, then) <= round(one.days * DAY_US)
    worth = np.full(len(rows), one.gain.worth)
    if one.gain.measure:
        column = log.columns.numbers.index(one.gain.measure)
        worth = worth * np.nan_to_num(log.numbers[column, rows])
    total = np.bincount(whose[counts], worth[counts], len(log.leads))
    return total[lead].astype(np.float64)


def _by_arm(
    came: Floats, at: Times, arm: Ints, arms: Sequence[str], one: Afterwards, until: int
) -> list[AfterwardsOfArm]:
    over = at + round(one.days * DAY_US) <= until
    found: list[AfterwardsOfArm] = []
    for place, name in enumerate(arms):
        own = came[over & (arm == place)]
        mean, low, high = _mean(own)
        found.append({"arm": name, "leads": len(own), "mean": mean, "low": low, "high": high})
    return found


def _mean(own: Floats) -> tuple[float | None, float | None, float | None]:
    """The mean with what 95 % of resamplings of leads hold."""
    if len(own) < 2:
        return None, None, None
    rng = np.random.default_rng(_SEED)
    draws = rng.poisson(1.0, (_DRAWS, len(own))).astype(np.float64)
    means = draws @ own / np.maximum(draws.sum(axis=1), 1.0)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(own.mean()), float(low), float(high)
