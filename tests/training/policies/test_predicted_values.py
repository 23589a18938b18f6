"""Values that are foreseen: by other leads' decisions alone, and near what was planted."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import EventsError, NotEnoughData
from tests.models.judging.worlds import (
    MONEY,
    OPTIONS,
    WORLDS,
    YES_NO,
    contexts,
    greedy,
    logging,
    new,
    old,
    small,
    told,
)
from training.policies.predicted_values import foreseen_values, predicted_values


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


@pytest.mark.slow
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


def test_refused_arrays():
    """Signals of other rows, and a value that is no outcome where outcomes are asked for."""
    logged = small(0)[0]
    with pytest.raises(EventsError, match="`matrix` has"):
        predicted_values(np.zeros((3, 2)), logged, binary=False)
    with pytest.raises(EventsError, match="row 0: the value is neither 0 nor 1"):
        predicted_values(np.zeros((60, 2)), logged, binary=True)


def test_not_enough():
    """Without decisions, or with those of a single lead, there is nobody to learn from."""
    logged = small(0)[0]
    with pytest.raises(NotEnoughData, match="no decisions"):
        predicted_values(np.zeros((0, 2)), logged.rows(np.zeros(60, dtype=bool)), binary=False)
    alone = replace(logged, lead=np.full(60, 3))
    with pytest.raises(NotEnoughData, match="a single lead"):
        predicted_values(np.zeros((60, 2)), alone, binary=False)


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


# ---------------------------------------------------------------------- told from earlier blocks


@WORLDS
def test_a_block_is_foreseen_from_earlier_ones(world):
    """What comes of a later block, or of none, and its signals change nothing of those before."""
    at, logged = a_log(world, 500)
    block = logged.lead.copy()
    block[logged.lead % 7 == 0] = -1
    binary = not world.money
    before = foreseen_values(at.signals, logged, block, binary=binary)
    later = logged.lead >= 300
    value = np.where(later | (block < 0), logged.value.max() - logged.value, logged.value)
    signals = at.signals + 3.0 * later[:, None]
    after = foreseen_values(signals, replace(logged, value=value), block, binary=binary)
    assert (before[~later] == after[~later]).all()
    assert (before[block < 0] == 0.0).all()
    assert (before[later & (block >= 0)] != after[later & (block >= 0)]).any()


def test_the_first_blocks_are_foreseen_by_the_mean():
    """Before a model there is the mean of all earlier blocks; of the first nothing is known."""
    at, logged = a_log(YES_NO, 60)
    found = foreseen_values(at.signals, logged, logged.lead, binary=True)
    for block in (1, 20, 49):
        wanted = logged.value[logged.lead < block].mean()
        assert found[logged.lead == block] == pytest.approx(wanted)
    assert (found[logged.lead == 0] == 0.0).all()


@pytest.mark.slow
def test_a_model_of_earlier_blocks_foresees():
    """With some thousand leads before it is nearer the planted values than the mean is."""
    at, logged = a_log(YES_NO, 4000)
    found = foreseen_values(at.signals, logged, logged.lead, binary=True)
    late = (logged.lead > 3000)[:, None] & at.eligible
    planted = YES_NO.expected(at)
    error = np.abs(found - planted)[late].mean()
    assert error < 0.9 * np.abs(logged.value.mean() - planted)[late].mean()


def test_nothing_to_foresee_from():
    """No decisions are refused as elsewhere; decisions in no block are foreseen as nothing."""
    at, logged = a_log(YES_NO, 30)
    found = foreseen_values(at.signals, logged, np.full(len(logged), -1), binary=True)
    assert (found == 0.0).all()
    none = logged.rows(np.zeros(len(logged), dtype=np.bool_))
    with pytest.raises(NotEnoughData, match="no decisions to evaluate a policy on"):
        foreseen_values(at.signals[:0], none, logged.lead[:0], binary=True)
