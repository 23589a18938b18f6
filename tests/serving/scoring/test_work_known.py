"""Whose work a lead is by its signals, and by all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from features.events.log import DAY_US
from features.signals.snapshot import snapshot
from features.store.events import EventStore
from models.bundle import Bundle
from serving.scoring.scorer import Scorer
from serving.scoring.work import Works, exact_work, likely_work
from tests.serving import world

NOW = 1_800_000_000_000_000
HOUR = world.HOUR_US
CLIMBED = 4
"""Leads have climbed from none to so many rungs; one more, and a pilot is under way."""


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return world.rates_bundle(tmp_path_factory.mktemp("rates") / "bundle")


@pytest.fixture
def store() -> Iterator[EventStore]:
    with EventStore.open(":memory:") as store:
        yield store


def likely(scorer: Scorer, store: EventStore, leads: list[str]) -> Works:
    ladder = scorer.model.bundle.ladder
    as_of = np.full(len(leads), NOW)
    return likely_work(
        scorer.model.estimate(snapshot(store.log(ladder), ladder, leads, as_of), NOW)
    )


def test_of_leads_that_were_asked_nothing_signals_say_enough(store, rates):
    """What is likely suggested is then what is suggested, and gains as much."""
    leads = [f"lead-{rungs}" for rungs in range(CLIMBED + 1)]
    store.append_events(
        [event for rungs, lead in enumerate(leads) for event in world.climber(lead, NOW, rungs)]
    )
    store.append_events(world.customer("customer", NOW))  # is read with them, and in no queue
    scorer = Scorer(store, rates, lambda: NOW, policy="rules")
    works = likely(scorer, store, [*leads, "customer"])
    assert len(works.option) == len(works.gain) == len(leads) + 1
    assert len({works.options[at].tab for at in works.option.tolist()}) > 1
    told = zip(works.option.tolist()[:-1], works.gain.tolist()[:-1], leads, strict=True)
    for option, gain, lead in told:
        one, exact = works.options[option], exact_work(scorer, lead, NOW)
        assert (one.tab, one.option_id) == (exact.tab, exact.option_id)
        assert (gain, one.rep_minutes) == pytest.approx((exact.gain, exact.rep_minutes))
        assert not exact.is_out
        alone = likely(scorer, store, [lead])
        assert (alone.option.tolist(), alone.gain.tolist()) == ([option], [pytest.approx(gain)])


def test_every_option_is_the_work_it_takes(store, rates):
    """An offer with a person in it is a talk, another is marketing's; without one all is quiet."""
    works = likely(Scorer(store, rates, lambda: NOW), store, [])
    assert (len(works.option), len(works.gain)) == (0, 0)
    offers = {offer.id: offer for offer in rates.ladder.offers}
    assert {option.option_id for option in works.options} == {*offers, "nurture", "no_ask"}
    for option in works.options:
        offer = offers.get(option.option_id)
        is_talk = offer is not None and (offer.rep_minutes > 0 or offer.effort.human)
        assert option.tab == ("talk" if is_talk else "marketing" if offer else "quiet")
        assert option.rep_minutes == (offer.rep_minutes if offer else 0.0)
        assert not option.is_out


FIT, CONSENT = "consultation_outcome", "consent"
NEVER = (CONSENT, {"granted": False})
MAIL = (CONSENT, {"granted": True, "channel": "email"})


def _no(channel):
    return CONSENT, {"granted": False, "channel": channel}


NO_MAIL = _no("email")


def test_what_is_under_way_is_unknown_to_signals(store, rates):
    """Before the purchase they see a lead to sell to; whose pilot runs is asked nothing."""
    store.append_events(world.climber("ann", NOW, CLIMBED + 1))
    scorer = Scorer(store, rates, lambda: NOW, policy="rules")
    works = likely(scorer, store, ["ann"])
    option = works.options[int(works.option[0])]
    (offer,) = [one for one in rates.ladder.offers if one.id == option.option_id]
    assert (option.tab, offer.step) == ("talk", rates.ladder.purchase.id)
    assert exact_work(scorer, "ann", NOW).tab == "quiet"


@pytest.mark.parametrize(
    ("said", "is_out"),
    [
        ([(FIT, {"fit": "no"})], True),
        ([(FIT, {"fit": "unclear"})], False),
        ([(FIT, {"fit": "no"}), (FIT, {"fit": "yes"})], False),
        ([NEVER], True),
        ([(CONSENT, {"granted": True})], False),
        ([NO_MAIL], False),
        ([NEVER, MAIL], False),
        ([NEVER, NO_MAIL], True),
        ([NEVER, (CONSENT, {"granted": True})], False),
        ([NO_MAIL, _no("rep")], False),
        ([NO_MAIL, _no("rep"), _no("Page")], True),
        ([NO_MAIL, _no("rep"), _no("page"), MAIL], False),
        ([(CONSENT, {"granted": True}), NO_MAIL, _no("rep"), _no("page")], True),
    ],
)
def test_who_does_not_fit_or_refused_every_channel_is_out(store, rates, said, is_out):
    """The latest word counts, and a channel that was opened again is one that is open."""
    when = NOW - DAY_US
    store.append_events(world.climber("ann", NOW, 1))
    store.append_events(
        [world.event("ann", name, when + at * HOUR, told) for at, (name, told) in enumerate(said)]
    )
    scorer = Scorer(store, rates, lambda: NOW, policy="rules")
    assert exact_work(scorer, "ann", NOW).is_out == is_out
