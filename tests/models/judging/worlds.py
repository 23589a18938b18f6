"""Logs of decisions whose truth is planted, and what many of them tell of a gain.

Leads with a hidden inclination decide more than once, and options suit them differently.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit, stdtrit
from threadpoolctl import threadpool_limits

from models.judging.off_policy import Logged, gain

ESTIMATORS = ("ips", "snips", "dr")


OPTIONS = 5


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
