"""Experiments as they are kept, and what is refused before a lead is tried on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.errors import ExperimentError
from features.ladder.controls import Arm, Controls, Experiment
from features.ladder.file import read_ladder
from features.offers.experiments import (
    body_of,
    check_experiment,
    check_experiment_of_others,
    experiment_of,
    with_experiments,
)
from models.judging.trials.assignment import arm_of

B2B = read_ladder("b2b")
STEP = B2B.steps[1].id
OFFERS = [offer.id for offer in B2B.offers_of(STEP)]
GOOD = Experiment(
    "tools",
    "offer",
    (Arm("a", 0.5, (OFFERS[0],)), Arm("b", 0.5, (OFFERS[1],))),
    control="a",
    step=STEP,
    title="Two tools",
)
POLICIES = ("careful", "rules", "uniform")


def refused(experiment: Experiment) -> str:
    with pytest.raises(ExperimentError) as caught:
        check_experiment(experiment, B2B, POLICIES)
    return str(caught.value)


def test_there_and_back():
    check_experiment(GOOD, B2B, POLICIES)
    assert experiment_of(body_of(GOOD)) == GOOD
    policies = (Arm("calm", 0.2, policy="no_ask"), Arm("rung", 0.8))
    worth = Experiment("worth", "policy", policies, control="calm")
    check_experiment(worth, B2B, POLICIES)
    assert experiment_of(body_of(worth)) == worth


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "Two Tools"}, "an id has small letters"),
        ({"id": "calling"}, "an experiment of Rung's own"),
        ({"id": "standing"}, "an experiment of Rung's own"),
        ({"kind": "offers"}, "did you mean 'offer'"),
        ({"step": "trail"}, "did you mean 'trial'"),
        ({"step": ""}, "needs the step"),
        ({"arms": GOOD.arms[:1]}, "it has 1 arms: write 2 to 10"),
        ({"arms": (GOOD.arms[0], GOOD.arms[0])}, "two arms have the same id"),
        ({"title": "red\x1b[31m"}, "a title is one line"),
        ({"title": "two\nlines"}, "without control characters"),
        ({"title": "half \udcff"}, "a title is one line"),
        ({"title": "a" * 1025}, "of 1,024 letters at most"),
        ({"arms": (Arm("a", 1e-9, (OFFERS[0],)), Arm("b", 1.0 - 1e-9))}, "nobody would come into"),
        ({"control": "c"}, "the control 'c' is no arm of it: one of a, b"),
        ({"arms": (GOOD.arms[0], replace(GOOD.arms[1], share=0.4))}, "sum to 0.9, not to 1"),
        ({"arms": (Arm("a", 1.0, (OFFERS[0],)), Arm("b", 0.0))}, "the share 1 is not between"),
        ({"arms": (GOOD.arms[0], Arm("b", 0.5, (OFFERS[1][:-1],)))}, f"mean {OFFERS[1]!r}"),
        ({"arms": (GOOD.arms[0], Arm("b", 0.5, policy="random"))}, "kind 'policy' names a policy"),
        ({"arms": (Arm("a", 0.5), Arm("b", 0.5))}, "no arm names an offer"),
        ({"kind": "policy"}, "kind 'offer' names offers"),
        (
            {"kind": "policy", "arms": (Arm("a", 0.5, policy="unifrom"), Arm("b", 0.5))},
            "did you mean 'uniform'",
        ),
    ],
)
def test_what_cannot_be_tried(change, said):
    assert said in refused(replace(GOOD, **change))


def test_words_of_any_script_and_the_least_share_will_do():
    rare = (Arm("a", 1e-4, (OFFERS[0],)), Arm("b", 1.0 - 1e-4))
    check_experiment(replace(GOOD, title="Größe – 价格 $5", arms=rare), B2B, POLICIES)


def test_all_that_is_wrong_is_said_at_once():
    said = refused(replace(GOOD, id="Two Tools", control="c", step="trail"))
    assert all(part in said for part in ("small letters", "no arm of it", "no step 'trail'"))


THEIRS = replace(
    GOOD, arms=(Arm("Variant A", 0.5, (OFFERS[0],)), Arm("none", 0.5, ("no_ask",))), control="none"
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "Two Tools"}, "an id has small letters"),
        ({"arms": (THEIRS.arms[1], replace(THEIRS.arms[0], share=0.4))}, "sum to 0.9, not to 1"),
        ({"arms": (Arm("Variant A", 0.5), THEIRS.arms[1])}, "name the one offer"),
        ({"arms": (Arm("b", 0.5, tuple(OFFERS[:2])), THEIRS.arms[1])}, "name the one offer"),
        ({"arms": (Arm("b", 0.5, (OFFERS[1][:-1],)), THEIRS.arms[1])}, f"mean {OFFERS[1]!r}"),
        ({"arms": (Arm("b", 0.5, ("nurture",)), THEIRS.arms[1])}, "has no offer 'nurture' that"),
        ({"arms": (THEIRS.arms[0], replace(THEIRS.arms[0], id="b"))}, "all arms got the same"),
        ({"arms": (Arm("b", 1.0, (OFFERS[1],)), replace(THEIRS.arms[1], share=0.0))}, "between 0"),
    ],
)
def test_what_others_cannot_have_tried(change, said):
    """Their arms may have any names; each got one thing that the ladder knows."""
    check_experiment_of_others(THEIRS, B2B)
    with pytest.raises(ExperimentError) as caught:
        check_experiment_of_others(replace(THEIRS, **change), B2B)
    assert said in str(caught.value)


def test_standing_controls_come_first():
    """What the ladder's own shares leave is Rung's arm; without shares there is none."""
    assert Controls(none=0.05).standing is None
    ladder = replace(B2B, controls=Controls(no_ask=0.05, random=0.02))
    standing, tools = with_experiments(ladder, [GOOD]).experiments
    assert tools == GOOD
    assert {arm.id: arm.share for arm in standing.arms} == pytest.approx(
        {"no_ask": 0.05, "random": 0.02, "rung": 0.93}
    )
    assert [arm.policy for arm in standing.arms] == ["no_ask", "uniform", ""]
    assert standing.control == "no_ask"
    assert standing.id == "standing-0.05-0-0.02"
    assert with_experiments(B2B, []).experiments == ()


def test_no_score_depends_on_what_is_tried():
    assert with_experiments(B2B, [GOOD]).fingerprint == B2B.fingerprint


def test_other_shares_are_another_experiment():
    """Whoever was drawn with other shares is not compared with those that are drawn now.

    A lead that is asked nothing by the smaller share is so by the larger one.
    """
    few, more = (Controls(no_ask=share).standing for share in (0.05, 0.2))
    assert few is not None
    assert more is not None
    assert few.id != more.id
    leads = [f"lead-{at}" for at in range(2000)]
    alone = [
        {one for one in leads if arm_of(each, "b2b", one).id == "no_ask"} for each in (few, more)
    ]
    assert 60 < len(alone[0]) < 140 < 300 < len(alone[1]) < 500
    assert alone[0] < alone[1]
