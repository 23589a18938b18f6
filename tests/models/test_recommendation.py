"""The recommendation for one lead: a decision that can be judged later, and what it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.clock import microseconds, when
from features.errors import PolicyError, UnknownOffer
from features.events.log import DAY_US
from features.offers.history import history_of
from features.signals.snapshot import Snapshot, snapshot
from models.bundle import Bundle
from models.offers.eligibility import Asked
from models.offers.offer_model import Forecast
from models.offers.options import NO_ASK, NURTURE
from models.recommendation import Adviser, Recommendation, _worse_words, forecast_of


@pytest.fixture(scope="module")
def shot(simulated_log, b2b, simulation) -> Snapshot:
    return snapshot(simulated_log, b2b, None, simulation.end)


def recommended(
    bundle: Bundle,
    shot: Snapshot,
    position: int,
    decision_id: str = "d-1",
    policy: str = "rules",
    asked: Asked | None = None,
) -> Recommendation:
    """What is recommended to the first lead at a position of whom no offer is known."""
    one = shot.rows(np.arange(len(shot.leads)) == int(np.argmax(shot.position == position)))
    history = history_of((), bundle.ladder, int(one.as_of[0]))
    more = () if asked is None else (asked,)
    return Adviser(bundle, policy).recommend(one, bundle.score(one), history, decision_id, *more)


@pytest.mark.parametrize("policy", ["rules", "learned", "uniform"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_decision_holds_all_that_judging_needs(trained, shot, position, policy):
    """Eligible options with probabilities that sum to 1, the choice among them, and its window."""
    found = recommended(trained, shot, position, policy=policy)
    decision, goal = found.decision, trained.ladder.goals[position]
    assert sum(decision.probabilities) == pytest.approx(1.0)
    assert decision.chosen in decision.options
    assert {NURTURE, NO_ASK} <= set(decision.options)
    assert decision.step == goal.id == (found.step and found.step.id)
    assert decision.expires_at - decision.as_of == round(goal.horizon_days * DAY_US)
    assert (decision.policy, decision.policy_version) == (policy, trained.version)


@pytest.mark.parametrize("policy", ["learned", "careful", "rules"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_decision_without_exploration(trained, shot, position, policy):
    """It is certain, put the likeliest way, and what might have been chosen is not out."""
    whole = recommended(trained, shot, position, policy=policy)
    found = recommended(trained, shot, position, policy=f"{policy}:no_exploration")
    decision = found.decision
    likeliest = int(np.argmax(whole.decision.probabilities))
    assert decision.options == (decision.chosen,) == (whole.decision.options[likeliest],)
    assert (decision.probabilities, decision.propensity) == ((1.0,), 1.0)
    assert decision.framing_probability == 1.0
    assert decision.policy == f"{policy}:no_exploration"
    assert found.excluded == whole.excluded
    assert {one.option_id for one in found.ranking} == {decision.chosen, NO_ASK}


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_decision_without_value(trained, shot, position):
    """The chance and its doubt are what it goes by; its probabilities are kept like any."""
    found = recommended(trained, shot, position, policy="careful:no_value")
    decision = found.decision
    assert sum(decision.probabilities) == pytest.approx(1.0)
    assert {NURTURE, NO_ASK} <= set(decision.options)
    alone = next(one for one in found.ranking if one.option_id == NO_ASK)
    least = (alone.p_advance or 0.0) - 1e-9
    assert all((one.p_advance or 0.0) >= least for one in found.ranking)
    worse = {one.option_id for one in recommended(trained, shot, position, policy="rules").ranking}
    for out in (one for one in found.excluded if one.reason == "believed_worse"):
        assert out.offer_id in worse
        assert " with it and " in out.text


def test_a_decision_holds_every_way_to_put_its_offer(trained, shot):
    """With their chances: those who were put one are compared with those who were put another."""
    (offer,) = (one for one in trained.ladder.offers if len(one.framings) > 1)
    position = [goal.id for goal in trained.ladder.goals].index(offer.step)
    seen: dict[str, float] = {}
    for at in range(40):
        found = recommended(
            trained, shot, position, policy=f"only:{offer.id}", decision_id=f"way-{at}"
        ).decision
        if found.chosen != offer.id:
            continue
        ways = {found.framing: found.framing_probability, **dict(found.other_framings)}
        assert set(ways) == {one.id for one in offer.framings}
        assert sum(ways.values()) == pytest.approx(1.0)
        seen[found.framing] = found.framing_probability
    assert len(seen) == 2
    assert sum(seen.values()) == pytest.approx(1.0)


def test_a_decision_ends_with_its_offer(trained, shot):
    """An offer for a time is over with that time, and no decision outlives it."""
    one = shot.rows(np.arange(len(shot.leads)) == int(np.argmax(shot.position == 2)))
    as_of = int(one.as_of[0])
    ends = when(as_of + DAY_US // 12)
    offers = tuple(
        replace(each, valid_until=ends) if each.id == "bottleneck-webinar" else each
        for each in trained.ladder.offers
    )
    bundle = replace(trained, ladder=replace(trained.ladder, offers=offers))
    found = recommended(bundle, shot, 2, policy="only:bottleneck-webinar", decision_id="w-1")
    assert found.decision.chosen == "bottleneck-webinar"
    assert found.decision.expires_at == microseconds(ends)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_what_is_believed_worse_is_out(trained, shot, position):
    """The careful policy tells of each such offer why, by its numbers; it has no propensity."""
    found = recommended(trained, shot, position, policy="careful")
    alone = next(one for one in found.ranking if one.option_id == NO_ASK)
    assert alone.p_advance is not None
    for one in found.ranking:
        assert one.propensity > 0.0
        assert one.p_advance is not None
        assert one.p_advance >= alone.p_advance - 1e-9
    worse = [one for one in found.excluded if one.reason == "believed_worse"]
    assert all(" with it and " in one.text or "more than" in one.text for one in worse)
    assert {one.offer_id for one in worse} <= {
        one.option_id for one in recommended(trained, shot, position).ranking
    }


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("not_a_candidate", "is not among the candidates"),
        ("lost", "the lead is lost"),
        ("believed_worse", " with it and "),
    ],
)
def test_why_nothing_useful_is_sent_is_in_the_record(trained, shot, monkeypatch, why, text):
    """To nurture is an option or out for a reason, as an offer is, whatever left it out."""
    one = shot.rows(np.arange(len(shot.leads)) == int(np.argmax(shot.position == 1)))
    history = history_of((), trained.ladder, int(one.as_of[0]))
    adviser, asked = Adviser(trained, "careful"), Asked()
    if why == "not_a_candidate":
        asked = Asked(candidates=frozenset(), only=frozenset({NO_ASK}))
    elif why == "lost":
        history = replace(history, is_lost=True)
    else:
        forecast, at = adviser.forecast, adviser.options.nurture

        def worse(_: Adviser, *about: Any) -> Forecast:
            beliefs = forecast(*about).beliefs
            advance, gain = beliefs.advance.copy(), beliefs.gain.copy()
            advance[0, at], gain[0, at] = advance[0].min() - 0.01, gain[0].min() - 1.0
            lower = replace(beliefs, advance=advance, gain=gain)
            return replace(forecast(*about), beliefs=lower)

        monkeypatch.setattr(Adviser, "forecast", worse)
    found = adviser.recommend(one, trained.score(one), history, "d-1", asked)
    assert NURTURE not in found.decision.options
    assert [why for name, why in found.decision.excluded if name == NURTURE] == [why]
    assert text in found.excluded[-1].text


def test_a_chance_that_is_hardly_lower_is_said_to_be_lower():
    """Two chances that are said alike are no reason."""
    assert _worse_words(0.12, 0.195) == "the chance is put at 12.0 % with it and 19.5 % without"
    told = "the chance is put slightly lower with it and at 19.5 % without"
    assert _worse_words(0.1949, 0.195) == told


def test_nurture_names_what_to_send(trained, shot):
    """A piece that asks for nothing, whatever is chosen."""
    useful = recommended(trained, shot, 1).useful
    assert useful is not None
    assert not useful.effort.form_fields
    assert not useful.effort.human


def test_every_offer_is_an_option_or_excluded(trained, shot):
    """With the reason why; none is both."""
    found = recommended(trained, shot, 1)
    out = {one.offer_id for one in found.excluded}
    assert out == {offer for offer, _ in found.decision.excluded}
    offers = set(found.decision.options) - {NURTURE, NO_ASK}
    assert offers | out == {offer.id for offer in trained.ladder.offers}
    assert not offers & out


def test_the_ranking_holds_every_option_with_its_propensity(trained, shot):
    """The likeliest choice first; each probability is that of the decision."""
    found = recommended(trained, shot, 1, policy="learned")
    told = {one.option_id: one.propensity for one in found.ranking}
    decision = found.decision
    assert told == dict(zip(decision.options, decision.probabilities, strict=True))
    propensities = [one.propensity for one in found.ranking]
    assert propensities == sorted(propensities, reverse=True)
    (none,) = (one for one in found.ranking if one.option_id == NO_ASK)
    assert (none.uplift, none.gain) == (0.0, 0.0)


def test_the_choice_is_drawn_from_the_id(trained, shot):
    """The same id draws the same, and ids draw options as often as their probabilities say."""
    first, again = (recommended(trained, shot, 1, policy="uniform") for _ in range(2))
    assert first == again
    drawn = [recommended(trained, shot, 1, f"d-{n}", "uniform").decision for n in range(200)]
    share = np.mean([one.chosen == drawn[0].options[0] for one in drawn])
    assert share == pytest.approx(drawn[0].probabilities[0], abs=0.12)


def test_a_customer_has_no_step(trained, shot):
    """Once a lead has bought the rules choose, and nothing is told of chances."""
    found = recommended(trained, shot, len(trained.ladder.goals), policy="learned")
    assert (found.step, found.decision.step) == (None, "")
    assert {(one.p_advance, one.uplift, one.gain) for one in found.ranking} == {(None, None, None)}
    assert found.decision.expires_at - found.decision.as_of == 30 * DAY_US


def test_what_is_refused(trained, shot):
    """A policy and an offer that there is none of."""
    with pytest.raises(PolicyError, match="no policy 'rulez'"):
        recommended(trained, shot, 1, policy="rulez")
    with pytest.raises(UnknownOffer):
        recommended(trained, shot, 1, asked=Asked(candidates=frozenset({"no-such-offer"})))


def test_forecasts_of_many_are_those_of_each(trained, shot):
    """A lead's forecast does not depend on who else is asked about."""
    some = shot.rows(shot.position < len(trained.ladder.goals))
    eligible = np.full((len(some.leads), len(trained.offers.options)), True)
    topic = np.zeros_like(eligible)
    together = forecast_of(trained, some, trained.score(some), eligible, topic)
    keep = np.arange(len(some.leads)) == 3
    one = some.rows(keep)
    alone = forecast_of(trained, one, trained.score(one), eligible[:1], topic[:1])
    np.testing.assert_allclose(alone.uplift[0], together.uplift[3], atol=1e-12)
    np.testing.assert_allclose(alone.beliefs.gain[0], together.beliefs.gain[3], atol=1e-9)


def test_the_topic_of_an_offer_is_that_of_the_lead(trained, shot):
    """Options that continue what the lead consumed last are marked in the decision."""
    offer = next(one for one in trained.ladder.offers_of(trained.ladder.goals[1].id) if one.topics)
    one = shot.rows(np.arange(len(shot.leads)) == int(np.argmax(shot.position == 1)))
    plain = history_of((), trained.ladder, int(one.as_of[0]))
    on_topic = replace(plain, topics=offer.topics[:1])
    adviser = Adviser(trained)
    found = adviser.recommend(one, trained.score(one), on_topic, "d-1").decision
    assert offer.id in {*found.on_topic, *(name for name, _ in found.excluded)}
    assert adviser.recommend(one, trained.score(one), plain, "d-1").decision.on_topic == ()


def test_who_minds_the_price_is_asked_another_way(trained, shot):
    """A refusal for the price asks for what is paid by the month, where others get the trial."""
    ladder = trained.ladder
    ready = [goal.id for goal in ladder.goals].index("trial")
    adviser = Adviser(trained, "rules")

    def asked(lead: int, **said: str) -> str | None:
        """The likeliest offer of one who read of bottlenecks, the pilot declined before that."""
        one = shot.rows(np.arange(len(shot.leads)) == lead)
        as_of = int(one.as_of[0])
        when, later = as_of - 2 * DAY_US, as_of - DAY_US
        rows = [
            ("offer_declined", when, when, {"offer": "department-pilot", **said}),
            ("content_read", later, later, {"topic": "bottlenecks"}),
        ]
        history = history_of(rows, ladder, as_of)
        found = adviser.recommend(one, trained.score(one), history, "d-1", is_drawn=False)
        return found.offer.id if found.offer else None

    active = [at for at in np.flatnonzero(shot.position == ready).tolist() if asked(at)]
    assert active
    assert {asked(at) for at in active} == {"team-trial"}
    assert {asked(at, reason="no time") for at in active} == {"team-trial"}
    assert {asked(at, reason="price") for at in active} == {"monthly-start"}
