"""How a bundle's probabilities have moved with the outcomes since it was trained.

One point a lead and week, at an instant that depends on nothing but the lead and the week; its
outcome counts when its horizon is over and late reports have had their time, whether it was known
sooner or not: those that advance are known before those that do not, and to count them as they come
would see successes first. So the moves are a function of what was known at an instant, of the
ladder and of the bundle, and nothing that comes later changes them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import logit

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, Times
from features.signals.fold import NONE
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from models.bundle import Bundle
from models.recalibrated import GOALS, typical_log_odds
from models.scores.recalibration import Arrivals, Move, follow
from training.decision_points import Points, points_at, weekly_instants

__all__ = ["EVERY_US", "arrivals", "recalibrate"]

EVERY_US: Final = 3_600_000_000
"""Moves are kept once an hour."""


def recalibrate(log: EventLog, bundle: Bundle, as_of: int) -> dict[str, list[Move]]:
    """The moves of each goal by what was known at `as_of`, the oldest first; none before the first.

    Parameters
    ----------
    log : of the bundle's ladder; what is known later is not looked at.
    bundle : as it was trained.
    as_of : microseconds since the epoch.
    """
    log = log.known_by(as_of)
    points = _points(log, bundle, as_of)
    found = {}
    for goal in GOALS:
        came = arrivals(log, bundle, goal, points, as_of)
        moves = follow(came, typical_log_odds(bundle, goal)).kept(EVERY_US)
        found[goal] = [move for move in moves if move.known_at <= as_of]
    return found


def _points(log: EventLog, bundle: Bundle, as_of: int) -> Points:
    ladder = bundle.ladder
    longest = max(goal.horizon_days for goal in ladder.goals)
    until = int(bundle.manifest["until"])
    start = until - round(longest * DAY_US) - int(_delays(bundle).max())
    lead, when = weekly_instants(log, ladder, start, as_of)
    return points_at(log, ladder, lead, when)


def _delays(bundle: Bundle) -> Ints:
    """Shape (n_goals,); a bundle that was trained before goals had their own has one for all."""
    said = bundle.manifest.get("arrival_delays", bundle.manifest.get("arrival_delay"))
    return np.broadcast_to(np.asarray(said, dtype=np.int64), len(bundle.ladder.goals))


def arrivals(log: EventLog, bundle: Bundle, goal: str, points: Points, as_of: int) -> Arrivals:
    """Of the points those whose outcome is known at `as_of` and was not when the bundle learned.

    In the order in which they became known; of one instant, in that of the leads' ids.
    """
    ladder, until = bundle.ladder, int(bundle.manifest["until"])
    horizons = np.array([round(one.horizon_days * DAY_US) for one in ladder.goals])
    came = link(log, compile_ladder(ladder)).next_completions(
        points.lead, points.as_of, points.position, as_of
    )
    if goal == "advancement":
        horizon, delay = horizons[points.position], _delays(bundle)[points.position]
        reached, told = came.advanced, came.advance_known
        asked = np.ones(len(points), dtype=np.bool_)
    else:  # on the last rung the next step is the purchase: one question has one answer
        horizon = np.full(len(points), horizons[-1])
        delay = np.full(len(points), _delays(bundle)[-1])
        reached, told = came.purchased, came.purchase_known
        asked = points.position < len(horizons) - 1
    known_at = points.as_of + horizon + delay
    unseen = known_at > until
    if bundle.manifest["trained_on"][goal]["early"]:
        unseen = points.as_of > until
    keep = asked & unseen & (known_at <= as_of)
    happened = (reached != NONE) & (reached <= points.as_of + horizon) & (told <= known_at)
    rows = np.flatnonzero(keep)
    names = np.array([log.leads[at] for at in points.lead[rows]], dtype=object)
    rows = rows[np.lexsort((points.as_of[rows], np.argsort(np.argsort(names)), known_at[rows]))]
    model = getattr(bundle, goal)
    some = points.rows(_mask(rows, len(points)))
    told_of = model.estimate(bundle.encoding.matrix(some.snapshot), some.position).probability
    log_odds = np.zeros(len(points))
    log_odds[np.sort(rows)] = logit(told_of)
    return Arrivals(
        log_odds[rows],
        happened[rows].astype(np.float64),
        _worth(points, horizon)[rows],
        points.as_of[rows],
        known_at[rows],
    )


def _mask(rows: Ints, count: int) -> Bools:
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    return mask


def _worth(points: Points, horizon: Times) -> Floats:
    """Shape (n,): one over how many points of the lead lie within the horizon before, with itself.

    Their outcomes are the same one as long as their horizons overlap.
    """
    order = np.lexsort((points.as_of, points.lead))
    worth = np.empty(len(order))
    for part in np.split(order, np.flatnonzero(np.diff(points.lead[order])) + 1):
        when = points.as_of[part]
        before = np.searchsorted(when, when - horizon[part], side="right")
        worth[part] = 1.0 / (np.arange(len(part)) - before + 1)
    return worth
