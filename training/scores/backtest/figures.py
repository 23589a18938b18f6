"""What a backtest measures, fold by fold, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FoldFigures", "FoldResult"]


@dataclass(frozen=True, slots=True)
class FoldFigures:
    """One choice on one goal of one fold.

    Parameters
    ----------
    n, pending : points that are judged, and that are not because their horizon is not over, those
        among them that advanced early as well.
    note : why there are no figures; empty where there are.
    rates_log_loss, rates_auc : of the rates of the steps as they were known at the origin.
    """

    choice: str
    goal: str
    n: int
    pending: int
    note: str = ""
    rate: float | None = None
    auc: float | None = None
    log_loss: float | None = None
    ece: float | None = None
    ece_by_chance: float | None = None
    rates_log_loss: float | None = None
    rates_auc: float | None = None


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A fold: trained on what was known by `start`, judged on points up to `end` (microseconds)."""

    start: int
    end: int
    figures: tuple[FoldFigures, ...]

    def of(self, choice: str, goal: str) -> FoldFigures:
        """The figures of a choice and goal."""
        return next(one for one in self.figures if (one.choice, one.goal) == (choice, goal))
