"""Offers whose effect changes on the way: beside dense algebra, and in worlds that plant it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, ndtri
from threadpoolctl import threadpool_limits

from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, Offer
from models.offers import changes
from models.offers.changes import EffectChange, ends_of_spans, span_of
from models.offers.effects import REST, EffectRows, OfferEffects, fit_effects
from models.offers.options import options_of
from models.offers.projection import projected
from tests.oracles.effects_oracle import OracleChange, oracle_log_evidence, oracle_posterior

NAMES = ("guide", "tool", "call", "form")
LADDER = replace(
    read_ladder("b2b"),
    offers=tuple(Offer(name, "value", name, "text", Effort(9)) for name in NAMES),
)
OPTIONS = options_of(LADDER)
TRUE = np.array([0.6, 0.3, 0.5, 0.0, 0.1, 0.0])
"""What the four offers, nurture and no ask do now."""
DAY = 86_400_000_000
Z = float(ndtri(0.95))
FULL = os.environ.get("PROOFS") == "full"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def rows_of(
    seed: int,
    before: np.ndarray | None = None,
    n: int = 4000,
    *,
    share: Callable[[np.ndarray], np.ndarray] = lambda time: time < 0.5,
    offset: bool = False,
) -> EffectRows:
    """Options drawn evenly over 200 days.

    Parameters
    ----------
    before : what options do at first; None where that is what they do now.
    share : how much of that there is at a time in [0, 1].
    """
    rng = np.random.default_rng(seed)
    time, z = np.arange(n) / n, np.clip(rng.normal(size=n), -2.0, 2.0)
    mean = expit(0.5 * z - 0.6)
    scale = mean * (1.0 - mean)
    chosen = rng.integers(0, len(OPTIONS), n)
    contrast = np.full((n, len(OPTIONS)), -1.0 / len(OPTIONS))
    contrast[np.arange(n), chosen] += 1.0
    tau = np.tile(TRUE, (n, 1))
    if before is not None:
        tau += share(time)[:, None] * (before - TRUE)
    outcome = rng.random(n) < mean + scale * (contrast * tau).sum(axis=1)
    nothing = np.zeros((n, len(OPTIONS)))
    return EffectRows(
        *(contrast, nothing, z[:, None], outcome - mean, scale, scale),
        offset=nothing if offset else None,
        when=(200 * DAY * time).astype(np.int64),
    )


def guide(before: float) -> np.ndarray:
    """All options as they are now, but for the guide."""
    return np.array([before, *TRUE[1:]])


def of_guide(found: OfferEffects) -> tuple[float, float]:
    return float(found.mean[0, 0]), float(np.sqrt(found.covariance[0, 0, 0]))


# ----------------------------------------------------------------------------------------- algebra


@pytest.mark.parametrize("offset", [False, True], ids=["whole", "rest"])
def test_with_changes_like_dense_algebra(monkeypatch, offset):
    """What is believed of now is the posterior beside the changes, which are parameters of it."""
    monkeypatch.setattr(changes, "SPANS", 4)
    monkeypatch.setattr(changes, "LEAST", 3.0)
    rows = rows_of(2, guide(-4.0), n=300, offset=offset)
    found = fit_effects(OPTIONS, rows)
    (change,) = found.changes
    shape = np.append(np.array(change.added) / change.added[0], 0.0)
    planted = OracleChange([0], change.ends, shape.tolist(), 0.7 * (REST if offset else 1.0))
    slow = oracle_posterior(OPTIONS, rows, found.deviations, [planted])
    np.testing.assert_allclose(found.mean, slow.mean, rtol=2e-5, atol=1e-8)
    joint = slow.covariance.reshape(5, 3, 5, 3)
    each = np.array([joint[at, :, at, :] for at in range(5)])
    np.testing.assert_allclose(found.covariance, each, rtol=2e-5, atol=1e-8)


def test_how_much_likelier_is_that_of_the_outcomes_themselves(monkeypatch):
    """For one option and all asks together, by step and by even fall, also after another one."""
    monkeypatch.setattr(changes, "SPANS", 3)
    asked: list[tuple[np.ndarray, np.ndarray, list[changes.FoundChange]]] = []
    evidence = changes._evidence

    def spied(gram, spans, precision, candidates, shapes, found, size):
        told = evidence(gram, spans, precision, candidates, shapes, found, size)
        asked.append((told, shapes, list(found)))
        return told

    monkeypatch.setattr(changes, "_evidence", spied)
    monkeypatch.setattr(changes, "LEAST", 1.1)
    rows = rows_of(2, guide(-4.0), n=70)
    deviations = fit_effects(OPTIONS, replace(rows, when=None)).deviations
    fit_effects(OPTIONS, rows)
    assert len(asked) >= 2
    ends = ends_of_spans(rows.when)
    members = {0: [0], 5: [0, 1, 2, 3]}
    for told, shapes, found in asked[:2]:
        known = [
            OracleChange(np.flatnonzero(one.options).tolist(), ends, one.shape.tolist(), 0.7)
            for one in found
        ]
        without = oracle_log_evidence(OPTIONS, rows, deviations, known)
        for at, some in members.items():
            for column, shape in enumerate(shapes.tolist()):
                more = [*known, OracleChange(some, ends, shape, 0.7)]
                log_odds = oracle_log_evidence(OPTIONS, rows, deviations, more) - without
                assert told[at, column] == pytest.approx(log_odds, abs=1e-6)


def test_spans_hold_as_many_decisions_each():
    """Instants that many decisions share end a span or do not; with one instant there is one."""
    when = np.arange(1000) * DAY
    ends = ends_of_spans(when)
    counts = np.bincount(span_of(ends, when))
    assert counts.tolist() == [100] * 10
    assert ends_of_spans(np.full(50, 7)) == ends_of_spans(np.empty(0, np.int64)) == ()
    assert ends_of_spans(None) == ()
    few = np.array([3, 3, 3, 9])
    assert span_of(ends_of_spans(few), few).tolist() == [0, 0, 0, 1]


def test_what_was_and_since_when():
    """A step is told by its end; what fell evenly by when half of it had."""
    step = EffectChange(1, (10, 20, 30), (0.6, 0.6, 0.0))
    assert step.since == 20
    assert step.before == pytest.approx(0.6)
    np.testing.assert_allclose(step.at(np.array([0, 9, 10, 19, 20, 99])), [0.6] * 4 + [0.0] * 2)
    fall = EffectChange(1, (10, 20, 30), (-0.9, -0.6, -0.3))
    assert fall.since == 20
    assert fall.before == pytest.approx(-0.75)


def test_kept_as_text_and_told_of_another_catalogue():
    """A bundle holds what was found; where nothing was, it is as it always was."""
    found = fit_effects(OPTIONS, rows_of(1, guide(-0.9)))
    read = OfferEffects.of_dict(json.loads(json.dumps(found.as_dict())))
    assert read.changes == found.changes != ()
    assert "changes" not in fit_effects(OPTIONS, rows_of(1)).as_dict()
    turned = options_of(replace(LADDER, offers=LADDER.offers[::-1]), LADDER)
    moved = projected(found, OPTIONS, turned).changes
    assert [one.option for one in moved] == [3]
    without = options_of(replace(LADDER, offers=LADDER.offers[1:]), LADDER)
    assert projected(found, OPTIONS, without).changes == ()


def test_only_lots_are_asked_and_only_where_the_time_is_known():
    """How others choose changes with time as well."""
    rows = rows_of(1, guide(-0.9))
    assert [one.option for one in fit_effects(OPTIONS, rows).changes] == [0]
    others = replace(rows, may_change=np.arange(len(OPTIONS)) > 0)
    assert 0 not in [one.option for one in fit_effects(OPTIONS, others).changes]
    assert fit_effects(OPTIONS, replace(rows, when=None)).changes == ()


# ------------------------------------------------------------------------------------ planted truth

WORLDS = 60 if FULL else 15


def half_way(before: float) -> Callable[[int], EffectRows]:
    """The guide at first did so much; now it does what TRUE says."""
    return lambda seed: rows_of(seed, guide(before))


def evenly(before: float) -> Callable[[int], EffectRows]:
    return lambda seed: rows_of(seed, guide(before), share=lambda time: 1.0 - time)


WORN, TURNED, AWAKE, FADING = half_way(1.5), half_way(-0.6), half_way(-0.3), evenly(2.2)


@pytest.mark.parametrize(
    ("world", "least_held"),
    [(WORN, 0.75), (TURNED, 0.75), (AWAKE, 0.75), (FADING, 0.4)],
    ids=["worn", "turned", "awake", "fading"],
)
def test_what_changed_is_believed_by_what_it_does_now(world, least_held):
    """Its error is far below that of the effect of all time, whose interval never holds it."""
    apart, all_time, held, never = [], [], [], []
    for seed in range(WORLDS):
        rows = world(seed)
        mean, sd = of_guide(fit_effects(OPTIONS, rows))
        former, narrow = of_guide(fit_effects(OPTIONS, replace(rows, when=None)))
        apart.append(mean - TRUE[0])
        all_time.append(former - TRUE[0])
        held.append(abs(mean - TRUE[0]) <= Z * sd)
        never.append(abs(former - TRUE[0]) <= Z * narrow)
    assert np.mean(np.square(apart)) < 0.3 * np.mean(np.square(all_time))
    assert np.mean(held) >= least_held
    assert np.mean(never) <= 0.1


def test_where_all_asks_change_together_few_decisions_tell():
    """None of them would be told by itself."""
    before = TRUE + np.array([0.7, 0.7, 0.7, 0.7, 0.0, 0.0])
    found = [fit_effects(OPTIONS, rows_of(seed, before, n=3000)) for seed in range(WORLDS)]
    told = [[one.option for one in each.changes] for each in found]
    assert np.mean([options == [0, 1, 2, 3] for options in told]) > 0.7
    apart = np.array([each.mean[:4, 0] - TRUE[:4] for each in found])
    assert np.abs(apart.mean(axis=0)).max() < 0.15


def test_quiet_worlds_stay_as_they_are():
    """Where nothing changes a change is seen in few worlds: six are asked for in each."""
    found = [fit_effects(OPTIONS, rows_of(seed)).changes for seed in range(2 * WORLDS)]
    assert np.mean([one != () for one in found]) <= 0.05


def test_a_world_that_drifts_is_not_a_change_of_offers():
    """All go on more often by and by, asked or not; the lot is even, so no offer does more."""
    told = []
    for seed in range(WORLDS):
        rows = rows_of(seed)
        assert rows.when is not None
        drifted = rows.residual + np.where(rows.when < 100 * DAY, -0.12, 0.12)
        told.append(fit_effects(OPTIONS, replace(rows, residual=drifted)).changes)
    assert sum(one != () for one in told) <= 0.1 * WORLDS


# ------------------------------------------------------------------------- what was only observed

BY_OTHERS = np.zeros(len(OPTIONS), dtype=np.bool_)


@pytest.mark.parametrize("world", [WORN, TURNED, FADING], ids=["worn", "turned", "fading"])
def test_what_was_observed_lately_contradicts_and_changes_nothing(world):
    """It is told of nearly each world what the guide did and does; the effects are all time's."""
    lately, before = [], []
    for seed in range(WORLDS):
        rows = replace(world(seed), may_change=BY_OTHERS)
        found, all_time = fit_effects(OPTIONS, rows), fit_effects(OPTIONS, replace(rows, when=None))
        assert found.as_dict() == all_time.as_dict()
        told = [one for one in found.contradicted if one.change.option == 0]
        lately += [one.lately for one in told]
        before += [one.lately + one.change.before for one in told]
    assert len(lately) > 0.8 * WORLDS
    assert abs(np.mean(before) - np.mean(lately)) > 0.7
    if world is not FADING:
        assert np.mean(lately) == pytest.approx(TRUE[0], abs=0.15)


def test_in_quiet_worlds_nothing_contradicts():
    """Nor where all go on more often by and by, asked or not."""
    told = []
    for seed in range(2 * WORLDS):
        rows = replace(rows_of(seed), may_change=BY_OTHERS)
        assert rows.when is not None
        drifted = rows.residual + (seed % 2) * np.where(rows.when < 100 * DAY, -0.12, 0.12)
        told.append(fit_effects(OPTIONS, replace(rows, residual=drifted)).contradicted)
    assert np.mean([one != () for one in told]) <= 0.07


def test_what_was_drawn_is_asked_first():
    """A change that a lot tells of is believed; beside it nothing contradicts of the others."""
    found = fit_effects(OPTIONS, replace(rows_of(1, guide(-0.9)), may_change=np.arange(6) < 1))
    assert [one.option for one in found.changes] == [0]
    assert found.contradicted == ()
