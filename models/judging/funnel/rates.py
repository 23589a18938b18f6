"""The funnel of some stays: rates that count nobody as lost who still has time."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Final

import numpy as np

from features.arrays import Bools, Ints
from features.clock import rfc3339
from features.events.log import DAY_US
from features.funnel.states import State
from features.funnel.stays import Stays
from features.ladder.ladder import Band, Ladder
from features.signals.fold import NONE
from models.judging.funnel.incidence import Incidence, Waited, incidence, quantiles
from models.judging.funnel.lever import lever_of
from models.judging.funnel.selection import (
    Every,
    Selection,
    cohort_of,
    cohort_starts,
    had_by_nobody,
    most_had,
)
from models.judging.funnel.shapes import (
    BandedWay,
    BandVerdict,
    CohortCell,
    Days,
    Funnel,
    LeadCounts,
    Rate,
    SegmentCell,
    StepBand,
    StepFunnel,
    Trend,
    Whole,
)
from models.judging.funnel.wording import again_said, sentence_of
from models.judging.intervals import newcombe, wilson

__all__ = ["came_again", "funnel", "shown_stretches"]

_MOST_COHORTS: Final = 53
_MOST_VALUES: Final = 20
"""Of a trait; the rest have too few leads to be told apart."""
_FEWEST: Final = 0.1
"""Leads; what tells less is told as 0, as of one lead that came a hundred times and waits."""
_STRETCH_DAYS: Final = 90.0
"""What a trend compares, where no stretch is asked for."""
_STATES: Final = (State.ADVANCED, State.PENDING, State.LAPSED, State.LOST, State.LEFT)


def funnel(stays: Stays, selection: Selection | None = None, every: Every = "week") -> Funnel:
    """What became of leads at each step, and on the whole way.

    Parameters
    ----------
    selection : which stays are counted (default: all).
    every : what the cohorts of a step are.

    Raises
    ------
    FunnelError : a trait by which leads are not told apart.
    """
    selection = selection or Selection()
    some, segment = selection.of(stays), stays.rows(selection.segment_of(stays))
    days = _stretch(stays, selection)
    steps = []
    for at in _goals(stays):
        here = some.at(at)
        ever = here if segment is some else segment.at(at)
        steps.append(_step(here, ever, at, days, selection, every))
    return {
        "ladder": stays.ladder.name,
        "as_of": rfc3339(stays.until),
        "counted_until": rfc3339(stays.counted_until),
        "entered_from": _told(selection.entered_from),
        "entered_to": _told(selection.entered_to),
        "only": dict(selection.only),
        "every": every,
        "leads": _leads(some),
        "whole": _whole(stays, selection, steps),
        "steps": steps,
        "lever": lever_of(steps),
        "notes": [*had_by_nobody(selection, stays), *_notes(stays, some, every)],
    }


def _goals(stays: Stays) -> range:
    return range(len(stays.ladder.goals))


def _leads(stays: Stays) -> int:
    """How many different leads there are."""
    return int((np.diff(stays.lead, prepend=-1) != 0).sum())  # they stand in order


def came_again(stays: Stays) -> int:
    """How many leads came to one and the same step more than once: they began the ladder anew."""
    at = np.sort(stays.lead * len(stays.ladder.goals) + stays.goal)
    return len(np.unique(at[1:][np.diff(at) == 0] // len(stays.ladder.goals)))


def _told(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)


# ------------------------------------------------------------------------------------------- a step


def _step(
    stays: Stays, ever: Stays, at: int, days: float, selection: Selection, every: Every
) -> StepFunnel:
    """One step.

    Parameters
    ----------
    stays, ever : those before the step that are counted, and those whenever they came.
    """
    goal = stays.ladder.goals[at]
    rate = _rate(stays)
    verdict = _verdict(rate, goal.band)
    counts = _counts(stays)
    trend = _trend(ever, days, selection)
    gone = int((stays.advanced != NONE).sum())
    return {
        "id": goal.id,
        "title": goal.title,
        "horizon_days": goal.horizon_days,
        "band": _shaped(goal.band),
        "counts": counts,
        "rate": rate,
        "verdict": verdict,
        "so_far": gone / len(stays) if len(stays) else None,
        "days": _days(stays),
        "trend": trend,
        "cohorts": _cohorts(stays, every),
        "segments": {trait: _segments(stays, trait) for trait in stays.trait_ids},
        "says": sentence_of(counts, rate, verdict, goal, trend, leads=_leads(stays)),
    }


def _waited(stays: Stays, group: Ints | None = None) -> Waited:
    advanced = stays.state == State.ADVANCED
    return Waited(
        took=np.where(advanced, stays.advanced - stays.entered, stays.followed),
        advanced=advanced,
        is_mature=stays.is_mature,
        group=np.zeros(len(stays), dtype=np.int64) if group is None else group,
        lead=stays.lead,
    )


def _rate(stays: Stays) -> Rate:
    return _rate_at(incidence(_waited(stays), 1), 0)


def _rate_at(found: Incidence, at: int) -> Rate:
    value = float(found.value[at])
    return {
        "value": None if np.isnan(value) else value,
        "low": float(found.low[at]),
        "high": float(found.high[at]),
        "leads": round(float(found.effective[at]), 1),
    }


def _counts(stays: Stays) -> LeadCounts:
    return _counts_by(stays, np.zeros(len(stays), dtype=np.int64), 1)[0]


def _counts_by(stays: Stays, group: Ints, groups: int) -> list[LeadCounts]:
    came = np.bincount(group, minlength=groups)
    state = stays.state
    of = {one: np.bincount(group[state == one], minlength=groups) for one in _STATES}
    passed = np.bincount(group[stays.passed], minlength=groups)
    return [
        {
            "came": int(came[at]),
            "advanced": int(of[State.ADVANCED][at]),
            "pending": int(of[State.PENDING][at]),
            "lapsed": int(of[State.LAPSED][at]),
            "lost": int(of[State.LOST][at]),
            "left": int(of[State.LEFT][at]),
            "passed": int(passed[at]),
        }
        for at in range(groups)
    ]


def _days(stays: Stays) -> Days:
    stood = stays.rows(~stays.passed)
    waited = _waited(stood)
    median, most_of_them = quantiles(waited, (0.5, 0.9))
    took = waited.took[waited.advanced]
    return {
        "least": _in_days(float(took.min())) if len(took) else None,
        "median": _in_days(median),
        "most_of_them": _in_days(most_of_them),
        "most": _in_days(float(took.max())) if len(took) else None,
    }


def _in_days(took: float | None) -> float | None:
    return None if took is None else took / DAY_US


def _verdict(rate: Rate, band: Band | None) -> BandVerdict:
    """Where a rate surely lies, by its interval."""
    if band is None:
        return "no band"
    if rate["high"] < band.low:
        return "below"
    if rate["low"] > band.high:
        return "above"
    return "within" if band.low <= rate["low"] and rate["high"] <= band.high else "undetermined"


# ------------------------------------------------------------------------- cohorts, segments, trend


def _cohorts(stays: Stays, every: Every) -> list[CohortCell]:
    """The newest ones, in order of time."""
    if not len(stays):
        return []
    number = cohort_of(stays.entered, every)
    first = int(number.min())
    group, groups = number - first, int(number.max()) - first + 1
    starts = cohort_starts(np.arange(groups) + first, every).tolist()
    counts = _counts_by(stays, group, groups)
    found = incidence(_waited(stays, group), groups)
    cells: list[CohortCell] = [
        {"since": rfc3339(start), "counts": counts[at], "rate": _rate_at(found, at)}
        for at, start in enumerate(starts)
        if counts[at]["came"]
    ]
    return cells[-_MOST_COHORTS:]


def _segments(stays: Stays, trait: str) -> list[SegmentCell]:
    """The values that most leads had, those with the most first; the unknown last."""
    row = stays.trait_ids.index(trait)
    words, codes = stays.values[row], stays.traits[row].astype(np.int64)
    group = np.where(codes < 0, len(words), codes)
    shown = most_had(stays, trait, _MOST_VALUES)
    counts = _counts_by(stays, group, len(words) + 1)
    found = incidence(_waited(stays, group), len(words) + 1)
    return [
        {
            "value": words[at] if at < len(words) else None,
            "counts": counts[at],
            "rate": _rate_at(found, at),
        }
        for at in shown
    ]


def _stretch(stays: Stays, selection: Selection) -> float:
    """What a trend compares, in days: what is asked for, else 90, or half of the log."""
    first = selection.entered_from
    if first is not None:
        return max(1.0, (_end(stays, selection) - first) / DAY_US)
    spans = (_end(stays, selection) - int(stays.entered.min(initial=stays.counted_until))) / DAY_US
    return min(_STRETCH_DAYS, max(1.0, spans / 2.0))


def _end(stays: Stays, selection: Selection) -> int:
    """Until when leads are counted that came before it."""
    counted = stays.counted_until + 1
    return counted if selection.entered_to is None else min(counted, selection.entered_to)


def _trend(stays: Stays, days: float, selection: Selection) -> Trend | None:
    """The newest stretch whose leads had their time, beside the one before it."""
    if not len(stays):
        return None
    end, stretch = _end(stays, selection), round(days * DAY_US)
    newest = (stays.entered >= end - stretch) & (stays.entered < end)
    before = (stays.entered >= end - 2 * stretch) & (stays.entered < end - stretch)
    now, then = _rate(stays.rows(newest)), _rate(stays.rows(before))
    difference, low, high = _difference(now, then)
    return {
        "days": round(days, 1),
        "newest": now,
        "before": then,
        "difference": difference,
        "low": low,
        "high": high,
    }


def _difference(one: Rate, other: Rate) -> tuple[float | None, float | None, float | None]:
    """Of two rates of different leads, with its 95 % interval (Newcombe 1998)."""
    if one["value"] is None or other["value"] is None:
        return None, None, None
    return newcombe(
        (one["value"], one["low"], one["high"]), (other["value"], other["low"], other["high"])
    )


# -------------------------------------------------------------------------------------- the whole


def _whole(stays: Stays, selection: Selection, steps: list[StepFunnel]) -> Whole:
    """The way from the first step to the purchase, of those who began it when it is counted.

    A rate of the whole way is compared with bands of the whole way alone: where the first steps
    have none, that is the way from the first step after them.
    """
    first = _first_banded(stays.ladder)
    followed, so_far = _followed(stays, selection, 0)
    band = _band_from(stays.ladder, 0) if first == 0 else None
    return {
        "product": _product([step["rate"] for step in steps]),
        "followed": followed,
        "so_far": so_far,
        "band": _shaped(band),
        "verdict": _verdict(followed, band),
        "banded": _banded(stays, selection, first),
    }


def _banded(stays: Stays, selection: Selection, first: int) -> BandedWay | None:
    """The way from a step to the purchase; None where that is the whole, or the purchase alone."""
    if not 0 < first < len(stays.ladder.goals) - 1:
        return None
    goal, band = stays.ladder.goals[first], _band_from(stays.ladder, first)
    followed, so_far = _followed(stays, selection, first)
    return {
        "step": goal.id,
        "title": goal.title,
        "followed": followed,
        "so_far": so_far,
        "band": {"low": band.low, "high": band.high},
        "verdict": _verdict(followed, band),
    }


def _first_banded(ladder: Ladder) -> int:
    """The place of the first step from which on all have a band; none has: after the last."""
    bare = [at for at, goal in enumerate(ladder.goals) if goal.band is None]
    return bare[-1] + 1 if bare else 0


def _band_from(ladder: Ladder, first: int) -> Band:
    """The bands from a step on, which all have one, multiplied."""
    bands = [goal.band for goal in ladder.goals[first:] if goal.band is not None]
    return Band(prod(one.low for one in bands), prod(one.high for one in bands))


def _shaped(band: Band | None) -> StepBand | None:
    return None if band is None else {"low": band.low, "high": band.high}


def _followed(stays: Stays, selection: Selection, first: int) -> tuple[Rate, float | None]:
    """Of those who come to a step, how many purchase in time, and how many have by now."""
    rounds, purchased_at = _rounds(stays, selection, first)
    rate = _rate_at(incidence(_waited_whole(rounds, purchased_at, first), 1), 0)
    bought = int((purchased_at != NONE).sum())
    return rate, bought / len(rounds) if len(rounds) else None


def _rounds(stays: Stays, selection: Selection, first: int) -> tuple[Stays, Ints]:
    """The stays before a step, one a round on the ladder, and when each purchased, or NONE."""
    number = np.cumsum(stays.goal == 0) - 1
    here = np.flatnonzero(stays.goal == first)
    purchased = np.full(int(number[-1]) + 1 if len(number) else 0, NONE, dtype=np.int64)
    last = (stays.goal == len(stays.ladder.goals) - 1) & (stays.advanced != NONE)
    last &= (stays.left == NONE) | (stays.advanced <= stays.left)
    last &= stays.advanced <= stays.counted_until
    purchased[number[last]] = stays.advanced[last]
    rounds = stays.rows(here)
    keep = selection.keeps(rounds)
    return rounds.rows(keep), purchased[number[here]][keep]


def _waited_whole(rounds: Stays, purchased: Ints, first: int) -> Waited:
    days = sum(goal.horizon_days for goal in rounds.ladder.goals[first:])
    horizon = round(days * DAY_US)
    followed = np.clip(rounds.counted_until - rounds.entered, 0, horizon)
    in_time: Bools = (purchased != NONE) & (purchased - rounds.entered <= horizon)
    return Waited(
        took=np.where(in_time, purchased - rounds.entered, followed),
        advanced=in_time,
        is_mature=rounds.entered + horizon <= rounds.counted_until,
        group=np.zeros(len(rounds), dtype=np.int64),
        lead=rounds.lead,
    )


def _product(rates: list[Rate]) -> Rate:
    """The product of rates of different leads, by how much each log of them varies."""
    high = prod(rate["high"] for rate in rates)
    values = [rate["value"] for rate in rates if rate["value"] is not None]
    fewest = min(rate["leads"] for rate in rates)
    if len(values) < len(rates):
        return {"value": None, "low": prod(r["low"] for r in rates), "high": high, "leads": fewest}
    value = prod(values)
    if not 0.0 < value < 1.0:
        low = prod(rate["low"] for rate in rates)
        return {"value": value, "low": low, "high": high, "leads": fewest}
    many = [max(rate["leads"], _FEWEST) for rate in rates]
    varies = sum((1.0 - r) / (r * leads) for r, leads in zip(values, many, strict=True))
    leads = (1.0 - value) / (value * varies)
    low, high = wilson(value * leads, leads)
    return {"value": value, "low": low, "high": high, "leads": round(leads, 1)}


def shown_stretches(every: Every) -> str:
    """The note that not all weeks or months are shown; what shows none has no use for it."""
    return f"of each step the newest {_MOST_COHORTS} {every}s are shown"


def _notes(stays: Stays, some: Stays, every: Every) -> Iterator[str]:
    """What is to be known before the figures are read."""
    if not len(stays):
        yield "no lead has come to the ladder yet"
    elif not len(some):
        yield "nobody came to a step of whom is asked: ask for other leads, or for a longer time"
    if again := again_said(came_again(some)):
        yield again
    spans = np.ptp(cohort_of(some.entered, every)) if len(some) else 0
    if spans >= _MOST_COHORTS:
        yield shown_stretches(every)
    crowded = [
        trait
        for row, trait in enumerate(stays.trait_ids)
        if len(np.unique(some.traits[row])) > _MOST_VALUES + 1
    ]
    for trait in crowded:
        yield f"of {trait} the {_MOST_VALUES} values with the most leads are shown"
