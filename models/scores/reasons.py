"""Why this score: contributions in probability points that add up to what was served.

The booster's SHAP values explain the margin. What is served is a curve of the margin, so they are
carried over along the straight line from the typical lead of the same rung to this one
(Aumann-Shapley): each keeps its share of the way. Base and contributions sum to the probability up
to rounding. They say what goes with the score, not what would change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.special import expit

from features.arrays import Floats, Ints
from features.signals.signal import Signal
from features.signals.snapshot import Snapshot
from models.scores.goal_model import GoalModel

__all__ = ["Explanations", "Reason", "explain", "reasons", "reasons_of_all"]


@dataclass(frozen=True, eq=False, slots=True)
class Explanations:
    """`base + points.sum(axis=1)` is the probability.

    Parameters
    ----------
    base : shape (n,), the probability of a typical lead on the same rung.
    points : shape (n, n_signals), in probability (0.061 is 6.1 percentage points).
    """

    base: Floats
    points: Floats


class Reason(NamedTuple):
    """One line of an explanation: a sentence and what it adds, in probability."""

    signal: str
    text: str
    points: float


def explain(model: GoalModel, matrix: Floats, position: Ints) -> Explanations:
    """The contributions of every signal to each row's probability."""
    calibrator = model.calibrator
    start = calibrator.base(position)
    base = expit(start)
    if model.learner is None or not calibrator.slope.any():
        return Explanations(base, np.zeros_like(matrix))
    steps = calibrator.slope[position, None] * (
        model.contributions(matrix) - model.typical[position]
    )
    way = steps.sum(axis=1)
    end = start + way
    flat = np.abs(way) < 1e-9  # the curve's own slope, where the line has no length
    safe = np.where(flat, 1.0, way)
    rate = np.where(flat, base * (1.0 - base), (expit(end) - base) / safe)
    return Explanations(base, steps * rate[:, None])


OTHER: Final = "other"
"""The signal of the reason that stands for all that are not told."""
_SMALLEST: Final = 0.0005
"""A reason that adds less is not worth a line."""


def reasons(
    snapshot: Snapshot, explanations: Explanations, row: int, most: int = 5
) -> tuple[Reason, ...]:
    """The reasons of one row, strongest first; what is left over is the last, "other".

    Signals that tell the same story (those of one step, those of recent activity) are told
    together, by the one that weighs most: a salesperson has ten seconds.
    """
    (told,) = _told(snapshot, explanations.points[row : row + 1], row, most)
    return told


def reasons_of_all(
    snapshot: Snapshot, explanations: Explanations, most: int = 5
) -> Iterator[tuple[Reason, ...]]:
    """As `reasons`, of each row."""
    return _told(snapshot, explanations.points, 0, most)


def _told(
    snapshot: Snapshot, points: Floats, first: int, most: int
) -> Iterator[tuple[Reason, ...]]:
    """The reasons of each row of `points`, which are those of the snapshot from `first` on."""
    starts, columns, families = _families(snapshot.signals)
    totals = np.add.reduceat(points[:, columns], starts, axis=1)
    strongest = np.argsort(-np.abs(totals), axis=1, kind="stable")[:, :most]
    for at, in_order in enumerate(strongest.tolist()):
        each, weights = points[at].tolist(), totals[at].tolist()
        told, rest = [], sum(each)
        for family in in_order:
            total = weights[family]
            if abs(total) < _SMALLEST:
                break
            speaker = (max if total > 0 else min)(families[family], key=each.__getitem__)
            signal = snapshot.signals[speaker]
            text = signal.sentence(snapshot.value(first + at, speaker))
            told.append(Reason(signal.id, text, total))
            rest -= total
        yield (*told, Reason(OTHER, "everything else together", rest))


_Families = tuple[Ints, Ints, list[list[int]]]
_known_families: dict[int, tuple[tuple[Signal, ...], _Families]] = {}
"""By the identity of a table of signals, which is held here and so keeps it."""


def _families(signals: tuple[Signal, ...]) -> _Families:
    """Where each family starts among the columns by family, these, and the columns of each."""
    if id(signals) not in _known_families:
        members: dict[str, list[int]] = {}
        for at, signal in enumerate(signals):
            members.setdefault(_family(signal), []).append(at)
        families = list(members.values())
        starts = np.cumsum([0, *(len(columns) for columns in families[:-1])])
        columns = np.array([at for columns in families for at in columns])
        _known_families[id(signals)] = (signals, (starts, columns, families))
    return _known_families[id(signals)][1]


def _family(signal: Signal) -> str:
    """Signals of one step tell one story, so do those of activity; a trait is its own."""
    if signal.group in ("profile", "custom"):
        return signal.id
    return ".".join(signal.id.split(".")[:2]) if signal.group == "step" else signal.group
