"""What an offer changes: beside dense algebra, and on worlds whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, ndtri
from threadpoolctl import threadpool_limits

from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, Offer
from models.offers import effects as offer_effects
from models.offers.effects import REST, EffectRows, OfferEffects, fit_effects, prior_effects
from models.offers.options import TOPIC, Options, options_of
from tests.oracles.effects_oracle import oracle_log_evidence, oracle_posterior

SHIPPED = tuple(read_ladder(name) for name in ("b2b", "b2c", "b2b-assessment"))
OFFERS = (
    Offer("guide", "value", "Guide", "text", Effort(10)),
    Offer("tool", "value", "Tool", "tool", Effort(20)),
    Offer("call", "value", "Call", "call", Effort(15, human=True, live=True)),
    Offer("form", "value", "Form", "text", Effort(10, form_fields=("name", "email"))),
)
OPTIONS = options_of(replace(SHIPPED[0], offers=OFFERS))
TRUE = np.array([0.8, 0.35, 0.55, -0.1, 0.15, 0.0])
"""Of the four offers, nurture and no ask, at the average lead."""
SLOPE = np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.0])
"""How far it changes with the one modifier."""
USUAL = (0.2, 0.08, 0.08)
Z = float(ndtri(0.95))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small matrices are faster without a second thread, most of all where others need it."""
    with threadpool_limits(1):
        yield


def some_rows(
    seed: int, options: Options = OPTIONS, n: int = 40, modifiers: int = 2, *, offset: bool = False
) -> EffectRows:
    """Rows with eligible sets, topics, scales and noise of any size."""
    rng = np.random.default_rng(seed)
    eligible = rng.random((n, len(options))) < 0.7
    eligible[:, -2:] = True
    chance = np.where(eligible, rng.dirichlet(np.ones(len(options)), n), 0.0)
    chance /= chance.sum(axis=1, keepdims=True)
    chosen = np.array([rng.choice(len(options), p=row) for row in chance], dtype=np.int64)
    contrast = -chance
    contrast[np.arange(n), chosen] += 1.0
    topic = (rng.random((n, len(options))) < 0.3).astype(np.float64)
    topic[:, -2:] = 0.0
    mean = rng.uniform(0.1, 0.9, n)
    return EffectRows(
        contrast=contrast,
        topic=topic,
        modifiers=rng.normal(size=(n, modifiers)),
        residual=(rng.random(n) < mean) - mean,
        scale=mean * (1.0 - mean),
        noise=mean * (1.0 - mean) * rng.uniform(0.5, 2.0, n),
        offset=rng.normal(0.0, 0.3, (n, len(options))) if offset else None,
    )


def blocks(covariance: np.ndarray, effects: OfferEffects) -> np.ndarray:
    """The covariance of each option's own coefficients, from that of all."""
    k, width = effects.mean.shape
    joint = covariance.reshape(k, width, k, width)
    return np.array([joint[at, :, at, :] for at in range(k)])


# ----------------------------------------------------------------------------------------- algebra


@pytest.mark.parametrize("ladder", SHIPPED, ids=lambda each: each.name)
@pytest.mark.parametrize("modifiers", [0, 3])
def test_without_rows_it_is_the_prior(ladder, modifiers):
    """Before any decision tau is what attributes say, with their variances and the usual own."""
    options = options_of(ladder)
    found = prior_effects(options, modifiers)
    mean = np.array([one.mean for one in options.attributes])
    variance = np.array([one.sd for one in options.attributes]) ** 2
    values = options.values[:-1]
    np.testing.assert_allclose(found.mean[:, 0], values @ mean, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.mean[:, 1], TOPIC.mean)
    np.testing.assert_array_equal(found.mean[:, 2:], 0.0)
    assert found.deviations == pytest.approx(USUAL)
    expected = oracle_posterior(options, some_rows(1, options, 0, modifiers), USUAL).covariance
    np.testing.assert_allclose(found.covariance, blocks(expected, found), rtol=1e-5, atol=1e-9)
    own = values**2 @ variance + USUAL[0] ** 2
    np.testing.assert_allclose(found.covariance[:, 0, 0], own, rtol=1e-5)
    np.testing.assert_allclose(found.covariance[:, 1, 1], TOPIC.sd**2)


def test_of_a_rest_nothing_is_expected():
    """Beyond an offset the prior is narrower, and about zero: what is expected is in the offset."""
    rest, whole = prior_effects(OPTIONS, 2, has_offset=True), prior_effects(OPTIONS, 2)
    np.testing.assert_array_equal(rest.mean, 0.0)
    np.testing.assert_allclose(rest.covariance[:, 1, 1], REST**2 * whole.covariance[:, 1, 1])
    assert (rest.covariance[:, 0, 0] < whole.covariance[:, 0, 0]).all()
    np.testing.assert_array_equal(rest.covariance[:, 2:, 2:], whole.covariance[:, 2:, 2:])


@pytest.mark.parametrize("offset", [False, True], ids=["whole", "rest"])
@pytest.mark.parametrize("modifiers", [0, 1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_like_dense_algebra(seed, modifiers, offset):
    """Mean and covariance are those of the textbook's posterior, to the digits that are kept."""
    rows = some_rows(seed, n=30, modifiers=modifiers, offset=offset)
    found = fit_effects(OPTIONS, rows)
    slow = oracle_posterior(OPTIONS, rows, found.deviations)
    np.testing.assert_allclose(found.mean, slow.mean, rtol=6e-6, atol=1e-9)
    expected = blocks(slow.covariance, found)
    np.testing.assert_allclose(found.covariance, expected, rtol=6e-6, atol=1e-9)


def test_like_dense_algebra_on_a_ladder():
    """The same with all the offers and attributes of a shipped ladder."""
    options = options_of(SHIPPED[1])
    rows = some_rows(9, options, n=12, modifiers=1)
    found = fit_effects(options, rows)
    slow = oracle_posterior(options, rows, found.deviations)
    np.testing.assert_allclose(found.mean, slow.mean, rtol=6e-6, atol=1e-9)
    np.testing.assert_allclose(
        found.covariance, blocks(slow.covariance, found), rtol=6e-6, atol=1e-9
    )


def test_rows_in_parts(monkeypatch):
    """Rows that are added up in parts come to the same."""
    rows = some_rows(4, n=101)
    whole = fit_effects(OPTIONS, rows)
    monkeypatch.setattr(offer_effects, "_CHUNK", 10)
    monkeypatch.setattr(offer_effects, "_ROWS_AT_ONCE", 7)
    parts = fit_effects(OPTIONS, rows)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-5)
    told = parts.deviation(rows.topic, rows.modifiers)
    monkeypatch.undo()
    np.testing.assert_allclose(told, whole.deviation(rows.topic, rows.modifiers), rtol=1e-4)


@pytest.mark.parametrize("offset", [False, True], ids=["whole", "rest"])
def test_deviations_are_the_likeliest(offset):
    """No other deviations of u, G and b are much likelier, given outcomes and their prior."""
    rows = some_rows(7, n=150, modifiers=1, offset=offset)
    rows = replace(rows, residual=rows.residual + 0.4 * rows.contrast[:, 0] * rows.modifiers[:, 0])
    found = np.array(fit_effects(OPTIONS, rows).deviations)

    def height(deviations: np.ndarray) -> float:
        apart = np.log(deviations / np.array(USUAL)) / 0.8
        told = oracle_log_evidence(OPTIONS, rows, deviations.tolist())
        return told - 0.5 * float(apart @ apart)

    best = height(found)
    assert best > height(np.array(USUAL)) + 2.0
    near = 0.7  # how far from the top of the hill the search may end
    for at in range(3):
        for by in (0.25, 0.5, 2.0, 4.0):
            assert height(found * np.where(np.arange(3) == at, by, 1.0)) < best + near


def test_a_wrong_expectation_buys_no_effects_without_end():
    """Where outcomes lie far from what was expected, deviations stay within their bounds."""
    rows = some_rows(3, n=400)
    wrong = replace(rows, residual=rows.residual * 20.0 * np.sign(rows.modifiers[:, 0]))
    assert max(fit_effects(OPTIONS, wrong).deviations) <= 1.5 + 1e-9
    assert max(fit_effects(OPTIONS, rows).deviations) < 1.5


@pytest.mark.parametrize("n", [0, 1, 30])
def test_deterministic(n):
    """The same rows and seed give the same to the bit; another seed only other draws."""
    rows = some_rows(3, n=n)
    first, again = fit_effects(OPTIONS, rows), fit_effects(OPTIONS, rows)
    assert first.as_dict() == again.as_dict()
    other = fit_effects(OPTIONS, rows, seed=8)
    np.testing.assert_array_equal(other.mean, first.mean)
    np.testing.assert_array_equal(other.covariance, first.covariance)
    assert (other.draws != first.draws).any()


def test_saved_and_read():
    """Through JSON text the effects are the same, to the last bit."""
    found = fit_effects(OPTIONS, some_rows(3))
    text = json.dumps(found.as_dict())
    read = OfferEffects.of_dict(json.loads(text))
    for name in ("mean", "covariance", "draws"):
        np.testing.assert_array_equal(getattr(read, name), getattr(found, name))
    assert read.deviations == found.deviations
    assert json.dumps(read.as_dict()) == text
    for values in (found.mean, found.covariance, found.draws):
        assert max(len(repr(value)) for value in values.ravel().tolist()) <= 15


def test_tau_and_its_deviation():
    """For a lead tau is linear in (1, topic, z), its variance the form of the covariance."""
    found = fit_effects(OPTIONS, some_rows(5))
    rng = np.random.default_rng(0)
    topic, z = rng.random((9, 6)), rng.normal(size=(9, 2))
    tau, sd, drawn = (ask(topic, z) for ask in (found.tau, found.deviation, found.drawn))
    assert (tau.shape, sd.shape, drawn.shape) == ((9, 6), (9, 6), (64, 9, 6))
    for row in range(9):
        for at in range(5):
            basis = np.array([1.0, topic[row, at], *z[row]])
            assert tau[row, at] == pytest.approx(basis @ found.mean[at])
            assert sd[row, at] == pytest.approx(np.sqrt(basis @ found.covariance[at] @ basis))
            np.testing.assert_allclose(drawn[:, row, at], found.draws[:, at] @ basis)
    for values in (tau, sd, drawn):
        np.testing.assert_array_equal(values[..., -1], 0.0)


@pytest.mark.parametrize("n", [0, 200])
def test_draws_are_the_posterior(n, monkeypatch):
    """Draws have the mean and the joint covariance of all options, within what chance allows."""
    count = 20_000
    monkeypatch.setattr(offer_effects, "_DRAWS", count)
    rows = some_rows(2, n=n, modifiers=1)
    rows = replace(rows, noise=0.02 * rows.noise)  # tells much, so that effects are correlated
    found = fit_effects(OPTIONS, rows)
    slow = oracle_posterior(OPTIONS, rows, found.deviations)
    drawn = found.draws.reshape(count, -1)
    sd = np.sqrt(np.diag(slow.covariance))
    apart = (drawn.mean(axis=0) - slow.mean.ravel()) / sd
    assert np.abs(apart).max() < 4.5 / np.sqrt(count)
    correlated = np.cov((drawn / sd).T) - slow.covariance / np.outer(sd, sd)
    assert np.abs(correlated).max() < 4.5 * np.sqrt(2.0 / count)


def test_draws_of_a_rest_are_their_own(monkeypatch):
    """Draws of a rest do not follow those of what it is added to."""
    monkeypatch.setattr(offer_effects, "_DRAWS", 10_000)
    rest = prior_effects(OPTIONS, has_offset=True).draws[:, :, 0]
    whole = prior_effects(OPTIONS).draws[:, :, 0]
    for at in range(len(OPTIONS) - 1):
        assert abs(np.corrcoef(rest[:, at], whole[:, at])[0, 1]) < 0.045


# ------------------------------------------------------------------------------------ planted truth


def randomised(
    seed: int, n: int = 6000, true: np.ndarray = TRUE, slope: np.ndarray = SLOPE
) -> EffectRows:
    """Options drawn evenly; what is expected of a lead is known."""
    rng = np.random.default_rng(seed)
    z = np.clip(rng.normal(size=n), -2.0, 2.0)
    mean = expit(0.5 * z - 0.6)
    scale = mean * (1.0 - mean)
    chosen = rng.integers(0, 6, n)
    contrast = np.full((n, 6), -1.0 / 6.0)
    contrast[np.arange(n), chosen] += 1.0
    tau = true + np.outer(z, slope)
    chance = mean + scale * (contrast * tau).sum(axis=1)
    outcome = rng.random(n) < chance
    return EffectRows(contrast, np.zeros((n, 6)), z[:, None], outcome - mean, scale, scale)


def covered(found: OfferEffects, true: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Shape (3, n_options - 1): whether the interval at 90 % holds tau at z of -1, 0 and 1."""
    z = np.array([[-1.0], [0.0], [1.0]])
    nothing = np.zeros((3, 6))
    apart = found.tau(nothing, z) - (true + z * slope)
    held: np.ndarray = np.abs(apart) <= Z * found.deviation(nothing, z)
    return held[:, :-1]


def test_intervals_hold_the_truth():
    """The interval at 90 % holds each offer's true tau in most of 60 worlds, and is narrow."""
    fits = [fit_effects(OPTIONS, randomised(seed)) for seed in range(60)]
    held = np.mean([covered(found, TRUE, SLOPE) for found in fits], axis=0)
    assert held[1, :4].min() >= 0.85
    assert 0.85 <= held.mean() <= 0.95
    of_offers = np.array([found.mean[:4, 0] for found in fits])
    np.testing.assert_allclose(of_offers.mean(axis=0), TRUE[:4], atol=0.06)
    widest = max(found.covariance[:4, 0, 0].max() for found in fits)
    assert np.sqrt(widest) < 0.12
    slopes = np.array([found.mean[:4, 2] for found in fits]).mean(axis=0)
    assert slopes[0] > 0.08
    assert np.abs(slopes[1:]).max() < 0.04


def test_intervals_are_calibrated_over_the_prior():
    """Of truths that are drawn from the prior the intervals at 90 % hold nine in ten."""
    before = oracle_posterior(OPTIONS, some_rows(1, n=0, modifiers=1), USUAL)
    rng = np.random.default_rng(20)
    held = []
    for seed in range(120):
        drawn = rng.multivariate_normal(before.mean.ravel(), before.covariance).reshape(5, 3)
        true, slope = np.append(drawn[:, 0], 0.0), np.append(drawn[:, 2], 0.0)
        rows = randomised(seed, 1500, 0.7 * true, 0.7 * slope)
        narrow = replace(rows, scale=0.7 * rows.scale)
        held.append(covered(fit_effects(OPTIONS, narrow), true, slope))
    assert 0.86 <= np.mean(held) <= 0.94


def test_more_decisions_tell_more():
    """The standard deviation of an offer's effect falls about with the root of the decisions."""
    few, many = (
        fit_effects(OPTIONS, randomised(1, n)).covariance[:4, 0, 0] for n in (2000, 32_000)
    )
    ratio = np.sqrt(few / many)
    assert ((ratio > 2.5) & (ratio < 4.5)).all()


KIN = (
    Offer("text-a", "value", "A", "text", Effort(10)),
    Offer("text-b", "value", "B", "text", Effort(10)),
    Offer("text-new", "value", "New", "text", Effort(10)),
    Offer("tool-a", "value", "A", "tool", Effort(10)),
    Offer("tool-b", "value", "B", "tool", Effort(10)),
    Offer("tool-new", "value", "New", "tool", Effort(10)),
)


def test_a_new_offer_starts_from_its_kin():
    """Without a decision of its own an offer moves with its kind, and stays less sure."""
    options = options_of(replace(SHIPPED[0], offers=KIN))
    true = np.array([1.2, 1.2, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0])
    tried = np.array([0, 1, 3, 4, 6, 7])
    rng = np.random.default_rng(2)
    n = 4000
    chosen = rng.choice(tried, n)
    contrast = np.zeros((n, 8))
    contrast[:, tried] = -1.0 / 6.0
    contrast[np.arange(n), chosen] += 1.0
    scale = np.full(n, 0.21)
    outcome = rng.random(n) < 0.3 + 0.21 * contrast @ true
    rows = EffectRows(contrast, np.zeros((n, 8)), np.empty((n, 0)), outcome - 0.3, scale, scale)
    found, before = fit_effects(options, rows), prior_effects(options)
    text, tool = found.mean[[0, 1, 2], 0], found.mean[[3, 4, 5], 0]
    assert len(set(before.mean[:6, 0])) == 1
    assert before.mean[2, 0] < text[2] < text[:2].min()
    assert tool[:2].max() < tool[2] < text[2] - 0.2
    sd = np.sqrt(found.covariance[:6, 0, 0])
    assert 2.0 * sd[[0, 1, 3, 4]].max() < sd[[2, 5]].min()


def confounded(seed: int, n: int = 8000) -> tuple[EffectRows, EffectRows]:
    """Keen leads are given the guide, others are left alone; what is expected of all is the mean.

    With the propensities that the options were chosen with, and with how often each was chosen.
    """
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1.0, 1.0, n)
    weight = np.exp(np.outer(z, [2.0, 0.0, 0.5, 0.0, 0.0, -2.0]))
    chance = weight / weight.sum(axis=1, keepdims=True)
    chosen = (rng.random((n, 1)) > chance.cumsum(axis=1)).sum(axis=1)
    scale = np.full(n, 0.2)
    mean = 0.4 + 0.2 * z + 0.2 * (TRUE - chance @ TRUE[:, None])[np.arange(n), chosen]
    outcome = (rng.random(n) < mean).astype(np.float64)
    took = np.eye(6)[chosen]
    rest = np.zeros((n, 6)), np.empty((n, 0)), outcome - outcome.mean(), scale, np.full(n, 0.24)
    return EffectRows(took - chance, *rest), EffectRows(took - took.mean(axis=0), *rest)


def test_propensities_undo_confounding():
    """With the right propensities effects are unbiased though too little is known of the leads.

    Without them the offer that keen leads were given seems to work far better than it does.
    """
    right, wrong = np.array(
        [
            [fit_effects(OPTIONS, rows).mean[:4, 0] for rows in confounded(seed)]
            for seed in range(30)
        ]
    ).mean(axis=0)
    np.testing.assert_allclose(right, TRUE[:4], atol=0.07)
    assert wrong[0] > TRUE[0] + 0.4
