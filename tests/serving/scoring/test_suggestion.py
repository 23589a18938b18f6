"""The words of an advice: what to do, what changes, and how that is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from features.clock import when
from features.events.log import DAY_US
from features.events.of_lead import Row
from features.ladder.controls import Arm, Experiment
from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, Offer, Step
from features.ladder.quiet_hours import QuietHours
from features.offers.assignments import Assignment, assignment_event, row_of
from models.bundle import Bundle
from models.offers.options import NO_ASK, NURTURE
from models.recommendation import Ranked
from serving.recommending.told import answer_of
from serving.scoring import suggestion
from serving.scoring.model import Model
from serving.scoring.suggestion import chance, evidence_words, suggestion_for, unasked
from tests.serving import world

STEP = Step("value", "Value exchange", (), 14.0)
OFFER = Offer("sheet", "value", "Worksheet", "template", Effort(15))
ALONE = Ranked(NO_ASK, 0.1, 0.4, 0.0, 0.0, 0.0, 0.0, "prior", 0)
GIVEN = Ranked("sheet", 0.9, 0.47, 0.07, 0.02, 0.12, 5.0, "randomised", 214)
sentence = partial(suggestion.sentence, currency="CHF")
to_do = partial(suggestion.to_do, currency="CHF")
CAUSES = ("moves", "raises", "causes", "adds", "because", "effect")


def said(text):
    return text.replace("\u00a0", " ")


def test_randomised():
    """What was measured at random, and surely is something, is worded as a change."""
    assert said(sentence(STEP, OFFER, GIVEN, ALONE)) == (
        "Next step Value exchange: offer “Worksheet”, 15 minutes of their time; that moves the"
        " chance within 14 days from 40 % to 47 % (from 214 leads who were given it at random)."
    )


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"evidence": "observational", "leads": 120}, "(adjusted from 120 leads, not randomised)"),
        ({"evidence": "prior", "leads": 0}, "(no data yet: the ladder's bands)"),
        ({"evidence": "prior", "leads": 7}, "(7 leads so far, too few: mostly the ladder's bands)"),
        ({"low": -0.01}, "(from 214 leads who were given it at random)"),
        ({"low": -0.1, "high": 0.0}, "(from 214 leads who were given it at random)"),
    ],
)
def test_no_cause_without_evidence(changes, evidence):
    """What was not randomised, or may be nothing, is put side by side and never as a change."""
    text = said(sentence(STEP, OFFER, replace(GIVEN, **changes), ALONE))
    assert text.endswith(f"is put at 47 % with it and 40 % without {evidence}.")
    assert not any(word in text for word in CAUSES)


def test_no_ask():
    """To leave a lead alone is told with its chance alone."""
    text = said(sentence(STEP, None, replace(ALONE, evidence="randomised", leads=1), ALONE))
    assert text == (
        "Next step Value exchange: leave the lead alone for now; the chance within 14 days is then"
        " put at 40 % (from 1 lead who was left alone at random)."
    )


def test_what_to_do():
    """Offers, support and to nurture are told apart; minutes are told where there are any."""
    assert to_do(None, NURTURE) == "send something useful and ask for nothing"
    assert (
        to_do(replace(OFFER, role="support"), "sheet")
        == "help with “Worksheet” and ask for nothing"
    )
    assert to_do(replace(OFFER, effort=Effort(1)), "sheet").endswith(", 1 minute of their time")
    assert to_do(replace(OFFER, effort=Effort()), "sheet") == "offer “Worksheet”"


@pytest.mark.parametrize(
    ("effort", "costs"),
    [
        (Effort(60, money=2000), "60 minutes of their time and 2,000 CHF to pay"),
        (Effort(money=49.9), "49.90 CHF to pay"),
        (Effort(money=0.005), "0.005 CHF to pay"),
    ],
)
def test_what_is_to_pay(effort, costs):
    """Whoever is told what an offer takes is told its price, also after an answer."""
    dear = replace(OFFER, effort=effort)
    assert to_do(dear, "sheet") == f"offer “Worksheet”, {costs}"
    assert to_do(dear, "sheet", is_asked=True).endswith(f"then offer “Worksheet”, {costs}")
    assert f"“Worksheet”, {costs}; that moves" in sentence(STEP, dear, GIVEN, ALONE)


def test_the_price_is_in_the_currency_of_the_ladder(consumer):
    """What is suggested and what is decided on say it alike."""
    own = replace(consumer.ladder, value=replace(consumer.ladder.value, currency="SEK"))
    offers = tuple(replace(one, effort=Effort(5, money=1200)) for one in own.offers)
    model = Model.of(replace(consumer, ladder=replace(own, offers=offers)))
    rows = [row_of(world.event("ann", "page_viewed", world.now() - DAY_US, {"seconds": 40}))]
    advice = suggestion_for(model, "ann", rows, world.now())
    assert advice.offer is not None
    price = "5 minutes of their time and 1,200 SEK to pay"
    assert price in advice.text
    made = replace(advice.recommendation, offer=advice.offer)
    assert price in answer_of(made, model.bundle.ladder, {}, "", exposed=False)["text"]


@pytest.mark.parametrize("option", [NURTURE, NO_ASK])
def test_who_waits_is_answered(option):
    """Whatever may be sent beside it; what is believed of that is not said of the answer."""
    text = sentence(STEP, None, replace(ALONE, option_id=option), ALONE, OFFER, is_asked=True)
    assert text == "Next step Value exchange: answer what they asked and ask for nothing."


def test_an_offer_comes_after_the_answer():
    """One that a ladder lets go on meanwhile, but the offer that is to answer says it itself."""
    help_with = replace(OFFER, role="support")
    answer = replace(help_with, kind="reply", title="Answer what was asked")
    told = {one: to_do(one, "sheet", is_asked=True) for one in (OFFER, help_with, answer)}
    assert told == {
        OFFER: "answer what they asked and then offer “Worksheet”, 15 minutes of their time",
        help_with: "answer what they asked and then help with “Worksheet” and ask for nothing",
        answer: "answer what they asked and ask for nothing",
    }
    assert to_do(answer, "sheet") == told[answer]


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A ladder that has no offer to answer with."""
    folder = tmp_path_factory.mktemp("consumer")
    return world.rates_bundle(folder / "bundle", ladder=read_ladder("b2c"))


def test_who_waits_is_answered_by_every_ladder(consumer):
    """What is suggested and what is decided on say so, until somebody has replied."""
    at = world.now() - DAY_US
    asked = [row_of(world.event("ann", "lead_asked", at, {"text": "When does it end?"}))]
    replied = [*asked, row_of(world.event("ann", "business_replied", at + DAY_US // 2))]
    for rows, is_told in ((asked, True), (replied, False)):
        advice = suggestion_for(Model.of(consumer), "ann", rows, world.now())
        decided = answer_of(advice.recommendation, consumer.ladder, {}, "", exposed=False)["text"]
        for text in (advice.text, decided):
            assert ("answer what they asked and ask for nothing." in text) == is_told


@pytest.mark.parametrize("low", [0.001, -0.01])
def test_chances_that_read_the_same_are_told_once(low):
    """Nothing moves from 3 % to 3 %, however sure it is that there is a difference."""
    alone = replace(ALONE, p_advance=0.031)
    text = said(sentence(STEP, OFFER, replace(GIVEN, p_advance=0.033, low=low), alone))
    assert "the chance within 14 days is put at 3 % with it and without (" in text
    assert "moves" not in text


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A bundle whose ladder tries a policy, and which offer, by lot."""
    bundle = world.rates_bundle(tmp_path_factory.mktemp("trial") / "bundle")
    b2b = bundle.ladder
    first = next(offer.id for offer in b2b.offers if offer.step == b2b.goals[0].id)
    drawn, alone = (Arm(policy, 0.3, policy=policy) for policy in ("uniform", "no_ask"))
    light = (Arm("light", 0.5, offers=(first,)), Arm("other", 0.5))
    tried = (
        Experiment("way", "policy", (drawn, alone, Arm("rung", 0.4)), "rung", title="Which way"),
        Experiment("first", "offer", light, "other"),
    )
    return replace(bundle, ladder=replace(b2b, experiments=tried)), first


@pytest.mark.parametrize(
    ("experiment", "arm", "kind", "by"),
    [
        ("way", "uniform", "experiment", "way"),
        ("way", "no_ask", "experiment", "way"),
        ("way", "rung", "ladder", None),
        ("first", "light", "experiment", "first"),
        ("first", "other", "ladder", None),
        ("gone", "uniform", "ladder", None),
    ],
)
def test_what_an_arm_chose_is_told_as_its(trial, experiment, arm, kind, by):
    """The policy of an arm, or an offer that is its; what all others would get is the ladder's."""
    bundle, first = trial
    put = assignment_event(Assignment(experiment, arm, 0.5), "ann", bundle.ladder, world.now() - 1)
    rows = [*map(row_of, world.climber("ann", world.now(), 0)), row_of(put)]
    advice = suggestion_for(Model.of(bundle, "careful"), "ann", rows, world.now())
    assert (advice.kind, advice.experiment and advice.experiment.id) == (kind, by)
    if arm == "light":
        assert advice.best.option_id == first
    promoted = suggestion_for(Model.of(bundle, "rules"), "ann", rows, world.now())
    assert promoted.kind == ("policy" if by is None else "experiment")


def test_done():
    """After the purchase no chance is told."""
    text = sentence(None, None, replace(GIVEN, option_id=NURTURE), ALONE)
    assert text == "There is no next step: send something useful and ask for nothing."


def test_many_leads():
    """Large counts can be read."""
    assert "12,345 leads" in evidence_words(replace(GIVEN, leads=12_345))


def test_chance():
    """A chance is never told as certain or impossible."""
    assert [said(chance(one)) for one in (0.0, 0.42, 1.0)] == ["under 1 %", "42 %", "over 99 %"]


@pytest.mark.parametrize("policy", ["rules", "learned", "uniform", "only:live-qa"])
def test_advice_is_the_likeliest(service, policy):
    """The advice is the option with the highest propensity, the one worth most among equals."""
    model = Model.of(service.scorer.bundle, policy)
    now = world.now()
    for lead in [f"lead-{at:04}" for at in range(20)]:
        advice = suggestion_for(model, lead, service.store.events_of(lead), now)
        options = advice.recommendation.ranking
        best = max(options, key=lambda one: (one.propensity, one.gain or 0.0))
        assert advice.best == best
        assert (advice.offer.id if advice.offer else best.option_id) == best.option_id
        assert (advice.personalisation is None) == (advice.offer is None)
        assert unasked(advice.recommendation).option_id == NO_ASK
        step = advice.recommendation.step
        assert step is None or step.title in advice.text


def test_the_score_beside_the_chances_is_explained_where_it_is_none_of_them(service):
    """A reader who sees 51 % above and 67 % in the advice is told why they differ."""
    now, model = world.now(), service.scorer.model
    advice = suggestion_for(model, "lead-0003", service.store.events_of("lead-0003"), now)
    assert advice.score == pytest.approx(
        float(
            model.estimate_rows(
                "lead-0003", service.store.events_of("lead-0003"), now
            ).scores.advance.probability[0]
        )
    )
    told = (advice.best.p_advance, unasked(advice.recommendation).p_advance)
    beside = [one for one in told if one is not None]
    low, high = min(beside), max(beside)

    def about(score):
        return said(replace(advice, score=score).text).removeprefix(
            said(replace(advice, score=None).text)
        )

    within = [about(score) for score in (low, high, (low + high) / 2, low - 0.009, high + 0.009)]
    assert within == [""] * 5
    usual = "it is that of leads treated as usual."
    below, above = low - 0.011, high + 0.011
    assert about(below) == f" The score, {said(chance(below))}, is lower: {usual}"
    assert about(above) == f" The score, {said(chance(above))}, is higher: {usual}"


def test_advice_keeps_nothing(service):
    """To look is not to decide: an advice is the same every time, and nothing is stored."""
    now, count = world.now(), service.store.count()
    rows = service.store.events_of("lead-0003")
    found = [suggestion_for(service.scorer.model, "lead-0003", rows, now).text for _ in range(3)]
    assert len(set(found)) == 1
    assert service.store.count() == count


def test_likeliest_framing(service):
    """Of the ways to put an offer the one used most is shown, the first among equals."""
    now = world.now()
    rows: list[Row] = [
        ("assessment_completed", now - 8 * DAY_US, now - 8 * DAY_US, {}),
        ("page_viewed", now - DAY_US, now - DAY_US, {}),
    ]
    shares: list[dict[str, float]] = [{}, {"strategy-session": 0.2, "roadmap-review": 0.8}]
    for share, expected in zip(shares, ("strategy-session", "roadmap-review"), strict=True):
        bundle = service.scorer.bundle
        offers = replace(bundle.offers, framings={"strategy-session": share})
        model = Model.of(replace(bundle, offers=offers), "only:strategy-session")
        advice = suggestion_for(model, "a", rows, now)
        assert advice.offer is not None
        assert (advice.offer.id, advice.framing.id) == ("strategy-session", expected)


def test_suggestions_wait_for_the_end_of_quiet_hours(service):
    """By night a suggestion is that of the day, and says until when to wait, but for no ask."""
    bundle = service.scorer.bundle
    now = world.now()
    local = when(now).hour * 60 + when(now).minute
    hours = QuietHours(((local - 60) % 1440, (local + 60) % 1440))
    night = replace(bundle.ladder, limits=replace(bundle.ladder.limits, quiet=hours))
    over = when(now + DAY_US // 24)
    day_named = "" if over.date() == when(now).date() else f"{over:%A}, "  # near midnight
    told = f" Quiet hours: nobody is contacted before {day_named}{over:%H:%M} (UTC)."
    seen = set()
    for policy in ("rules", "only:live-qa"):
        by_day = Model.of(bundle, policy)
        by_night = Model.of(replace(bundle, ladder=night), policy)
        for lead in [f"lead-{at:04}" for at in range(30)]:
            rows = service.store.events_of(lead)
            day = suggestion_for(by_day, lead, rows, now)
            quiet = suggestion_for(by_night, lead, rows, now)
            assert quiet.best == day.best
            assert quiet.text == day.text + told * (day.best.option_id != NO_ASK)
            assert day.spell is None
            seen.add(day.best.option_id if day.offer is None else "offer")
    assert seen >= {"offer", NURTURE}


def test_only_who_is_left_alone_on_purpose_is_said_to_be(service):
    """Not who is left alone because nothing is worth an ask, nor who is helped meanwhile."""
    rows = service.store.events_of("lead-0003")
    advice = suggestion_for(service.scorer.model, "lead-0003", rows, world.now())
    alone = unasked(advice.recommendation)
    other = next(one for one in advice.recommendation.ranking if one.option_id != NO_ASK)
    for is_left in (True, False):
        found = replace(advice.recommendation, is_left_alone=is_left)
        told = {
            best: replace(advice, recommendation=found, best=best).aside for best in (alone, other)
        }
        assert ("on purpose" in told[alone], told[other]) == (is_left, "")


def night(bundle: Bundle, now: int, inbound: tuple[str, ...]) -> Bundle:
    """The bundle with quiet hours around an instant, in which leads come by some channels alone."""
    local = when(now).hour * 60 + when(now).minute
    hours = ((local - 60) % 1440, (local + 60) % 1440)
    limits = replace(bundle.ladder.limits, quiet=QuietHours(hours, inbound_channels=inbound))
    return replace(bundle, ladder=replace(bundle.ladder, limits=limits))


def test_an_offer_where_leads_come_by_themselves_waits_for_nothing(service):
    """By night it is suggested as by day, and what goes elsewhere says until when to wait."""
    bundle, now, seen = service.scorer.bundle, world.now(), set()
    for lead in [f"lead-{at:04}" for at in range(30)]:
        rows = service.store.events_of(lead)
        offer = suggestion_for(Model.of(bundle, "only:live-qa"), lead, rows, now).offer
        if offer is None:
            continue
        for inbound in (offer.channels, offer.channels[1:]):
            model = Model.of(night(bundle, now, inbound), "only:live-qa")
            found = suggestion_for(model, lead, rows, now)
            assert (found.spell is None) == (inbound == offer.channels)
            seen.add(inbound)
    assert len(seen) > 1


@pytest.mark.parametrize("policy", ["rules", f"only:{NURTURE}"])
def test_what_is_sent_to_where_leads_come_by_themselves_waits_for_nothing(service, policy):
    """By night a lead is nurtured at once with what lies on a page, where that is no contact."""
    bundle, now, seen = service.scorer.bundle, world.now(), set()
    for lead in [f"lead-{at:04}" for at in range(30)]:
        rows = service.store.events_of(lead)
        day = suggestion_for(Model.of(bundle, policy), lead, rows, now)
        useful = day.recommendation.useful
        chosen = {day.best.option_id, day.recommendation.decision.chosen}
        if useful is None or NURTURE not in chosen:
            continue
        for inbound in (useful.channels, ("nowhere",)):
            model = Model.of(night(bundle, now, inbound), policy)
            found = suggestion_for(model, lead, rows, now)
            assert found.recommendation.useful == useful
            if found.best.option_id == NURTURE:
                assert (found.spell is None) == (inbound == useful.channels)
            if found.recommendation.decision.chosen == NURTURE:
                assert (found.recommendation.spell is None) == (inbound == useful.channels)
            seen.add(inbound)
    assert len(seen) > 1
