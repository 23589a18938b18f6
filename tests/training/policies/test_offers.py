"""What is learned of offers: from whose decisions, with which evidence, and how near the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from features.events.log import EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.offers.decisions import Decision
from features.store.events import Event
from models.bundle import save_bundle
from models.offers import changes
from models.offers.effects import OfferEffects
from models.offers.offer_model import OfferModel
from models.offers.options import NO_ASK, NURTURE, options_of
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from tests.training.policies.scene import (
    LADDER,
    PLACE,
    drawn,
    event,
    exposed,
    extended,
    log_of,
    us,
)
from tests.training.simulation.scene import log_of_simulation
from training.decision_points import decision_points
from training.pipeline import TrainConfig, train
from training.policies import offers
from training.policies.decisions import observed_decisions
from training.policies.effects_told import changes_told, contradictions_told
from training.policies.offers import OfferCounts, learn_offers, tried_of
from training.simulation.world import SimulationConfig, simulate

QUICK = TrainConfig(fit=FitConfig(folds=2, repeats=1, boosting=BoostingConfig(most_rounds=15)))
ENOUGH, LEAST = offers._ENOUGH_DRAWN, offers._LEAST_LEADS
EXPLORED = offers._FRAMING_EXPLORATION


def encoded(log: EventLog, ladder: Ladder, until: int) -> Encoding:
    return Encoding.learn(decision_points(log, ladder, end=until, seed=7).snapshot)


def learned(events: list[Event], until: float = 60) -> tuple[OfferModel, OfferCounts]:
    log = log_of(events)
    return learn_offers(log, LADDER, encoded(log, LADDER, us(until)), us(until))


def lives(leads: int, first: str = "lead") -> list[Event]:
    """Leads that look at a page every day for three weeks, born a bit one after the other."""
    return [
        event(f"{first}-{number:03}", "page", number / leads + day)
        for number in range(leads)
        for day in range(21)
    ]


def by_turns(leads: int, chosen: tuple[str, ...]) -> list[Event]:
    """As many decisions as leads, the choices by turns."""
    made = [
        drawn(f"lead-{number:03}", 2 + number / leads, chosen[number % len(chosen)])
        for number in range(leads)
    ]
    return [one for decision in made for one in exposed(decision)]


def others(leads: int, offer: str, first: str = "other") -> list[Event]:
    """Leads to each of whom others extended an offer four times, at any time."""
    rng = np.random.default_rng(3)
    names = [f"{first}-{number:03}" for number in range(leads)]
    asked = [(lead, day) for lead in names for day in rng.uniform(2, 20, 4)]
    return [*lives(leads, first), *(extended(lead, day, offer) for lead, day in asked)]


# ---------------------------------------------------------------------------------- from whose data


def test_with_enough_drawn_decisions_those_of_others_are_not_used():
    """At such a step only what was drawn counts; at the others what others did still does."""
    trial = [event(f"later-{number:03}", "video", 1, fraction=1.0) for number in range(60)]
    events = [
        *lives(ENOUGH),
        *by_turns(ENOUGH, ("clip", NO_ASK)),
        *others(60, "guide"),
        *others(60, "demo", first="later"),
        *trial,
    ]
    model, counts = learned(events)
    given = dict(zip(model.options.ids, model.leads, strict=True))
    assert given["clip"] == ENOUGH / 2
    assert given["guide"] == 0
    assert given["demo"] == 60
    assert counts.drawn == ENOUGH
    assert counts.observed > 40


def test_with_too_few_drawn_decisions_those_of_others_are_used():
    """One lead fewer, and the step is learned from others alone: the two are not mixed."""
    few = ENOUGH - 1
    model, counts = learned([*lives(few), *by_turns(few, ("clip", NO_ASK)), *others(60, "guide")])
    given = dict(zip(model.options.ids, model.leads, strict=True))
    assert (given["clip"], given["guide"]) == (0, 60)
    assert counts.drawn == 0


def test_leads_count_and_not_decisions():
    """Many decisions of few leads are not enough."""
    few = ENOUGH // 2
    again = [
        drawn(f"lead-{number:03}", 8 + number / few, "clip", name=f"again-{number}-{turn}")
        for number in range(few)
        for turn in range(4)
    ]
    more = [one for decision in again for one in exposed(decision)]
    _, counts = learned([*lives(few), *by_turns(few, ("clip", NO_ASK)), *more])
    assert counts.drawn == 0


@pytest.mark.parametrize(("given", "evidence"), [(LEAST, "randomised"), (LEAST - 1, "prior")])
def test_evidence_of_drawn_decisions(given, evidence):
    """An option that was given to enough leads has an effect; that of a rarer one is a prior."""
    leads = 3 * ENOUGH
    made = [
        drawn(f"lead-{at:03}", 2 + at / leads, "guide" if at < given else "clip")
        for at in range(leads)
    ]
    model, _ = learned([*lives(leads), *(one for each in made for one in exposed(each))])
    told = dict(zip(model.options.ids, model.evidence, strict=True))
    assert told["guide"] == evidence
    assert told["clip"] == ("randomised" if leads - given >= LEAST else "prior")
    assert told["contract"] == told[NURTURE] == "prior"


@pytest.mark.parametrize(("given", "evidence"), [(LEAST, "observational"), (LEAST - 1, "prior")])
def test_evidence_of_the_decisions_of_others(monkeypatch, given, evidence):
    """What others did is called observational, from as many leads on."""
    monkeypatch.setattr(offers, "comparable", lambda tried: np.full(len(tried), True))
    model, counts = learned(others(given, "guide"))
    told = dict(zip(model.options.ids, model.evidence, strict=True))
    assert told["guide"] == evidence
    assert told["clip"] == "prior"
    assert (counts.drawn, counts.pending) == (0, 0)


def test_nothing_to_learn_from():
    """Without a decision whose window is over the model is the prior, and says so everywhere."""
    model, counts = learned(lives(3), until=2)
    assert model.as_dict() == OfferModel.prior(LADDER).as_dict()
    assert counts == OfferCounts(0, 0, 0)


def test_pending_decisions_are_counted_and_not_learned_from():
    """Windows of the step that opened a few days ago say nothing yet."""
    model, counts = learned([*lives(ENOUGH), *by_turns(ENOUGH, ("clip", NO_ASK))], until=6)
    assert counts == OfferCounts(0, 0, ENOUGH)
    assert set(model.evidence) == {"prior"}


def test_the_next_step_is_learned_before_the_purchase():
    """A window of the step that is over tells of the step; what it came to is not known yet."""
    events = [*lives(ENOUGH), *by_turns(ENOUGH, ("clip", NO_ASK))]
    model, counts = learned(events, until=12)
    assert counts == OfferCounts(ENOUGH, 0, 0, ENOUGH)
    prior = OfferModel.prior(LADDER)
    assert model.value.as_dict() == prior.value.as_dict()
    assert model.advance.as_dict() != prior.advance.as_dict()
    later, counts = learned(events, until=400)
    assert counts == OfferCounts(ENOUGH, 0, 0, 0)
    assert later.value.as_dict() != prior.value.as_dict()


def test_what_others_did_may_wait_for_its_value_as_well(monkeypatch):
    """Windows of the step take 7 days here, and those of the value 14."""
    monkeypatch.setattr(offers, "comparable", lambda tried: np.full(len(tried), True))
    events = others(60, "guide")
    _, counts = learned(events, until=22)
    found = observed_decisions(log_of(events), LADDER, us(22), 7)
    assert counts.observed == found.step_is_over.sum()
    assert 0 < counts.value_pending == (found.step_is_over & ~found.is_over).sum()


def test_where_everybody_was_asked_nothing_can_be_compared(monkeypatch):
    """Without leads that were as likely not asked, the decisions of others teach nothing."""

    def asks(*arguments):
        found = observed_decisions(*arguments)
        return found.rows(found.chosen != PLACE[NO_ASK])

    monkeypatch.setattr(offers, "observed_decisions", asks)
    model, counts = learned(others(120, "guide"))
    assert counts.observed == 0
    assert model.as_dict() == OfferModel.prior(LADDER).as_dict()


def test_offers_at_a_constant_time_after_a_step_are_told():
    """Offers that follow a step as the night the day teach nothing, and their number is said."""
    leads = 400
    events = []
    for number in range(leads):
        lead, born = f"lead-{number:03}", number * 20 / leads
        events += [event(lead, "identify", born), event(lead, "page", born + 1)]
        events += [extended(lead, born + 1.9, "guide"), event(lead, "page", born + 9)]
    _, counts = learned(events, until=80)
    assert counts.observed < 40
    assert counts.dropped["incomparable"] > 0.9 * leads
    assert set(counts.dropped) == {"incomparable"}


@pytest.mark.parametrize("enough", [False, True])
def test_every_offer_of_others_is_learned_from_or_told(enough):
    """Offers that the ladder does not have, of other steps, or too late are counted by reason."""
    events = [*others(60, "guide"), event("other-000", "page", 40)]
    events += [extended("other-001", day, "brochure") for day in (3, 4, 5)]
    events += [extended("other-002", day, "demo") for day in (3, 4)]
    events += [extended("other-003", 39.0, "guide")]
    events += [*lives(ENOUGH), *by_turns(ENOUGH, ("clip", NO_ASK))][: None if enough else 0]
    _, counts = learned(events, until=40)
    told = counts.dropped
    assert told["unknown_offer"] == 3
    if enough:
        assert (told["drawn_there"], told["other_step"]) == (241, 2)
        return
    assert (told["other_step"], told["others_pending"]) == (2, 1)
    assert "drawn_there" not in told


def test_every_drawn_decision_is_learned_from_or_told():
    """What is certain, was drawn for a customer, or is one of too few is counted by reason."""
    few = ENOUGH - 1
    shown = [*lives(few), *by_turns(few, ("clip", NO_ASK))]
    bought = [event("lead-000", "order", 10), *exposed(drawn("lead-000", 12))]
    hidden = [exposed(drawn(lead, 3))[0] for lead in ("lead-001", "lead-002", "one-more")]
    shown.append(event("one-more", "page", 1))  # one that was shown nothing is not one of enough
    sure = [exposed(drawn(f"lead-00{at}", 4, options=("clip",))) for at in (3, 4, 5)]
    _, counts = learned([*shown, *bought, *hidden, *(one for both in sure for one in both)])
    assert counts.drawn == counts.pending == 0
    assert counts.dropped == {
        "certain": 3,
        "drawn_after_purchase": 1,
        "few_drawn": few + len(hidden),  # two of them of leads that have other decisions
    }


def opened(reach: float, helps: float, leads: int = 1200) -> list[Event]:
    """Clips or no ask by lot; a clip counts as shown to the keen alone, or to a share by chance.

    Keen leads, a third of all, go on more often whatever is done, and `helps` is what a clip adds
    to the chance of those that it reaches.
    """
    rng = np.random.default_rng(7)
    events = lives(leads)
    for at in range(leads):
        lead, choice, is_keen = f"lead-{at:03}", ("clip", NO_ASK)[rng.integers(2)], at % 3 == 0
        reached = choice == "clip" and (is_keen if reach == 0.0 else rng.random() < reach)
        made = drawn(lead, 2 + at / leads, choice, options=("clip", NO_ASK))
        events += exposed(made)[: None if reached or choice == NO_ASK else 1]
        if rng.random() < 0.15 + 0.4 * is_keen + helps * reached:
            events.append(event(lead, "video", 5 + at / leads, fraction=1.0))
    return events


def added_by_clip(model: OfferModel) -> tuple[float, float]:
    """What a clip adds to the log-odds of the average lead, and its standard deviation."""
    at, width, z = PLACE["clip"], len(PLACE), len(model.advance.modifiers)
    topic, modifiers = np.zeros((1, width)), np.zeros((1, z))
    tau = model.advance.effects.tau(topic, modifiers)
    return float(tau[0, at]), float(model.advance.effects.deviation(topic, modifiers)[0, at])


def test_an_offer_that_the_keen_alone_see_is_not_what_makes_them_go_on():
    """A clip that changes nothing, and is shown to those who open it: it is believed to do little.

    Those who were shown it go on twice as often as those who were left alone.
    """
    model, counts = learned(opened(reach=0.0, helps=0.0))
    tau, sd = added_by_clip(model)
    assert counts.unseen == pytest.approx(400, abs=60)
    assert abs(tau) < 2.0 * sd + 0.1
    assert model.leads[PLACE["clip"]] == pytest.approx(200, abs=40)


def test_what_an_offer_changes_is_told_of_those_it_reaches():
    """Where chance decides which third is reached, what is learned is what reaching them does."""
    everybody, some = (learned(opened(reach, helps=0.3))[0] for reach in (1.0, 0.35))
    (whole, _), (tau, sd) = added_by_clip(everybody), added_by_clip(some)
    assert whole > 0.9
    assert abs(tau - whole) < 2.0 * sd
    assert tau > 0.6 * whole
    # Of all decisions a half is a clip: what scores take as usual is what reached leads.
    assert some.usual[0, PLACE["clip"]] == pytest.approx(0.5 * 0.35, abs=0.05)


def turned(before: float, now: float, leads: int = 1600) -> list[Event]:
    """Clips or no ask by lot, a day for every 40 leads; what a clip adds changes half way.

    Who goes on buys a week later in one case of two, whatever was done.
    """
    rng = np.random.default_rng(5)
    events = []
    for at in range(leads):
        lead, choice, day = f"lead-{at:04}", ("clip", NO_ASK)[rng.integers(2)], 2 + at / 40
        events += [event(lead, "page", day - 1), event(lead, "page", day + 2)]
        events += exposed(drawn(lead, day, choice, options=("clip", NO_ASK)))
        if rng.random() < 0.4 + (choice == "clip") * (before if at < leads / 2 else now):
            events.append(event(lead, "video", day + 3, fraction=1.0))
            events += [event(lead, "order", day + 10)] if rng.random() < 0.5 else []
    return events


def test_an_offer_that_has_changed_is_believed_by_what_it_does_now():
    """It kept leads from going on, and helps since: so it is told, and what it sells follows."""
    model, _ = learned(turned(before=-0.25, now=0.25), until=100)
    effects, at = model.advance.effects, PLACE["clip"]
    tau, sd = added_by_clip(model)
    planted = float(logit(0.65) - logit(0.4))
    assert abs(tau - planted) < 2.0 * sd < 0.5
    (change,) = effects.changes
    assert change.option == at
    assert abs(change.since - us(22)) < us(3) - us(0)
    # What a clip does to purchases is what it does to the step, then as now: nothing beyond it.
    assert model.value.effects.changes == ()
    assert abs(model.value.effects.mean[at, 0]) < 0.3
    (told,) = changes_told(model)
    head, _, each = told.partition(": ")
    assert head.startswith("offers that do not do what they did until about 2026-01-")
    assert each == f"clip {tau_then(effects):+.2f} then, {effects.mean[at, 0]:+.2f} now"
    assert tau_then(effects) < -0.8


def tau_then(effects: OfferEffects) -> float:
    """What a clip did at first, to the average lead."""
    nothing = np.zeros((1, effects.mean.shape[1] - 2))
    first = effects.tau_at(np.array([us(2)]), np.zeros((1, len(PLACE))), nothing)
    return float(first[0, PLACE["clip"]])


def test_an_offer_that_does_what_it_did_is_believed_by_all_of_it(monkeypatch):
    """Where nothing changes the effects are those of all time, to the bit."""
    events = turned(before=0.2, now=0.2)
    model, _ = learned(events, until=100)
    monkeypatch.setattr(changes, "LEAST", np.inf)
    assert model.as_dict() == learned(events, until=100)[0].as_dict()
    assert changes_told(model) == []


def extended_by_others(before: float, now: float, leads: int = 1500) -> list[Event]:
    """Leads that come over 50 days, half of whom others extend a guide at any time of two weeks.

    Of those who were asked a share of `before` goes on within days, or would have and does not, if
    it came in the first half; of `now`, if later.
    """
    rng = np.random.default_rng(5)
    events = []
    for at in range(leads):
        lead, first = f"lead-{at:04}", 50 * at / leads
        events += [event(lead, "page", first + day) for day in (0, *rng.uniform(0, 18, 3))]
        goes_on, asked = first + rng.exponential(25), first + rng.uniform(1, 15)
        if rng.random() < 0.5 and asked < goes_on:
            events.append(extended(lead, asked, "guide"))
            helps = before if at < leads / 2 else now
            if rng.random() < helps:
                goes_on = asked + rng.uniform(0.1, 5)
            elif goes_on < asked + 7 and rng.random() < -helps:
                goes_on = np.inf
        if goes_on < first + 40:
            events.append(event(lead, "video", goes_on, fraction=1.0))
    return events


def test_what_was_observed_lately_and_contradicts_what_is_believed_is_told():
    """It changes nothing: how others choose changes as well. Where nothing changes none is told."""
    model, counts = learned(extended_by_others(-0.8, 0.4), until=120)
    at = PLACE["guide"]
    assert counts.drawn == 0
    assert model.evidence[at] == "observational"
    (one,) = [o for o in model.advance.effects.contradicted if o.change.option == at]
    assert one.lately > 0.5 > -0.5 > one.lately + one.change.before
    assert us(25) < one.change.since < us(40)
    (told,) = contradictions_told(model)
    assert f"guide {model.advance.effects.mean[at, 0]:+.2f} is believed, " in told
    assert "until then" in told
    assert told.endswith(": only a lot can tell")
    assert changes_told(model) == []
    quiet, _ = learned(extended_by_others(0.2, 0.2), until=120)
    assert contradictions_told(quiet) == []


def test_what_is_certain_was_not_given_at_random():
    """Neither makes it evidence of an effect, nor the step one where enough was drawn."""
    leads = 2 * LEAST
    sure = [drawn(f"lead-{at:03}", 2 + at / leads, options=("clip",)) for at in range(leads)]
    model, counts = learned([*lives(leads), *(one for each in sure for one in exposed(each))])
    told = dict(zip(model.options.ids, zip(model.evidence, model.leads, strict=True), strict=True))
    assert told["clip"] == ("prior", 0)
    assert (counts.drawn, counts.dropped) == (0, {"certain": leads})


# ---------------------------------------------------------------------------- experiments of others


def mailed(
    leads: int, helps: float, options: tuple[str, ...] = ("clip", NO_ASK), first: str = "mailed"
) -> list[Event]:
    """An experiment of others, each arm as likely; `helps` is what a clip adds to the chance."""
    rng = np.random.default_rng(11)
    events = lives(leads, first)
    for at in range(leads):
        lead, choice = f"{first}-{at:03}", options[rng.integers(len(options))]
        made = drawn(lead, 2 + at / leads, choice, options=options, policy="experiment:mail")
        events += exposed(made)
        if rng.random() < 0.2 + helps * (choice == "clip"):
            events.append(event(lead, "video", 5 + at / leads, fraction=1.0))
    return events


@pytest.mark.parametrize("helps", [0.0, 0.4])
def test_an_experiment_of_others_moves_the_effect_to_what_was_planted(helps):
    """Without it what is believed of a clip is elsewhere, and is called observational."""
    keen = others(200, "clip", first="keen")
    keen += [event(f"keen-{at:03}", "video", 20.5, fraction=1.0) for at in range(0, 200, 3)]
    without, before = learned(keen)
    events = [*keen, *mailed(800, helps)]
    model, counts = learned(events)
    planted = float(logit(0.2 + helps) - logit(0.2))
    tau, sd = added_by_clip(model)
    assert abs(tau - planted) < 2.0 * sd < abs(added_by_clip(without)[0] - planted)
    assert (before.lots, counts.lots, counts.drawn) == (0, 800, 800)
    assert counts.dropped["drawn_there"] > 600
    evidence = [dict(zip(one.options.ids, one.evidence, strict=True)) for one in (without, model)]
    assert [one["clip"] for one in evidence] == ["observational", "randomised"]


def test_what_an_experiment_drew_is_learned_from_as_what_rung_drew():
    """Whoever drew, the same draws and outcomes give the same effects."""
    events = opened(reach=0.35, helps=0.3, leads=300)
    theirs = [
        one._replace(properties=one.properties.replace('"uniform"', '"experiment:mail"'))
        for one in events
    ]
    own, by_others = learned(events)[0], learned(theirs)[0]
    assert by_others.as_dict() == own.as_dict()


def test_offers_that_no_lot_tells_of_are_learned_from_as_before():
    """The offers of the experiment are learned from by lot alone, and the others from others."""
    events = [*mailed(ENOUGH, 0.3), *others(60, "guide"), *others(40, "clip", first="more")]
    model, counts = learned(events)
    given = dict(zip(model.options.ids, model.leads, strict=True))
    assert given["guide"] == 60
    assert given["clip"] < ENOUGH
    assert counts.dropped["drawn_there"] == 160
    few, counts = learned([*mailed(ENOUGH - 1, 0.3), *others(60, "guide")])
    assert counts.dropped["few_lots"] == ENOUGH - 1
    assert dict(zip(few.options.ids, few.leads, strict=True))["clip"] == 0


def test_where_an_experiment_left_nobody_alone():
    """It tells offers apart, and none from leaving alone: it counts where Rung has drawn enough."""
    two = mailed(2 * ENOUGH, 0.3, ("clip", "guide"))
    _, counts = learned(two)
    assert (counts.drawn, counts.dropped) == (0, {"few_lots": 2 * ENOUGH})
    _, counts = learned([*two, *lives(ENOUGH), *by_turns(ENOUGH, ("clip", NO_ASK))])
    assert (counts.drawn, counts.lots, counts.dropped) == (3 * ENOUGH, 2 * ENOUGH, {})


# ---------------------------------------------------------------------------------------- framings


def framed(short: float, deep: float, leads: int = 160) -> list[Event]:
    """Guides in two framings, by turns, each with a share of leads that go on."""
    events = lives(leads)
    for at in range(leads):
        lead, framing = f"lead-{at:03}", ("short", "deep")[at % 2]
        made: Decision = drawn(
            lead, 2 + at / leads, "guide", framing=framing, framing_probability=0.5
        )
        events += exposed(made)
        if at / leads < (short if framing == "short" else deep):
            events.append(event(lead, "video", 6, fraction=1.0))
    return events


def test_framing_shares_follow_success():
    """The framing that more leads go on after is used more; the other one still now and then."""
    shares = learned(framed(0.7, 0.2))[0].framings["guide"]
    assert shares["deep"] == pytest.approx(EXPLORED / 2, abs=0.02)
    assert shares["deep"] >= EXPLORED / 2
    turned = learned(framed(0.2, 0.7))[0].framings["guide"]
    assert turned["short"] == pytest.approx(EXPLORED / 2, abs=0.02)
    for found in (shares, turned):
        assert sum(found.values()) == pytest.approx(1.0)


def test_framings_without_a_difference_stay_about_even():
    """A framing is not dropped by chance: with equal success either is likely the best."""
    shares = learned(framed(0.5, 0.5))[0].framings["guide"]
    assert 0.25 < shares["short"] < 0.75


def test_a_framing_is_not_praised_for_the_time_in_which_it_was_liked():
    """As good as the other one at any time, it was drawn more when all went on more often."""
    events = lives(400)
    for at in range(400):
        is_later, chance = at >= 200, 0.9 if at >= 200 else 0.5
        # Of ten, nine or five are short; of either framing, half or a tenth go on.
        place, turn = at % 10, at // 10 % 10
        framing = "short" if place < 10 * chance else "deep"
        propensity = chance if framing == "short" else 1.0 - chance
        made: Decision = drawn(
            *(f"lead-{at:03}", 2 + at / 400, "guide"),
            framing=framing,
            framing_probability=propensity,
        )
        events += exposed(made)
        if turn < (5 if is_later else 1):
            events.append(event(made.lead_id, "video", 6, fraction=1.0))
    shares = learned(events)[0].framings["guide"]
    assert 0.25 < shares["short"] < 0.75


def test_framings_before_any_decision():
    """Each is about as likely, exactly so where nothing else was learned."""
    assert learned(lives(3), until=2)[0].framings == {"guide": {"short": 0.5, "deep": 0.5}}
    shares = learned(lives(3))[0].framings["guide"]
    assert shares["short"] == pytest.approx(0.5, abs=0.02)


# ---------------------------------------------------------------------------------- the same twice


@pytest.mark.slow
def test_a_bundle_from_drawn_decisions_is_the_same_twice(b2b, tmp_path):
    """The same events in another order give the same effects, bit for bit."""
    simulation = simulate(b2b, SimulationConfig(leads=250, days=150, drawn=True))
    shuffled = replace(simulation, events=simulation.events.sample(frac=1.0, random_state=3))
    hashes, drawn_from = set(), []
    for at, told in enumerate((simulation, shuffled)):
        bundle = train(log_of_simulation(told), b2b, config=QUICK)
        drawn_from.append(bundle.manifest["decisions"]["drawn"])
        hashes.add(save_bundle(bundle, tmp_path / str(at)).hash)
    assert drawn_from[0] == drawn_from[1] > 50
    assert len(hashes) == 1


# --------------------------------------------------------------------- near the truth, unrandomised


def effects_by_step(seed: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """At the first three steps: planted, naive and learned effects of the asks, in log-odds.

    Offers are given by habit, the heavier ones to leads that would go on anyway. All that makes
    them go on is in their traits.
    """
    ladder = read_ladder("b2b")
    options = options_of(ladder)
    config = SimulationConfig(
        leads=2500, days=300, seed=seed, trait_sd=1.5, intent_sd=0.0, offer_sd=0.6, late_share=0.0
    )
    simulation = simulate(ladder, config)
    log = log_of_simulation(simulation)
    until = int(log.known.max())
    encoding = encoded(log, ladder, until)
    model, counts = learn_offers(log, ladder, encoding, until)
    assert counts.drawn == 0
    observed = observed_decisions(log, ladder, until, 7)
    observed = observed.rows(observed.is_over)
    tried = tried_of(observed, encoding)
    found = []
    for rung in range(3):
        asks = np.flatnonzero((options.rung == rung) & options.is_ask)
        here = observed.position == rung
        rate = np.array([observed.advanced[here & (observed.chosen == at)].mean() for at in asks])
        quiet = observed.advanced[here & (observed.chosen == options.no_ask)].mean()
        usual = np.full(int(here.sum()), observed.advanced[here].mean())
        z = model.advance.of(tried.matrix[here], usual)
        tau = model.advance.effects.tau(np.zeros((len(z), len(options))), z)[:, asks].mean(axis=0)
        lightest = max(1.0, float(options.effort[asks].min()))
        doublings = np.log2(np.maximum(options.effort[asks] / lightest, 1.0))
        planted = np.array([simulation.offer_effect[options.ids[at]] for at in asks])
        mean_aversion = config.aversion * np.exp(0.5**2 / 2)
        found.append((planted - mean_aversion * doublings, logit(rate) - logit(quiet), tau))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 4])
def test_adjusting_recovers_planted_effects(seed):
    """Adjusted effects are less than 0.4 log-odds off the planted ones, naive ones more than 1.

    The same holds for the differences between the offers of a step, which say what to offer.
    """
    steps = effects_by_step(seed)
    naive = np.concatenate([n - t for t, n, _ in steps])
    ours = np.concatenate([o - t for t, _, o in steps])
    assert np.sqrt((naive**2).mean()) > 1.0
    assert np.sqrt((ours**2).mean()) < 0.4
    assert abs(ours.mean()) < 0.25
    naive_between = np.concatenate([(n - n.mean()) - (t - t.mean()) for t, n, _ in steps])
    ours_between = np.concatenate([(o - o.mean()) - (t - t.mean()) for t, _, o in steps])
    assert np.sqrt((ours_between**2).mean()) < 0.5 * np.sqrt((naive_between**2).mean())
    large = np.concatenate([t for t, _, _ in steps])
    signs = np.concatenate([o for _, _, o in steps])[np.abs(large) > 0.5]
    assert (np.sign(signs) == np.sign(large[np.abs(large) > 0.5])).mean() > 0.75
