"""The options of a ladder and their attributes, beside a plain statement of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, EffortWeights, Offer, Value
from models.offers.options import NO_ASK, NURTURE, TOPIC, Options, options_of

SHIPPED = tuple(read_ladder(name) for name in ("b2b", "b2c", "b2b-assessment"))
VIDEO = Offer("video", "content", "Video", "video", Effort(10), 15, channels=("email", "page"))
GUIDE = Offer("guide", "content", "Guide", "text", Effort(40), 255, channels=("email",))
TIPS = Offer("tips", "content", "Tips", "text", Effort(5), channels=("email",), role="support")
CALL = Offer(
    "call", "human", "Call", "call", Effort(15, ("phone", "role"), live=True, human=True), 3
)
PLAN = Offer("plan", "purchase", "Plan", "contract", Effort(0.2, money=9), channels=("page",))
LADDER = replace(SHIPPED[0], offers=(VIDEO, GUIDE, TIPS, CALL, PLAN))
OPTIONS = options_of(LADDER)


def value(option_id: str, attribute: str, options: Options = OPTIONS) -> float:
    names = [one.name for one in options.attributes]
    return float(options.values[options.index(option_id), names.index(attribute)])


@pytest.mark.parametrize("ladder", SHIPPED, ids=lambda each: each.name)
def test_order_and_shapes(ladder):
    """The offers in the ladder's order, then nurture, then no ask; one row or entry each."""
    options = options_of(ladder)
    assert options.ids == (*(offer.id for offer in ladder.offers), NURTURE, NO_ASK)
    assert options.values.shape == (len(options), len(options.attributes))
    for column in (options.cost, options.effort, options.rung, options.is_ask):
        assert column.shape == (len(options),)
    assert options.ids[options.nurture] == NURTURE
    assert options.ids[options.no_ask] == NO_ASK
    assert [options.index(name) for name in options.ids] == list(range(len(options)))
    names = [one.name for one in options.attributes]
    assert len(set(names)) == len(names)
    assert all(one.sd > 0 for one in (*options.attributes, TOPIC))


@pytest.mark.parametrize("ladder", SHIPPED, ids=lambda each: each.name)
def test_no_ask_is_the_zero(ladder):
    """No ask has no attribute, cost, effort or rung; nurture has but that it nurtures."""
    options = options_of(ladder)
    assert not options.values[options.no_ask].any()
    assert options.values[options.nurture].tolist() == [
        float(one.name == "nurture") for one in options.attributes
    ]
    for at in (options.nurture, options.no_ask):
        assert (options.cost[at], options.effort[at], options.rung[at]) == (0.0, 0.0, -1)
        assert not options.is_ask[at]


@pytest.mark.parametrize("ladder", SHIPPED, ids=lambda each: each.name)
def test_plain_columns(ladder):
    """Cost, effort, rung and role are those of the ladder's offers."""
    options = options_of(ladder)
    goals = [goal.id for goal in ladder.goals]
    for at, offer in enumerate(ladder.offers):
        assert options.cost[at] == ladder.cost(offer)
        assert options.effort[at] == offer.effort.score(ladder.effort_weights)
        assert goals[options.rung[at]] == offer.step
        assert options.is_ask[at] == (offer.role == "ask")


def test_roles():
    """An offer asks, or it supports; nurture does neither."""
    found = {name: (value(name, "ask"), value(name, "support")) for name in OPTIONS.ids}
    asks, supports, neither = (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)
    assert found == {
        "video": asks,
        "guide": asks,
        "tips": supports,
        "call": asks,
        "plan": asks,
        NURTURE: neither,
        NO_ASK: neither,
    }


def test_effort_doublings():
    """Effort counts in doublings of the step's lightest ask; what asks nearly nothing as 1."""
    assert value("video", "effort doublings") == 0.0
    assert value("guide", "effort doublings") == 2.0
    assert value("tips", "effort doublings") == 0.0  # help asks for none
    assert value("call", "effort doublings") == 0.0
    free = replace(PLAN, effort=Effort(0.2))
    dear = replace(PLAN, id="dear", effort=Effort(8.0))
    options = options_of(replace(LADDER, offers=(free, dear)))
    assert value("plan", "effort doublings", options) == 0.0
    assert value("dear", "effort doublings", options) == 3.0


def test_effort_follows_the_weights():
    """A ladder that weighs minutes twice doubles efforts, and leaves their ratios alone."""
    weights = EffortWeights(per_minute=2.0)
    heavier = options_of(replace(LADDER, effort_weights=weights, name="heavier"))
    assert heavier.effort[0] == 2.0 * OPTIONS.effort[0]
    assert value("guide", "effort doublings", heavier) == 2.0


def test_amounts_and_flags():
    """Value counts in quarters of doublings, fields by number; live, human and money are flags."""
    assert value("video", "value doublings") == 1.0
    assert value("guide", "value doublings") == 2.0
    assert value("tips", "value doublings") == 0.0
    assert value("call", "form fields") == 2.0
    flags = ("live", "human", "money")
    assert [value("call", flag) for flag in flags] == [1.0, 1.0, 0.0]
    assert [value("plan", flag) for flag in flags] == [0.0, 0.0, 1.0]


def test_shared_kinds_and_channels():
    """Only what two offers or more have, and not all, tells some of them from the others."""
    names = {one.name for one in OPTIONS.attributes if " " in one.name}
    kinds = {name for name in names if name.startswith(("kind ", "channel "))}
    assert kinds == {"kind text", "channel email", "channel page"}
    assert [value(name, "kind text") for name in OPTIONS.ids] == [0, 1, 1, 0, 0, 0, 0]
    assert [value(name, "channel email") for name in OPTIONS.ids] == [1, 1, 1, 0, 0, 0, 0]
    all_alike = options_of(replace(LADDER, offers=(GUIDE, TIPS)))
    assert not [one for one in all_alike.attributes if one.name.startswith(("kind", "channel"))]


def test_a_spelling_is_no_kind_and_no_channel():
    """What differs in spelling alone is one: an offer that is spelt anew stays what it is."""
    as_it_is = options_of(LADDER)
    spelt = tuple(
        replace(
            one,
            kind=one.kind.capitalize() if at % 2 else one.kind,
            channels=tuple({"email": "E-Mail"}.get(each, each) for each in one.channels)
            if at == 1
            else one.channels,
        )
        for at, one in enumerate(LADDER.offers)
    )
    assert spelt != LADDER.offers
    other = options_of(replace(LADDER, offers=spelt))
    assert other.attributes == as_it_is.attributes
    np.testing.assert_array_equal(other.values, as_it_is.values)
    edited = options_of(replace(LADDER, offers=spelt), LADDER)
    np.testing.assert_array_equal(edited.values, as_it_is.values)


def test_a_new_offer_starts_from_its_kind():
    """What is new but of a kind and shape that is known has the very attributes of that."""
    new = replace(GUIDE, id="new-guide")
    options = options_of(replace(LADDER, offers=(*LADDER.offers, new)))
    at, kin = options.index("new-guide"), options.index("guide")
    np.testing.assert_array_equal(options.values[at], options.values[kin])
    assert (options.values[at] != options.values[options.index("video")]).any()
    live = replace(new, effort=Effort(40, live=True))
    other = options_of(replace(LADDER, offers=(*LADDER.offers, live)))
    differ = other.values[at] != other.values[kin]
    assert [
        one.name for one, is_other in zip(other.attributes, differ, strict=True) if is_other
    ] == ["effort doublings", "live"]


def test_cost_is_in_currency():
    """The cost of an option is what its rep minutes and its effort cost by the ladder's prices."""
    offer = replace(CALL, rep_minutes=30.0)
    ladder = replace(LADDER, offers=(offer,), value=Value(rep_minute=2.0, effort_minute=0.5))
    effort = 15 + 2 * 3 + 10 + 15
    assert options_of(ladder).cost.tolist() == [2.0 * 30 + 0.5 * effort, 0.0, 0.0]


def test_without_offers():
    """A ladder without offers still has its two other options."""
    options = options_of(replace(LADDER, offers=()))
    assert options.ids == (NURTURE, NO_ASK)
    assert options.values.shape == (2, len(options.attributes))
    assert options.rung.dtype == np.int64
    assert options.is_ask.dtype == np.bool_


def test_no_such_option():
    """An option that the ladder does not have is a KeyError that names it."""
    with pytest.raises(KeyError, match="webinar"):
        OPTIONS.index("webinar")


def test_kept_per_ladder():
    """Equal ladders share one table, so that a request does not build it again."""
    table = options_of(LADDER)  # anew, where other tests have had many others made since
    assert options_of(replace(LADDER, source="other text")) is table
    assert options_of(replace(LADDER, offers=(VIDEO,))) is not table
