"""What a lead's page says of what happened, told from the events alone."""

from __future__ import annotations

import json

import pytest

from features.events.log import DAY_US
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
