"""From decisions to effects: shares and amounts, on worlds whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from threadpoolctl import threadpool_limits

from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, Offer
from models.offers import learning as outcome_effects
from models.offers.effects import EffectRows, fit_effects
from models.offers.learning import (
    OutcomeEffects,
    Tried,
    expected_of,
    learn_effects,
    margin_of,
    scale_of,
)
from models.offers.options import options_of

OFFERS = tuple(Offer(name, "value", name.title(), name, Effort(10)) for name in ("a", "b", "c"))
OPTIONS = options_of(replace(read_ladder("b2b"), offers=OFFERS))
WIDTH = len(OPTIONS)
TRUE = np.array([1.2, 0.3, -0.4, 0.1, 0.0])
"""Changes of log-odds of a, b, c, nurture and no ask."""
SHARES = np.array([0.6, 0.2, -0.3, 0.0, 0.0])
"""What they add to an amount, in shares of what is expected."""
COLUMNS = ("keen", "noise", "industry", "size", "often")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small matrices are faster without a second thread, most of all where others need it."""
    with threadpool_limits(1):
        yield


def tried(n: int, seed: int = 1, leads: int | None = None) -> Tried:
    """Options drawn with chances that follow how keen a lead is; c is not always there."""
    rng = np.random.default_rng(seed)
    keen = rng.normal(size=n)
    size = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
    matrix = np.column_stack(
        [keen, rng.normal(size=n), rng.integers(0, 3, n), size, rng.integers(0, 5, n)]
    )
    weight = np.exp(np.outer(np.clip(keen, -1.5, 1.5), [0.7, 0.0, 0.0, 0.0, -0.7]))
    weight[rng.random(n) < 0.2, 2] = 0.0
    probability = weight / weight.sum(axis=1, keepdims=True)
    chosen = (rng.random((n, 1)) > probability.cumsum(axis=1)).sum(axis=1)
    return Tried(
        matrix=matrix,
        columns=COLUMNS,
        category_columns=[2],
        fit_columns=[3],
        position=rng.integers(0, 2, n),
        lead=np.arange(n) % (leads or n),
        chosen=chosen,
        probability=probability,
        topic=np.zeros((n, WIDTH)),
        reach=np.ones((n, WIDTH)),
        as_of=np.arange(n),
        is_lot=np.full(n, True),
    )


def shares(held: Tried, seed: int = 2) -> np.ndarray:
    """Whether each advanced."""
    rng = np.random.default_rng(seed)
    alone = 0.8 * held.matrix[:, 0] - 0.8
    happened: np.ndarray = rng.random(len(held)) < expit(alone + TRUE[held.chosen])
    return happened.astype(np.float64)


def amounts(held: Tried, seed: int = 2, often: float = 0.3) -> np.ndarray:
    """What each brought: nothing, or so often an amount without an upper end."""
    rng = np.random.default_rng(seed)
    usual = 400.0 * np.exp(0.4 * held.matrix[:, 0]) * (1.0 + SHARES[held.chosen])
    bought = rng.random(len(held)) < often
    return np.where(bought, usual * rng.gamma(2.0, 0.5, len(held)), 0.0)


MANY = tried(4000)


def at_average(found: OutcomeEffects) -> tuple[np.ndarray, np.ndarray]:
    """tau and its deviation for the average lead."""
    topic, z = np.zeros((1, WIDTH)), np.zeros((1, len(found.modifiers)))
    return found.effects.tau(topic, z)[0], found.effects.deviation(topic, z)[0]


def test_contrast():
    """One where an option was chosen, less its chance; rows sum to zero, and keep what they are."""
    before = MANY.probability.copy()
    contrast = MANY.contrast
    np.testing.assert_allclose(contrast.sum(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(contrast + before, np.eye(WIDTH)[MANY.chosen], atol=1e-15)
    assert (contrast[before == 0.0] == 0.0).all()
    np.testing.assert_array_equal(MANY.probability, before)


def test_contrast_of_what_reaches_some():
    """An option that reaches a third of those it is chosen for has a third of the contrast."""
    reach = np.ones((len(MANY), WIDTH))
    reach[:, 1] = 1 / 3
    some = replace(MANY, reach=reach).contrast
    np.testing.assert_allclose(some[:, 1], MANY.contrast[:, 1] / 3)
    np.testing.assert_allclose(some[:, [0, 2]], MANY.contrast[:, [0, 2]])
    np.testing.assert_allclose(some.sum(axis=1), 0.0, atol=1e-12)


def test_rows():
    """Some of the decisions are those decisions with all that is known of them."""
    keep = MANY.chosen == 1
    whole = replace(MANY, topic=np.random.default_rng(1).random((len(MANY), WIDTH)))
    whole = replace(whole, reach=1.0 - whole.topic)
    some = whole.rows(keep)
    assert len(some) == keep.sum()
    for name in ("matrix", "position", "lead", "chosen", "probability", "topic", "reach"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[keep])
    np.testing.assert_array_equal(some.contrast, whole.contrast[keep])
    for name in ("columns", "category_columns", "fit_columns"):
        assert getattr(some, name) == getattr(whole, name)


def test_planted_shares():
    """Changes of log-odds come out with their size and order, though who is asked is keen."""
    found, _ = learn_effects(OPTIONS, MANY, shares(MANY), "share")
    tau, sd = at_average(found)
    assert (np.abs(tau - TRUE) <= 2.5 * sd + 1e-12).all()
    assert list(np.argsort(-tau[:3])) == [0, 1, 2]
    assert sd[:3].max() < 0.2


def test_planted_amounts():
    """Shares of what is expected come out with their size and order."""
    found, expected = learn_effects(OPTIONS, MANY, amounts(MANY), "amount")
    tau, sd = at_average(found)
    # Effects are told against what leads bring under all options, and not under no ask.
    usual = 1.0 + (MANY.probability * SHARES).sum(axis=1).mean()
    assert (np.abs(tau - SHARES / usual) <= 2.5 * sd + 1e-12).all()
    assert list(np.argsort(-tau[:3])) == [0, 1, 2]
    assert sd[:3].max() < 0.25
    assert np.corrcoef(expected.mean, MANY.matrix[:, 0])[0, 1] > 0.4


def test_what_tells_most():
    """Modifiers say who the lead is, then what tells most of the outcome."""
    found, expected = learn_effects(OPTIONS, MANY, shares(MANY), "share")
    names = [one.name for one in found.modifiers.each]
    who = COLUMNS[MANY.fit_columns[0]]
    assert next(name for name in names if name != who) == "keen"
    assert names[0] == who
    assert set(names) <= {*COLUMNS, "score"}
    again, same = learn_effects(OPTIONS, MANY, shares(MANY), "share", expected=expected)
    assert same is expected
    assert again.as_dict() == found.as_dict()


def test_what_is_expected_is_a_modifier_on_its_own_scale():
    """Of an amount that is its logarithm, told from the average lead, but for the farthest."""
    found, expected = learn_effects(OPTIONS, MANY, amounts(MANY), "amount")
    at = [one.name for one in found.modifiers.each].index("score")
    z = found.of(MANY.matrix, expected.mean)[:, at]
    assert (z.mean(), z.std()) == (pytest.approx(0.0, abs=0.05), pytest.approx(1.0, abs=0.05))
    assert np.corrcoef(np.log(expected.mean), z)[0, 1] > 0.99


def test_which_columns_may_modify(monkeypatch):
    """Those that say who the lead is, then the twelve that tell most of the outcome, of any."""
    told = np.array([0.0, 5.0, 9.0, *range(30, 20, -1), 7.0, 0.0, 8.0])
    held = replace(MANY, columns=tuple(f"c{at}" for at in range(len(told))), fit_columns=[15, 4])
    expected: Any = SimpleNamespace(learner="trees", importance=lambda n: told[:n])

    class Wanted:
        @staticmethod
        def learn(*given: Any) -> Any:
            return given[3]

    monkeypatch.setattr(outcome_effects, "Modifiers", Wanted)
    found: Any = outcome_effects._modifiers(held, expected, np.zeros(len(MANY)))
    assert found == [15, 4, 3, *range(5, 13), 2]
    told[:] = np.eye(len(told))[7] + 2.0 * np.eye(len(told))[9]
    found = outcome_effects._modifiers(held, expected, np.zeros(len(MANY)))
    assert found == [15, 4, 9, 7]  # what told nothing modifies nothing


def test_few_rows_have_no_columns():
    """Where nothing could be told of leads no column modifies an effect; offers still differ."""
    told = []
    for seed in range(12):
        few = tried(250, seed)
        found, expected = learn_effects(OPTIONS, few, shares(few, seed + 50), "share")
        assert expected.learner is None
        assert {one.name for one in found.modifiers.each} <= {"score"}
        told.append(at_average(found)[0])
    tau = np.mean(told, axis=0)
    assert tau[0] > tau[1] + 0.3 > tau[2] + 0.5


def test_a_seed_decides_who_is_expected_by_whom_and_what_is_drawn():
    """Nothing else does: the same one gives the same."""
    few = tried(120)
    outcome = shares(few)
    one, other = (learn_effects(OPTIONS, few, outcome, "share", seed=seed) for seed in (1, 2))
    assert (one[1].mean != other[1].mean).any()
    drawn = [
        learn_effects(OPTIONS, few, outcome, "share", expected=one[1], seed=seed)[0].effects.draws
        for seed in (1, 2)
    ]
    np.testing.assert_array_equal(drawn[0], one[0].effects.draws)
    assert (drawn[1] != drawn[0]).any()


@pytest.mark.parametrize("kind", ["share", "amount"])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_hardly_a_row(kind, n):
    """None, one or a few decisions leave the prior about as it was, without a warning."""
    few = tried(n)
    outcome = shares(few) if kind == "share" else amounts(few)
    found, expected = learn_effects(OPTIONS, few, outcome, kind)
    assert expected.mean.shape == (n,)
    before = OutcomeEffects.prior(OPTIONS, kind)
    np.testing.assert_allclose(at_average(found)[0], at_average(before)[0], atol=0.5)
    if n == 0:
        np.testing.assert_array_equal(found.effects.mean, before.effects.mean)


def test_rest_beyond_an_offset():
    """Where the offset says all that happens, the rest is about nothing; half of it leaves half."""
    outcome = shares(MANY)
    for part, left in ((1.0, 0.0), (0.5, 0.5)):
        offset = np.tile(part * TRUE, (len(MANY), 1))
        found, _ = learn_effects(OPTIONS, MANY, outcome, "share", offset=offset)
        tau, sd = at_average(found)
        assert (np.abs(tau - left * TRUE) <= 2.5 * sd + 1e-12).all()
    nothing = OutcomeEffects.prior(OPTIONS, has_offset=True)
    np.testing.assert_array_equal(nothing.effects.mean, 0.0)


def best_after_one_order(n: int, worth: float) -> int:
    """The best offer when a lead that was given c brings an amount like no other."""
    held = tried(n)
    amount = amounts(held, often=0.9)
    amount[np.flatnonzero(held.chosen == 2)[0]] = worth
    found, _ = learn_effects(OPTIONS, held, amount, "amount")
    return int(at_average(found)[0][:3].argmax())


@pytest.mark.parametrize("n", [80, 900])
def test_one_huge_order(n, monkeypatch):
    """One order a thousand times the usual changes no best offer; taken as it is, it would."""
    best = best_after_one_order(n, 400.0)
    assert best != 2
    assert best_after_one_order(n, 4e5) == best
    monkeypatch.setattr(outcome_effects, "_without_tail", lambda amount: amount)
    assert best_after_one_order(n, 4e5) != best


def test_tail():
    """Beyond the quantile of amounts that are any, of either sign, an amount is taken as that."""
    cut = outcome_effects._without_tail
    few = np.array([0.0, 40.0, 50.0, 60.0, 1e6])
    assert cut(few).tolist() == [0.0, 40.0, 50.0, 60.0, 60.0]
    assert cut(-few).tolist() == [0.0, -40.0, -50.0, -60.0, -60.0]
    assert few[-1] == 1e6
    many = np.concatenate([np.zeros(5000), np.arange(1.0, 1001.0)])
    np.testing.assert_array_equal(cut(many), np.minimum(many, 990.0))
    assert cut(np.zeros(3)).tolist() == [0.0] * 3
    assert cut(np.array([0.0, 7.0])).tolist() == [0.0, 7.0]
    assert len(cut(np.empty(0))) == 0


def test_noise_of_amounts_follows_the_mean():
    """Of powers of the mean the one that fits the residuals is found, with its level."""
    rng = np.random.default_rng(0)
    mean = np.exp(rng.normal(size=20_000))
    for power in (1.0, 1.5, 2.0):
        residual = rng.normal(size=len(mean)) * np.sqrt(3.0 * mean**power)
        noise = outcome_effects._noise(mean, residual, "amount")
        np.testing.assert_allclose(noise, 3.0 * mean**power, rtol=0.1)


def test_amounts_that_were_all_foreseen_have_some_noise():
    """None at all would make effects certain, and their weights infinite."""
    noise = outcome_effects._noise(np.array([1.0, 4.0]), np.zeros(2), "amount")
    assert ((noise > 0.0) & (noise < 1e-9)).all()


def test_scales():
    """A change of log-odds moves a share by m(1 - m), a share of an amount the amount by it."""
    mean = np.array([0.2, 0.5])
    np.testing.assert_allclose(scale_of(mean, "share"), [0.16, 0.25])
    np.testing.assert_allclose(scale_of(mean, "amount"), mean)
    np.testing.assert_allclose(margin_of(mean, "share"), np.log([0.25, 1.0]))
    np.testing.assert_allclose(margin_of(mean, "amount"), np.log(mean))
    assert np.isfinite(margin_of(np.zeros(1), "amount")).all()


@pytest.mark.parametrize("kind", ["share", "amount"])
def test_saved_and_read(kind):
    """Through JSON text the effects are the same, to the last bit of what they give for leads."""
    outcome = shares(MANY) if kind == "share" else amounts(MANY)
    found, expected = learn_effects(OPTIONS, MANY, outcome, kind)
    read = OutcomeEffects.of_dict(json.loads(json.dumps(found.as_dict())))
    assert (read.kind, read.modifiers) == (kind, found.modifiers)
    z = found.of(MANY.matrix, expected.mean)
    np.testing.assert_array_equal(read.of(MANY.matrix, expected.mean), z)
    for ask in ("tau", "deviation"):
        told = getattr(found.effects, ask)(MANY.topic, z)
        np.testing.assert_array_equal(getattr(read.effects, ask)(MANY.topic, z), told)


@pytest.mark.slow
def test_intervals_with_all_that_is_estimated():
    """With the expectation fitted too, intervals at 90 % hold the truth about nine times in ten."""
    held = []
    for seed in range(24):
        some = tried(900, seed)
        tau, sd = at_average(learn_effects(OPTIONS, some, shares(some, seed + 500), "share")[0])
        held.append(np.abs(tau - TRUE)[:3] <= 1.645 * sd[:3])
    assert 0.82 <= np.mean(held) <= 0.98


def test_own_outcomes_would_shrink_effects():
    """With expectations that have seen the outcomes effects are too small: so they have not."""
    outcome = shares(MANY)
    honest = expected_of(MANY, outcome, "share").mean
    seen = np.clip(0.5 * honest + 0.5 * outcome, 0.005, 0.995)

    def tau(mean: np.ndarray) -> float:
        scale = scale_of(honest, "share")
        z = np.empty((len(MANY), 0))
        rows = EffectRows(MANY.contrast, MANY.topic, z, outcome - mean, scale, scale)
        return float(fit_effects(OPTIONS, rows).mean[0, 0])

    assert tau(seen) < 0.7 * tau(honest)
