"""How sure a figure is: intervals by hand, and errors that count leads and not rows."""

import numpy as np
import pytest

from models.judging import intervals, metrics
from tests.models.judging.outcomes import of_leads, some


def test_wilson_by_hand():
    """The interval is Wilson's: 8 of 10 is 49.0 % to 94.3 %."""
    assert intervals.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert intervals.wilson(0, 0) == pytest.approx((0.0, 1.0))


@pytest.mark.parametrize("n", [1, 7, 1084])
def test_wilson_holds_the_rate(n):
    """The observed rate is inside its own interval, at 0 and 1 too."""
    for successes in (0, n):
        low, high = intervals.wilson(successes, n)
        assert 0.0 <= low <= successes / n <= high <= 1.0


def test_design_effect_by_hand():
    """Eight rows that always agree are worth one; independent rows are worth themselves."""
    probability, happened, lead = of_leads(1)
    group = metrics.equal_count_bins(probability)
    assert intervals.design_effect(happened, lead, group) == pytest.approx(8.0)
    alone = intervals.design_effect(happened, np.arange(len(lead)), group)
    assert alone == 1.0


def test_error_counts_leads():
    """The standard error of the log loss is that of the leads' means, not of the rows."""
    probability, happened, lead = of_leads(10)
    weights = intervals.lead_weights(lead, seed=2)
    error = intervals.standard_error(metrics.log_loss_draws(probability, happened, weights))
    each = metrics.losses(probability, happened)[::8]
    assert error == pytest.approx(each.std() / np.sqrt(len(each)), rel=0.2)


def test_differences_are_paired():
    """The same seed draws the same leads, so equal models differ by 0 with an error of 0."""
    probability, happened, lead = of_leads(11)
    first, second = (
        metrics.auc_draws(probability, happened, intervals.lead_weights(lead, seed=3))
        for _ in range(2)
    )
    assert intervals.standard_error(first - second) == 0.0
    apart = metrics.log_loss_draws(probability, happened, intervals.lead_weights(lead, seed=3))
    near = metrics.log_loss_draws(
        np.clip(probability + 0.01, 0, 1), happened, intervals.lead_weights(lead, seed=3)
    )
    alone = some(intervals.standard_error(apart))
    assert some(intervals.standard_error(near - apart)) < 0.2 * alone


def test_newcombe_by_hand():
    """The example of Newcombe (1998): 56 of 70 less 48 of 80 is 0.2 (0.0524 to 0.3339)."""
    one, other = ((k / n, *intervals.wilson(k, n)) for k, n in ((56, 70), (48, 80)))
    assert intervals.newcombe(one, other) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    back = intervals.newcombe(other, one)
    assert back == pytest.approx((-0.2, -0.3339, -0.0524), abs=1e-4)


def test_nothing_to_tell_apart_is_worth_itself():
    """Without rows, of one row, and where a group's outcomes are all alike, a row is one row."""
    for happened in ([], [1.0], [1.0, 1.0, 1.0], [0.0, 0.0]):
        nobody = np.zeros(len(happened), dtype=np.int64)
        assert intervals.design_effect(np.array(happened), nobody, nobody) == 1.0


def test_weights_that_vary_are_worth_less():
    """Kish's n times the sum of squares over the square of the sum: 4 x 20 / 64."""
    happened, alone = np.array([0.0, 1.0, 0.0, 1.0]), np.arange(4)
    one = np.zeros(4, dtype=np.int64)
    weight = np.array([1.0, 1.0, 3.0, 3.0])
    assert intervals.design_effect(happened, alone, one, weight) == pytest.approx(1.25)
    assert intervals.design_effect(happened, alone, one, np.full(4, 3.0)) == pytest.approx(1.0)


def test_no_error_from_fewer_than_twenty_draws():
    """Twenty that have a figure are enough; their spread is that of a sample."""
    draws = np.array([0.0, 2.0] * 10 + [np.nan] * 5)
    assert intervals.standard_error(draws) == pytest.approx(np.sqrt(20 / 19))
    assert intervals.standard_error(draws[1:]) is None
