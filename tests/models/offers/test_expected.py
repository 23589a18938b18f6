"""What is expected of a lead whatever is done, of which its own outcome is no part."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from models.offers.expected import Expected, expect, log_odds
from models.scores.learners.boosting import lead_folds

LEADS = 250
ROWS = 500


def world(kind: str, rows: int = ROWS) -> dict[str, np.ndarray]:
    """Two rows a lead, at three steps; the first column tells the outcome, the last is a word."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(ROWS, 4))
    matrix[:, 3] = rng.integers(0, 3, ROWS)
    chance = expit(1.5 * matrix[:, 0] + (matrix[:, 3] == 1.0))
    drawn = rng.random(ROWS)
    outcome = (drawn < chance).astype(np.float64)
    if kind == "amount":
        outcome *= 100.0 * np.exp(0.3 * rng.normal(size=ROWS))
    lead = np.arange(ROWS) // 2
    held = {"matrix": matrix, "outcome": outcome, "lead": lead, "position": np.arange(ROWS) % 3}
    return {name: values[:rows] for name, values in held.items()}


def expected(held: dict[str, np.ndarray], kind: str, **changed: np.ndarray) -> Expected:
    held = {**held, **changed}
    return expect(
        held["matrix"],
        held["outcome"],
        held["lead"],
        held["position"],
        [3],
        "amount" if kind == "amount" else "share",
    )


KINDS = pytest.mark.parametrize("kind", ["share", "amount"])
SIZES = pytest.mark.parametrize("rows", [40, ROWS], ids=["rates", "trees"])


@KINDS
@SIZES
@pytest.mark.parametrize("lead", [0, 7, 19])
def test_own_outcome_stays_out(kind, rows, lead):
    """Other outcomes of a lead leave its expectation the same to the bit, and change others'."""
    held = world(kind, rows)
    own = held["lead"] == lead
    other = held["outcome"].copy()
    other[own] = (other[own] == 0.0) * (1.0 if kind == "share" else 5000.0)
    before, after = expected(held, kind).mean, expected(held, kind, outcome=other).mean
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any()


@KINDS
def test_own_outcome_stays_out_at_the_bound(kind):
    """Where an expectation is bounded from below, the bound does not know the lead's outcome."""
    held = world(kind)
    held["outcome"][held["matrix"][:, 0] < 0.5] = 0.0
    if kind == "amount":
        held["outcome"] -= 60.0
    before = expected(held, kind).mean
    lowest = int(before.argmin())
    own = held["lead"] == held["lead"][lowest]
    other = held["outcome"].copy()
    other[own] += 1.0 if kind == "share" else 1e5
    other = np.minimum(other, 1.0) if kind == "share" else other
    np.testing.assert_array_equal(before[own], expected(held, kind, outcome=other).mean[own])


@KINDS
@SIZES
def test_all_rows_of_a_lead_are_out_together(kind, rows):
    """The outcome of one row of a lead is no part of what is expected at its other row."""
    held = world(kind, rows)
    other = held["outcome"].copy()
    other[0] = (other[0] == 0.0) * 1.0
    assert held["lead"][0] == held["lead"][1]
    before, after = expected(held, kind).mean, expected(held, kind, outcome=other).mean
    assert before[1] == after[1]


@KINDS
@SIZES
def test_deterministic(kind, rows):
    """The same rows give the same expectations, to the bit."""
    held = world(kind, rows)
    np.testing.assert_array_equal(expected(held, kind).mean, expected(held, kind).mean)


def test_few_rows_give_the_rates_of_steps():
    """A rate is that of the other folds' rows at the step, with four rows of all steps' rate."""
    held = world("share", 60)
    found = expected(held, "share")
    assert found.learner is None
    np.testing.assert_array_equal(found.importance(4), np.zeros(4))
    fold = lead_folds(held["lead"], 5, 7)
    for row in range(60):
        others = fold != fold[row]
        there = others & (held["position"] == held["position"][row])
        overall = held["outcome"][others].mean()
        rate = (held["outcome"][there].sum() + 4.0 * overall) / (there.sum() + 4.0)
        assert found.mean[row] == pytest.approx(rate)


def test_a_step_of_its_own():
    """At a step where no other lead has been, the rate of all steps is expected."""
    held = world("share", 60)
    held["position"][:2] = 9
    overall = held["outcome"][lead_folds(held["lead"], 5, 7) != lead_folds(held["lead"], 5, 7)[0]]
    assert expected(held, "share").mean[0] == pytest.approx(overall.mean())


@KINDS
def test_trees_tell_leads_apart(kind):
    """With enough rows the expectation follows the column that tells, and the learner agrees."""
    held = world(kind)
    found = expected(held, kind)
    assert found.learner is not None
    assert np.corrcoef(found.mean, held["matrix"][:, 0])[0, 1] > 0.6
    importance = found.importance(4)
    assert importance.argmax() == 0
    assert importance.shape == (4,)
    raw = found.learner.margins(held["matrix"])
    margin = log_odds(found.mean) if kind == "share" else found.mean
    assert np.corrcoef(raw, margin)[0, 1] > 0.9
    assert found.mean.mean() == pytest.approx(held["outcome"].mean(), rel=0.1)


def test_shares_are_bounded():
    """Of what always or never happens a share is expected that is away from 1 and 0."""
    for rows in (40, ROWS):
        held = world("share", rows)
        for outcome, bound in ((0.0, 0.005), (1.0, 0.995)):
            found = expected(held, "share", outcome=np.full(rows, outcome))
            np.testing.assert_allclose(found.mean, bound)
    held = world("share")
    held["outcome"] = (held["matrix"][:, 0] > 0).astype(np.float64)
    sure = expected(held, "share").mean
    assert ((sure >= 0.005) & (sure <= 0.995)).all()


def test_amounts_are_positive():
    """Of losses a small gain is expected, as effects are shares of it."""
    for rows in (40, ROWS):
        held = world("amount", rows)
        losses = expected(held, "amount", outcome=-held["outcome"])
        assert (losses.mean > 0).all()
        nothing = expected(held, "amount", outcome=np.zeros(rows))
        assert (nothing.mean > 0).all()
        assert nothing.mean.max() < 1e-9


@pytest.mark.parametrize(
    "lead",
    [np.zeros(400, dtype=np.int64), np.repeat([0, 1000], 200), np.repeat([2, 3, 5], [398, 1, 1])],
    ids=["one", "two", "three"],
)
@KINDS
def test_many_rows_of_few_leads(lead, kind):
    """Rows of fewer leads than folds are too few, however many; one lead's own tell nothing."""
    held = world(kind, 400)
    found = expected(held, kind, lead=lead)
    assert found.learner is None
    assert np.isfinite(found.mean).all()
    if len(np.unique(lead)) == 1:
        np.testing.assert_array_equal(found.mean, np.full(400, 0.5))


@KINDS
def test_no_rows(kind):
    """Without a row nothing is expected of nobody."""
    found = expected(world(kind, 0), kind)
    assert (found.mean.shape, found.learner) == ((0,), None)


def test_log_odds():
    """Log-odds of a share, finite at 0 and 1."""
    np.testing.assert_allclose(log_odds(np.array([0.5, 0.2])), [0.0, np.log(0.25)])
    ends = log_odds(np.array([0.0, 0.005, 0.995, 1.0]))
    assert (ends[0], ends[3]) == (ends[1], ends[2])
