"""A bundle as it serves at each instant: its probabilities moved by the outcomes known by then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from scipy.special import expit, logit

from features.arrays import Floats, Ints
from features.signals.snapshot import Snapshot
from features.store.kept.recalibrations import KeptMove
from models.bundle import Bundle, Scores
from models.scores.goal_model import Estimates
from models.scores.recalibration import Move

__all__ = ["FAR", "GOALS", "Recalibrated", "moved", "moves_of", "shift_of", "typical_log_odds"]

GOALS: Final = ("advancement", "purchase")
FAR: Final = 0.7
"""A typical log-odds that has moved so far, to twice the odds or half of them, is told of."""
_UNMOVED: Final = Move()


def typical_log_odds(bundle: Bundle, goal: str) -> float:
    """What is typical of a goal, over all steps: a recalibration turns around it."""
    places = np.arange(len(bundle.ladder.goals))
    return float(np.mean(getattr(bundle, goal).calibrator.base(places)))


def shift_of(bundle: Bundle, goal: str, move: Move) -> float:
    """How far a move takes what is typical of a bundle as it was trained, in log-odds."""
    typical = typical_log_odds(bundle, goal)
    return move.at(typical) - typical


def moved(bundle: Bundle, moves: Mapping[str, Move]) -> Bundle:
    """A bundle as it was trained, with the log-odds of its goals moved.

    Its version says by how many outcomes, its hash stays. What the offers bring is not moved: it is
    learned as a difference.
    """
    outcomes = sum(moves[goal].n for goal in GOALS if goal in moves)
    if not outcomes:
        return bundle
    models = {}
    for goal in GOALS:
        model, move = getattr(bundle, goal), moves.get(goal, _UNMOVED)
        calibrator = model.calibrator.recalibrated(move.intercept, move.slope)
        models[goal] = replace(model, calibrator=calibrator)
    return replace(bundle, **models, outcomes=outcomes)


def moves_of(kept: Iterable[KeptMove]) -> dict[str, list[Move]]:
    """The moves of each goal that a store has kept of a bundle, in the order in which they come."""
    found: dict[str, list[Move]] = {}
    for one in kept:
        move = Move(one.intercept, one.slope, one.n, one.known_at)
        found.setdefault(one.goal, []).append(move)
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Recalibrated:
    """A bundle and its moves.

    Parameters
    ----------
    bundle : as it was trained.
    moves : of each goal, the oldest first.
    """

    bundle: Bundle
    moves: Mapping[str, Sequence[Move]]
    _kept: dict[tuple[Move, ...], Bundle] = field(default_factory=dict)

    @property
    def last_known_at(self) -> int:
        """When the last move was known, in microseconds since the epoch; 0 before the first."""
        return max((of[-1].known_at for of in self.moves.values() if of), default=0)

    def moves_at(self, as_of: int) -> dict[str, Move]:
        """The move of each goal that serves at an instant."""
        return {goal: _last(self.moves.get(goal, ()), as_of) for goal in GOALS}

    def score(self, snapshot: Snapshot) -> Scores:
        """The probabilities of each row as they served, or would have, at the row's own instant.

        All at once, where `at` is for one instant: the intervals are moved themselves, and not the
        curve that they are read from, which differs by less than its own steps.
        """
        scores = self.bundle.score(snapshot)
        advance, purchase = (self._moved_by(goal, scores.as_of) for goal in GOALS)
        is_last = scores.position == len(self.bundle.ladder.goals) - 1
        bought = [
            np.where(is_last, one, other) for one, other in zip(advance, purchase, strict=True)
        ]
        return replace(
            scores,
            advance=_moved(scores.advance, *advance),
            purchase=_moved(scores.purchase, *bought),
        )

    def _moved_by(self, goal: str, as_of: Ints) -> tuple[Floats, Floats]:
        """Shapes (n,): the intercept and the slope that served at each instant."""
        moves = [_UNMOVED, *self.moves.get(goal, ())]
        known = np.array([move.known_at for move in moves[1:]], dtype=np.int64)
        place = np.searchsorted(known, as_of, side="right")
        return (
            np.array([move.intercept for move in moves])[place],
            np.array([move.slope for move in moves])[place],
        )

    def at(self, as_of: int) -> Bundle:
        """The bundle as it serves at an instant, in microseconds since the epoch."""
        found = self.moves_at(as_of)
        key = tuple(found.values())
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = moved(self.bundle, found)
        return self._kept[key]


def _moved(estimates: Estimates, intercept: Floats, slope: Floats) -> Estimates:
    ends = (estimates.probability, estimates.low, estimates.high)
    return Estimates(*(expit(intercept + slope * logit(end)) for end in ends))


_MOST_KEPT: Final = 64
"""Instants in the past are asked for by few, and seldom."""


def _last(moves: Sequence[Move], as_of: int) -> Move:
    """The last move known at an instant."""
    place = bisect_right(moves, as_of, key=lambda move: move.known_at)
    return moves[place - 1] if place else _UNMOVED
