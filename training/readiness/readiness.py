"""What of a ladder a log has: outcomes by step, levels and when the next is there, offers."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Bools
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog, Times
from features.ladder.ladder import Ladder
from models.judging.readiness import GoalReadiness, Level, Readiness, StepReadiness
from models.scores.goal_model import FitConfig
from models.scores.step_rates import advancement_priors, purchase_priors
from training.decision_points import decision_points
from training.labels import arrival_delays, label
from training.readiness.dead import dead_reasons
from training.readiness.levels import Known, counted, level_now, next_level
from training.readiness.offers import offers_known
from training.readiness.pace import WEEK_US, Pace, weeks_looked_at
from training.readiness.ways import NEVER, Ways, ways_of
from training.readiness.wording import summary_of

__all__ = ["readiness"]

_SEED: Final = 7
_MOST_POINTS: Final = 300_000
"""Those of a training run, so that the same points are looked at."""


def readiness(
    log: EventLog, ladder: Ladder, until: int | None = None, config: FitConfig | None = None
) -> Readiness:
    """What a training run would have, and when there will be more; a pure function of these.

    Parameters
    ----------
    until : by what was known then, in microseconds since the epoch (default, and at most: the last
        event).
    config : of the training run that is asked about.

    Raises
    ------
    EventsError : an event of a decision whose record cannot be read.
    """
    config = config or FitConfig()
    until = log.judged_until(until)
    log = log.known_by(until)
    look = _Look(log, ladder, until, config)
    steps = [look.step(at) for at in range(len(ladder.goals))]
    advancement = look.goal("advancement")
    return {
        "ladder": ladder.name,
        "as_of": rfc3339(until),
        "summary": summary_of(steps, advancement, until),
        "pace_weeks": look.weeks,
        "leads": len(log.leads),
        "advancement": advancement,
        "purchase": look.goal("purchase"),
        "steps": steps,
        "offers": offers_known(log, ladder),
    }


class _Look:
    """A log as it stood, its points with their outcomes, and the ways of its leads."""

    def __init__(self, log: EventLog, ladder: Ladder, until: int, config: FitConfig) -> None:
        self.log, self.ladder, self.until, self.config = log, ladder, until, config
        self.ways: Ways = ways_of(log, ladder)
        self.weeks = weeks_looked_at(int(log.known.min(initial=until)), until)
        self.delays = arrival_delays(log, ladder, until)
        points = decision_points(log, ladder, end=until, seed=_SEED, most=_MOST_POINTS)
        everything = np.ones(len(points), dtype=np.bool_)
        advanced, purchased = label(log, ladder, points, until)
        priors = advancement_priors(ladder)
        self.purchase = Known(points, purchased, float(purchase_priors(ladder)[0]))
        self.advancement = Known.of(points, advanced, float(priors.mean()), everything)
        self.by_step = [
            Known.of(points, advanced, float(prior), points.position == at)
            for at, prior in enumerate(priors)
        ]

    def goal(self, name: str) -> GoalReadiness:
        """What all steps together allow."""
        known = self.advancement if name == "advancement" else self.purchase
        level = level_now(known, self.config)
        waits = [self._wait(at) for at in range(len(self.ladder.goals))]
        wait = max(waits) if name == "advancement" else waits[-1]
        pace = self._pace(known, level, self._a_week(self.ways.came[0]), wait)
        return {
            "outcomes": counted(known),
            "level": level,
            "next": next_level(known, level, pace, self.config),
        }

    def step(self, at: int) -> StepReadiness:
        """What a step allows by its own outcomes."""
        step, known, ways = self.ladder.goals[at], self.by_step[at], self.ways
        level = level_now(known, self.config)
        a_week = self._a_week(np.where(ways.stood(at), ways.came[at], NEVER))
        pace = self._pace(known, level, a_week, self._wait(at))
        following = next_level(known, level, pace, self.config)
        dead = dead_reasons(self.log, self.ladder, ways, at)
        if dead and following:
            following["weeks"] = None
        return {
            "id": step.id,
            "title": step.title,
            "reached": int((ways.came[at] < NEVER).sum()),
            "completed": int((ways.completed[at] < NEVER).sum()),
            "skipped": int(ways.skipped(at).sum()),
            "leads_a_week": round(a_week, 2),
            "outcomes": counted(known),
            "level": level,
            "next": following,
            "dead": dead,
        }

    def _a_week(self, came: Times) -> float:
        """How many of some instants there were each week, lately."""
        since = self.until - round(self.weeks * WEEK_US)
        return float(((came > since) & (came <= self.until)).sum() / self.weeks)

    def _wait(self, at: int) -> int:
        """How long an outcome of a goal takes to be known, in microseconds."""
        return round(self.ladder.goals[at].horizon_days * DAY_US) + int(self.delays[at])

    def _pace(self, known: Known, level: Level, leads_a_week: float, wait: int) -> Pace:
        """How outcomes will be known, of those that wait now and those that come.

        Of points where the next level counts these, else of leads.
        """
        at, is_waiting = known.points.as_of, ~known.outcomes.decided
        a_week = self._a_week(at)
        if level != "model":
            a_week, (at, is_waiting) = leads_a_week, _first_points(known)
        due = np.maximum(0.0, (at[is_waiting] + wait - self.until) / WEEK_US)
        return Pace(a_week, wait / WEEK_US, due)


def _first_points(known: Known) -> tuple[Times, Bools]:
    """Each lead's first point, microseconds, and whether no outcome of the lead is known yet."""
    points = known.points  # those of a lead are in order of time
    lead, first = np.unique(points.lead, return_index=True)
    return points.as_of[first], ~np.isin(lead, points.lead[known.outcomes.decided])
