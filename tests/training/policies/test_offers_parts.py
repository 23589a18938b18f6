"""The parts of what is learned of offers: what is usual, what it rests on, ways to put an offer.

Figures by hand, on decisions that are given as arrays.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.scores.encoding import Encoding
from tests.training.policies.scene import LADDER, PLACE, drawn, event, exposed, log_of, us
from tests.training.policies.tried import ALONE, CLIP, DEMO, GUIDE, WIDTH, tried
from training.policies import offers
from training.policies.decisions import drawn_decisions
from training.policies.offers import tried_of


def test_decisions_as_estimators_see_them():
    """The columns that say who a lead is are named as such; the log's chances are left alone."""
    events = [event("ann", "identify", 1, industry="tools"), *exposed(drawn("ann", 2))]
    found = drawn_decisions(log_of([*events, event("bob", "page", 60)]), LADDER, us(60))
    held = tried_of(found, Encoding.learn(found.snapshot))
    names = [held.columns[at] for at in held.fit_columns]
    assert names == ["profile.completeness", "trait.industry"]
    held.probability[:] = 0.0
    assert found.probability.any()


def test_what_is_usual():
    """The asks of a step alike, with the weight of four leads; then what was given to leads."""
    given = np.array([True] * 8 + [False] * 2)
    found = offers._usual(LADDER, tried([CLIP] * 10), given)
    expected = np.zeros((3, WIDTH))
    expected[0, [CLIP, GUIDE, ALONE]] = np.array([2 + 8, 2, 2]) / 14
    expected[1, DEMO] = expected[2, PLACE["contract"]] = 1.0
    np.testing.assert_allclose(found, expected)
    without = replace(LADDER, offers=tuple(one for one in LADDER.offers if one.step == "look"))
    none = offers._usual(without, replace(tried([]), chosen=np.empty(0, dtype=np.int64)), given[:0])
    np.testing.assert_allclose(none[1:, -1], 1.0)
    np.testing.assert_allclose(none.sum(axis=1), 1.0)


DRAWN_FIRST = np.repeat([[True], [False], [False]], WIDTH, axis=1)
"""Enough was drawn at the first step alone."""


@pytest.mark.parametrize(
    ("at_drawn", "leads", "evidence"),
    [(100, 100, "observational"), (101, 99, "randomised"), (99, 101, "observational")],
)
def test_where_most_leads_were_given_it_says_what_it_rests_on(at_drawn, leads, evidence):
    """No ask is given at every step; where most were drawn it was randomised."""
    some = tried([ALONE] * (at_drawn + leads), position=[0] * at_drawn + [1] * leads)
    told, given = offers._evidence(LADDER, some, DRAWN_FIRST)
    assert (told[ALONE], given[ALONE]) == (evidence, at_drawn + leads)


def test_leads_are_counted_once():
    """What one lead was given twice is known of one."""
    some = tried([CLIP] * 100, lead=[*range(99), 0])
    told, given = offers._evidence(LADDER, some, DRAWN_FIRST)
    assert (told[CLIP], given[CLIP]) == ("prior", 99)


@pytest.mark.parametrize(
    ("advanced", "is_best"), [([], 1 / 2), ([1.0], 2 / 3), ([0.0], 1 / 3), ([1.0, 0.0], 1 / 2)]
)
def test_ways_to_put_an_offer(advanced, is_best):
    """Each as often as its rate, of which any was as likely before, is the larger; and a tenth.

    What was drawn counts, whether it was shown or not.
    """
    n = len(advanced)
    drawn_: Any = SimpleNamespace(
        framing=("short",) * n + ("",),
        chosen=np.array([GUIDE] * (n + 1)),
        framing_chance=np.full(n + 1, 0.5),
        advanced=np.array([*advanced, 1.0]),
    )
    found = offers._framings(LADDER, drawn_, 7)["guide"]
    assert found["short"] == pytest.approx(0.8 * is_best + 0.1, abs=0.02)
    assert sum(found.values()) == pytest.approx(1.0)


def test_three_ways_share_what_is_explored():
    """A fifth in all, alike."""
    found = offers._best_of([[900.0, 1.0], [1.0, 900.0], [1.0, 900.0]], 7)
    np.testing.assert_allclose(found, [0.8 + 0.2 / 3, 0.2 / 3, 0.2 / 3])
