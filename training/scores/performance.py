"""One set of answers against what came: its figures, with errors over resampled leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from models.judging import intervals, metrics
from models.judging.metrics import Queue
from training.scores.baselines.baselines import Baseline
from training.scores.results import Difference, Performance

__all__ = ["FEWEST_LEADS", "Answers", "Resampled"]

FEWEST_LEADS: Final = 10
"""Leads with either outcome, below which rows are not judged on their own."""
_BINS, _FEWEST_BINS = 10, 3
"""Groups of the reliability table: ten, or fewer where there are not ten leads for each."""


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """Decided points with somebody's answers; every array has shape (n,), by lead and time.

    Parameters
    ----------
    probability, rank : what was answered; a rank need be no probability.
    happened : what came, 1.0 or 0.0.
    week : of the judged period, from 0.
    seen : whether anything was known of the lead when the period began.
    weight : what each counts.
    interval : low and high ends, of answers that have them.
    """

    probability: Floats
    rank: Floats
    happened: Floats
    lead: Ints
    position: Ints
    week: Ints
    seen: Bools
    weight: Floats
    interval: tuple[Floats, Floats] | None

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def is_enough(self) -> bool:
        """Whether enough leads have either outcome for the rows to be judged on their own."""
        reached = len(np.unique(self.lead[self.happened == 1]))
        missed = len(np.unique(self.lead[self.happened == 0]))
        return min(reached, missed) >= FEWEST_LEADS

    def only(self, keep: Bools) -> Answers:
        """Some of the rows, by mask."""
        return Answers(
            self.probability[keep],
            self.rank[keep],
            self.happened[keep],
            self.lead[keep],
            self.position[keep],
            self.week[keep],
            self.seen[keep],
            self.weight[keep],
            self.interval and (self.interval[0][keep], self.interval[1][keep]),
        )

    def answered_by(self, rival: Baseline) -> Answers:
        """The same rows with the answers of a baseline."""
        return Answers(
            rival.probability,
            rival.rank,
            self.happened,
            self.lead,
            self.position,
            self.week,
            self.seen,
            self.weight,
            None,
        )


@dataclass(frozen=True, eq=False, slots=True)
class Resampled:
    """Rows, with their AUC and log loss over resampled leads: the same leads for the same seed."""

    rows: Answers
    auc: Floats
    log_loss: Floats

    @classmethod
    def of(cls, rows: Answers, seed: int) -> Resampled:
        """The rows, resampled by lead."""
        weights = intervals.lead_weights(rows.lead, seed)
        return cls(
            rows,
            metrics.auc_draws(rows.rank, rows.happened, weights, rows.weight),
            metrics.log_loss_draws(rows.probability, rows.happened, weights, rows.weight),
        )

    def performance(self, seed: int, capacity: float) -> Performance:
        """The figures of these answers; `capacity` is that of the weekly queue."""
        rows = self.rows
        probability, rank, happened = rows.probability, rows.rank, rows.happened
        weight = rows.weight
        leads = len(np.unique(rows.lead))
        most = min(_BINS, max(_FEWEST_BINS, leads // FEWEST_LEADS))
        bins = metrics.reliability(probability, happened, rows.lead, most, weight)
        group = metrics.equal_count_bins(probability, most)
        effect = intervals.design_effect(happened, rows.lead, group, weight)
        return Performance(
            n=len(rows),
            leads=leads,
            rate=float(np.average(happened, weights=weight)),
            mean_probability=float(np.average(probability, weights=weight)),
            auc=metrics.auc(rank, happened, weight),
            auc_error=intervals.standard_error(self.auc),
            average_precision=metrics.average_precision(rank, happened, weight),
            log_loss=_number(metrics.log_loss(probability, happened, weight)),
            log_loss_error=intervals.standard_error(self.log_loss),
            brier=_number(metrics.brier(probability, happened, weight)),
            ece=_number(metrics.ece(probability, happened, weight=weight)),
            ece_by_chance=_number(metrics.ece_by_chance(probability, seed, effect=effect)),
            design_effect=effect,
            lift_10=metrics.lift(rank, happened, 0.1, weight),
            lift_20=metrics.lift(rank, happened, 0.2, weight),
            found_10=metrics.found(rank, happened, 0.1, weight),
            found_20=metrics.found(rank, happened, 0.2, weight),
            queue=_weekly_queue(rows, capacity),
            reliability=bins,
            bins_inside=float(np.mean([line.inside for line in bins])),
            interval_coverage=_interval_coverage(rows, group),
        )

    def minus(self, other: Resampled) -> Difference:
        """The figures of these answers less those of others to the same rows and seed."""
        ours, theirs = self.rows, other.rows
        auc, their_auc = (
            metrics.auc(rows.rank, rows.happened, rows.weight) for rows in (ours, theirs)
        )
        loss = metrics.losses(ours.probability, ours.happened)
        gap = loss - metrics.losses(theirs.probability, theirs.happened)
        return Difference(
            float(np.average(gap, weights=ours.weight)),
            intervals.standard_error(self.log_loss - other.log_loss),
            None if auc is None or their_auc is None else auc - their_auc,
            intervals.standard_error(self.auc - other.auc),
        )


def _number(value: float | None) -> float:
    """A figure of rows that exist."""
    return float("nan") if value is None else value


def _weekly_queue(rows: Answers, capacity: float) -> Queue:
    """The queue of each week, with each lead in it once, by its first score of that week."""
    _, first = np.unique(np.stack([rows.lead, rows.week]), axis=1, return_index=True)
    return metrics.queue(rows.rank[first], rows.happened[first], rows.week[first], capacity)


def _interval_coverage(rows: Answers, group: Ints) -> float | None:
    if rows.interval is None:
        return None
    n = np.bincount(group, rows.weight)
    observed, low, high = (
        np.bincount(group, rows.weight * values) / n for values in (rows.happened, *rows.interval)
    )
    return float(((low <= observed) & (observed <= high)).mean())
