"""One set of answers against what came."""

from dataclasses import replace

import numpy as np

from tests.models.judging.outcomes import drawn
from training.scores.performance import Answers, Resampled


def answers(seed=1, rows_per_lead=4):
    """Calibrated probabilities with ties, four rows a lead over two weeks, without intervals."""
    probability, happened = drawn(seed)
    row = np.arange(len(happened))
    return Answers(
        probability=probability,
        rank=probability,
        happened=happened,
        lead=row // rows_per_lead,
        position=row % 2,
        week=row % rows_per_lead // 2,
        seen=row % 3 == 0,
        weight=np.ones(len(row)),
        interval=None,
    )


def test_enough_leads_of_either_kind():
    """Ten leads that reached the goal and ten that did not; many rows of one lead are one."""
    rows = answers()
    assert rows.is_enough
    assert not replace(rows, happened=np.ones(len(rows))).is_enough
    assert not replace(rows, lead=np.where(rows.happened == 1, -1, rows.lead)).is_enough


def test_one_place_a_lead_and_week():
    """The queue of a week holds each lead once."""
    rows = answers()
    queue = Resampled.of(rows, 7).performance(7, 0.1).queue
    assert (queue.instants, queue.n) == (2, 200)


def test_no_intervals_no_coverage():
    """What serves no interval has none covered; intervals of everything cover all groups."""
    rows = answers()
    assert Resampled.of(rows, 7).performance(7, 0.1).interval_coverage is None
    everything = replace(rows, interval=(np.zeros(len(rows)), np.ones(len(rows))))
    assert Resampled.of(everything, 7).performance(7, 0.1).interval_coverage == 1.0


def test_nothing_is_lost_to_oneself():
    """The same answers differ by 0, without error, for the same seed."""
    gap = Resampled.of(answers(), 7).minus(Resampled.of(answers(), 7))
    assert (gap.log_loss, gap.log_loss_error, gap.auc, gap.auc_error) == (0.0, 0.0, 0.0, 0.0)


def test_some_rows_are_those_rows():
    """A mask takes the same rows of every array, intervals included."""
    rows = answers()
    held = replace(rows, interval=(rows.probability / 2, rows.probability))
    some = held.only(rows.seen)
    assert len(some) == rows.seen.sum()
    assert some.interval is not None
    assert some.interval[1].tolist() == some.probability.tolist()
    assert some.lead.tolist() == rows.lead[rows.seen].tolist()
