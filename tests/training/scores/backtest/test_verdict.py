"""The default stays unless another choice is better by more than its standard error, by leads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.scores.backtest.scene import SHORT, small_backtest
from training.scores.backtest.folds import DEFAULT, Backtest, TrainingChoice
from training.scores.backtest.verdict import chosen, gap, gaps


def with_losses(*others: float, noise: float = 0.2) -> Backtest:
    """The default and others whose losses lie apart so much on average, over 200 leads."""
    rng = np.random.default_rng(1)
    lead = np.repeat(np.arange(200), 3)
    base = rng.random(600)
    choices = (DEFAULT, *(TrainingChoice(float(at + 1)) for at in range(len(others))))
    losses = {}
    for choice, apart in zip(choices, (0.0, *others), strict=True):
        drawn = rng.normal(apart, noise if choice is not DEFAULT else 0.0, 200)
        for goal in ("advancement", "purchase"):
            losses[choice.name, goal] = (lead, base + drawn[lead])
    return Backtest("small", 0, choices, (), losses)


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ((0.1,), "all history"),
        ((-0.1,), "the last 1 day"),
        ((-0.1, -0.2), "the last 2 days"),
        ((0.1, 0.3), "all history"),
    ],
)
def test_the_best_that_is_surely_better(others, name):
    """Of those better than the default by more than an error, the one with the lowest loss."""
    assert chosen(with_losses(*others)) == name


def test_within_an_error_the_default_stays():
    """A gain that chance explains changes nothing."""
    found = with_losses(0.0, noise=1.0)
    (one, _) = gaps(found)
    assert one.is_better == (one.log_loss < -one.error)
    assert chosen(with_losses(-0.001, noise=0.0)) == "the last 1 day"
    assert chosen(with_losses(0.0, noise=0.0)) == "all history"


def test_the_error_counts_leads():
    """Repeating the points of each lead makes nothing surer; it is that of resampled leads."""
    rng = np.random.default_rng(2)
    of_lead = rng.normal(0.0, 1.0, 300)
    once = gap("x", "advancement", np.arange(300), of_lead)
    often = gap("x", "advancement", np.repeat(np.arange(300), 5), np.repeat(of_lead, 5))
    assert often.error == pytest.approx(once.error)
    assert once.error == pytest.approx(of_lead.std(ddof=1) / np.sqrt(300))
    assert gap("x", "advancement", np.zeros(9, dtype=np.int64), of_lead[:9]).error == np.inf


def test_fewer_leads_teach_less():
    """Of the small backtest, training on a seventh of the leads is worse."""
    found = small_backtest()
    told = {one.goal: one for one in gaps(found)}
    assert told["advancement"].choice == SHORT.name
    assert told["advancement"].log_loss > 0
    assert chosen(found) == DEFAULT.name
