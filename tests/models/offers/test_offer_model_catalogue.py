"""What was learned of offers on a catalogue that changed: it stays with the id, chances stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, Framing, Ladder, Offer
from models.offers.learning import OutcomeEffects
from models.offers.offer_model import Evidence, Forecast, OfferModel
from models.offers.options import Options, options_of

WAYS = (Framing("short", "In short"), Framing("deep", "In depth"))
GUIDE = Offer("guide", "value", "Guide", "text", Effort(10), framings=WAYS)
TOOL = Offer("tool", "value", "Tool", "tool", Effort(20))
FORM = Offer("form", "value", "Form", "text", Effort(10, form_fields=("name", "email")))
NEW = Offer("new", "value", "New", "tool", Effort(40, form_fields=("name",)))
BEFORE = replace(read_ladder("b2b"), offers=(GUIDE, TOOL, FORM))
LONGER = replace(TOOL, effort=Effort(80))
CHANGED = replace(BEFORE, offers=(FORM, NEW, LONGER, GUIDE))
"""One is new and shares its kind, one was edited, and all stand elsewhere."""
LEARNED = (1 / 4, 1 / 8, 1 / 8, 1 / 4, 1 / 4)
EVIDENCE: tuple[Evidence, ...] = (
    *("randomised", "observational", "prior"),
    *("observational", "randomised"),
)
SHARES = {"guide": {"short": 0.9, "deep": 0.1}}


def model_of(ladder: Ladder = BEFORE) -> OfferModel:
    """As if it had been learned: each option has effects of its own, on and off a topic."""
    prior = OfferModel.prior(ladder)

    def told(outcome: OutcomeEffects, by: float) -> OutcomeEffects:
        effects = outcome.effects
        own = by * np.arange(effects.mean.size).reshape(effects.mean.shape)
        return replace(outcome, effects=replace(effects, mean=effects.mean + own))

    return replace(
        prior,
        advance=told(prior.advance, 0.05),
        value=told(prior.value, -0.03),
        usual=np.tile(LEARNED, (len(ladder.goals), 1)),
        evidence=EVIDENCE,
        leads=(5, 6, 7, 8, 9),
        framings=SHARES,
        usual_amount=4.0,
    )


def forecast(model: OfferModel, topic: set[str]) -> Forecast:
    """For a lead that has two steps before it, on the topic of some offers."""
    width = len(model.options)
    return model.forecast(
        np.zeros((1, 1)),
        np.array([0.4]),
        np.array([0.1]),
        np.array([1]),
        np.ones((1, width), dtype=np.bool_),
        np.array([[name in topic for name in model.options.ids]]),
        np.ones(1, dtype=np.bool_),
    )


def names(options: Options) -> list[str]:
    return [one.name for one in options.attributes]


def test_what_was_learned_stands_by_the_id():
    """How often it was chosen, from how many leads and how: of a new one nothing is known."""
    found = model_of().on(CHANGED)
    told = dict(zip(found.options.ids, zip(found.evidence, found.leads, strict=True), strict=True))
    assert told == {
        "form": ("prior", 7),
        "new": ("prior", 0),
        "tool": ("observational", 6),
        "guide": ("randomised", 5),
        "nurture": ("observational", 8),
        "no_ask": ("randomised", 9),
    }
    usual = np.tile([1 / 8, 0.0, 1 / 8, 1 / 4, 1 / 4, 1 / 4], (len(BEFORE.goals), 1))
    np.testing.assert_array_equal(found.usual, usual)
    assert (found.framings, found.usual_amount) == (SHARES, 4.0)
    assert found.ladder is CHANGED


def test_options_are_told_by_what_was_learned_of():
    """A kind that two offers share by now was that of one, and is no attribute."""
    found = model_of().on(CHANGED)
    assert "kind tool" in names(options_of(CHANGED))
    assert names(found.options) == names(options_of(BEFORE))
    again = found.on(replace(CHANGED, offers=(NEW, FORM)))
    assert names(again.options) == names(options_of(BEFORE))


@pytest.mark.parametrize("topic", [set(), {"tool"}, {"guide", "form"}])
def test_no_chance_moves_with_the_catalogue(topic):
    """A score is an expectation under the options of then: without an ask it is what it was."""
    before, after = (forecast(one, topic) for one in (model_of(), model_of().on(CHANGED)))
    alone = before.beliefs.advance[0, -1]
    assert after.beliefs.advance[0, -1] == pytest.approx(alone, abs=1e-12)
    stays = {"guide": (0, 3), "form": (2, 0), "nurture": (3, 4)}
    for was, by_now in stays.values():
        assert after.uplift[0, by_now] == pytest.approx(before.uplift[0, was], abs=1e-12)
    assert after.uplift[0, 2] != pytest.approx(before.uplift[0, 1], abs=1e-4)  # asks for more
    # By hand: the effects of then, as often as each was chosen, on their topics or not.
    mean = model_of().advance.effects.mean
    on = np.array([float(name in topic) for name in ("guide", "tool", "form", "nurture")])
    usual = float(np.array(LEARNED[:-1]) @ (mean[:, 0] + on * mean[:, 1]))
    assert alone == pytest.approx(0.4 - 0.4 * 0.6 * usual)


def test_there_and_back():
    """From wherever a catalogue came, it is told of what was learned at first."""
    model = model_of()
    there = model.on(CHANGED)
    for ladder in (BEFORE, replace(CHANGED, offers=(NEW, GUIDE, TOOL))):
        straight, back = model.on(ladder), there.on(ladder)
        assert back.learned is straight.learned is model
        assert (back.evidence, back.leads) == (straight.evidence, straight.leads)
        for one in ("advance", "value"):
            np.testing.assert_array_equal(
                getattr(back, one).effects.mean, getattr(straight, one).effects.mean
            )
        np.testing.assert_array_equal(back.usual, straight.usual)


def test_another_title_is_no_other_offer():
    """Nothing that an effect follows from has changed; an effort that did moves the effect."""
    model = model_of()
    titled = replace(BEFORE, offers=(GUIDE, replace(TOOL, title="Other"), FORM))
    assert model.on(titled).advance is model.advance
    longer = model.on(replace(BEFORE, offers=(GUIDE, LONGER, FORM)))
    was, now = (one.advance.effects.mean[:, 0] for one in (model, longer))
    assert now[1] < was[1]
    np.testing.assert_array_equal(np.delete(now, 1), np.delete(was, 1))


@pytest.mark.parametrize("offers", [(GUIDE, TOOL, FORM), (FORM, NEW, GUIDE)])
def test_ways_to_put_an_offer(offers):
    """What was learned of them stays while they are the same ones; else all are alike."""
    model, at = model_of(), offers.index(GUIDE)
    same = replace(GUIDE, framings=tuple(reversed(WAYS)))
    other = replace(GUIDE, framings=(WAYS[0], Framing("plain", "Plainly")))
    kept, even = (
        model.on(replace(BEFORE, offers=(*offers[:at], one, *offers[at + 1 :])))
        for one in (same, other)
    )
    assert kept.framings == SHARES
    assert even.framings == {"guide": {"short": 0.5, "plain": 0.5}}
