"""One signal alone, judged among leads at one step that its rates were not made from."""

from __future__ import annotations

import numpy as np
import pytest

from models.judging.metrics import auc
from training.trust.rows import ProbeRows, auc_within_steps
from training.trust.too_good import alone, too_good


def rows_of(column, happened, position=None, *, category=False) -> ProbeRows:
    n = len(happened)
    position = np.zeros(n, dtype=np.int64) if position is None else position
    return ProbeRows(
        ("trait.x",), np.asarray(column, dtype=float)[:, None], (0,) if category else (),
        position, np.arange(n), np.asarray(happened, dtype=float),
    )  # fmt: skip


def test_a_step_is_no_signal():
    """What follows from the step alone has an AUC of one half, however much it tells overall."""
    rng = np.random.default_rng(1)
    position = rng.integers(0, 2, 4000)
    happened = (rng.random(4000) < np.where(position == 1, 0.95, 0.05)).astype(float)
    rows = rows_of(position, happened, position)
    assert (auc(position.astype(float), happened) or 0.0) > 0.9
    told = auc_within_steps(alone(rows, 0), happened, position)
    assert told == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("category", [False, True])
@pytest.mark.parametrize(("noise", "is_found"), [(0.0, True), (0.01, True), (0.15, False)])
def test_nearly_perfect_is_too_good(category, noise, is_found):
    """One error in a hundred is found, fifteen are a strong signal."""
    rng = np.random.default_rng(2)
    happened = (rng.random(2000) < 0.4).astype(float)
    told = np.where(rng.random(2000) < noise, 1.0 - happened, happened)
    found = too_good(rows_of(told, happened, category=category), np.array([0.9]), "it")
    assert [one.id for one in found] == (["trait.x"] if is_found else [])


def test_absence_tells_too():
    """A number that is there for successes alone is too good, whatever it says."""
    rng = np.random.default_rng(3)
    happened = (rng.random(1000) < 0.3).astype(float)
    column = np.where(happened == 1, rng.random(1000), np.nan)
    (found,) = too_good(rows_of(column, happened), np.array([0.1]), "the purchase")
    assert found.figures["auc"] == 1.0
    assert "the trait trait.x alone ranks the purchase with an AUC of 1.000" in found.says


def test_many_rare_values_are_not_believed():
    """A value a lead tells nothing of others: rates are made on other leads."""
    rng = np.random.default_rng(4)
    happened = (rng.random(1000) < 0.5).astype(float)
    rows = rows_of(np.arange(1000), happened, category=True)
    told = auc_within_steps(alone(rows, 0), happened, rows.position)
    assert told == pytest.approx(0.5, abs=0.06)


def test_few_leads_are_not_judged():
    """Below thirty leads of either kind nothing is said."""
    happened = np.array([1.0] * 29 + [0.0] * 500)
    assert too_good(rows_of(happened, happened), np.array([1.0]), "it") == []
