"""The form that begins an experiment."""

from __future__ import annotations

import pytest

from features.offers.experiments import check_experiment
from models.offers.policy import POLICIES, POLICIES_WITHOUT
from serving.pages.experiments.begin import (
    MOST_WAYS,
    blank_form,
    choices,
    filled_form,
    mistakes_in,
)
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, STEP, WORKSHEET

OFFERS = {
    "kind": "offer",
    "step": STEP.id,
    "ways": "2",
    "title": "Worksheet, or calculator?",
    "way0.share": "50",
    "way1.share": "50",
    f"way0.offer.{WORKSHEET.id}": "on",
    f"way1.offer.{CALCULATOR.id}": "on",
}
POLICY = {
    "kind": "policy", "step": "", "ways": "2", "title": "Standing still", "way0.share": "20 %",
    "way1.share": "80", "way0.policy": "no_ask", "way1.policy": "",
}  # fmt: skip
OWN = {
    "kind": "hour", "step": "trial", "ways": "3", "title": "Früh oder spät", "way0.share": "33,3",
    "way1.share": "33.3", "way2.share": "33.3", "way0.name": "Morning", "way1.name": "Noon",
    "way2.name": "Evening",
}  # fmt: skip


def wrong(form: dict[str, str], running=()) -> list[str]:
    return mistakes_in(filled_form(B2B, form), B2B, running)


def test_before_anything_is_filled_in():
    """Kind, step and the number of ways stand in the address; what is none is not taken."""
    form = blank_form(B2B, "offer", STEP.id, "3")
    assert (form.kind, form.step, len(form.ways), form.ways[0].share) == (
        "offer",
        STEP.id,
        3,
        "33.33",
    )
    assert form.address(4) == f"/experiments/-/begin?kind=offer&step={STEP.id}&ways=4"
    none = blank_form(B2B, "colour", "stairs", "99")
    assert (none.kind, none.step, len(none.ways)) == ("", "", 2)
    assert len(blank_form(B2B, "offer", "", str(MOST_WAYS)).ways) == MOST_WAYS


@pytest.mark.parametrize("form", [OFFERS, POLICY, OWN])
def test_what_is_filled_in_becomes_an_experiment(form):
    """It is one that can be done on the ladder, under an id of its own."""
    assert wrong(form) == []
    made = filled_form(B2B, form).experiment(taken=["worksheet-or-calculator"])
    check_experiment(made, B2B, tuple(POLICIES))
    assert made.title == form["title"]
    assert sum(arm.share for arm in made.arms) == pytest.approx(1.0)
    assert made.control == made.arms[0].id


def test_ids():
    """Small letters of the title; none that is taken, or Rung's own."""
    offers = filled_form(B2B, OFFERS)
    assert offers.experiment([]).id == "worksheet-or-calculator"
    taken = ["worksheet-or-calculator", "worksheet-or-calculator-2"]
    assert offers.experiment(taken).id == "worksheet-or-calculator-3"
    assert [arm.id for arm in offers.experiment([]).arms] == [WORKSHEET.id, CALCULATOR.id]
    policy = filled_form(B2B, POLICY).experiment([])
    assert policy.id == "try-standing-still"
    assert [(arm.id, arm.share, arm.policy) for arm in policy.arms] == [
        ("no-ask", 0.2, "no_ask"),
        ("as-now", 0.8, ""),
    ]
    own = filled_form(B2B, OWN).experiment([])
    assert (own.id, own.step) == ("fruh-oder-spat", "trial")
    assert [arm.id for arm in own.arms] == ["morning", "noon", "evening"]
    assert filled_form(B2B, OWN | {"title": "???"}).experiment([]).id == "experiment"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (OFFERS | {"title": " "}, "It has no name"),
        (OFFERS | {"title": "a\x07b"}, "one line of letters"),
        (OFFERS | {"way1.share": "40"}, "The shares come to 90 %, not to 100 %."),
        (OFFERS | {"way1.share": "half"}, "Way 2: the share is a number above 0 and below 100."),
        (OFFERS | {"way0.share": "0", "way1.share": "nan"}, "Way 1 and 2: the share"),
        (
            {key: text for key, text in OFFERS.items() if ".offer." not in key},
            "No way has an offer: tick one at least.",
        ),
        (OFFERS | {"way0.offer.gone": "on"}, "Not offered at this step any more: gone."),
        (POLICY | {"way1.policy": "no_ask"}, "Two ways are the same"),
        (OWN | {"way1.name": ""}, "Way 2 has no name"),
        (OWN | {"way1.name": "morning!"}, "Two ways have the same name."),
    ],
)
def test_what_is_wrong_is_said(form, said):
    """In words for whoever fills it in, with what would be right."""
    assert any(said in mistake for mistake in wrong(form)), wrong(form)


def test_everything_that_is_wrong_at_once():
    """Nobody finds one mistake after the other."""
    found = wrong(OFFERS | {"title": "", "way1.share": "40", "way1.offer.gone": "on"})
    assert len(found) == 3


def test_an_offer_is_in_one_experiment_at_a_time(tools):
    """It is named, and the experiment that has it."""
    found = wrong(OFFERS, tools.experiments.of("b2b", "running"))
    assert found == [
        f"“{one.title}” is in the experiment “Worksheet or calculator” already: an offer is in one"
        " at a time."
        for one in sorted((WORKSHEET, CALCULATOR), key=lambda each: each.id)
    ]


def test_what_can_be_chosen():
    """The offers of the step, what may choose, and the steps."""
    found = choices(blank_form(B2B, "offer", STEP.id, ""), B2B)
    assert [one[0] for one in found["offers"]] == [one.id for one in B2B.offers_of(STEP.id)]  # type: ignore[attr-defined]
    policies = [one[0] for one in found["policies"]]  # type: ignore[attr-defined]
    assert policies == ["", "no_ask", "usual", *POLICIES, *POLICIES_WITHOUT]
    assert choices(blank_form(B2B, "policy", "", ""), B2B)["offers"] == []
