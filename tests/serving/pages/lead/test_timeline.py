"""What a lead's page says of what happened, told from the events alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from features.events.log import DAY_US
from features.ladder.controls import Experiment
from features.ladder.file import read_ladder
from features.offers.decisions import Decision, decision_event, exposure_events
from serving.pages.lead.timeline import entries_of

B2B = read_ladder("b2b")
OFFER = B2B.offers[0]
NOON = 20_000 * DAY_US


@pytest.mark.parametrize(
    ("policy", "side", "chose", "shown"),
    [
        ("careful", "rung", "Rung chose", "Shown as Rung chose"),
        (
            "experiment:spring-mail",
            "ours",
            "Drawn by lot in “Spring mail”",
            "Reached by what “Spring mail” drew",
        ),
    ],
)
def test_who_chose(policy, side, chose, shown):
    """What somebody else's experiment drew is not what Rung chose."""
    options = (OFFER.id, "no_ask")
    decision = Decision(
        *("d-1", "ann", NOON, OFFER.step, options, (0.5, 0.5), OFFER.id, policy, "1"),
        expires_at=NOON + DAY_US,
    )
    events = [decision_event(decision, B2B), *exposure_events(decision, B2B, NOON + 1)]
    rows = [(one.name, one.occurred_at, one.known_at, json.loads(one.properties)) for one in events]
    told = entries_of(rows, B2B, [None] * len(rows), (), NOON + DAY_US)
    by_text = {one.text: one for one in told}
    assert by_text[f"{chose}: {OFFER.title}"].side == by_text[shown].side == side
    assert by_text[f"Offered: {OFFER.title}"].side == "ours"
    assert by_text[shown].properties == by_text[f"{chose}: {OFFER.title}"].properties == ()


@pytest.mark.parametrize(
    ("name", "held", "said"),
    [
        ("consent", {"channel": "phone", "granted": False}, "Refused: Phone"),
        ("consent", {"channel": "email and phone", "granted": "yes"}, "Agreed: Email, Phone"),
        ("consent", {"granted": "withdrawn"}, "Refused: any channel"),
        ("consent", {"channel": "phone"}, "Consent"),
        ("consultation_outcome", {"fit": "no"}, "A consultation found no fit"),
        ("consultation_outcome", {"fit": True}, "A consultation found a fit"),
        ("consultation_outcome", {}, "Consultation outcome"),
    ],
)
def test_an_answer_is_told_and_not_only_that_there_was_one(name, held, said):
    """Several in a row are told as one only where they say the same."""
    other = {"channel": "post", "granted": False, "fit": "unclear"}
    rows = [(name, NOON, NOON, held), (name, NOON + 1, NOON + 1, other)]
    told = entries_of(rows, B2B, [None, None], (), NOON + DAY_US)
    assert [one.count for one in told] == [1, 1]
    assert told[1].text == said
    is_told = said not in ("Consent", "Consultation outcome")
    assert (told[1].properties == ()) == ((is_told and name == "consent") or not held)


def test_an_arm_is_told_with_its_experiment():
    """Several run at once, and arms may be called alike; of one that is over it is not known."""
    way = Experiment("way", "policy", (), "rung", title="Which way")
    tried = (way, Experiment("b-2", "hour", (), "b"))
    rows = [
        ("rung_assignment", NOON + at, NOON + at, {"experiment": one, "arm": "by-chance"})
        for at, one in enumerate(("way", "b-2", "over"))
    ]
    told = entries_of(rows, replace(B2B, experiments=tried), [None] * 3, (), NOON + DAY_US)
    said = ["Drawn by lot into “By chance”" + one for one in ("", " of “B 2”", " of “Which way”")]
    assert [one.text for one in told] == said


def test_who_tells_nothing_has_told_us_nothing():
    """A sender that only says who somebody is tells nothing about them."""
    rows = [("identify", NOON, NOON, {}), ("identify", NOON + 1, NOON + 1, {"role": "founder"})]
    told = entries_of(rows, B2B, [None, None], (), NOON + DAY_US)
    assert [one.text for one in told] == ["Told us about themselves", "Was recognised"]
