"""What options would do for a lead: to the next step, to the value, before and after learning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from features.ladder.file import read_ladder
from features.ladder.ladder import EventRule, Gain, Ladder
from models.offers import effects as offer_effects
from models.offers.effects import EffectRows, fit_effects
from models.offers.learning import OutcomeEffects
from models.offers.modifiers import Modifier, Modifiers
from models.offers.offer_model import (
    Forecast,
    OfferModel,
    even_framings,
    of_step,
    usual_before_data,
)
from models.offers.options import NO_ASK, NURTURE, options_of
from models.scores.step_rates import advancement_priors, purchase_priors

SHIPPED = tuple(read_ladder(name) for name in ("b2b", "b2c", "b2b-assessment"))
EACH = pytest.mark.parametrize("ladder", SHIPPED, ids=lambda each: each.name)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small matrices are faster without a second thread, most of all where others need it."""
    with threadpool_limits(1):
        yield


def forecast(
    model: OfferModel,
    advance: object,
    purchase: object,
    position: object,
    topic: np.ndarray | None = None,
    matrix: np.ndarray | None = None,
) -> Forecast:
    """With every option eligible, on no topic, for leads that are active."""
    n, width = len(np.asarray(advance)), len(model.options)
    return model.forecast(
        np.empty((n, 1)) if matrix is None else matrix,
        np.asarray(advance, dtype=np.float64),
        np.asarray(purchase, dtype=np.float64),
        np.asarray(position, dtype=np.int64),
        np.ones((n, width), dtype=np.bool_),
        np.zeros((n, width), dtype=np.bool_) if topic is None else topic,
        np.ones(n, dtype=np.bool_),
    )


def at_every_step(model: OfferModel) -> Forecast:
    """For a lead at each position of whom as much is expected as the ladder does."""
    ladder = model.ladder
    rungs = np.arange(len(ladder.goals))
    return forecast(model, advancement_priors(ladder), purchase_priors(ladder), rungs)


def learned(ladder: Ladder, seed: int) -> OfferModel:
    """A model with a posterior after some decisions, two modifiers and usual choices of its own."""
    options = options_of(ladder)
    rng = np.random.default_rng(seed)
    width, n = len(options), 300

    def outcome(number: int) -> OutcomeEffects:
        chosen = rng.integers(0, width, n)
        contrast = np.eye(width)[chosen] - 1.0 / width
        topic = rng.integers(0, 2, (n, width)) * np.append(np.ones(width - 2), [0.0, 0.0])
        z, scale = rng.normal(size=(n, 2)), np.full(n, 0.2)
        residual = rng.normal(0.0, 0.5, n) + 0.3 * contrast[:, number]
        rows = EffectRows(contrast, topic, z, residual, scale, scale)
        of_column = Modifier(0, "size", 0.5, 0.3, knots=(-1.0, 0.0, 2.0))
        modifiers = Modifiers((of_column, Modifier(-1, "score", 0.0, 1.0)))
        return OutcomeEffects("share", modifiers, fit_effects(options, rows))

    prior = OfferModel.prior(ladder)
    usual = rng.dirichlet(np.ones(width), len(ladder.goals))
    return replace(prior, advance=outcome(0), value=outcome(1), usual=usual)


MODELS = [OfferModel.prior(ladder) for ladder in SHIPPED] + [
    learned(ladder, seed) for seed, ladder in enumerate(SHIPPED)
]


# ------------------------------------------------------------------------------------ before data


@EACH
def test_asks_keep_the_ladders_band(ladder):
    """A lead in the middle of the band advances under each ask of the step as the band says."""
    model = OfferModel.prior(ladder)
    found = at_every_step(model)
    banded = [at for at, goal in enumerate(ladder.goals) if goal.band]
    assert len(banded) == len(ladder.goals) - 1
    for at in banded:
        asks = of_step(ladder, at) & model.options.is_ask
        assert asks.sum() >= 2
        band, chances = ladder.goals[at].band, found.beliefs.advance[at, asks]
        assert (chances >= band.low).all()
        assert (chances <= band.high).all()
        assert chances.mean() == pytest.approx((band.low + band.high) / 2)
        assert found.beliefs.advance[at, model.options.no_ask] < chances.min()


@EACH
def test_before_data_asking_helps(ladder):
    """Beforehand every ask adds to the chance of its step, none surely; nurture a little."""
    model = OfferModel.prior(ladder)
    found = at_every_step(model)
    for at in range(len(ladder.goals)):
        asks = of_step(ladder, at) & model.options.is_ask
        nurture = found.uplift[at, model.options.nurture]
        assert 0.0 < nurture < found.uplift[at, asks].min()
        assert (found.low[at, asks] < 0.0).all()
    assert set(model.evidence) == {"prior"}
    assert set(model.leads) == {0}
    assert len(model.evidence) == len(model.leads) == len(model.options)


@EACH
def test_usual_before_data(ladder):
    """Beforehand each ask of the next step was chosen as often as another, and nothing else."""
    usual = usual_before_data(ladder)
    options = options_of(ladder)
    assert usual.shape == (len(ladder.goals), len(options))
    for at, goal in enumerate(ladder.goals):
        asks = [offer.id for offer in ladder.offers_of(goal.id)]
        share = dict(zip(options.ids, usual[at], strict=True))
        assert {name for name in share if share[name] > 0} == set(asks)
        assert {share[name] for name in asks} == {1.0 / len(asks)}


@EACH
def test_options_of_a_step(ladder):
    """At a step there are its asks, nurture and no ask; after the purchase only these two."""
    options = options_of(ladder)
    for at, goal in enumerate(ladder.goals):
        named = {options.ids[option] for option in np.flatnonzero(of_step(ladder, at))}
        assert named == {*(offer.id for offer in ladder.offers_of(goal.id)), NURTURE, NO_ASK}
    bought = np.flatnonzero(of_step(ladder, len(ladder.goals)))
    assert bought.tolist() == [options.nurture, options.no_ask]
    first = next(one for one in ladder.offers if one.role == "ask")
    paused = [replace(one, status="paused") if one is first else one for one in ladder.offers]
    at = next(at for at, goal in enumerate(ladder.goals) if goal.id == first.step)
    there = of_step(replace(ladder, offers=tuple(paused)), at)
    assert set(np.flatnonzero(of_step(ladder, at) != there)) == {options.index(first.id)}


def test_framings_begin_even():
    """Each framing of an offer with variants is as likely as another; others have none."""
    for ladder in SHIPPED:
        framed = {offer.id: offer.framings for offer in ladder.offers if offer.framings}
        found = even_framings(ladder)
        assert set(found) == set(framed) == set(OfferModel.prior(ladder).framings)
        for offer_id, share in found.items():
            assert list(share) == [framing.id for framing in framed[offer_id]]
            assert sum(share.values()) == pytest.approx(1.0)
            assert len(set(share.values())) == 1


# -------------------------------------------------------------------------------------- any leads

scores = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1e-9, 1e-4, 0.5, 1.0 - 1e-9, 1.0]))


@st.composite
def leads(draw: st.DrawFn) -> tuple[OfferModel, Forecast, np.ndarray]:
    model = draw(st.sampled_from(MODELS))
    n, width = draw(st.integers(1, 4)), len(model.options)
    each = st.lists(scores, min_size=n, max_size=n)
    advance, purchase = draw(each), draw(each)
    rungs = len(model.ladder.goals)
    position = draw(st.lists(st.integers(0, rungs), min_size=n, max_size=n))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    topic = rng.random((n, width)) < 0.3
    topic[:, -2:] = False
    matrix = rng.choice([np.nan, -5.0, 0.3, 9.0], (n, 1))
    found = forecast(model, advance, purchase, position, topic, matrix)
    return model, found, np.array(advance)


@settings(deadline=None)
@given(leads())
def test_chances_uplifts_and_intervals(case):
    """Chances are inside (0, 1), each that of no ask and its uplift, which is in its interval."""
    model, found, _ = case
    chance = found.beliefs.advance
    assert ((chance > 0.0) & (chance < 1.0)).all()
    base = chance[:, [model.options.no_ask]]
    np.testing.assert_allclose(base + found.uplift, chance, rtol=0, atol=1e-15)
    assert (found.low <= found.uplift).all()
    assert (found.uplift <= found.high).all()
    assert ((base + found.low > 0.0) & (base + found.high < 1.0)).all()


@settings(deadline=None)
@given(leads())
def test_no_ask_is_the_zero(case):
    """No ask adds nothing, surely: to the step, to the value, in any draw."""
    model, found, _ = case
    at = model.options.no_ask
    beliefs = found.beliefs
    for values in (found.uplift, found.low, found.high, beliefs.gain, beliefs.gain_sd):
        np.testing.assert_array_equal(values[:, at], 0.0)
    draws = beliefs.gain_draws()
    np.testing.assert_array_equal(draws[:, :, at], 0.0)
    assert draws.shape == (64, *beliefs.gain.shape)
    assert np.isfinite(draws).all()
    assert (beliefs.gain_sd >= 0.0).all()


@EACH
def test_a_score_is_the_mean_over_what_is_usual(ladder):
    """Over the options as they were usually chosen the chances come to the score."""
    model = learned(ladder, 3)
    rungs = np.arange(len(ladder.goals))
    advance = np.linspace(0.2, 0.7, len(rungs))
    found = forecast(model, advance, advance, rungs)
    mean = (model.usual * found.beliefs.advance).sum(axis=1)
    np.testing.assert_allclose(mean, advance, atol=1e-12)


@EACH
def test_after_the_purchase(ladder):
    """A lead that has bought is forecast as at the last rung."""
    model = learned(ladder, 4)
    last = len(ladder.goals) - 1
    found = forecast(model, [0.5, 0.5], [0.5, 0.5], [last, last + 1])
    np.testing.assert_array_equal(found.uplift[0], found.uplift[1])


def test_one_lead_or_many():
    """A lead is told the same alone as among others."""
    model = learned(SHIPPED[0], 5)
    rng = np.random.default_rng(1)
    n, width = 30, len(model.options)
    advance, purchase = rng.uniform(0.05, 0.95, (2, n))
    position, topic = rng.integers(0, 6, n), rng.random((n, width)) < 0.2
    matrix = rng.normal(size=(n, 1))
    found = forecast(model, advance, purchase, position, topic, matrix)
    for row in range(n):
        one = slice(row, row + 1)
        alone = forecast(model, advance[one], purchase[one], position[one], topic[one], matrix[one])
        np.testing.assert_allclose(alone.uplift[0], found.uplift[row], atol=1e-12)
        np.testing.assert_allclose(alone.beliefs.gain[0], found.beliefs.gain[row], rtol=1e-9)


def test_a_topic_that_continues():
    """Beforehand an offer on the lead's topic adds more than the same offer off it."""
    model = OfferModel.prior(SHIPPED[0])
    on = np.zeros((2, len(model.options)), dtype=np.bool_)
    guide = model.options.index("diagnosis-guide")
    on[1, guide] = True
    found = forecast(model, [0.4, 0.4], [0.1, 0.1], [0, 0], on)
    assert found.uplift[1, guide] > found.uplift[0, guide] + 0.03
    assert found.beliefs.gain[1, guide] > found.beliefs.gain[0, guide]


def test_interval_is_ninety_percent():
    """The interval of an uplift is its posterior's at 90 %, in points of probability."""
    model = learned(SHIPPED[0], 6)
    found = forecast(model, [0.5], [0.2], [2], matrix=np.zeros((1, 1)))
    z = model.advance.of(np.zeros((1, 1)), np.array([0.5]))
    sd = 0.25 * model.advance.effects.deviation(np.zeros((1, len(model.options))), z)
    np.testing.assert_allclose(found.high - found.uplift, ndtri(0.95) * sd, atol=1e-12)
    np.testing.assert_allclose(found.uplift - found.low, ndtri(0.95) * sd, atol=1e-12)


# -------------------------------------------------------------------------------------------- value


@EACH
def test_value_follows_the_last_step(ladder):
    """Where the step is the purchase, gains are uplifts times its worth, less costs.

    Beforehand: nothing is expected of the value beyond what the step brings.
    """
    model = OfferModel.prior(ladder)
    last = len(ladder.goals) - 1
    chance = np.array([0.3, 0.6])
    np.testing.assert_array_equal(model.carried(chance, chance), 1.0)
    found = forecast(model, chance, chance, [last, last])
    worth = ladder.value.purchase * found.uplift - model.options.cost
    np.testing.assert_allclose(found.beliefs.gain, worth, rtol=1e-6, atol=1e-6)


@EACH
def test_value_of_a_step_far_below(ladder):
    """Lower on the ladder a change of the step is that of the purchase through the step alone.

    With p the chance of the step, a purchase is p times what follows: it changes in proportion.
    """
    model = OfferModel.prior(ladder)
    step, purchase = 0.4, 0.06
    found = forecast(model, [step], [purchase], [0])
    changed = purchase / step * found.uplift
    worth = ladder.value.purchase * changed - model.options.cost
    np.testing.assert_allclose(found.beliefs.gain, worth, rtol=1e-6, atol=1e-6)


def test_carried():
    """Never more than the whole of an effect reaches the value, and never less than none."""
    model = OfferModel.prior(SHIPPED[0])
    advance, purchase = np.array([0.2, 0.5, 0.5, 1.0, 0.0]), np.array([0.5, 0.5, 0.0, 1.0, 1.0])
    np.testing.assert_allclose(model.carried(advance, purchase)[:, 0], [1, 1, 0.5, 0, 1])


@EACH
def test_cost_lowers_the_gain(ladder):
    """What an offer costs is taken off its gain, and off nothing else."""
    dear = replace(ladder, value=replace(ladder.value, rep_minute=7.0, effort_minute=3.0))
    free = replace(ladder, value=replace(ladder.value, rep_minute=0.0, effort_minute=0.0))
    at_cost, for_nothing = (at_every_step(OfferModel.prior(each)) for each in (dear, free))
    cost = options_of(dear).cost
    assert (cost[:-2] > 0).all()
    apart = for_nothing.beliefs.gain - at_cost.beliefs.gain
    np.testing.assert_allclose(apart, np.tile(cost, (len(apart), 1)), rtol=1e-9)
    np.testing.assert_array_equal(at_cost.beliefs.gain_sd, for_nothing.beliefs.gain_sd)
    np.testing.assert_array_equal(at_cost.uplift, for_nothing.uplift)
    apart_draws = for_nothing.beliefs.gain_draws() - at_cost.beliefs.gain_draws()
    np.testing.assert_allclose(apart_draws, np.broadcast_to(cost, apart_draws.shape), rtol=1e-6)


@EACH
def test_a_trap(ladder):
    """An offer that brings the step and loses purchases has an uplift, and a loss for its gain."""
    prior = OfferModel.prior(ladder)
    trap = int(np.flatnonzero(prior.options.rung == 1)[0])
    effects = prior.value.effects
    mean = effects.mean.copy()
    mean[trap, 0] = -3.0
    value = replace(prior.value, effects=replace(effects, mean=mean))
    found, before = at_every_step(replace(prior, value=value)), at_every_step(prior)
    assert found.uplift[1, trap] > 0.0
    assert found.beliefs.gain[1, trap] < 0.0 < before.beliefs.gain[1, trap]
    others = np.arange(len(prior.options)) != trap
    np.testing.assert_array_equal(found.beliefs.gain[:, others], before.beliefs.gain[:, others])


@pytest.mark.parametrize(("effect", "share"), [(-90.0, -0.06), (90.0, 0.94)])
def test_no_more_is_lost_or_gained_than_there_is(effect, share):
    """Of a purchase with a chance of 6 % that much can be lost, and the rest of it gained."""
    prior = OfferModel.prior(SHIPPED[0])
    mean = prior.value.effects.mean.copy()
    mean[:, 0] = effect
    value = replace(prior.value, effects=replace(prior.value.effects, mean=mean))
    found = forecast(replace(prior, value=value), [0.4], [0.06], [0]).beliefs.gain[0, :-1]
    worth = share * SHIPPED[0].value.purchase - prior.options.cost[:-1]
    np.testing.assert_allclose(found, worth)


def test_a_chance_is_never_quite_none():
    """Nor certain: a ten-thousandth is left, with an ask and without."""
    found = forecast(OfferModel.prior(SHIPPED[0]), [0.0, 1.0], [0.0, 1.0], [0, 0])
    np.testing.assert_allclose(found.beliefs.advance[0], 1e-4)
    np.testing.assert_allclose(found.beliefs.advance[1], 1.0 - 1e-4)
    bought = OfferModel.prior(SHIPPED[0]).expected_value(np.empty((2, 1)), np.array([0.0, 1.0]))
    np.testing.assert_allclose(bought, [1e-4, 1.0 - 1e-4])
    trees: Any = SimpleNamespace(margins=lambda matrix: np.array([-3.0, 5.0])[: len(matrix)])
    amounts = replace(OfferModel.prior(GAINS), amount=trees)
    some = amounts.expected_value(np.empty((2, 1)), np.full(2, 0.5))
    np.testing.assert_allclose(some, [1e-4, 5.0])


def test_draws_of_both_outcomes():
    """What is drawn of the step, by its own score, is carried; what is beyond it is added."""
    model = learned(SHIPPED[0], 8)
    step, purchase, matrix = np.array([0.3]), np.array([0.05]), np.array([[0.7]])
    found = forecast(model, step, purchase, [1], matrix=matrix).beliefs.gain_draws()
    topic = np.zeros((1, len(model.options)))
    of_step_ = model.advance.effects.drawn(topic, model.advance.of(matrix, step))
    beyond = model.value.effects.drawn(topic, model.value.of(matrix, purchase))
    scale = SHIPPED[0].value.purchase * 0.05 * 0.95
    drawn = scale * (beyond + 0.7 / 0.95 * of_step_) - model.options.cost
    np.testing.assert_allclose(found, drawn)


@EACH
def test_draws_are_the_gain(ladder, monkeypatch):
    """Draws of gains have the mean and the standard deviation that are told of the gain."""
    count = 10_000
    monkeypatch.setattr(offer_effects, "_DRAWS", count)
    model = OfferModel.prior(ladder)
    beliefs = at_every_step(model).beliefs
    draws, asked = beliefs.gain_draws(), slice(None, -1)
    gain, sd = beliefs.gain[:, asked], beliefs.gain_sd[:, asked]
    apart = (draws.mean(axis=0)[:, asked] - gain) / sd
    assert np.abs(apart).max() < 5.0 / np.sqrt(count)
    np.testing.assert_allclose(draws.std(axis=0)[:, asked] / sd, 1.0, atol=5.0 / np.sqrt(2 * count))


GAINS = replace(
    SHIPPED[0],
    value=replace(SHIPPED[0].value, gains=(Gain(EventRule("contract_signed"), measure="amount"),)),
)


def test_amounts():
    """Where gains are amounts, an effect is a share of what is expected, and none is carried."""
    model = OfferModel.prior(GAINS)
    assert (model.value.kind, model.amount) == ("amount", None)
    assert not model.carried(np.array([0.2]), np.array([0.1])).any()
    assert model.value.effects.mean[0, 0] == pytest.approx(0.5)
    usual = replace(model, usual_amount=70.0)
    found = forecast(usual, [0.2], [0.1], [0])
    tau = model.value.effects.tau(np.zeros((1, len(model.options))), np.zeros((1, 0)))
    np.testing.assert_allclose(found.beliefs.gain, 70.0 * tau - model.options.cost)
    assert OfferModel.of_dict(GAINS, usual.as_dict(), None).usual_amount == 70.0


def test_nothing_is_worth_anything():
    """Where a purchase is worth nothing, gains are the costs alone, and sure."""
    ladder = replace(SHIPPED[0], value=replace(SHIPPED[0].value, purchase=0.0))
    beliefs = at_every_step(OfferModel.prior(ladder)).beliefs
    cost = options_of(ladder).cost
    np.testing.assert_array_equal(beliefs.gain, np.tile(-cost, (len(beliefs.gain), 1)))
    assert not beliefs.gain_sd.any()


# --------------------------------------------------------------------------------------------- JSON


@pytest.mark.parametrize("model", MODELS, ids=range(len(MODELS)))
def test_saved_and_read(model):
    """Through JSON text a model forecasts the same, to the last bit."""
    held = replace(model, fields={"role": 0.25}, leads=tuple(range(len(model.options))))
    text = json.dumps(held.as_dict())
    read = OfferModel.of_dict(model.ladder, json.loads(text), None)
    assert json.dumps(read.as_dict()) == text
    assert (read.evidence, read.leads, read.fields) == (held.evidence, held.leads, held.fields)
    one, other = at_every_step(held), at_every_step(read)
    for name in ("uplift", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("advance", "gain", "gain_sd"):
        np.testing.assert_array_equal(getattr(one.beliefs, name), getattr(other.beliefs, name))
    np.testing.assert_array_equal(one.beliefs.gain_draws(), other.beliefs.gain_draws())
