"""Folds one after the other: what they train on, what they are judged on, in pairs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog
from models.bundle import Bundle
from tests.training.scores.backtest.scene import SHORT, fit, small_backtest
from tests.training.scores.scene import LADDER, small_log
from training.decision_points import decision_points
from training.labels import arrival_delays, label
from training.scores.backtest.folds import (
    DEFAULT,
    TrainingChoice,
    backtest,
    origins,
)
from training.scores.evaluate import evaluate


def test_origins_cover_the_later_part():
    """They are evenly apart, and the last fold ends a step's horizon before the log does."""
    log = small_log()
    edges = origins(log, LADDER, 4)
    last = log.judged_until(None)
    assert np.ptp(np.diff(edges)) <= 2
    wait = 7 * DAY_US + int(arrival_delays(log, LADDER, last).max())
    assert abs(edges[-1] - (last - wait)) <= 1
    assert (edges[0] - log.known.min()) / (edges[-1] - log.known.min()) == pytest.approx(
        0.4, abs=0.05
    )


def test_each_fold_knows_what_came_before_it_alone():
    """A bundle is trained at each origin in each way, and asked about points after it."""
    asked: list[tuple[int, str]] = []
    log = small_log()

    def noted(log: EventLog, until: int, choice: TrainingChoice) -> Bundle:
        asked.append((until, choice.name))
        return fit(log, until, choice)

    said: list[str] = []
    found = backtest(log, LADDER, noted, folds=2, choices=(DEFAULT, SHORT), progress=said.append)
    edges = origins(log, LADDER, 2)
    assert asked == [
        (edge, name) for edge in edges[:2] for name in ("all history", "the last 20 days")
    ]
    assert [(fold.start, fold.end) for fold in found.folds] == list(pairwise(edges))
    assert len(said) == 4
    assert said[0].startswith("fold 1 of 2, trained until 2026-")


@pytest.mark.parametrize("goal", ["advancement", "purchase"])
def test_the_points_are_those_of_the_period(goal):
    """Every point of every fold is judged or pending, and by what is known at the log's end."""
    log, found = small_log(), small_backtest()
    edges = origins(log, LADDER, 3)
    points = decision_points(log, LADDER, start=edges[0], end=edges[-1], seed=7)
    came = label(log, LADDER, points, log.judged_until(None))[goal == "purchase"]
    for fold in found.folds:
        inside = (points.as_of > fold.start) & (points.as_of <= fold.end)
        figures = fold.of("all history", goal)
        assert figures.n == came.mature[inside].sum()
        assert figures.pending == (~came.mature[inside]).sum()
        assert figures.rate == pytest.approx(came.happened[inside & came.mature].mean())
    lead, loss = found.losses["all history", goal]
    assert len(lead) == len(loss) == came.mature.sum()


def test_a_fold_is_judged_as_an_evaluation_is():
    """The rates of the steps and their figures are those that `evaluate` compares with."""
    log, found = small_log(), small_backtest()
    fold = found.folds[0]
    judged = evaluate(fit(log, fold.start, DEFAULT), log, start=fold.start, until=fold.end)
    rates = judged.advancement.baselines[0].performance
    ours = fold.of("all history", "advancement")
    # The evaluation ends with the fold; the backtest waits for the outcomes of all its points.
    assert rates is not None
    assert ours.n > judged.advancement.counts.mature
    assert ours.rates_log_loss == pytest.approx(rates.log_loss, abs=0.05)
    assert (ours.log_loss or 9.0) < (ours.rates_log_loss or 0.0)
    assert (ours.auc or 0.0) > (ours.rates_auc or 0.0)


def test_choices_answer_for_the_same_points():
    """Losses of two choices are of the same leads in the same order."""
    found = small_backtest()
    for goal in ("advancement", "purchase"):
        one, other = (found.losses[name, goal] for name in ("all history", "the last 20 days"))
        np.testing.assert_array_equal(one[0], other[0])
        assert (one[1] != other[1]).any()


def test_few_leads_have_no_figures():
    """A fold with nine leads of a kind says so, and has no losses to compare."""
    log = small_log(leads=30)
    found = backtest(log, LADDER, fit, folds=4)
    thin = [one for fold in found.folds for one in fold.figures if one.note]
    assert thin
    assert all(one.log_loss is None for one in thin)
    assert thin[0].note.startswith("not enough data: leads that reached the goal ")


def test_a_log_that_is_too_short():
    """A fold a day is the most; the message says how long the log is and what helps."""
    with pytest.raises(NotEnoughData, match=r"too short for 99 folds: .* take fewer folds"):
        origins(small_log(), LADDER, 99)
    with pytest.raises(NotEnoughData, match="there is no event"):
        origins(small_log().only(np.zeros(400, dtype=bool)), LADDER, 2)


def test_one_event_of_long_ago_moves_nothing():
    """A wrong date does not stretch the folds over empty years."""
    log = small_log()
    early = log.known.copy()
    early[0] = 0
    assert origins(replace(log, known=early), LADDER, 3)[0] == pytest.approx(
        origins(log, LADDER, 3)[0], abs=DAY_US
    )
