"""The counting rule: how often leads went on whose last event had this name.

The rate of the next step given the lead's step and what it last did: no model at all, and on logs
of event names alone hard to beat (Weytjens 2026).
"""

from __future__ import annotations

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import EventLog, Times
from features.ladder.ladder import Ladder
from features.signals import fold
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from models.scores.step_rates import PRIOR_LEADS, StepRates
from training.decision_points import Points

__all__ = ["counting_rule", "last_rows"]


def counting_rule(
    log: EventLog,
    ladder: Ladder,
    rates: StepRates,
    train: Points,
    happened: Floats,
    judged: Points,
) -> Floats:
    """Shape (n,): the chance of each judged point, by its step and its lead's last event.

    A rate counts leads, not points, and begins at its step's with the weight of a few leads: a name
    that was rarely, or never, the last one falls back to its step. What the business itself did is
    no last event.

    Parameters
    ----------
    rates : of the steps, from the same training points.
    happened : shape (m,), whether the goal was reached after each training point.
    """
    n_names = len(log.names) + 1  # the last stands for no event at all

    def cell(points: Points) -> Ints:
        return points.position * n_names + _last_name(log, ladder, points)

    before = cell(train)
    prior = np.repeat(rates.mean, n_names)
    found = StepRates.prior(prior, PRIOR_LEADS).updated(before, happened, train.lead)
    return found.mean[cell(judged)]


def _last_name(log: EventLog, ladder: Ladder, points: Points) -> Ints:
    """Shape (n,): the name of the last event known at each point; `len(log.names)` where none is.

    What the business did is passed over.
    """
    ours = link(log, compile_ladder(ladder)).meets(fold.OURS)
    row = last_rows(log, ~ours, points.lead, points.as_of)
    return np.where(row < 0, len(log.names), log.name[row]).astype(np.int64)


def last_rows(log: EventLog, counts: Bools, lead: Ints, as_of: Times) -> Ints:
    """Shape (n,): the last row of each lead, as things happened, that is known at an instant.

    Parameters
    ----------
    counts : shape (n_events,), which rows are looked at.
    lead, as_of : shape (n,), indices of leads and instants. -1 where no row is known by then.
    """
    rows = np.flatnonzero(counts)
    order = rows[np.lexsort((log.known[rows], log.lead_of_rows()[rows]))]
    whose, known = log.lead_of_rows()[order], log.known[order]
    latest = np.maximum.accumulate(order) if len(order) else order  # leads lie in order
    asked = np.repeat([False, True], [len(order), len(lead)])
    merged = np.lexsort((asked, np.concatenate([known, as_of]), np.concatenate([whose, lead])))
    before = np.cumsum(~asked[merged])[asked[merged]] - 1
    place = np.empty(len(lead), dtype=np.int64)
    place[merged[asked[merged]] - len(order)] = before
    if not len(order):
        return np.full(len(lead), -1, dtype=np.int64)
    is_own = (place >= 0) & (whose[place] == lead)
    return np.where(is_own, latest[place], -1).astype(np.int64)
