"""Faults that were planted in scores are named; sound scores and few wins accuse nobody."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from models.judging.foreign_scores import (
    FEWEST,
    calibration_p_values,
    calibration_slope,
    difference_of_orderings,
    drift_p_value,
    family_p_values,
    holm,
    later_half,
    leads_wanted,
    leak_p_value,
    ordering,
)
from models.judging.metrics import auc
from tests.proofs import size, tell

FAULTS = {
    "overconfident": {"spread"},
    "underconfident": {"spread"},
    "shifted": {"level"},
    "useless": {"useless", "inverted"},
    "inverted": {"inverted", "useless"},
    "written after": {"too_good"},
}
SIZES = (1500, 3000, 6000)
SOUND = (150, 400, 1500, 6000)


def programme(fault, seed):
    """Scores, outcomes and instants of a programme with one fault, or with none."""
    rng = np.random.default_rng(seed)
    sizes = SIZES if fault in FAULTS else SOUND
    n = sizes[seed % len(sizes)]
    truth = rng.normal(-1.6, 1.1, n)
    happened = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(float)
    said = {
        "overconfident": lambda: -1.6 + 2.2 * (truth + 1.6),
        "underconfident": lambda: -1.6 + 0.45 * (truth + 1.6),
        "shifted": lambda: truth + 0.8,
        "useless": lambda: rng.permutation(truth),
        "inverted": lambda: -3.2 - truth,
        "written after": lambda: truth + 12 * happened - 2,
    }.get(fault, lambda: truth)()
    return 1 / (1 + np.exp(-said)), happened, rng.integers(0, 10**9, n)


def named(fault, seed):
    score, happened, at = programme(fault, seed)
    return set(holm(family_p_values(score, happened, later_half(at), is_probability=True)))


def confusion(repetitions):
    """How often each fault was named rightly, and how often sound scores were accused."""
    rows = {
        fault: sum(bool(named(fault, seed) & wanted) for seed in range(repetitions)) / repetitions
        for fault, wanted in FAULTS.items()
    }
    honest = sum(bool(named("honest", seed + 10_000)) for seed in range(4 * repetitions))
    return rows | {"false alarms": honest / (4 * repetitions)}


def check(repetitions, most_false):
    table = confusion(repetitions)
    for what, figure in table.items():
        wanted = "at most 0.05" if what == "false alarms" else "at least 0.95"
        tell(f"audit: {what}", figure, wanted, repetitions)
    assert table.pop("false alarms") <= most_false
    assert min(table.values()) >= 0.95, table


def test_planted_faults():
    """Of a few programmes each fault is named, and sound scores are rarely accused."""
    check(10, 0.10)


@pytest.mark.slow
def test_planted_faults_in_two_hundred_programmes():
    """Each fault in 95 % of 200 programmes, and false alarms in 5 % of 800 sound ones at most."""
    check(size(200, 1000), 0.05)


@pytest.mark.parametrize("fault", FAULTS)
def test_few_wins_accuse_nobody(fault):
    """With fewer wins than it takes nothing is tested, however bad it looks."""
    score, happened, at = programme(fault, 1)
    keep = np.concatenate([np.flatnonzero(happened)[: FEWEST - 1], np.flatnonzero(happened == 0)])
    assert (
        family_p_values(score[keep], happened[keep], later_half(at[keep]), is_probability=True)
        == {}
    )


def test_ordering_is_the_auc():
    """The AUC is that of the metrics, ties and all, and its error that of many samples."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        score = rng.integers(0, 6, 200).astype(float)
        happened = (rng.random(200) < 0.1 + 0.1 * score).astype(float)
        one: Any = ordering(score, happened)
        assert one.auc == pytest.approx(auc(score, happened))
        found.append((one.auc, one.error))
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)


def test_paired_difference_is_sharper():
    """Two scores that are nearly one differ by little, and surely by less than their intervals."""
    score, happened, _ = programme("honest", 3)
    near = score + np.random.default_rng(2).normal(0, 0.01, len(score))
    one: Any = ordering(score, happened)
    other: Any = ordering(near, happened)
    value, low, high = difference_of_orderings(one, other)
    assert low <= value <= high
    assert high - low < (one.interval[1] - one.interval[0]) / 3


def test_slope_of_overconfidence():
    """Logits that were stretched by 2.2 have to be multiplied by its inverse."""
    score, happened, _ = programme("overconfident", 2)
    assert calibration_slope(score, happened) == pytest.approx(1 / 2.2, abs=0.06)


def test_leak():
    """First scores after the win are forgiven in a few, not in a third, and untested with few."""
    few: Any = leak_p_value(100, 4)
    many: Any = leak_p_value(100, 33)
    assert (few > 0.05, many < 1e-6) == (True, True)
    assert leak_p_value(FEWEST - 1, 10) is None


def test_holm():
    """The smallest has to beat alpha over all; the rest step by step, and one miss ends it."""
    assert holm({"a": 0.02, "b": 0.03}) == ("a", "b")
    assert holm({"a": 0.03, "b": 0.04}) == ()
    assert holm({"a": 0.01, "b": 0.2, "c": 0.03}) == ("a",)


def mixed(wins: int, others: int) -> tuple[Any, Any]:
    """Scores of so many winners and other leads, the former somewhat higher."""
    rng = np.random.default_rng(3)
    happened = np.repeat([1.0, 0.0], [wins, others])
    return np.clip(rng.normal(0.45 + 0.1 * happened, 0.1), 0.01, 0.99), happened


@pytest.mark.parametrize("turned", [False, True])
def test_twenty_of_either_outcome_are_enough(turned):
    """One fewer, of those that won or of those that did not, and nothing is tested."""

    def tested(fewer: int) -> tuple[bool, bool]:
        score, happened = mixed(*((300, fewer) if turned else (fewer, 300)))
        later = np.zeros(len(score), dtype=np.bool_)
        family = family_p_values(score, happened, later, is_probability=True)
        both = np.tile(score, 2), np.tile(happened, 2)
        halves = np.repeat([False, True], len(score))
        return bool(family), drift_p_value(*both, halves) is not None

    assert [tested(fewer) for fewer in (0, 1, 19, 20)] == [(False, False)] * 3 + [(True, True)]
    assert [leads_wanted(*one) for one in ((0, 300), (300, 19), (20, 20), (20, 300))] == [
        20, 1, 0, 0,
    ]  # fmt: skip
    assert (leak_p_value(19, 9), leak_p_value(20, 0)) == (None, 1.0)


def test_two_of_either_outcome_have_an_order():
    """One alone has none: nothing tells how surely it stands where it does."""
    for happened in ([1, 1, 0, 0], [0, 1, 0, 1]):
        assert ordering(np.arange(4.0), np.array(happened, dtype=float)) is not None
    for happened in ([1, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]):
        assert ordering(np.arange(4.0), np.array(happened, dtype=float)) is None


def test_calibration_by_hand():
    """Of 100 at 20 % 30 won and of 100 at 80 % 70: as many as was said, and too far apart.

    The score of the slope is -20 ln 4 with a variance of 200 x 0.16 ln(4)^2, so z is -3.54.
    """
    probability = np.repeat([0.2, 0.8], 100)
    happened = np.concatenate([np.arange(100) < 30, np.arange(100) < 70]).astype(float)
    found = calibration_p_values(probability, happened)
    assert found["level"] == pytest.approx(1.0)
    assert found["spread"] == pytest.approx(2 * norm.cdf(-20 / np.sqrt(32)), rel=1e-6)
    more = np.concatenate([np.arange(100) < 30, np.arange(100) < 90]).astype(float)
    assert calibration_p_values(probability, more)["level"] == pytest.approx(
        2 * norm.cdf(-20 / np.sqrt(32)), rel=1e-6
    )
    alike = calibration_p_values(np.full(200, 0.5), happened)
    assert alike == {"level": pytest.approx(1.0)}  # of one chance there is no spread to judge
