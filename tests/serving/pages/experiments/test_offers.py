"""Each offer by lot, as the page tells it."""

from __future__ import annotations

from dataclasses import replace

from features.clock import instant, microseconds
from features.store.kept.reports import Reports
from models.judging.served import OFFERS
from serving.pages.experiments.offers import offers_of, untried, worded_offers
from serving.process.judged.looks import Look
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, SESSION, STEP, WORKSHEET

AS_OF = microseconds(instant("2026-11-20T00:00:00Z"))


def look(tools) -> Look:
    report = Reports(tools.database).newest(OFFERS, "b2b")
    assert report is not None
    return Look(report.body, AS_OF)


def test_asked_beside_left_alone(tools):
    """By step, with how many went on of those whose time is over."""
    (step,) = offers_of(look(tools), B2B)
    assert (step.title, step.days, step.most) == (STEP.title, 14.0, 0.41)
    helps, unsure = step.offers
    assert (helps.title, helps.asked, helps.alone) == (WORKSHEET.title, (120, 200), (70, 195))
    assert (helps.difference, helps.between, helps.said.text) == ("+24", "+6 to +41", "Helps")
    assert (helps.pending, helps.since.day) == (20, "1 Jun 2026")
    assert (unsure.difference, unsure.between) == ("0", "−31 to +30")
    assert unsure.said.aside == "about 720 more leads, 69 weeks at this rate"


def test_shares_are_those_of_equal_chances(tools):
    """They are what was found, and not what the counts beside them come to."""
    found = look(tools)
    assert found.body is not None
    found.body["offers"][0]["asked"]["rate"] = 0.42
    (step,) = offers_of(found, B2B)
    assert (step.offers[0].asked, step.offers[0].asked_share) == ((120, 200), 0.42)
    assert step.offers[0].alone_share == 70 / 195


def test_a_rare_goal_is_told_of_more_leads(tools):
    """What helps three of a thousand is not said to help nobody of a hundred."""
    found = look(tools)
    assert found.body is not None
    found.body["offers"][0]["effect"] = {"value": 0.003, "low": 0.001, "high": 0.006}
    (step,) = offers_of(found, B2B)
    rare, usual = step.offers
    assert (rare.of, rare.difference, rare.between) == (1000, "+3", "+1 to +6")
    assert (usual.of, usual.difference) == (100, "0")


def test_what_is_no_longer_offered(tools):
    """It is said so; nobody will be drawn for it, so that nothing is waited for."""
    for status, note, verdict in (
        ("paused", "no rep's time, paused now", "Not known yet"),
        ("retired", "no rep's time, no longer offered", "Ended before it was known"),
    ):
        offers = [
            replace(one, status=status) if one.id == CALCULATOR.id else one  # type: ignore[arg-type]
            for one in B2B.offers
        ]
        ladder = replace(B2B, offers=tuple(offers))
        found = offers_of(look(tools), ladder)[0].offers[1]
        assert (found.note, found.said.text) == (note, verdict)


def test_offers_of_a_former_ladder_are_left_out(tools):
    """What the ladder has no more is not told of."""
    offers = tuple(one for one in B2B.offers if one.id != WORKSHEET.id)
    (step,) = offers_of(look(tools), replace(B2B, offers=offers))
    assert [one.title for one in step.offers] == [CALCULATOR.title]


def test_what_nobody_was_given_by_lot(tools):
    """The asks that are extended now; support and what is paused are none."""
    titles = [one.title for one in untried(look(tools), B2B)]
    assert WORKSHEET.title not in titles
    asks = sum(len(B2B.offers_of(goal.id)) for goal in B2B.goals)
    assert len(titles) == asks - 2
    assert len(untried(Look(None, missing="soon"), B2B)) == asks
    assert offers_of(Look(None, missing="soon"), B2B) == []


def test_how_an_offer_is_put(tools):
    """The first way stands alone; the others have a difference, and how long until it is known."""
    (one,) = worded_offers(look(tools), B2B)
    title = next(goal.title for goal in B2B.goals if goal.id == SESSION.step)
    assert (one.title, one.step, one.days, one.most) == (SESSION.title, title, 30.0, 0.31)
    first, other = one.rows
    texts = [f"“{framing.text}”" for framing in SESSION.framings]
    assert [first.name, other.name] == texts
    assert (first.effect, first.said, first.note) == (None, None, "90 leads")
    assert (other.reached, other.over, other.pending) == (21, 60, 10)
    assert (other.difference, other.between) == ("+10", "−12 to +31")
    assert other.said is not None
    assert other.said.aside == "about 640 more leads, 98 weeks at this rate"


def test_words_of_a_former_ladder_or_look(tools):
    """Offers that the ladder has no more are left out, and a look of before tells of none."""
    found = look(tools)
    offers = tuple(one for one in B2B.offers if one.id != SESSION.id)
    assert worded_offers(found, replace(B2B, offers=offers)) == []
    assert found.body is not None
    former = {name: held for name, held in found.body.items() if name != "framings"}
    assert worded_offers(Look(former, AS_OF), B2B) == []
    assert worded_offers(Look(None, missing="soon"), B2B) == []
