"""What to do now, as the page of a lead shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.controls import Experiment
from features.ladder.offer import Effort
from models.offers.eligibility import Excluded
from serving.pages.common import words
from serving.pages.lead.todo import evidence_of, to_do
from serving.scoring.suggestion import suggestion_for, unasked
from tests.serving import world


@pytest.mark.parametrize(("evidence", "is_told"), [("randomised", True), ("prior", False)])
def test_the_score_is_explained_where_two_other_chances_are_shown(service, evidence, is_told):
    """They are shown where lots were drawn and the interval does not hold zero."""
    model, ladder = service.scorer.model, service.scorer.model.bundle.ladder
    advice = suggestion_for(model, "lead-0003", service.store.events_of("lead-0003"), world.now())
    best = replace(
        advice.best,
        option_id=ladder.offers[0].id,
        p_advance=0.6,
        uplift=0.1,
        low=0.05,
        high=0.15,
        evidence=evidence,
        leads=214,
    )
    alone = replace(unasked(advice.recommendation), p_advance=0.5)
    found = replace(advice.recommendation, ranking=(best, alone))
    advice = replace(advice, recommendation=found, best=best, score=0.42)
    shown = to_do(advice, ladder).evidence
    why = " The score, 42\u00a0%, is lower: it is that of leads treated as usual."
    assert advice.about_score == why
    assert shown == evidence_of(best, "your ladder's order") + (why if is_told else "")
    assert ("instead of" in shown) == is_told
    learned = words.learned_from(evidence, 214)
    assert (f"of 100 ({learned})." in shown) == is_told
    assert ("(214 leads given it so far)" in shown) != is_told


def test_the_score_is_explained_beside_chances_of_what_is_out(service):
    """What is believed to be worse is told with two chances, whether or not the advice is."""
    model, ladder = service.scorer.model, service.scorer.model.bundle.ladder
    advice = suggestion_for(model, "lead-0003", service.store.events_of("lead-0003"), world.now())
    alone = replace(unasked(advice.recommendation), p_advance=0.5)
    best = replace(alone, option_id=ladder.offers[0].id, evidence="prior")
    found = replace(advice.recommendation, ranking=(best, alone), excluded=())
    advice = replace(advice, recommendation=found, best=best, offer=ladder.offers[0], score=0.42)
    assert to_do(advice, ladder).not_now_score == ""
    worse = Excluded(ladder.offers[1].id, "believed_worse", "the chance is put at 40.0 % with it")
    advice = replace(advice, recommendation=replace(found, excluded=(worse,)))
    assert to_do(advice, ladder).not_now_score.startswith("The score, 42\u00a0%, is lower")
    assert to_do(replace(advice, score=0.5), ladder).not_now_score == ""


def test_what_is_to_be_paid_is_told(service):
    model, ladder = service.scorer.model, service.scorer.model.bundle.ladder
    advice = suggestion_for(model, "lead-0003", service.store.events_of("lead-0003"), world.now())
    dear = replace(ladder.offers[0], effort=Effort(20.0, money=1500.0))
    assert "20 min · 1,500 EUR to pay" in to_do(replace(advice, offer=dear), ladder).facts


@pytest.mark.parametrize(("title", "told"), [("Which way", "Which way"), ("", "Lighter first")])
def test_it_says_what_chose(service, title, told):
    """The arm of a lead is not the ladder's order, nor a policy that was promoted."""
    model = service.scorer.model
    advice = suggestion_for(model, "lead-0003", service.store.events_of("lead-0003"), world.now())
    offer = replace(
        advice.best, option_id=model.bundle.ladder.offers[0].id, evidence="prior", leads=0
    )
    tried = Experiment("lighter-first", "policy", (), "rung", title=title)
    said = "What it changes is not known yet."
    for by, chooser in (
        (None, "your ladder's order"),
        (tried, f"the experiment “{told}”, into which this lead came by lot"),
    ):
        shown = to_do(replace(advice, best=offer, experiment=by), model.bundle.ladder)
        assert shown.evidence == f"Chosen by {chooser}. {said}"


@pytest.mark.parametrize(
    ("share", "uplift", "said"),
    [
        (0.59, 0.16, "Helps: 59 instead of 43 of 100"),
        (0.004, 0.003, "Helps: 4 instead of 1 of 1,000"),
        (0.0004, -0.0001, "Hurts: 4 instead of 5 of 10,000"),
        (0.002, 0.0025, "Helps: 2 instead of 0 of 1,000"),
    ],
)
def test_a_difference_is_told_of_so_many_that_there_is_one(service, share, uplift, said):
    """Of a rare step nobody reads that none instead of none helps."""
    model = service.scorer.model
    advice = suggestion_for(model, "lead-0003", service.store.events_of("lead-0003"), world.now())
    best = replace(
        advice.best,
        option_id=model.bundle.ladder.offers[0].id,
        p_advance=share,
        uplift=uplift,
        low=uplift / 2,
        high=uplift * 2,
        evidence="randomised",
        leads=9,
    )
    assert evidence_of(best, "nobody").startswith(f"{said} (")
