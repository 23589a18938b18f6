"""Some of the mature points as the probes see them: of all leads, at most so many rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from models.scores.encoding import Encoding
from training.decision_points import Points
from training.labels import Outcomes

__all__ = ["FEWEST_LEADS", "ProbeRows", "auc_within_steps", "chance_error"]

FEWEST_LEADS: Final = 30
"""Leads with either outcome, below which a probe has nothing to go by."""
_MOST_ROWS: Final = 12_000
_SEED: Final = 7


@dataclass(frozen=True, eq=False, slots=True)
class ProbeRows:
    """Mature points; all arrays have a row a point.

    Parameters
    ----------
    matrix : as a model would see it; `categories` are the indices of columns that hold codes.
    lead : indices into the log's leads.
    happened : 1.0 or 0.0.
    """

    columns: tuple[str, ...]
    matrix: Floats
    categories: tuple[int, ...]
    position: Ints
    lead: Ints
    happened: Floats

    @classmethod
    def of(cls, points: Points, outcomes: Outcomes, encoding: Encoding) -> ProbeRows:
        """Some of the mature points, drawn without looking at outcomes."""
        keep = outcomes.mature.copy()
        if (many := int(keep.sum())) > _MOST_ROWS:
            # Fewer points of each lead, not fewer leads: those of one lead say much the same.
            keep &= np.random.default_rng(_SEED).random(len(keep)) < _MOST_ROWS / many
        some = points.rows(keep)
        return cls(
            encoding.columns,
            encoding.matrix(some.snapshot),
            tuple(encoding.category_columns),
            some.position,
            some.lead,
            outcomes.happened[keep],
        )

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def is_enough(self) -> bool:
        """Whether enough leads have either outcome."""
        return min(self.leads_of_either) >= FEWEST_LEADS

    @property
    def leads_of_either(self) -> tuple[int, int]:
        """How many leads have a point that reached the goal, and how many have none."""
        reached = len(np.unique(self.lead[self.happened == 1]))
        return reached, len(np.unique(self.lead)) - reached

    def folds(self, count: int) -> Ints:
        """Shape (n,): a fold of whole leads for each row."""
        of_lead = np.random.default_rng(_SEED).permutation(int(self.lead.max()) + 1) % count
        folds: Ints = of_lead[self.lead]
        return folds


def auc_within_steps(rank: Floats, happened: Floats, position: Ints) -> float | None:
    """The AUC among points of one step, over all steps by their pairs; None without a pair.

    What the step itself tells is no leak, so points of different steps are not compared.
    """
    won, pairs = 0.0, 0.0
    for here in _steps(position):
        found, many = _pairs_won(rank[here], happened[here])
        won, pairs = won + found, pairs + many
    return won / pairs if pairs else None


def _steps(position: Ints) -> Iterator[Bools]:
    for at in np.unique(position):
        yield position == at


def _pairs_won(rank: Floats, happened: Floats) -> tuple[float, float]:
    """Pairs that are ranked right, ties counting half, and all pairs."""
    place = np.unique(rank, return_inverse=True)[1]
    up, every = np.bincount(place, happened), np.bincount(place)
    down = every - up
    return float((up * (np.cumsum(down) - down / 2)).sum()), float(up.sum() * down.sum())


def chance_error(rows: ProbeRows) -> float:
    """The standard error of an AUC where nothing is known, counting each lead once."""
    reached, missed = rows.leads_of_either
    return float(np.sqrt((reached + missed + 1) / (12.0 * max(1, reached) * max(1, missed))))
