"""Why this score: contributions in probability points that add up to what was served.

The booster's SHAP values explain the margin. What is served is a curve of the margin, so they are
carried over along the straight line from the typical lead of the same rung to this one
(Aumann-Shapley): each keeps its share of the way. Base and contributions sum to the probability up
to rounding. They say what goes with the score, not what would change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.signals import Signal
from features.snapshot import Snapshot
from models.goal_model import GoalModel

__all__ = ["Explanations", "Reason", "explain", "reasons"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of an explanation: a sentence and what it adds, in probability."""

    signal: str
    text: str
    points: float


def explain(model: GoalModel, matrix: Floats, position: Ints) -> Explanations:
    """The contributions of every signal to each row's probability."""
    calibrator = model.calibrator
    start = calibrator.base(position)
    base = expit(start)
    if model.booster is None or calibrator.slope == 0.0:
        return Explanations(base, np.zeros_like(matrix))
    steps = calibrator.slope * (model.contributions(matrix) - model.typical[position])
    way = steps.sum(axis=1)
    end = start + way
    flat = np.abs(way) < 1e-9  # the curve's own slope, where the line has no length
    safe = np.where(flat, 1.0, way)
    rate = np.where(flat, base * (1.0 - base), (expit(end) - base) / safe)
    return Explanations(base, steps * rate[:, None])


OTHER = "other"


def reasons(
    snapshot: Snapshot, explanations: Explanations, row: int, most: int = 5
) -> tuple[Reason, ...]:
    """The reasons of one row, strongest first; what is left over is the last, "other".

    Signals that tell the same story (those of one step, those of recent activity) are told
    together, by the one that weighs most: a salesperson has ten seconds.
    """
    families: dict[str, list[int]] = {}
    for at, signal in enumerate(snapshot.signals):
        families.setdefault(_family(signal), []).append(at)
    points = explanations.points[row]
    told = []
    for columns in families.values():
        total = float(points[columns].sum())
        speaker = max(columns, key=lambda at: points[at] * np.sign(total))
        signal = snapshot.signals[speaker]
        told.append(Reason(signal.id, signal.sentence(snapshot.value(row, speaker)), total))
    told.sort(key=lambda reason: -abs(reason.points))
    strongest = [reason for reason in told[:most] if abs(reason.points) >= 0.0005]
    rest = float(points.sum()) - sum(reason.points for reason in strongest)
    return (*strongest, Reason(OTHER, "everything else together", rest))


def _family(signal: Signal) -> str:
    """Signals of one step tell one story, so do those of activity; a trait is its own."""
    if signal.group in ("profile", "custom"):
        return signal.id
    return ".".join(signal.id.split(".")[:2]) if signal.group == "step" else signal.group
