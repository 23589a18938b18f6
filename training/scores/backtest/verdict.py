"""Which way to train a backtest speaks for: the default, unless another is surely better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import Floats, Ints
from training.scores.backtest.folds import Backtest

__all__ = ["ChoiceGap", "chosen", "gap", "gaps"]


@dataclass(frozen=True, slots=True)
class ChoiceGap:
    """The mean log loss of a choice less that of the default, on the same points of all folds.

    Parameters
    ----------
    error : its standard error over leads.
    """

    choice: str
    goal: str
    log_loss: float
    error: float

    @property
    def is_better(self) -> bool:
        """Whether it is better than the default by more than its standard error."""
        return self.log_loss < -self.error


def gaps(found: Backtest) -> tuple[ChoiceGap, ...]:
    """Each other choice against the first, goal by goal, where any point was judged."""
    first = found.choices[0].name
    return tuple(
        gap(choice.name, goal, lead, loss - found.losses[first, goal][1])
        for choice in found.choices[1:]
        for goal in ("advancement", "purchase")
        for lead, loss in [found.losses[choice.name, goal]]
        if len(lead)
    )


def gap(choice: str, goal: str, lead: Ints, difference: Floats) -> ChoiceGap:
    """The mean difference of log losses, with an error that keeps the points of a lead together."""
    mean = float(difference.mean())
    together = np.bincount(np.unique(lead, return_inverse=True)[1], difference - mean)
    leads = len(together)
    if leads < 2:
        return ChoiceGap(choice, goal, mean, float("inf"))
    scale = np.sqrt(leads / (leads - 1.0)) / len(difference)
    return ChoiceGap(choice, goal, mean, float(scale * np.sqrt((together**2).sum())))


def chosen(found: Backtest) -> str:
    """The name of the choice to train with.

    It is the default, unless another's log loss on the next step is lower by more than its standard
    error: then the lowest of those. Chance alone lets one choice in six pass, so that it may be
    worth little; the gate still judges what is trained.
    """
    better = [one for one in gaps(found) if one.goal == "advancement" and one.is_better]
    return min(better, key=lambda one: one.log_loss).choice if better else found.choices[0].name
