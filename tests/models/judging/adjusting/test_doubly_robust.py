"""Lifts cover what is planted, where a plain difference does not; one right model is enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from models.judging.adjusting.doubly_robust import Compared, Lift, drawn_lift, matched_lift
from tests.proofs import size, tell

LIFT = 0.1
WORLDS = size(80, 500)


def world(seed, n=1200, lift=LIFT, later=0.0, rows=1):
    """Keen leads have it more often and go on more; `later` of the others have it after all.

    Each lead stands there `rows` times alike, which tells no more than once.
    """
    rng = np.random.default_rng(seed)
    keen = rng.normal(size=n)
    has = rng.random(n) < expit(-0.8 + keen)
    after = has | (rng.random(n) < later)
    went = rng.random(n) < np.clip(0.35 + 0.12 * keen + lift * after, 0, 1)
    X = np.column_stack([keen, rng.normal(size=n)])
    lead = np.arange(n)
    again = np.tile(lead, rows)
    return Compared(has[again], after[again], went[again], X[again], lead[again])


def covered(lifts, truth):
    assert all(isinstance(one, Lift) for one in lifts)
    return float(np.mean([one.low <= truth <= one.high for one in lifts]))


def lifts_of(**options):
    lifts = [matched_lift(world(seed, **options)) for seed in range(WORLDS)]
    assert not [one for one in lifts if isinstance(one, str)]
    return [one for one in lifts if isinstance(one, Lift)]


@pytest.mark.slow
def test_matched_lift_covers_and_the_plain_difference_does_not():
    """At 95 % nominal, at least 93 in 100."""
    lifts = lifts_of()
    share = covered(lifts, LIFT)
    tell("matched lift's interval covers", share, ">= 0.93", WORLDS)
    assert share >= (0.93 if WORLDS >= 300 else 0.9)
    assert abs(np.mean([one.value for one in lifts]) - LIFT) < 0.01
    plain = [
        (one.went[one.has].mean() - one.went[~one.has].mean())
        for one in (world(seed) for seed in range(WORLDS))
    ]
    assert np.mean(plain) > LIFT + 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("later", "rows"), [(0.3, 1), (0.0, 3)])
def test_who_has_it_later_and_rows_of_one_lead(later, rows):
    """The lift is that against never having it; a lead that counts thrice tells no more."""
    lifts = lifts_of(later=later, rows=rows)
    assert covered(lifts, LIFT) >= 0.9
    assert abs(np.mean([one.value for one in lifts]) - LIFT) < 0.012
    spread = np.std([one.value for one in lifts])
    stated = np.mean([(one.high - one.low) / 3.92 for one in lifts])
    assert 0.8 < stated / spread < 1.25


@pytest.mark.parametrize("wrong", ["outcome", "having"])
def test_one_right_model_is_enough(wrong):
    """What goes on is bent, or who has it is: the other model makes up for it."""
    values, plain = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        keen = rng.normal(size=2000)
        bent = np.minimum(keen**2, 3.0)
        score = -1.2 + 0.8 * keen if wrong == "outcome" else -2.0 + bent * (keen > 0)
        has = rng.random(2000) < expit(score)
        base = -1.5 + (0.7 * bent + 0.5 * keen if wrong == "outcome" else 0.9 * keen)
        went = rng.random(2000) < expit(base)
        went |= has & (rng.random(2000) < 0.1)  # of those that would not go on, one in ten does
        lift = matched_lift(Compared(has, has, went, keen[:, None], np.arange(2000)))
        assert isinstance(lift, Lift)
        truth = 0.1 * (1.0 - expit(base[has])).mean()
        values.append(lift.value - truth)
        plain.append(went[has].mean() - went[~has].mean() - truth)
    assert abs(np.mean(values)) < 0.012
    assert abs(np.mean(plain)) > 0.03


def test_chance_is_told_as_chance():
    """Without a lift, p is below 5 % about as often as that."""
    p = np.array([one.p for one in lifts_of(lift=0.0)])
    assert (p < 0.05).mean() < 0.13
    assert 0.35 < p.mean() < 0.65


def test_what_cannot_be_told():
    """Few leads, hardly any outcomes, nobody like them, or all have it later: said, not guessed."""
    whole = world(1)
    few = whole.rows(np.flatnonzero(whole.has)[:39])
    assert matched_lift(few) == "fewer than 40 leads had it"
    without = whole.rows(
        np.concatenate([np.flatnonzero(whole.has), np.flatnonzero(~whole.has)[:39]])
    )
    assert matched_lift(without) == "fewer than 40 leads went without it"
    never = Compared(whole.has, whole.later, np.zeros(1200, bool), whole.X, whole.lead)
    assert matched_lift(never) == "too few outcomes of those that had it"
    sign = np.where(whole.has, 4.0, -4.0) + 0.1 * whole.X[:, 0]
    apart = Compared(whole.has, whole.later, whole.went, sign[:, None], whole.lead)
    assert matched_lift(apart) == "hardly anybody like those that had it went without it"
    assert matched_lift(world(2, later=0.9)) == "most of those without it have it later"


def test_forty_leads_of_each_are_enough():
    """Who had it and who went without are counted apart, each lead once."""
    whole = world(1)
    had, without = np.flatnonzero(whole.has), np.flatnonzero(~whole.has)
    for some in (np.concatenate([had[:40], without]), np.concatenate([had, without[:40]])):
        taken = whole.rows(some)
        lift = drawn_lift(taken, np.full(len(some), 0.5))
        assert isinstance(lift, Lift)
        assert (lift.leads_with, lift.leads_without) == (taken.has.sum(), (~taken.has).sum())
        assert lift.share_with == taken.went[taken.has].mean()
    twice = world(1, rows=2)
    lift = drawn_lift(twice, np.full(len(twice.has), 0.5))
    assert isinstance(lift, Lift)
    assert (lift.leads_with, lift.leads_without) == (len(had), len(without))


def test_one_lead_is_not_many():
    """Forty rows of one lead are one lead."""
    one = world(1)
    same = Compared(one.has, one.later, one.went, one.X, np.where(one.has, 0, one.lead + 1))
    assert matched_lift(same) == "fewer than 40 leads had it"


def test_drawn_lift_covers():
    """With known chances, whatever else was known and however the leads differ."""
    lifts: list[Any] = []
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        keen = rng.random(900)
        chance = np.where(keen > 0.5, 0.7, 0.25)
        has = rng.random(900) < chance
        went = rng.random(900) < 0.1 + 0.6 * keen + LIFT * has
        blind = np.zeros((900, 1))  # what tells them apart is not known: the lots alone do it
        lifts.append(drawn_lift(Compared(has, has, went, blind, np.arange(900)), chance))
    assert covered(lifts, LIFT) >= 0.9
    assert abs(np.mean([one.value for one in lifts]) - LIFT) < 0.015
    assert (
        drawn_lift(world(1).rows(np.arange(20)), np.full(20, 0.5)) == "fewer than 40 leads had it"
    )


def test_the_same_answer_each_time():
    """No draw is left to chance."""
    assert matched_lift(world(3)) == matched_lift(world(3))
