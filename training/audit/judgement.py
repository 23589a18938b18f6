"""Scores of others against what came: won, not won or pending, and what can be said of it.

One score of a lead counts: its first, which no later event can have been known to. A lead whose
horizon is not over is pending and is not judged, also when it has won already: to keep those and
drop the rest would count successes sooner than failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from features.arrays import Floats
from features.errors import NotEnoughData
from features.events.log import DAY_US, Times
from features.ladder.words import things
from models.judging import foreign_scores as judging
from models.judging import metrics
from models.judging.intervals import wilson
from training.audit.results import PROBABILITIES, Audit, Beside
from training.audit.scores_file import ScoreRows
from training.audit.wording import not_judged, verdicts

__all__ = ["Judged", "audit", "judged_rows"]

_WEEK_US: Final = 7 * DAY_US


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """One row a lead whose outcome is known, and what became of the others.

    Parameters
    ----------
    counts : leads by what became of them; winners without a score under "won_unscored".
    winners, late : leads that won, and those whose first score is dated at the win or later.
    """

    leads: tuple[str, ...]
    score: Floats
    happened: Floats
    at: Times
    counts: dict[str, int]
    winners: int
    late: int


def judged_rows(
    rows: ScoreRows, won_at: Mapping[str, int], until: int, horizon_days: float
) -> Judged:
    """The first score of each lead with its outcome within the horizon.

    Parameters
    ----------
    won_at : when each lead that won by `until` first did, microseconds since the epoch.
    """
    first: dict[str, int] = {}
    for row in np.argsort(rows.at, kind="stable").tolist():
        first.setdefault(rows.leads[row], row)
    leads, picked = tuple(first), np.array(list(first.values()))
    at = rows.at[picked]
    never = np.iinfo(np.int64).max
    win = np.array([won_at.get(lead, never) for lead in leads], dtype=np.int64)
    horizon = round(horizon_days * DAY_US)
    before = win <= at
    future = at > until
    pending = ~before & ~future & (at + horizon > until)
    known = ~(before | future | pending)
    happened = (known & (win <= at + horizon)).astype(np.float64)
    winners = sum(when <= until for when in won_at.values())
    counts = {
        "leads": len(leads),
        "repeated_scores": len(rows.leads) - len(leads),
        "won_before_score": int(before.sum()),
        "dated_after_until": int((future & ~before).sum()),
        "pending": int(pending.sum()),
        "won": int(happened.sum()),
        "not_won": int(known.sum() - happened.sum()),
        "won_unscored": sum(lead not in first for lead in won_at),
    }
    return Judged(
        tuple(np.array(leads, dtype=object)[known].tolist()),
        rows.score[picked][known], happened[known], at[known], counts,
        winners - counts["won_unscored"], int(before.sum()),
    )  # fmt: skip


def audit(
    judged: Judged,
    scale: str,
    *,
    until: int,
    horizon_days: float,
    capacity: float,
    rung: Floats | None = None,
    trained_until: int = 0,
    warnings: tuple[str, ...] = (),
) -> Audit:
    """Judge scores on their outcomes.

    Parameters
    ----------
    capacity : below 1 a share of the leads that sales can call, else leads a week.
    rung : Rung's probabilities for the same rows; NaN where it has none.
    trained_until : what Rung's model knew, in microseconds since the epoch.
    warnings : what is to be known before the verdicts are believed.

    Raises
    ------
    NotEnoughData : the horizon of no lead is over.
    """
    if len(judged.leads) == 0:
        have = "has" if horizon_days == 1 else "have"
        waited = f"{things(horizon_days, 'day')} {have}"
        raise NotEnoughData(
            f"no lead can be judged: of {judged.counts['leads']:,} with a score"
            f" {not_judged(judged.counts)}; wait until {waited} passed since the"
            " scores, or name a shorter --horizon-days"
        )
    score, happened = judged.score, judged.happened
    is_probability = scale in PROBABILITIES
    later = judging.later_half(judged.at)
    p_values = judging.family_p_values(score, happened, later, is_probability=is_probability)
    leak = judging.leak_p_value(judged.winners, judged.late)
    if leak is not None:
        p_values["dated_after_win"] = leak
    faults = judging.holm(p_values)
    values: dict[str, Any] = {}
    if found := judging.ordering(score, happened):
        values |= dict(zip(("auc_low", "auc_high"), found.interval, strict=True))
        values["auc"] = found.auc
        values |= _at_capacity(judged, capacity)
    if is_probability:
        values["expected_wins"] = float(score.sum())
        if found:
            values["slope"] = judging.calibration_slope(score, happened)
        values["bins"] = metrics.reliability(score, happened)
    else:
        values["bins"] = metrics.reliability(score, happened, bins=5)
    result = Audit(
        verdicts=(), faults=faults, p_values=p_values, scale=scale, until=until,
        horizon_days=horizon_days, capacity=capacity, counts=judged.counts,
        wins=int(happened.sum()), judged=len(happened), distinct=len(np.unique(score)),
        beside=_beside(judged, rung, trained_until), warnings=warnings,
        unknown_to_rung=rung is not None and _is_too_few(happened[np.isfinite(rung)]), **values,
    )  # fmt: skip
    return replace(result, verdicts=verdicts(result))


def _at_capacity(judged: Judged, capacity: float) -> dict[str, Any]:
    week = (judged.at - judged.at.min()) // _WEEK_US
    instant = np.zeros_like(week) if capacity < 1 else week
    worked = metrics.queue(judged.score, judged.happened, instant, capacity)
    low, high = wilson(worked.hits, float(worked.successes))
    return {
        "called": worked.picked,
        "found": worked.found,
        "low": low,
        "high": high,
        "by_chance": worked.by_chance,
        "missed": worked.successes - worked.hits,
    }


def _is_too_few(happened: Floats) -> bool:
    won = int(happened.sum())
    return min(won, len(happened) - won) < judging.FEWEST


def _beside(judged: Judged, rung: Floats | None, trained_until: int) -> Beside | None:
    if rung is None:
        return None
    has = np.isfinite(rung)
    one = judging.ordering(judged.score[has], judged.happened[has])
    other = judging.ordering(rung[has], judged.happened[has])
    if one is None or other is None:
        return None
    value, low, high = judging.difference_of_orderings(one, other)
    flattered = int((judged.at[has] < trained_until).sum())
    return Beside(int(has.sum()), other.auc, value, low, high, flattered)
