"""What is learned of value: of the decisions whose window for it is over, beyond the next step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.ladder.ladder import EventRule, Gain, Ladder
from features.store.events import Event
from models.offers.learning import Tried, expected_of, learn_effects
from models.offers.offer_model import OfferModel
from models.offers.options import NO_ASK
from models.scores.encoding import Encoding
from tests.training.policies.scene import LADDER, drawn, event, exposed, log_of, us
from training.decision_points import decision_points
from training.policies import offers
from training.policies.offers import OfferCounts, learn_offers

LEADS = 60
AMOUNTS = replace(LADDER, value=replace(LADDER.value, gains=(Gain(EventRule("order"), 7.0),)))


def decisions(orders: int, hidden: int = 0) -> list[Event]:
    """Clips or no ask, the last leads first; to two thirds clips continue the topic.

    Every third goes on, and of the last leads every second so many bought. The first ones may be
    shown nothing.
    """
    events = []
    for at in range(LEADS):
        lead, day = f"lead-{at:03}", 3.0 - at / LEADS
        topic = ("clip",) if at < 2 * LEADS // 3 else ()
        made = drawn(lead, day, ("clip", NO_ASK)[at % 2], ("clip", NO_ASK), on_topic=topic)
        events += [event(lead, "page", 0.5), *exposed(made)[: 1 if at < hidden else None]]
        if at % 3 == 0:
            events.append(event(lead, "video", day + 1, fraction=1.0))
        if at % 2 and LEADS - at <= 2 * orders:
            events.append(event(lead, "order", day + 2))
    return events


def learned(ladder: Ladder, orders: int, hidden: int = 0) -> tuple[OfferModel, OfferCounts]:
    """By day 16.5: windows of the value, 14 days, are over where decisions came before day 2.5."""
    log, until = log_of([*decisions(orders, hidden), event("zoe", "page", 20)], ladder), us(16.5)
    encoding = Encoding.learn(decision_points(log, ladder, end=until, seed=7).snapshot)
    return learn_offers(log, ladder, encoding, until)


def test_value_is_learned_beyond_what_the_step_brings(monkeypatch):
    """With p of the step and P of the purchase, a change t of the step is one of t(1-p)/(1-P)."""
    calls: list[tuple[Any, ...]] = []

    def spied(options: Any, tried: Tried, outcome: Any, kind: Any, **more: Any) -> Any:
        found = learn_effects(options, tried, outcome, kind, **more)
        calls.append((tried, outcome, kind, more, *found))
        return found

    monkeypatch.setattr(offers, "learn_effects", spied)
    model, counts = learned(LADDER, orders=10)
    (tried, _, _, _, advance, chance), (known, value, kind, more, effects, _) = calls
    assert (counts.drawn, counts.value_pending) == (LEADS, LEADS // 2)
    is_known = np.arange(LEADS) >= LEADS // 2
    np.testing.assert_array_equal(known.lead, tried.lead[is_known])
    assert (kind, value.sum()) == ("share", 10)
    expected = expected_of(known, value, "share", 7).mean
    np.testing.assert_allclose(more["expected"].mean, expected)
    p = chance.mean[is_known]
    assert len(np.unique(p)) > 1  # each is expected of by the others
    of_topic = advance.effects.tau(tried.topic, advance.of(tried.matrix, chance.mean))[is_known]
    assert not np.allclose(of_topic, of_topic[0])
    carried = np.clip((1.0 - p) / (1.0 - expected), 0.0, 1.0)
    np.testing.assert_allclose(more["offset"], carried[:, None] * of_topic)
    assert model.value.as_dict() == effects.as_dict()
    assert model.advance.as_dict() == advance.as_dict()


@pytest.mark.parametrize(("orders", "usual"), [(10, 7.0 * 10 / 30), (0, 1e-6)])
def test_what_amounts_come_to_on_average(orders, usual):
    """Of the decisions whose window is over, and never quite nothing; it serves as it is."""
    model, _ = learned(AMOUNTS, orders)
    assert model.value.kind == "amount"
    assert model.usual_amount == pytest.approx(usual)
    assert model.amount is None
    np.testing.assert_allclose(model.expected_value(np.empty((2, 1)), np.full(2, 0.5)), usual)


def test_what_is_expected_of_amounts_serves(monkeypatch):
    """Where trees tell how much a lead brings they are kept with the model."""
    trees: Any = "trees"

    def told(*given: Any, **more: Any) -> Any:
        effects, expected = learn_effects(*given, **more)
        return effects, replace(expected, learner=trees)

    monkeypatch.setattr(offers, "learn_effects", told)
    assert learned(AMOUNTS, 10)[0].amount is trees
    assert learned(LADDER, 10)[0].amount is None


def test_ways_are_told_by_all_that_was_drawn(monkeypatch):
    """As what an offer does is: what was not shown counts with the rest."""
    told: list[int] = []
    monkeypatch.setattr(offers, "_framings", lambda _, drawn, __: told.append(len(drawn)))
    _, counts = learned(LADDER, orders=10, hidden=6)
    assert (told, counts.drawn, counts.unseen) == ([LEADS], LEADS, 3)
