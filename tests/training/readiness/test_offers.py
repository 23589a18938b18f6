"""What offers can be learned from: decisions, exposures, and how much they tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.offers.decisions import decision_event
from models.offers.options import NO_ASK
from tests.training.policies.scene import (
    LADDER,
    PLACE,
    drawn,
    event,
    exposed,
    extended,
    log_of,
)
from training.readiness.offers import offers_known


def by_id(events):
    log = log_of([event("ann", "page", 0.0), *events])
    return {row["id"]: row for row in offers_known(log, LADDER)}


def test_decisions_and_what_of_them_reached_a_lead():
    """Two draws of a clip of which one was shown; all options have a row of their own."""
    shown, unseen = drawn("ann", 1.0, "clip"), drawn("ann", 2.0, "clip")
    found = by_id([*exposed(shown), decision_event(unseen, LADDER)])
    clip = found["clip"]
    assert (clip["drawn"], clip["exposed"], clip["effective"]) == (2, 1, 1.0)
    assert clip["extended"] == 1
    assert list(found) == list(PLACE)
    assert found["guide"] == {
        "id": "guide", "known": True, "drawn": 0, "exposed": 0, "effective": 0.0, "extended": 0
    }  # fmt: skip


def test_what_was_drawn_unevenly_tells_less():
    """Three exposures with weights of 4, 4 and 10: Kish's effective size."""
    rare = replace(drawn("ann", 3.0, "clip"), probabilities=(0.1, 0.7, 0.1, 0.1))
    events = [one for at in (1.0, 2.0) for one in exposed(drawn("ann", at, "clip"))]
    found = by_id([*events, *exposed(rare)])
    assert found["clip"]["exposed"] == 3
    assert found["clip"]["effective"] == pytest.approx(18.0**2 / (16 + 16 + 100), abs=0.01)


@pytest.mark.parametrize(
    ("step", "options", "chosen", "counts"),
    [
        ("look", ("clip", NO_ASK), "clip", 1),
        ("look", ("clip", NO_ASK), NO_ASK, 0),
        ("try", ("clip", NO_ASK), "clip", 0),
        ("look", ("clip", "demo"), "clip", 0),
    ],
)
def test_what_experiments_of_others_drew_counts_at_its_step(step, options, chosen, counts):
    """A clip tells nothing of leads that stood elsewhere, nor where nothing is beside it."""
    made = drawn("ann", 1.0, chosen, options=options, step=step, policy="experiment:mail")
    assert by_id(exposed(made))["clip"]["drawn"] == counts


def test_what_others_extended_counts_apart():
    """And an offer that the ladder does not have is named, not dropped."""
    found = by_id([extended("ann", 1.0, "clip"), extended("ann", 2.0, "flyer")])
    assert (found["clip"]["drawn"], found["clip"]["extended"]) == (0, 1)
    assert found["flyer"]["extended"] == 1
    assert not found["flyer"]["known"]
