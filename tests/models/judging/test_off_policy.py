"""Off-policy evaluation against slow obvious loops, and against worlds whose truth is planted."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, stdtrit
from threadpoolctl import threadpool_limits

from features.errors import EventsError, NotEnoughData, PolicyError
from models.judging.off_policy import Logged, by_segment, gain, off_policy, predicted_values
from tests.oracles.off_policy_oracle import (
    OracleDecision,
    oracle_disagreement,
    oracle_gain,
    oracle_value,
)

ESTIMATORS = ("ips", "snips", "dr")
OPTIONS = 5

# ---------------------------------------------------------------------------------------------
# A world: leads with a hidden inclination decide more than once, and options suit them differently.

SUITS = np.array([[0.8, 0, 0], [-0.8, 0.3, 0], [0, 0.6, -0.5], [0.2, -0.6, 0.4], [0, 0, 0]])
APPEAL = np.array([0.1, 0.0, 0.2, -0.1, -0.4])
LEANS = np.array([[0.5, 0, 0], [0, 0.5, 0], [-0.5, 0, 0.5], [0, -0.5, 0], [0, 0, 0.3]])


@dataclass(frozen=True, eq=False)
class Contexts:
    """Decisions to be taken: signals (n, 3), the lead's inclination (n,), what is eligible."""

    lead: np.ndarray
    signals: np.ndarray
    hidden: np.ndarray
    eligible: np.ndarray

    @property
    def attraction(self):
        """Shape (n, k): how much each option draws, before the hidden inclination."""
        return self.signals @ SUITS.T + APPEAL + 0.4 * self.signals[:, [0]]


def contexts(rng, leads):
    """About 1.65 decisions a lead, 2 or 3 of 5 options eligible at each."""
    lead = np.repeat(np.arange(leads), np.minimum(rng.geometric(0.6, leads), 8))
    n = len(lead)
    of_lead, hidden = rng.normal(size=(leads, 3)), rng.normal(size=leads)
    signals = 0.8 * of_lead[lead] + 0.6 * rng.normal(size=(n, 3))
    order = rng.random((n, OPTIONS)).argsort(axis=1).argsort(axis=1)
    return Contexts(lead, signals, hidden[lead], order < rng.integers(2, 4, (n, 1)))


def softly(drawn, eligible, exploration):
    """Softmax over what is eligible, with a share of the probability spread evenly."""
    weights = np.where(eligible, np.exp(drawn), 0.0)
    even = eligible / eligible.sum(axis=1, keepdims=True)
    return exploration * even + (1 - exploration) * weights / weights.sum(axis=1, keepdims=True)


def logging(at):
    return softly(at.signals @ LEANS.T, at.eligible, 0.2)


def old(at):
    return softly(1.5 * at.signals @ LEANS.T - 0.5 * np.arange(OPTIONS), at.eligible, 0.1)


def new(at):
    return softly(4 * (at.signals @ SUITS.T + APPEAL), at.eligible, 0.05)


def greedy(at):
    """Always the option that suits best."""
    drawn = np.where(at.eligible, at.signals @ SUITS.T + APPEAL, -np.inf)
    return np.eye(OPTIONS)[drawn.argmax(axis=1)]


@dataclass(frozen=True)
class World:
    """What comes of a decision: yes or no, or nothing or a lognormal amount."""

    money: bool

    def rate(self, at):
        if self.money:
            return expit(-2.3 + 0.7 * at.attraction + 0.4 * at.hidden[:, None])
        return expit(-2.6 + 0.7 * at.attraction + 0.5 * at.hidden[:, None])

    def middle(self, at):
        """The logarithm of the median amount."""
        return 3 + 0.2 * at.attraction + 0.2 * at.hidden[:, None]

    def expected(self, at):
        """Shape (n, k): the planted expected value of each option."""
        return self.rate(at) * (np.exp(self.middle(at) + 0.5) if self.money else 1.0)

    def value(self, rng, at, chosen):
        rows = np.arange(len(chosen))
        happened = rng.random(len(chosen)) < self.rate(at)[rows, chosen]
        amount = np.exp(self.middle(at)[rows, chosen] + rng.normal(size=len(chosen)))
        return np.where(happened, amount if self.money else 1.0, 0.0)

    def logged(self, rng, at):
        probability = logging(at)
        drawn = rng.random((len(probability), 1)) > probability.cumsum(axis=1)
        chosen = np.minimum(drawn.sum(axis=1), OPTIONS - 1)
        chosen = np.where(
            at.eligible[np.arange(len(chosen)), chosen], chosen, at.eligible.argmax(1)
        )
        return Logged(probability, chosen, self.value(rng, at, chosen), at.lead)

    def gain(self, target, baseline):
        """What `target` truly brings more than `baseline`, over a population of decisions."""
        everyone = contexts(np.random.default_rng(10**6), 300_000)
        more = target(everyone) - baseline(everyone)
        return float((more * self.expected(everyone)).sum(axis=1).mean())


YES_NO, MONEY = World(money=False), World(money=True)
WORLDS = pytest.mark.parametrize("world", [YES_NO, MONEY], ids=["yes or no", "money"])


def by_ridge(at, logged):
    """Predictions as cheap as can be: a ridge regression a fold of leads."""

    def columns(chosen):
        option = np.eye(OPTIONS)[chosen]
        crossed = option[:, :, None] * at.signals[:, None, :]
        return np.column_stack([at.signals, option, crossed.reshape(len(chosen), -1)])

    seen, fold = columns(logged.chosen), logged.lead % 5
    every = [columns(np.full(len(fold), option)) for option in range(OPTIONS)]
    predicted = np.zeros((len(fold), OPTIONS))
    for part in range(5):
        train, unseen = fold != part, fold == part
        mean = logged.value[train].mean()
        gram = seen[train].T @ seen[train] + 20 * np.eye(seen.shape[1])
        slope = np.linalg.solve(gram, seen[train].T @ (logged.value[train] - mean))
        predicted[unseen] = np.stack([mean + one[unseen] @ slope for one in every], axis=1)
    return predicted


@dataclass(frozen=True)
class Record:
    """What many logs told, a row a log: the estimate, its interval, Student's half-width."""

    truth: float
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    half: np.ndarray

    @property
    def too_low(self):
        """The share of logs whose whole interval lies above the truth: harm taken for a gain."""
        return float((self.low > self.truth).mean())

    @property
    def too_high(self):
        return float((self.high < self.truth).mean())

    @property
    def coverage(self):
        return 1 - self.too_low - self.too_high

    @property
    def coverage_of_student(self):
        return float((np.abs(self.value - self.truth) <= self.half).mean())

    @property
    def spread(self):
        return float(np.sqrt(((self.value - self.truth) ** 2).mean()))

    @property
    def bias(self):
        """In standard errors of the mean over the logs."""
        error = self.value.std(ddof=1) / np.sqrt(len(self.value))
        return float((self.value.mean() - self.truth) / error)


@threadpool_limits.wrap(limits=1)  # the matrices are far too small for several threads
def told(world, target, baseline, predict, *, logs, leads=900, first=0):
    """What the three estimators say of the gain in many logs of one world."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in ESTIMATORS}
    for seed in range(first, first + logs):
        rng = np.random.default_rng(seed)
        at = contexts(rng, leads)
        logged = world.logged(rng, at)
        found = gain(logged, target(at), baseline(at), predict(at, logged))
        quantile = stdtrit(found.leads - 1, 0.975)
        for name in ESTIMATORS:
            one = getattr(found, name)
            rows[name].append((one.value, one.low, one.high, quantile * one.error))
    truth = world.gain(target, baseline)
    return {name: Record(truth, *np.array(each).T) for name, each in rows.items()}


@pytest.mark.slow
@WORLDS
def test_coverage(world):
    """Intervals of a gain hold the truth in 93 % of logs, and miss it on either side in 5 %."""
    records = told(world, new, old, by_ridge, logs=500)
    for name in ("snips", "dr"):
        assert records[name].coverage >= 0.93
        assert max(records[name].too_low, records[name].too_high) <= 0.05


@pytest.mark.slow
def test_coverage_of_small_logs():
    """Where rare large amounts mislead Student's interval, ours misses a quarter less often."""
    records = told(MONEY, new, old, by_ridge, logs=500, leads=300)
    for name in ("snips", "dr"):
        assert records[name].coverage >= 0.92
        assert 1 - records[name].coverage < 0.75 * (1 - records[name].coverage_of_student)


@pytest.mark.slow
@WORLDS
def test_coverage_over_the_log(world):
    """The same holds for a policy without chance against the one that took the decisions."""
    records = told(world, greedy, logging, by_ridge, logs=500, first=1000)
    assert min(records[name].coverage for name in ESTIMATORS) >= 0.93


@pytest.mark.slow
@WORLDS
def test_coverage_with_predicted_values(world):
    """With the real predictions intervals hold too, and DR is no less sharp than SNIPS."""

    def predict(at, logged):
        noise = np.random.default_rng(len(logged)).normal(size=(len(logged), 10))
        return predicted_values(
            np.column_stack([at.signals, noise]), logged, binary=not world.money
        )

    records = told(world, new, old, predict, logs=60, first=2000)
    assert records["dr"].coverage >= 0.88
    assert records["dr"].spread <= 1.05 * records["snips"].spread


@pytest.mark.slow
@WORLDS
def test_unbiased_with_useless_predictions(world):
    """DR with the right probabilities does not mind predictions that have nothing to do with it."""
    useless = np.array([3.0, -2.0, 1.0, 0.0, 5.0]) * (30 if world.money else 0.3)
    records = told(world, new, old, lambda at, _: np.tile(useless, (len(at.lead), 1)), logs=400)
    assert abs(records["dr"].bias) < 3
    assert records["dr"].spread > 1.5 * records["snips"].spread  # useless, and seen to be


@pytest.mark.slow
def test_unbiased_with_wrong_probabilities():
    """DR with the right predictions does not mind wrong probabilities; IPS and SNIPS do."""
    rows: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        at = contexts(rng, 900)
        logged = YES_NO.logged(rng, at)
        even = at.eligible / at.eligible.sum(axis=1, keepdims=True)
        wrong = replace(logged, probability=even)
        found = off_policy(wrong, new(at), YES_NO.expected(at))
        truth = (new(at) * YES_NO.expected(at)).sum(axis=1).mean()
        for name in ESTIMATORS:
            rows[name].append(getattr(found, name).value - truth)
    bias = {name: np.mean(each) / np.std(each) * np.sqrt(len(each)) for name, each in rows.items()}
    assert abs(bias["dr"]) < 3
    assert min(abs(bias["ips"]), abs(bias["snips"])) > 4


@pytest.mark.slow
def test_wrong_probabilities_are_noticed():
    """DR and SNIPS lie standard errors apart where the log tells other than the real chances."""
    rng = np.random.default_rng(3)
    at = contexts(rng, 20_000)
    logged = YES_NO.logged(rng, at)
    twisted = np.where(at.eligible, 1.0 / np.sqrt(logged.probability + 1e-9), 0.0)
    twisted /= twisted.sum(axis=1, keepdims=True)
    predicted = by_ridge(at, logged)
    assert off_policy(logged, new(at), predicted).disagreement < 2
    assert off_policy(replace(logged, probability=twisted), new(at), predicted).disagreement > 3


# ---------------------------------------------------------------------------------------------
# Arithmetic


def small(seed, n=60, leads=25, options=4):
    """A log, two policies and predictions without any sense, and ineligible options."""
    rng = np.random.default_rng(seed)

    def policy():
        eligible = rng.random((n, options)) < 0.6
        eligible[np.arange(n), rng.integers(0, options, n)] = True
        weights = np.where(eligible, rng.random((n, options)) + 0.05, 0.0)
        return weights / weights.sum(axis=1, keepdims=True)

    probability = policy()
    chosen = np.array([rng.choice(options, p=row) for row in probability])
    lead = rng.integers(0, leads, n) * 7 - 50
    logged = Logged(probability, chosen, rng.normal(size=n) ** 3, lead)
    return logged, policy(), policy(), rng.normal(size=(n, options))


def decisions(logged, target, baseline, predicted):
    """The same for the oracle."""
    columns = (logged.probability, target, baseline, predicted, logged.chosen, logged.value)
    lists = [column.tolist() for column in (*columns, logged.lead)]
    return [OracleDecision(*row) for row in zip(*lists, strict=True)]


def assert_same(estimate, oracle):
    for part in ("value", "error", "low", "high"):
        assert getattr(estimate, part) == pytest.approx(getattr(oracle, part), abs=1e-10, rel=1e-10)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(20, 80), leads=st.integers(2, 60))
def test_against_the_oracle(seed, n, leads):
    """Every figure of a policy's value and of a gain is that of one plain loop."""
    logged, target, baseline, predicted = small(seed, n, leads)
    told_slowly = decisions(logged, target, baseline, predicted)
    value = off_policy(logged, target, predicted)
    more = gain(logged, target, baseline, predicted)
    of_value, of_gain = oracle_value(told_slowly), oracle_gain(told_slowly)
    for name in ESTIMATORS:
        assert_same(getattr(value, name), of_value[name])
        assert_same(getattr(more, name), of_gain[name])
    for name in ("effective_sample_size", "largest_weight", "support", "matched"):
        assert getattr(value, name) == pytest.approx(of_value[name], rel=1e-10)
    assert value.disagreement == pytest.approx(
        oracle_disagreement(told_slowly, of_gain=False), rel=1e-6
    )
    assert more.disagreement == pytest.approx(
        oracle_disagreement(told_slowly, of_gain=True), rel=1e-6
    )
    assert (more.decisions, more.leads) == (n, len({one.lead for one in told_slowly}))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_log_itself(seed):
    """The policy that took the decisions has the plain mean, all decisions' worth, and no gain."""
    logged, _, _, predicted = small(seed)
    told_of_itself = off_policy(logged, logged.probability, predicted)
    assert told_of_itself.ips.value == told_of_itself.snips.value == logged.value.mean()
    assert told_of_itself.effective_sample_size == told_of_itself.matched == len(logged)
    assert told_of_itself.largest_weight == 1
    assert told_of_itself.support == 1
    none = gain(logged, logged.probability, logged.probability, predicted)
    for name in ESTIMATORS:
        one = getattr(none, name)
        assert (one.value, one.error, one.low, one.high) == (0, 0, 0, 0)
    assert none.disagreement == 0


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_dr_of_the_log_itself(seed):
    """DR of the log's own policy is the plain mean where predictions tell options not apart."""
    logged, _, _, predicted = small(seed)
    same = np.repeat(predicted[:, :1], predicted.shape[1], axis=1)
    told_of_itself = off_policy(logged, logged.probability, same)
    assert told_of_itself.dr.value == pytest.approx(logged.value.mean(), abs=1e-12)
    assert told_of_itself.disagreement < 1e-3


def test_gain_over_the_log():
    """With the log's own policy as the baseline, IPS and SNIPS compare with the plain mean."""
    logged, target, _, predicted = small(4)
    value = off_policy(logged, target, predicted)
    more = gain(logged, target, logged.probability, predicted)
    for name in ("ips", "snips"):
        expected = getattr(value, name).value - logged.value.mean()
        assert getattr(more, name).value == pytest.approx(expected, abs=1e-12)


def test_pairs():
    """The error of a gain is that of the difference: two policies much alike are told apart."""
    at = contexts(np.random.default_rng(0), 900)
    logged = YES_NO.logged(np.random.default_rng(1), at)
    target = old(at)
    nearly = 0.95 * target + 0.05 * new(at)
    predicted = np.zeros_like(target)
    alone = off_policy(logged, target, predicted).snips.error
    assert gain(logged, nearly, target, predicted).snips.error < 0.1 * alone


def test_support():
    """What the log could not have chosen counts against the support, and only DR hears of it."""
    logged = Logged(
        np.tile([0.5, 0.5, 0.0], (6, 1)),
        np.array([0, 1, 0, 1, 0, 1]),
        np.array([1.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
        np.arange(6),
    )
    target = np.tile([0.75, 0.0, 0.25], (6, 1))
    value = off_policy(logged, target, np.tile([0.5, 0.0, 8.0], (6, 1)))
    assert value.support == pytest.approx(0.75)
    assert (value.matched, value.largest_weight) == (3, 1.5)
    assert value.ips.value == pytest.approx(0.5)
    assert value.snips.value == pytest.approx(2 / 3)
    assert value.dr.value == pytest.approx(0.75 * 0.5 + 0.25 * 8.0 + 1.5 * 0.5 / 6)


def test_leads_count_not_rows():
    """Decisions told twice make nothing surer."""
    logged, target, baseline, predicted = small(8)
    twice = np.repeat(np.arange(len(logged)), 2)
    once = gain(logged, target, baseline, predicted)
    again = gain(logged.rows(twice), target[twice], baseline[twice], predicted[twice])
    assert (again.decisions, again.leads) == (2 * once.decisions, once.leads)
    for name in ESTIMATORS:
        assert_same(getattr(again, name), getattr(once, name))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(-50, 50).filter(lambda x: abs(x) > 0.01))
def test_units_and_order(seed, factor):
    """Rows in another order change nothing; values in another unit change the unit only."""
    logged, target, baseline, predicted = small(seed)
    order = np.random.default_rng(seed).permutation(len(logged))
    moved = replace(logged, value=logged.value * factor).rows(order)
    one = gain(logged, target, baseline, predicted)
    other = gain(moved, target[order], baseline[order], predicted[order] * factor)
    for name in ESTIMATORS:
        ours, theirs = getattr(one, name), getattr(other, name)
        bounds = sorted([ours.low * factor, ours.high * factor])
        assert theirs.error == pytest.approx(ours.error * abs(factor), rel=1e-9)
        assert [theirs.low, theirs.high] == pytest.approx(bounds, rel=1e-9, abs=1e-9)
    assert other.disagreement == pytest.approx(one.disagreement, rel=1e-6)


def test_segments():
    """A segment's gain is that of its rows; one that says nothing is left out."""
    logged, target, baseline, predicted = small(5)
    segment = np.where(logged.lead > 40, "late", "early").astype(object)
    segment[np.isin(logged.lead, logged.lead[:1])] = "alone"
    found = by_segment(logged, target, baseline, predicted, segment.astype(str))
    assert list(found) == ["early", "late"]
    for label, one in found.items():
        here = segment == label
        assert one == gain(logged.rows(here), target[here], baseline[here], predicted[here])
    with pytest.raises(EventsError, match="`segment` has shape"):
        by_segment(logged, target, baseline, predicted, segment[1:].astype(str))


# ---------------------------------------------------------------------------------------------
# What is refused


def put(name, at, wrong):
    """A small log with one thing wrong."""
    logged = small(0)[0]
    array = getattr(logged, name).copy()
    array[at] = wrong
    return replace(logged, **{name: array})


@pytest.mark.parametrize(
    ("name", "at", "wrong", "message"),
    [
        ("probability", 3, 0.3, "row 3: the logged probabilities sum to 1.2, not to 1"),
        ("probability", (5, 0), np.nan, "row 5: a logged probability is below 0 or missing"),
        ("probability", 5, [-0.5, 0.5, 0.5, 0.5], "row 5: a logged probability is below 0"),
        ("value", [7, 9], np.inf, "row 7: the value is not finite"),
        ("chosen", 2, 4, "row 2: the chosen option has no column"),
        ("chosen", 2, -1, "row 2: the chosen option has no column"),
    ],
)
def test_refused_logs(name, at, wrong, message):
    """A log that breaks its contract is refused, with the first row that does."""
    with pytest.raises(EventsError, match=message):
        put(name, at, wrong)


def test_impossible_choice():
    """A choice that was logged as impossible is refused: its weight would be infinite."""
    with pytest.raises(EventsError, match="row 1: the chosen option has a logged probability of 0"):
        Logged(np.tile([1.0, 0.0], (3, 1)), np.array([0, 1, 1]), np.zeros(3), np.arange(3))


def test_refused_shapes():
    """Arrays that do not fit each other are refused by name."""
    logged, target, baseline, predicted = small(0)
    with pytest.raises(EventsError, match=r"`value` has shape \(59,\), not \(60,\)"):
        replace(logged, value=logged.value[1:])
    with pytest.raises(EventsError, match=r"need shape \(decisions, options\)"):
        replace(logged, probability=logged.value)
    with pytest.raises(EventsError, match="the policy's probabilities has shape"):
        off_policy(logged, target[:, 1:], predicted)
    with pytest.raises(PolicyError, match="row 0: the baseline's probabilities sum to 2"):
        gain(logged, target, 2 * baseline, predicted)
    with pytest.raises(PolicyError, match="row 0: a policy's probability is below 0 or missing"):
        off_policy(logged, target * np.nan, predicted)
    with pytest.raises(EventsError, match="`predicted` has shape"):
        off_policy(logged, target, predicted[1:])
    with pytest.raises(EventsError, match="row 4: a predicted value is not finite"):
        off_policy(logged, target, np.where(np.arange(60)[:, None] == 4, np.nan, predicted))
    with pytest.raises(EventsError, match="`matrix` has"):
        predicted_values(np.zeros((3, 2)), logged, binary=False)
    with pytest.raises(EventsError, match="row 0: the value is neither 0 nor 1"):
        predicted_values(np.zeros((60, 2)), logged, binary=True)


def test_not_enough():
    """Where nothing can be told it is said why, instead of an interval without width."""
    logged, target, _, predicted = small(0)
    nothing = np.zeros(60, dtype=bool)
    with pytest.raises(NotEnoughData, match="no decisions"):
        off_policy(logged.rows(nothing), target[nothing], predicted[nothing])
    with pytest.raises(NotEnoughData, match="no decisions"):
        predicted_values(np.zeros((0, 2)), logged.rows(nothing), binary=False)
    alone = replace(logged, lead=np.full(60, 3))
    with pytest.raises(NotEnoughData, match="a single lead"):
        off_policy(alone, target, predicted)
    with pytest.raises(NotEnoughData, match="a single lead"):
        predicted_values(np.zeros((60, 2)), alone, binary=False)
    with pytest.raises(NotEnoughData, match="all 60 decisions came to 0"):
        off_policy(replace(logged, value=np.zeros(60)), target, predicted)
    never = np.eye(4)[(logged.chosen + 1) % 4]
    with pytest.raises(NotEnoughData, match="by the policy's probabilities none of 60 decisions"):
        off_policy(logged, never, predicted)


# ---------------------------------------------------------------------------------------------
# Predictions


def a_log(world, leads, seed=0):
    rng = np.random.default_rng(seed)
    at = contexts(rng, leads)
    return at, world.logged(rng, at)


@WORLDS
def test_a_lead_never_predicts_itself(world):
    """What came of a lead's decisions moves the predictions of other leads only."""
    at, logged = a_log(world, 900)
    own = logged.lead < 100
    other = np.where(own, logged.value.max() - logged.value, logged.value)
    before, after = (
        predicted_values(at.signals, replace(logged, value=value), binary=not world.money)
        for value in (logged.value, other)
    )
    single = replace(logged, value=np.where(logged.lead == 17, other, logged.value))
    alone = predicted_values(at.signals, single, binary=not world.money)
    assert (alone[logged.lead == 17] == before[logged.lead == 17]).all()
    assert (after[~own] != before[~own]).any(axis=1).mean() > 0.9


@WORLDS
def test_same_seed_same_predictions(world):
    """Predictions are a function of the data and the seed, and lie among the values."""
    at, logged = a_log(world, 900)
    gaps = np.where(np.random.default_rng(1).random(at.signals.shape) < 0.2, np.nan, at.signals)
    one, same, other = (
        predicted_values(gaps, logged, seed=seed, binary=not world.money) for seed in (7, 7, 8)
    )
    assert (one == same).all()
    assert (one != other).any()
    assert one.min() >= logged.value.min()
    assert one.max() <= logged.value.max()


def test_predictions_learn():
    """With enough decisions the planted values of the options are found, signals and all."""
    at, logged = a_log(YES_NO, 12_000)
    predicted = predicted_values(at.signals, logged, binary=True)
    planted = YES_NO.expected(replace(at, hidden=np.zeros(len(at.lead))))
    missed = ((predicted - planted) ** 2).mean() / planted.var()
    assert missed < 0.5
    best = np.where(at.eligible, predicted, -1.0).argmax(axis=1)
    gained = (YES_NO.expected(at) * (np.eye(OPTIONS)[best] - logging(at))).sum(axis=1).mean()
    assert gained > 0.7 * YES_NO.gain(greedy, logging)


def test_noise_is_not_learnt():
    """Signals without information leave about the means of the options."""
    _, logged = a_log(YES_NO, 900)
    noise = np.random.default_rng(2).normal(size=(len(logged), 30))
    predicted = predicted_values(noise, logged, binary=True)
    assert predicted.std(axis=0).max() < 0.3 * logged.value.mean()


def test_rare_options():
    """An option chosen less than twenty times has the mean of the others' predictions."""
    at, logged = a_log(YES_NO, 900)
    rare = np.flatnonzero(logged.chosen == 4)[19:]
    kept = np.setdiff1d(np.arange(len(logged)), rare)
    predicted = predicted_values(at.signals[kept], logged.rows(kept), binary=True)
    lowest, highest = predicted[:, :4].min(axis=1), predicted[:, :4].max(axis=1)
    assert ((lowest <= predicted[:, 4]) & (predicted[:, 4] <= highest)).all()
    share = np.bincount(logged.chosen, minlength=OPTIONS)[:4]
    assert predicted[:, 4] == pytest.approx(predicted[:, :4] @ (share / share.sum()), abs=0.002)


@pytest.mark.parametrize("leads", [2, 3, 12, 40])
def test_few_leads(leads):
    """A handful of decisions still gets finite predictions, near the mean."""
    at, logged = a_log(MONEY, leads, seed=5)
    predicted = predicted_values(at.signals, logged, binary=False)
    assert np.isfinite(predicted).all()
    assert (predicted >= 0).all()
    assert (predicted <= logged.value.max()).all()


def test_one_large_amount():
    """One amount a thousand times the usual moves the predictions less than usual amounts do."""
    at, logged = a_log(MONEY, 900)
    value = logged.value.copy()
    value[0] = 1000 * value.max()
    before, after = (
        predicted_values(at.signals, replace(logged, value=each), binary=False)
        for each in (logged.value, value)
    )
    assert np.abs(after - before).mean() < 0.5 * before.mean()


def test_rare_amounts_are_kept():
    """Where less than one in two hundred decisions brings anything, that is not trimmed away."""
    at, logged = a_log(YES_NO, 900)
    value = np.zeros(len(logged))
    value[::300] = 40.0
    predicted = predicted_values(at.signals, replace(logged, value=value), binary=False)
    assert predicted.mean() == pytest.approx(value.mean(), rel=0.5)
