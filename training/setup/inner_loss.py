"""How good a configuration of the trees is, judged on training rows alone.

Trees are cross-fitted by lead, on an earlier period where there is a later one to judge on. Margins
of unseen leads are brought to their level by a slope and an intercept, as the calibration would,
and judged by log loss. What is compared is paired: the same leads, the same folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from features.arrays import Bools, Floats
from features.errors import NotEnoughData
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, TrainingRows
from models.scores.learners.boosting import (
    BoostingConfig,
    ColumnKinds,
    Examples,
    cross_fit,
    lead_folds,
)
from training.decision_points import decision_points
from training.labels import label
from training.pipeline import TrainConfig, training_rows

__all__ = ["Proof", "compared", "inner_rows", "lead_losses", "set_apart"]

_PROOF: Final = 3
"""One lead in so many is left to the proof: the search never counts its loss."""
_STEPS: Final = 25
_DRAW: Final = 1.0
"""How firmly both are held to 0, where margins have a spread of 1: no few rows part entirely."""


def inner_rows(
    log: EventLog, ladder: Ladder, until: int, config: TrainConfig
) -> dict[str, TrainingRows]:
    """The rows that `train` would fit on, by goal; of those goals alone that it would fit.

    Raises
    ------
    NotEnoughData : there is no such goal.
    """
    log = log.known_by(until)
    points = decision_points(log, ladder, end=until, seed=config.seed, most=config.most_points)
    found: dict[str, TrainingRows] = {}
    if len(points):
        encoding = Encoding.learn(points.snapshot)
        advanced, purchased = label(log, ladder, points, until)
        for goal, one in (("advancement", advanced), ("purchase", purchased)):
            is_rising = goal == "purchase" and ladder.steps_never_lower
            rows = training_rows(points, one, encoding, is_rising=is_rising)
            if _fewest_leads(rows) >= config.fit.least_leads:
                found[goal] = rows
    if not found:
        raise NotEnoughData(
            f"fewer than {config.fit.least_leads} leads have reached a goal, or missed it:"
            " the rates of the steps are served, and trees have nothing to be tuned for"
        )
    return found


def _fewest_leads(rows: TrainingRows) -> int:
    return min(len(np.unique(rows.lead[rows.happened == one])) for one in (0, 1))


def set_apart(rows: Mapping[str, TrainingRows], seed: int) -> Bools:
    """Of each lead, by its index, whether it is left to the proof: one in three, by lot."""
    leads = 1 + max(int(one.lead.max()) for one in rows.values())
    apart: Bools = np.random.default_rng(seed).permutation(leads) % _PROOF == 0
    return apart


def lead_losses(
    rows: Mapping[str, TrainingRows],
    counted: Bools,
    boosting: BoostingConfig,
    fit: FitConfig,
    seed: int,
) -> Floats:
    """Shape (n_leads,): what each lead adds to the mean log loss, summed over the goals.

    Parameters
    ----------
    counted : of each lead whether its loss counts; of others it is 0, and they are learned from.
    seed : of the folds, and of the trees.
    """
    total = np.zeros(len(counted))
    for goal_rows in rows.values():
        earlier, later = _periods(goal_rows, fit)
        fold = lead_folds(goal_rows.lead, fit.folds, seed)
        seen = goal_rows.rows(earlier)
        trees = cross_fit(
            Examples(seen.matrix, seen.happened, seen.weight),
            fold[earlier],
            rows_per_lead=len(seen.lead) / len(np.unique(seen.lead)),
            columns=ColumnKinds(seen.category_columns, seen.monotone),
            config=boosting,
            seed=seed,
        )
        judged = later & counted[goal_rows.lead]
        unseen = goal_rows.rows(judged)
        if not len(unseen.lead):
            continue
        log_odds = _levelled(trees.margins(unseen.matrix, fold[judged]), unseen.happened)
        loss = unseen.weight * (np.logaddexp(0.0, log_odds) - unseen.happened * log_odds)
        total += np.bincount(unseen.lead, loss, minlength=len(counted)) / len(loss)
    return total


def _periods(rows: TrainingRows, fit: FitConfig) -> tuple[Bools, Bools]:
    """Masks of the points to fit on and to judge on; all and all where there is no later period."""
    later: Bools = rows.as_of > np.quantile(rows.as_of, 1.0 - fit.calibration_share)
    reached = int(rows.happened[later].sum())
    enough = min(reached, int(later.sum()) - reached) >= fit.least_calibration
    if enough and _fewest_leads(rows.rows(~later)) >= fit.least_leads:
        return ~later, later
    everything = np.ones(len(later), dtype=np.bool_)
    return everything, everything


def _levelled(margin: Floats, happened: Floats) -> Floats:
    """The margins by the slope and the intercept that suit them best (Newton's method)."""
    spread = float(margin.std())
    scaled = (margin - margin.mean()) / (spread if spread > 0 else 1.0)
    design = np.stack([np.ones_like(margin), scaled], axis=1)
    found = np.zeros(2)
    for _ in range(_STEPS):
        chance = expit(design @ found)
        gradient = design.T @ (chance - happened) + _DRAW * found
        curve = (design * (chance * (1.0 - chance))[:, None]).T @ design + _DRAW * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    log_odds: Floats = design @ found
    return log_odds


@dataclass(frozen=True, slots=True)
class Proof:
    """How much smaller one log loss is than another, summed over the goals.

    Parameters
    ----------
    gain : above 0 where the second is better.
    error : one standard error of it, over leads.
    """

    gain: float
    error: float
    leads: int

    @property
    def is_better(self) -> bool:
        """Whether the second is better by more than one standard error."""
        return self.gain > self.error


def compared(these: Floats, those: Floats, counted: Bools) -> Proof:
    """The losses of the same leads under two configurations, lead by lead."""
    each = (these - those)[counted]
    n = len(each)
    error = float(np.sqrt(n) * each.std(ddof=1)) if n > 1 else float("inf")
    return Proof(float(each.sum()), error, n)
