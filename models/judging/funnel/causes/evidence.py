"""The evidence for why leads stop before a step, and how likely it is without that cause.

A cause is named only where each part of its evidence is sure, so the largest of their chances is
the chance of naming it wrongly (Berger 1982). What a lead brought along is adjusted for: traits,
how long it took to come here, what it did before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import chdtrc, expit, ndtr

from features.arrays import Bools, Floats, Ints
from features.funnel.depth import Depths
from features.funnel.drops import Drops
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder, Offer
from models.judging.adjusting.logistic import fit_logistic, standardised
from models.judging.funnel.cause_shapes import (
    DepthEvidence,
    FieldsCell,
    JumpEvidence,
    Share,
)
from models.judging.intervals import wilson

__all__ = [
    "Observed",
    "below_p",
    "by_fields",
    "depth_evidence",
    "depth_p",
    "jump_evidence",
    "share_of",
]

FEWEST: Final = 50
"""Leads of whom a thing is known, for it to be judged."""
_FEWEST_BEGIN: Final = 0.05
"""Where fewer do something of the step itself, having seen the offer is how it begins."""
_DIFFER_P: Final = 0.01
_BARELY: Final = 1.25
_FEWEST_IN_SEGMENT: Final = 30


@dataclass(frozen=True, eq=False, slots=True)
class Observed:
    """The leads before one step whose time is over, each once; arrays have shape (n,).

    Parameters
    ----------
    went : whether it went on in time.
    brought : shape (n, n_columns), what it brought along.
    came_in_days : how long it stood before the step before.
    least : the share that is healthy at least.
    """

    goal: int
    ladder: Ladder
    stays: Stays
    went: Bools
    brought: Floats
    came_in_days: Floats
    drops: Drops
    depths: Depths
    least: float


def share_of(went: Bools) -> Share:
    """A share with its interval."""
    low, high = wilson(float(went.sum()), float(len(went)))
    value = float(went.mean()) if len(went) else None
    return {"value": value, "low": low, "high": high, "leads": len(went)}


def below_p(went: Bools, least: float) -> float:
    """How likely so few went on where the share is `least`; 1 without leads."""
    if not len(went):
        return 1.0
    z = (least - float(went.mean())) / np.sqrt(least * (1.0 - least) / len(went))
    return float(ndtr(-z))


# ------------------------------------------------------------------------------------------- jump


def jump_evidence(seen: Observed) -> JumpEvidence:
    """What speaks for a jump that is too large, whoever the lead is."""
    drops, went = seen.drops, seen.went
    began = began_of(drops, went)
    here, before = _efforts(seen)
    most = seen.ladder.max_effort_jump
    ratio = None if here is None or before is None else here / max(before, 1.0)
    stops = began[~went]
    heavier = _heavier_p(seen)
    parts = [
        min(0.0 if ratio is not None and ratio > most else 1.0, heavier),
        below_p(went[began], seen.least),
        _most_p(stops),
    ]
    deep = deep_third(seen)
    if deep is not None:
        parts.append(below_p(went[deep], seen.least))
    if _healthy_somewhere(seen):
        parts.append(1.0)
    return {
        "effort": here,
        "effort_before": before,
        "ratio": ratio,
        "most": most,
        "extended": int(drops.extended.sum()),
        "seen": int(drops.seen.sum()),
        "began": int(began.sum()),
        "declined": int(drops.declined.sum()),
        "went_on_of_began": share_of(went[began]),
        "stops_after_beginning": share_of(stops),
        "heavier_goes_on_less": None if heavier == 1.0 and not _vary(seen) else heavier < 0.05,
        "by_fields": by_fields(seen.ladder, seen.drops.offer, seen.went),
        "p": max(parts) if max(parts) < 1.0 else None,
    }


def began_of(drops: Drops, went: Bools) -> Bools:
    """Shape (n,): who came to the offer itself: did something of it, or refused it.

    Who went on began. Where hardly anybody does anything of the step before it is complete, to have
    seen the offer is to begin.
    """
    began = drops.begun | drops.declined | drops.turned
    if len(began) and began.mean() < _FEWEST_BEGIN:
        began = began | drops.seen
    return np.asarray(began | went)


def _most_p(stops: Bools) -> float:
    """How likely so many of those that stop began, where half of them do."""
    if not len(stops):
        return 1.0
    return float(ndtr((0.5 - float(stops.mean())) / np.sqrt(0.25 / len(stops))))


def _efforts(seen: Observed) -> tuple[float | None, float | None]:
    """Minutes' worth of what was extended at the step, and of the lightest offer before it."""
    ladder, goal = seen.ladder, seen.goal
    before = _weights(ladder, ladder.asks_of(ladder.goals[goal - 1].id)) if goal else []
    asked = seen.drops.offer[seen.drops.offer >= 0]
    if len(asked):
        effort = _weights(ladder, ladder.offers)
        here: float | None = float(np.median(np.array(effort)[asked]))
    else:
        here = min(_weights(ladder, ladder.asks_of(ladder.goals[goal].id)), default=None)
    return here, min(before, default=None)


def _weights(ladder: Ladder, offers: tuple[Offer, ...]) -> list[float]:
    return [offer.effort.score(ladder.effort_weights) for offer in offers]


def _asked(seen: Observed) -> tuple[Bools, Floats, Ints]:
    """Who was extended an offer, and of the offers how much they ask and in how many fields."""
    asked = seen.drops.offer >= 0
    offers = seen.ladder.offers
    efforts = np.array([*_weights(seen.ladder, offers), 1.0])
    fields = np.array([*(len(offer.effort.form_fields) for offer in offers), 0])
    return asked, efforts[seen.drops.offer], fields[seen.drops.offer]


def _vary(seen: Observed) -> bool:
    asked, efforts, _ = _asked(seen)
    return len(np.unique(efforts[asked])) > 1


def _heavier_p(seen: Observed) -> float:
    """How likely the heavier offers go with less by chance; 1 where all were asked alike.

    Of effort and of form fields the surer one counts, at twice its chance (Bonferroni).
    """
    asked, efforts, fields = _asked(seen)
    went = seen.went[asked]
    if min(went.sum(), (~went).sum()) < FEWEST // 5:
        return 1.0
    found = [1.0]
    for amount in (np.log2(np.maximum(efforts[asked], 1.0)), fields[asked].astype(np.float64)):
        if np.ptp(amount) > 0:
            z = _slope_z(amount, seen.brought[asked], went)
            found.append(float(ndtr(z)))
    return min(1.0, 2.0 * min(found)) if len(found) > 1 else 1.0


def by_fields(ladder: Ladder, offer: Ints, went: Bools) -> list[FieldsCell]:
    """Completion by the number of fields that the extended offer asks for, the fewest first.

    Parameters
    ----------
    offer : shape (n,), the first that was extended to each, by its place in the ladder; or -1.
    went : shape (n,), whether it went on in time.
    """
    fields = np.array([*(len(one.effort.form_fields) for one in ladder.offers), -1])[offer]
    return [
        {"fields": count, "went_on": share_of(went[fields == count])}
        for count in np.unique(fields[fields >= 0]).tolist()
    ]


def _healthy_somewhere(seen: Observed) -> bool:
    """Whether kinds of leads surely differ, and one may well be healthy: it is who they are."""
    for codes in seen.stays.traits:
        _, group = np.unique(codes, return_inverse=True)
        size = np.bincount(group)
        went = np.bincount(group, seen.went).astype(np.float64)
        told = size >= _FEWEST_IN_SEGMENT
        if told.sum() < 2:
            continue
        _, high = wilson(went[told], size[told].astype(np.float64))
        if _differ_p(went[told], size[told]) < _DIFFER_P and (high >= seen.least).any():
            return True
    return False


def _differ_p(went: Floats, size: Ints) -> float:
    """How likely shares differ so by chance (Pearson's chi-squared)."""
    share = went.sum() / size.sum()
    if share in (0.0, 1.0):
        return 1.0
    above = ((went - size * share) ** 2 / (size * share * (1.0 - share))).sum()
    return float(chdtrc(len(size) - 1, above))


# ------------------------------------------------------------------------------------------ depth


def deep_third(seen: Observed) -> Bools | None:
    """Shape (n,): who used what came before most; None where that is hardly known."""
    rank = seen.depths.rank
    if np.isfinite(rank).sum() < FEWEST:
        return None
    return np.asarray(rank >= 2.0 / 3.0)


def depth_evidence(seen: Observed) -> DepthEvidence:
    """What speaks for too little value before."""
    rank, over, went = seen.depths.rank, seen.depths.over, seen.went
    known = np.isfinite(rank)
    if_deep, closes_p = _if_all_deep(seen)
    p = max(depth_p(rank, seen.brought, went), closes_p)
    back = seen.drops.returned
    came = seen.came_in_days[np.isfinite(seen.came_in_days)]
    return {
        "measures": list(seen.depths.measures),
        "known": int(known.sum()),
        "shallow": share_of(went[rank < 1.0 / 3.0]),
        "deep": share_of(went[rank >= 2.0 / 3.0]),
        "barely": share_of(over[known] < _BARELY),
        "if_all_deep": if_deep,
        "returned_went_on": share_of(back[went]),
        "returned_stopped": share_of(back[~went]),
        "days_at_step_before": float(np.median(came)) if len(came) else None,
        "p": p if p < 1.0 else None,
    }


def depth_p(rank: Floats, brought: Floats, went: Bools) -> float:
    """How likely deeper use goes with going on so much by chance; 1 where too little is known."""
    known = np.isfinite(rank)
    came = went[known]
    if known.sum() < FEWEST or min(came.sum(), (~came).sum()) < FEWEST // 5:
        return 1.0
    return float(ndtr(-_slope_z(rank[known], brought[known], came)))


def _slope_z(amount: Floats, brought: Floats, went: Bools) -> float:
    """The slope of an amount by its standard error, with what was brought along adjusted for."""
    if np.ptp(amount) == 0:
        return 0.0
    X = np.column_stack([(amount - amount.mean()) / amount.std(), standardised(brought)])
    return fit_logistic(X, went.astype(np.float64)).z(0)


def _if_all_deep(seen: Observed) -> tuple[float | None, float]:
    """What would come of deep use by all, and how likely that closes half of the gap by chance.

    The first is the share that would go on if all had used it as the deep third did (g-formula).
    """
    rank = seen.depths.rank
    known = np.isfinite(rank)
    came = seen.went[known]
    if known.sum() < FEWEST or min(came.sum(), (~came).sum()) < FEWEST // 5:
        return None, 1.0
    middle = rank[known] - rank[known].mean()
    X = np.column_stack([middle, standardised(seen.brought[known])])
    fitted = fit_logistic(X, came.astype(np.float64))
    deep = 5.0 / 6.0 - float(rank[known].mean())
    rest = np.log(fitted.chance(X)) - np.log1p(-fitted.chance(X)) - fitted.slopes[1] * middle
    wanted = float(came.mean()) + (seen.least - float(came.mean())) / 2.0
    lowest, highest = -50.0, 50.0  # the slope that closes half of the gap, by bisection
    for _ in range(40):
        tried = (lowest + highest) / 2.0
        enough = float(expit(rest + tried * deep).mean()) >= wanted
        lowest, highest = (lowest, tried) if enough else (tried, highest)
    error = float(np.sqrt(fitted.covariance[1, 1]))
    closes_p = float(ndtr((highest - float(fitted.slopes[1])) / error))
    return float(expit(rest + fitted.slopes[1] * deep).mean()), closes_p
