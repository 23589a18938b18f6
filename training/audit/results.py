"""What judging the scores of others comes to, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from features.clock import rfc3339
from models.judging import metrics

__all__ = ["PROBABILITIES", "Audit", "Beside"]

PROBABILITIES: Final = ("probability", "percent")
"""The scales whose scores say how likely a win is; others say an order."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Rung on the same leads, at the dates of the scores: AUC, and the other's less it.

    Parameters
    ----------
    flattered : how many of the scores are of a time that Rung's model was trained on.
    """

    leads: int
    auc: float
    difference: float
    low: float
    high: float
    flattered: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """What can be said of the scores. `verdicts` are sentences, the gravest first.

    Parameters
    ----------
    warnings : sentences on what is to be known before the verdicts are believed.
    until : microseconds since the epoch.
    found, low, high : the share of wins among those sales can call, with its 95 % interval.
    by_chance : the same share in a random order, with the same number of calls each week.
    missed : wins among those not called, equal scores in random order.
    unknown_to_rung : whether Rung was asked for, and knows too few of these leads.
    """

    verdicts: tuple[str, ...]
    faults: tuple[str, ...]
    p_values: dict[str, float]
    scale: str
    until: int
    horizon_days: float
    capacity: float
    counts: dict[str, int]
    wins: int
    judged: int
    distinct: int
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    called: int = 0
    found: float | None = None
    low: float | None = None
    high: float | None = None
    by_chance: float | None = None
    missed: float | None = None
    expected_wins: float | None = None
    slope: float | None = None
    bins: tuple[metrics.Bin, ...] = ()
    beside: Beside | None = None
    warnings: tuple[str, ...] = ()
    unknown_to_rung: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; the instant as RFC 3339.

        Whether chance explains a band is asked of probabilities: of grades and points it is null.
        """
        found = asdict(self) | {"until": rfc3339(self.until)}
        if not self.is_probability:
            found["bins"] = [one | {"inside": None} for one in found["bins"]]
        return found

    @property
    def is_probability(self) -> bool:
        """Whether the scores say how likely a win is, and so can be wrong as probabilities."""
        return self.scale in PROBABILITIES
