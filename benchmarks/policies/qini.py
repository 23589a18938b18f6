"""Figures of an order by uplift: the Qini coefficient, and the uplift of those who come first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from features.arrays import Floats, Ints

__all__ = ["deviation", "qini", "uplift_of_first"]


_FIRST: Final = 0.3


_DRAWS: Final = 200


def qini(uplift: Floats, happened: Floats, sent: Ints) -> float:
    """The area between the Qini curve and chance, as a share of the best order's area.

    The definition is scikit-uplift's `qini_auc_score`, where the best order puts those first who
    were sent something and came, and last those who came without.
    """
    best = np.where(sent == 1, happened, -happened)
    chance = _area_of_chance(happened, sent)
    return (_area(uplift, happened, sent) - chance) / (_area(best, happened, sent) - chance)


def _curve(uplift: Floats, happened: Floats, sent: Ints) -> tuple[Floats, Floats]:
    """How many people were taken, best first, and how many visits more they made than the others.

    People of equal uplift come together.
    """
    order = np.argsort(uplift, kind="stable")[::-1]
    ends = np.append(np.flatnonzero(np.diff(uplift[order])), len(order) - 1)
    is_sent, came = sent[order].astype(np.float64), happened[order]
    mailed = np.cumsum(is_sent)[ends]
    held = ends + 1.0 - mailed
    ratio = np.divide(mailed, held, out=np.zeros(len(ends)), where=held > 0)
    more = np.cumsum(came * is_sent)[ends] - np.cumsum(came * (1.0 - is_sent))[ends] * ratio
    return np.append(0.0, ends + 1.0), np.append(0.0, more)


def _area(uplift: Floats, happened: Floats, sent: Ints) -> float:
    taken, more = _curve(uplift, happened, sent)
    return float(np.trapezoid(more, taken))


def _area_of_chance(happened: Floats, sent: Ints) -> float:
    mailed, held = sent.sum(), len(sent) - sent.sum()
    more = happened[sent == 1].sum() - happened[sent == 0].sum() * mailed / held
    return float(more) * len(sent) / 2.0


def uplift_of_first(uplift: Floats, happened: Floats, sent: Ints, share: float = _FIRST) -> float:
    """The difference between the arms' rates among the share of people that is ranked first."""
    first = np.argsort(uplift, kind="stable")[::-1][: int(share * len(uplift))]
    came, is_sent = happened[first], sent[first]
    return float(came[is_sent == 1].mean() - came[is_sent == 0].mean())


def deviation(figure: Callable[[Ints], float], people: int, seed: int = 0) -> float:
    """The standard error of a figure of rows, by drawing the people again."""
    rng = np.random.default_rng(seed)
    drawn = [figure(rng.integers(0, people, people)) for _ in range(_DRAWS)]
    return float(np.std(drawn, ddof=1))
