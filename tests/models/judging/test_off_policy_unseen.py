"""Intervals where few decisions weigh much: they allow for what was likely to come and did not."""

import numpy as np
import pytest

from models.judging import off_policy
from models.judging.off_policy import Logged, gain
from tests.models.judging.worlds import ESTIMATORS

LOGS = 200
OFTEN = [0.6, 0.3, 0.1]
"""With what chances the log draws where both policies are alike."""


def drawn(seed, n, *, apart, seldom, rate, better, money=False, rows=1):
    """A log, a policy and predictions; they are `better` by the second option, and do not know it.

    In a share of decisions, `apart`, the log draws that option with the chance `seldom` and the
    policy with .9; elsewhere they are alike. All predictions are the plain mean.
    """
    rng = np.random.default_rng(seed)
    parted = rng.random(n) < apart
    probability, target = np.tile(OFTEN, (n, 1)), np.tile(OFTEN, (n, 1))
    probability[parted], target[parted] = [0.9 - seldom, seldom, 0.1], [0.05, 0.9, 0.05]
    chosen = (probability.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 2)
    bought = rng.random(n) < rate + better * (parted & (chosen == 1))
    value = bought * (rng.lognormal(-0.5, 1.0, n) if money else 1.0)
    logged = Logged(probability, chosen, value, np.arange(n) // rows)
    return logged, target, np.full((n, 3), rate)


def told(**world):
    """A row a log and estimator: whether the gain lies below its interval, and above it."""
    truth = world["apart"] * (0.9 - world["seldom"]) * world["better"]
    found = []
    for seed in range(LOGS):
        logged, target, predicted = drawn(seed, **world)
        if logged.value.any():
            found.append(gain(logged, target, logged.probability, predicted))
    return {
        name: np.mean(
            [[truth < getattr(one, name).low, getattr(one, name).high < truth] for one in found],
            axis=0,
        )
        for name in ESTIMATORS
    }


@pytest.mark.parametrize(
    "world",
    [
        {"n": 400, "apart": 0.05, "seldom": 0.05, "rate": 0.1, "better": 0.05},
        {"n": 1000, "apart": 0.05, "seldom": 0.02, "rate": 0.05, "better": 0.05},
        {"n": 400, "apart": 0.1, "seldom": 0.05, "rate": 0.25, "better": 0.0},
        {"n": 900, "apart": 0.1, "seldom": 0.05, "rate": 0.1, "better": 0.05, "rows": 3},
        {"n": 1000, "apart": 0.05, "seldom": 0.05, "rate": 0.1, "better": 0.05, "money": True},
    ],
    ids=["rare", "rarer", "no gain", "three of a lead", "money"],
)
def test_coverage_where_few_decisions_weigh_much(world):
    """By each estimator 93 % hold the gain; by what was seen alone it was 9 to 90 % of IPS."""
    for name, missed in told(**world).items():
        assert missed.sum() <= 0.07, name


def by_what_was_seen(*arguments):
    """The gain as it was told before: without what was likely to come and did not."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(off_policy, "_lacking", lambda *_: (0.0, 0.0))
        return gain(*arguments)


@pytest.mark.parametrize("money", [False, True])
def test_no_wider_where_the_policies_overlap(money):
    """Where the log draws often what the policy wants, nothing much can be lacking."""
    wider = []
    for seed in range(40):
        log = drawn(seed, 900, apart=0.5, seldom=0.4, rate=0.2, better=0.05, money=money)
        asked = log[0], log[1], log[0].probability, log[2]
        one, before = gain(*asked), by_what_was_seen(*asked)
        wider.append((one.dr.high - one.dr.value) / (before.dr.high - before.dr.value))
    assert 1.0 <= np.mean(wider) < 1.03


def test_what_was_never_drawn_may_have_brought_as_much_as_the_rest():
    """Of 20 decisions the log never drew what the policy wants: it knows nothing of them."""
    n, rate = 400, 0.25
    probability, target = np.tile([0.5, 0.5], (n, 1)), np.tile([0.5, 0.5], (n, 1))
    probability[:20], target[:20] = [0.98, 0.02], [0.0, 1.0]
    value = (np.arange(n) % 4 == 0).astype(float)
    logged = Logged(
        probability, np.where(np.arange(n) < 20, 0, np.arange(n) % 2), value, np.arange(n)
    )
    asked = logged, target, probability, np.full((n, 2), rate)
    found, before = gain(*asked), by_what_was_seen(*asked)
    assert before.dr.high < 0.98 * 20 * rate / n  # if those brought what all did
    for name in ESTIMATORS:
        assert getattr(found, name).high >= 0.98 * 20 * rate / n, name


@pytest.mark.parametrize("seldom", [1e-3, 1e-6, 1e-12, 1e-200, 5e-324])
def test_the_rarest_options_do_not_make_an_interval_endless(seldom):
    """However seldom an option is drawn, it cannot bring more than the policy would draw of it."""
    logged, target, predicted = drawn(0, 400, apart=0.05, seldom=seldom, rate=0.2, better=0.0)
    found = gain(logged, target, logged.probability, predicted)
    for name in ("ips", "dr"):
        one = getattr(found, name)
        assert one.high - one.low < 0.5, name
