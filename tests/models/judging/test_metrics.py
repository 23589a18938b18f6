"""Figures of merit against scikit-learn, brute force, and data whose answer is known."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from models.judging import intervals, metrics
from tests.models.judging.outcomes import drawn, of_leads, some


@pytest.mark.parametrize("seed", range(5))
def test_against_scikit_learn(seed):
    """AUC, average precision, log loss and Brier are scikit-learn's, ties included."""
    probability, happened = drawn(seed)
    assert metrics.auc(probability, happened) == pytest.approx(roc_auc_score(happened, probability))
    assert metrics.average_precision(probability, happened) == pytest.approx(
        average_precision_score(happened, probability)
    )
    assert metrics.log_loss(probability, happened) == pytest.approx(
        sklearn_log_loss(happened, probability)
    )
    assert metrics.brier(probability, happened) == pytest.approx(
        brier_score_loss(happened, probability)
    )


@pytest.mark.parametrize("happened", [[], [0.0, 0.0], [1.0, 1.0]])
def test_one_kind_of_outcome(happened):
    """A ranking cannot be judged on outcomes of one kind: None, and no crash."""
    outcomes = np.array(happened)
    probability = np.full(len(outcomes), 0.3)
    assert metrics.auc(probability, outcomes) is None
    assert metrics.average_precision(probability, outcomes) is None
    weights = intervals.lead_weights(np.arange(len(outcomes)), seed=1)
    assert intervals.standard_error(metrics.auc_draws(probability, outcomes, weights)) is None


def test_no_rows():
    """Without rows every figure is None or empty."""
    none = np.zeros(0)
    figures = (metrics.log_loss, metrics.brier, metrics.ece)
    assert [figure(none, none) for figure in figures] == [None] * 3
    assert metrics.ece_by_chance(none, seed=1) is None
    assert metrics.lift(none, none, 0.1) is None
    assert metrics.reliability(none, none) == ()


@pytest.mark.parametrize("seed", range(3))
def test_expected_auc_by_pairs(seed):
    """Each pair counts by the chance that one happens and the other does not; none by itself."""
    rng = np.random.default_rng(seed)
    probability, weight = rng.integers(1, 9, 30) / 10.0, rng.uniform(0.5, 2.0, 30)
    right = pairs = 0.0
    for one in range(30):
        for other in range(30):
            if one != other:
                chance = probability[one] * (1.0 - probability[other])
                counts = weight[one] * weight[other] * chance
                pairs += counts
                above = np.sign(probability[one] - probability[other])
                right += counts * (1.0 + above) / 2.0
    assert metrics.expected_auc(probability, weight) == pytest.approx(right / pairs)


def test_expected_is_the_mean_of_what_comes():
    """Over many outcomes drawn by the probabilities, both figures come to what was expected."""
    rng = np.random.default_rng(5)
    probability = rng.beta(1.0, 4.0, 400)
    drawn_often = [(rng.random(400) < probability).astype(np.float64) for _ in range(400)]
    came = np.array(
        [(metrics.auc(probability, one), metrics.log_loss(probability, one)) for one in drawn_often]
    )
    error = came.std(axis=0) / np.sqrt(len(came))
    expected = metrics.expected_auc(probability), metrics.expected_log_loss(probability)
    assert np.abs(came.mean(axis=0) - expected) == pytest.approx([0.0, 0.0], abs=4 * error.max())


def test_expected_without_a_pair():
    """Nothing can be ranked where there is one row, none, or all is certain to come alike."""
    for probability in ([], [0.3], [0.0, 0.0], [1.0, 1.0, 1.0]):
        assert metrics.expected_auc(np.array(probability)) is None
    assert metrics.expected_auc(np.array([1.0, 0.0])) == 1.0
    assert metrics.expected_auc(np.array([0.3, 0.3])) == 0.5
    assert metrics.expected_log_loss(np.zeros(0)) is None
    assert metrics.expected_log_loss(np.array([1.0, 0.0])) == pytest.approx(0.0)


def test_certainty_is_punished():
    """A certain error costs the log of 1e-15 and no less: nothing is clipped before that."""
    happened = np.array([1.0])
    assert metrics.log_loss(np.array([0.0]), happened) == pytest.approx(-np.log(1e-15))
    assert metrics.log_loss(np.array([1e-12]), happened) == pytest.approx(-np.log(1e-12))


def test_bins_are_equal():
    """Without ties ten bins hold a tenth each, rising with the probability."""
    probability = np.random.default_rng(1).random(1000)
    group = metrics.equal_count_bins(probability)
    assert np.bincount(group).tolist() == [100] * 10
    assert (np.diff(group[np.argsort(probability)]) >= 0).all()


def test_ties_share_a_bin():
    """Equal probabilities are never split between bins, and no bin is empty."""
    probability, _ = drawn(3, steps=4)
    group = metrics.equal_count_bins(probability)
    pairs = np.unique(np.stack([probability, group]), axis=1)
    assert pairs.shape[1] == len(np.unique(probability))
    assert (np.bincount(group) > 0).all()


def test_calibrated_bins_are_inside():
    """Perfectly calibrated probabilities have about 95 % of their bins inside."""
    inside = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        probability = rng.beta(1.0, 2.0, 800)
        happened = (rng.random(800) < probability).astype(float)
        inside += [line.inside for line in metrics.reliability(probability, happened)]
    assert 0.93 <= np.mean(inside) <= 0.97


def test_rows_of_a_lead_are_not_independent():
    """With eight equal rows a lead, only intervals that know the leads keep their promise."""
    naive, aware = [], []
    for seed in range(60):
        probability, happened, lead = of_leads(seed)
        naive += [line.inside for line in metrics.reliability(probability, happened)]
        aware += [line.inside for line in metrics.reliability(probability, happened, lead)]
    assert np.mean(naive) < 0.7
    assert 0.92 <= np.mean(aware) <= 0.98


@pytest.mark.parametrize("with_leads", [False, True])
def test_distortion_is_caught(with_leads):
    """Probabilities that are a rank only fall outside, and their ECE exceeds chance."""
    probability, happened, lead = of_leads(2, leads=1000)
    distorted = probability**2
    lines = metrics.reliability(distorted, happened, lead if with_leads else None)
    assert np.mean([line.inside for line in lines]) < 0.5
    effect = intervals.design_effect(happened, lead, metrics.equal_count_bins(distorted))
    chance = some(metrics.ece_by_chance(distorted, seed=1, effect=effect))
    assert some(metrics.ece(distorted, happened)) > 2 * chance


def test_reliability_line():
    """A line holds the mean prediction, the rate, and Wilson's interval of its rows."""
    probability = np.array([0.2, 0.2, 0.2, 0.8])
    happened = np.array([0.0, 1.0, 0.0, 1.0])
    low_line, high_line = metrics.reliability(probability, happened, bins=2)
    assert low_line.n == 3
    assert low_line.predicted == pytest.approx(0.2)
    assert low_line.observed == pytest.approx(1 / 3)
    assert (low_line.low, low_line.high) == pytest.approx(intervals.wilson(1, 3))
    assert high_line == metrics.Bin(1, 0.8, 1.0, *intervals.wilson(1, 1), inside=True)


def test_ece_by_brute_force():
    """ECE is the weighted mean gap of the bins."""
    probability, happened = drawn(4)
    group = metrics.equal_count_bins(probability)
    gaps = [
        (group == at).mean() * abs(probability[group == at].mean() - happened[group == at].mean())
        for at in np.unique(group)
    ]
    assert metrics.ece(probability, happened) == pytest.approx(sum(gaps))


def test_ece_by_chance_is_what_calibration_shows():
    """Calibrated outcomes show, on average, the ECE by chance."""
    rng = np.random.default_rng(5)
    probability = rng.random(500)
    shown = [
        some(metrics.ece(probability, (rng.random(500) < probability).astype(float)))
        for _ in range(200)
    ]
    assert metrics.ece_by_chance(probability, seed=6) == pytest.approx(np.mean(shown), rel=0.1)


def test_ece_by_chance_of_leads():
    """The design effect makes up for rows of a lead that share their outcome."""
    shown, chance = [], []
    for seed in range(60):
        probability, happened, lead = of_leads(seed)
        effect = intervals.design_effect(happened, lead, metrics.equal_count_bins(probability))
        shown.append(some(metrics.ece(probability, happened)))
        chance.append(some(metrics.ece_by_chance(probability, seed, effect=effect)))
    assert np.mean(chance) == pytest.approx(np.mean(shown), rel=0.15)


def test_lift_by_brute_force():
    """Lift and found agree with sorting and counting, where there are no ties."""
    rng = np.random.default_rng(7)
    probability = rng.random(500)
    happened = (rng.random(500) < probability).astype(float)
    top = happened[np.argsort(-probability)[:50]]
    assert metrics.found(probability, happened, 0.1) == pytest.approx(top.sum() / happened.sum())
    assert metrics.lift(probability, happened, 0.1) == pytest.approx(top.mean() / happened.mean())


def test_ties_count_as_random_order():
    """A ranking of equals finds what a random order finds, and its lift is 1."""
    _, happened = drawn(8)
    equal = np.full(len(happened), 0.4)
    assert metrics.lift(equal, happened, 0.1) == pytest.approx(1.0)
    curve = some(metrics.cumulative_gain(equal, happened, np.array([0.0, 0.25, 1.0])))
    assert curve.tolist() == pytest.approx([0.0, 0.25, 1.0])


def test_nothing_to_find():
    """Without a success there is no lift, and a queue finds nothing."""
    none = np.zeros(10)
    assert metrics.lift(np.arange(10) / 10, none, 0.2) is None
    worked = metrics.queue(np.arange(10) / 10, none, np.zeros(10, dtype=int), 2)
    assert (worked.hits, worked.found, worked.by_chance, worked.lift) == (0.0, None, None, None)


@pytest.mark.parametrize(
    ("capacity", "picked", "hits", "by_chance"),
    [(1, 2, 1, 1 / 4 + 2 / 2), (2, 4, 3, 2 / 4 + 2), (0.5, 3, 2, 2 / 4 + 2 / 2), (9, 6, 3, 3)],
)
def test_queue_by_hand(capacity, picked, hits, by_chance):
    """Each instant has its own capacity, a share of its rows or a number of them."""
    probability = np.array([0.9, 0.5, 0.4, 0.1, 0.8, 0.2])
    happened = np.array([0.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    worked = metrics.queue(probability, happened, np.array([0, 0, 0, 0, 1, 1]), capacity)
    assert (worked.instants, worked.picked, worked.hits) == (2, picked, hits)
    assert worked.found == pytest.approx(hits / 3)
    assert worked.by_chance == pytest.approx(by_chance / 3)
    assert worked.lift == pytest.approx(hits / by_chance)


@pytest.mark.parametrize("capacity", [50, 0.1])
def test_a_queue_in_no_order_has_a_lift_of_one(capacity):
    """Also where the instants with few rows, all of which are worked, have most successes."""
    instant = np.repeat(np.arange(4), (40, 40, 600, 600))
    happened = np.zeros(len(instant))
    happened[[*range(20), *range(40, 60), *range(80, 100)]] = 1.0
    worked = metrics.queue(np.zeros(len(instant)), happened, instant, capacity)
    assert worked.lift == pytest.approx(1.0)
    rng, found = np.random.default_rng(1), []
    for _ in range(200):  # the same by drawing orders
        drawn_order = metrics.queue(rng.random(len(instant)), happened, instant, capacity)
        found.append(some(drawn_order.found))
    assert np.mean(found) == pytest.approx(worked.by_chance, abs=0.02)


def test_draws_are_weighted_figures():
    """A resampling's figures are those of its rows, each as often as its lead was drawn."""
    probability, happened = drawn(9)
    weights = intervals.lead_weights(np.arange(400) // 4, seed=1)
    aucs = metrics.auc_draws(probability, happened, weights)
    lost = metrics.log_loss_draws(probability, happened, weights)
    for at in range(5):
        weight = weights.draws[at][weights.cluster]
        assert aucs[at] == pytest.approx(roc_auc_score(happened, probability, sample_weight=weight))
        assert lost[at] == pytest.approx(
            sklearn_log_loss(happened, probability, sample_weight=weight)
        )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_row_that_counts_twice_is_two_rows(seed):
    """Every figure with whole weights is the figure of so many equal rows."""
    probability, happened = drawn(seed)
    weight = np.random.default_rng(seed).integers(1, 4, len(happened))
    again = np.repeat(np.arange(len(happened)), weight)
    counts = weight.astype(np.float64)
    for figure in (metrics.auc, metrics.average_precision, metrics.log_loss, metrics.brier):
        expected = figure(probability[again], happened[again])
        assert figure(probability, happened, counts) == pytest.approx(expected)
    for share in (metrics.lift, metrics.found):
        expected = share(probability[again], happened[again], 0.3)
        assert share(probability, happened, 0.3, counts) == pytest.approx(expected)


def test_weighted_groups_by_hand():
    """ECE and the reliability table weigh the rows of each group."""
    probability = np.array([0.1, 0.1, 0.9, 0.9])
    happened, weight = np.array([0.0, 1.0, 1.0, 0.0]), np.array([3.0, 1.0, 2.0, 2.0])
    low, high = metrics.reliability(probability, happened, bins=2, weight=weight)
    assert (low.observed, high.observed) == (0.25, 0.5)
    assert (low.n, high.n) == (2, 2)
    assert metrics.ece(probability, happened, 2, weight) == pytest.approx(
        (abs(4 * (0.25 - 0.1)) + abs(4 * (0.5 - 0.9))) / 8
    )


def test_weighted_draws_are_weighted_figures():
    """Each resampling weighs its rows as the figure itself does."""
    probability, happened = drawn(4)
    weight = np.random.default_rng(4).uniform(0.5, 3.0, len(happened))
    lead = np.arange(len(happened)) // 2
    once = intervals.LeadWeights(lead, np.ones((1, lead.max() + 1), dtype=np.uint8))
    assert metrics.auc_draws(probability, happened, once, weight)[0] == pytest.approx(
        metrics.auc(probability, happened, weight)
    )
    assert metrics.log_loss_draws(probability, happened, once, weight)[0] == pytest.approx(
        metrics.log_loss(probability, happened, weight)
    )


def _places(probability, instant, capacity):
    """The best of each instant, one by one; those that are level at the end share what is left."""
    found = np.zeros(len(probability))
    for one in set(instant.tolist()):
        rows = sorted(np.flatnonzero(instant == one), key=lambda at: -probability[at])
        left = max(1, round(capacity * len(rows))) if capacity < 1 else min(capacity, len(rows))
        for value in sorted({probability[at] for at in rows}, reverse=True):
            level = [at for at in rows if probability[at] == value]
            found[level] = min(1.0, left / len(level))
            left = max(0, left - len(level))
    return found


@pytest.mark.parametrize("capacity", [0.01, 0.1, 0.5, 0.99, 1, 3, 500])
@pytest.mark.parametrize("seed", range(3))
def test_who_is_picked_beside_a_loop(capacity, seed):
    """Who is worked is who is best each week, and there are as many places as the queue works."""
    rng = np.random.default_rng(seed)
    probability, instant = rng.integers(0, 12, 90) / 12, rng.integers(0, 4, 90)
    found = metrics.picked(probability, instant, capacity)
    assert found == pytest.approx(_places(probability, instant, capacity))
    happened = (rng.random(90) < 0.4).astype(np.float64)
    worked = metrics.queue(probability, happened, instant, capacity)
    assert found.sum() == pytest.approx(worked.picked)
    assert found @ happened == pytest.approx(worked.hits)


def test_nobody_is_picked_of_nobody():
    """Without a row there is nobody to pick."""
    assert metrics.picked(np.array([]), np.array([], dtype=np.int64), 0.1).tolist() == []
