"""What came of a decision point: advanced, lapsed, lost or pending.

A lead whose horizon is not over is pending: unknown, never a failure. Where the ladder does not say
what loses a lead, only points whose horizon is over may be learned from; to keep those that
advanced early and drop the rest would count successes sooner than failures.

At a step where most that fail are lost (`lost_when`), most outcomes are decided long before the
horizon is over, either way, and all that are decided are learned from, with weights
(`models.scores.censoring`): late decisions are missing among the newest points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, Times
from features.funnel.states import State
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.signals.linked_log import NextCompletions, link
from features.signals.program import compile_ladder
from models.scores.censoring import Censoring, Waits
from training.decision_points import Points

__all__ = ["Outcomes", "arrival_delays", "label", "labelled", "outcomes"]

_WORDS: Final = {int(one): one.name.lower() for one in State}
_MOST_UNDECIDED: Final = 0.1
"""Where a horizon fits no point at all, the share that may still be undecided after the longest
wait, for those that are decided to be learned from: what comes of the rest nobody knows."""


@dataclass(frozen=True, eq=False, slots=True)
class Outcomes:
    """What came of each point, for one goal; every array has shape (n,).

    Parameters
    ----------
    state : `State` values. ADVANCED as soon as it is known; LOST while the lead is, by the ladder's
        own rules, and has not advanced; LAPSED when the horizon is over and late arrivals had their
        time.
    mature : whether the horizon is over (and late arrivals had their time).
    decided : what may be learned from and judged on: what is mature and, at steps where most that
        fail are lost, all that is not pending.
    decided_at : when the outcome became known, in microseconds; NONE while it is pending.
    weight : what a decided point counts; 0.0 for all others.
    reached_after : the part of the horizon after which it advanced; NaN where it did not.
    censoring : how long decisions took, where they may be known before the horizon is over.
    """

    state: Ints
    mature: Bools
    decided: Bools
    decided_at: Times
    weight: Floats
    reached_after: Floats
    censoring: Censoring | None = None

    @property
    def happened(self) -> Floats:
        """1.0 where ADVANCED, else 0.0; meaningful where decided."""
        return np.asarray(self.state == State.ADVANCED, dtype=np.float64)

    def columns(self) -> dict[str, object]:
        """As columns of a table: outcome, in words; decided_at, in UTC; decided; weight."""
        known = self.decided_at != NONE
        instants = pd.to_datetime(np.where(known, self.decided_at, 0), unit="us", utc=True)
        return {
            "outcome": [_WORDS[int(state)] for state in self.state],
            "decided_at": pd.DatetimeIndex(instants.where(known)),
            "decided": self.decided,
            "weight": self.weight,
        }


def label(log: EventLog, ladder: Ladder, points: Points, until: int) -> tuple[Outcomes, Outcomes]:
    """The outcomes of advancement and of purchase, from what was known by `until`.

    Advancement is the completion of the next step or of any above it, within the next step's
    horizon; purchase has its own. Both are counted from `as_of`, by when they happened. `until` is
    no later than the last event of the log (`EventLog.judged_until`): what lies after it would be
    taken for silence.
    """
    linked = link(log, compile_ladder(ladder))
    came = linked.next_completions(points.lead, points.as_of, points.position, until)
    return outcomes(ladder, points, came, until, linked.arrival_delays(until))


def outcomes(
    ladder: Ladder, points: Points, came: NextCompletions, until: int, delays: Ints
) -> tuple[Outcomes, Outcomes]:
    """As `label`, from what came next of each point: what is judged over all of them together.

    Parameters
    ----------
    delays : shape (n_goals,), how long to wait for late arrivals, in microseconds.
    """
    horizons = np.array([round(goal.horizon_days * DAY_US) for goal in ladder.goals])
    advanced = _News(came.advanced, came.advance_known, came.loss_known)
    purchased = _News(came.purchased, came.purchase_known, came.loss_known)
    waits = np.full(len(points), horizons[-1])
    return (
        _outcomes(points, advanced, horizons[points.position], until, delays[points.position]),
        _outcomes(points, purchased, waits, until, np.full(len(points), delays[-1])),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _News:
    """When a goal was reached, when that became known, and when the loss did; NONE if never."""

    reached: Times
    reached_known: Times
    loss_known: Times


def _outcomes(points: Points, news: _News, horizon: Times, until: int, delay: Times) -> Outcomes:
    as_of = points.as_of
    ends = as_of + horizon + delay
    mature = ends <= until
    state = np.where(mature, State.LAPSED, State.PENDING)
    lost = (news.loss_known != NONE) & (news.loss_known <= ends)
    state[lost] = State.LOST
    advanced = (news.reached != NONE) & (news.reached <= as_of + horizon)
    state[advanced] = State.ADVANCED
    decided_at = np.where(mature, ends, NONE)
    decided_at[lost] = news.loss_known[lost]
    decided_at[advanced] = news.reached_known[advanced]
    state = state.astype(np.int64)
    after = np.where(advanced, (news.reached - as_of) / horizon, np.nan)
    early = _early(points, state, mature)
    if not early.any():
        return Outcomes(state, mature, mature, decided_at, mature.astype(np.float64), after)
    # Where nothing is learned early all that is learned has waited alike, and weighs alike.
    took = np.where(early, np.minimum(decided_at, ends) - as_of, 0)
    early &= (state != State.PENDING) & ~_open_ended(points, state, took, ends, until)
    decided = early | mature
    weight, waits = np.zeros(len(points)), Waits(as_of, points.position, until)
    weight[decided] = waits.weights(points.position[decided], took[decided])
    censoring = Censoring(took, mature, waits)
    return Outcomes(state, mature, decided, decided_at, weight, after, censoring)


def _early(points: Points, state: Ints, mature: Bools) -> Bools:
    """Shape (n,): whether a point stands at a step where most that fail are lost.

    There most outcomes are decided early. Elsewhere only successes are, and to learn from them
    before their time would take large weights for the few failures that are as old.
    """
    found = np.zeros(len(points), dtype=np.bool_)
    for at in np.unique(points.position):
        here = points.position == at
        judged = here & mature if (here & mature).any() else here
        lost = (state[judged] == State.LOST).sum()
        found[here] = lost > 0 and lost >= (state[judged] == State.LAPSED).sum()
    return found


def _open_ended(points: Points, state: Ints, took: Times, ends: Times, until: int) -> Bools:
    """Shape (n,): steps where no point was waited for to its end, and too many are undecided.

    The share that is undecided after the longest wait is Kaplan and Meier's (1958).
    """
    found = np.zeros(len(points), dtype=np.bool_)
    waited = until - points.as_of
    for at in np.unique(points.position):
        here = points.position == at
        if (until >= ends[here]).any():
            continue
        decided = state[here] != State.PENDING
        order = np.argsort(np.where(decided, took[here], waited[here]), kind="stable")
        at_risk = np.arange(len(order), 0, -1)
        found[here] = np.prod(1.0 - decided[order] / at_risk) > _MOST_UNDECIDED
    return found


def arrival_delays(log: EventLog, ladder: Ladder, until: int) -> Ints:
    """Shape (n_goals,), microseconds: see `LinkedLog.arrival_delays`."""
    return link(log, compile_ladder(ladder)).arrival_delays(until)


def labelled(frame: pd.DataFrame, advanced: Outcomes, purchased: Outcomes) -> pd.DataFrame:
    """A table of points with `GOAL.outcome`, `.decided_at`, `.decided` and `.weight` of both goals.

    GOAL is `advancement` or `purchase`. What is not decided is not learned from, and weighs 0.
    """
    goals = {"advancement": advanced, "purchase": purchased}
    parts = [
        pd.DataFrame(outcomes.columns(), index=frame.index).add_prefix(f"{goal}.")
        for goal, outcomes in goals.items()
    ]
    return pd.concat([frame, *parts], axis=1)
