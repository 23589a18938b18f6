"""How a bundle's probabilities have moved with the outcomes since it was trained.

One point a lead and week, at an instant that depends on nothing but the lead and the week; its
outcome counts when its horizon is over and late reports have had their time, whether it was known
sooner or not: those that advance are known before those that do not, and to count them as they come
would see successes first. So the moves are a function of what was known at an instant, of the
ladder and of the bundle, and nothing that comes later changes them. A time without any news that is
far too long for the log, as while a service was down, is no time in which nothing happened.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import logit

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, Times
from features.ladder.activity import activity_of
from features.ladder.ladder import Ladder
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
_SILENT_DAYS: Final = 7
_TIMES_THE_LONGEST: Final = 3
"""After so many days without any news, and so many times the longest wait for some lately, it is
the news that is missing. By the days alone a log of few leads would wait for what it knows."""
_PACED: Final = 60
"""Waits that the pace of a log is told by: of a log with news each day those of two months."""
_NEVER: Final = 2**61


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
    silent, known_at = _beside_silence(log, ladder, as_of, points.as_of, known_at, delay)
    keep = asked & unseen & ~silent & (known_at <= as_of)
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


def _beside_silence(
    log: EventLog, ladder: Ladder, as_of: int, asked_at: Times, known_at: Times, delay: Times
) -> tuple[Bools, Times]:
    """Which points lie in a silence, and when the outcomes of the others are known, after it.

    Where nothing was learned for far longer than is usual of the log, nobody has reported what
    happened: what did not come is no failure, and a lead was scored from what was known before.
    Once there is news again, what was held back comes with it; an outcome that would have been
    known meanwhile is known a usual delay after the day of that news. By then the silence can be
    told, so that nothing that comes later changes what was counted.

    Parameters
    ----------
    asked_at, known_at, delay : shape (n,), of each point, in microseconds.
    """
    begun, ended = _silences(_days_with_news(log, ladder), as_of)
    if not begun.size:
        return np.zeros(len(asked_at), dtype=np.bool_), known_at

    def last_begun(when: Times) -> Ints:
        return np.maximum(np.searchsorted(begun, when, side="right") - 1, 0)

    at = last_begun(asked_at)
    silent = (begun[at] <= asked_at) & (asked_at < ended[at])
    at = last_begun(known_at)
    told = ended[at] + delay
    return silent, np.where((begun[at] <= known_at) & (known_at < told), told, known_at)


def _days_with_news(log: EventLog, ladder: Ladder) -> Ints:
    """The days since the epoch, UTC, on which anything was learned that is not of our own doing."""
    ours = [rule for rule in activity_of(ladder).ours if not rule.where]
    theirs = np.array([not any(one.names(name) for one in ours) for name in log.names])
    return np.unique(log.known[theirs[log.name]] // DAY_US) if len(log) else np.zeros(0, np.int64)


def _silences(days: Ints, as_of: int) -> tuple[Times, Times]:
    """When each time without news began to be one, and when it ended: with the next day of news.

    How long that takes goes by the pace of the log before: a lead a month is no outage, and a log
    of which too little is known has none.
    """
    waits = np.diff(days)
    if len(days) <= _PACED:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    longest = sliding_window_view(waits, _PACED).max(axis=1)
    patience = np.maximum(_SILENT_DAYS, _TIMES_THE_LONGEST * longest)
    begun = (days[_PACED:] + 1 + patience) * DAY_US
    ended = np.append((days[_PACED + 1 :] + 1) * DAY_US, _NEVER)
    is_long = begun < np.append(days[_PACED + 1 :] * DAY_US, as_of)
    return begun[is_long], ended[is_long]


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
