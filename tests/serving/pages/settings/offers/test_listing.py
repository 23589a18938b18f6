"""The list of offers."""

from __future__ import annotations

import pytest

from serving.pages.settings.offers.listing import evidence_words, offers_by_step


@pytest.mark.parametrize(
    ("evidence", "leads", "words"),
    [
        ("randomised", 1214, "1,214 leads, by lot"),
        ("observational", 1, "1 lead, not by lot"),
        ("prior", 0, "Not known yet"),
    ],
)
def test_evidence(evidence, leads, words):
    """What is known of an offer is told by how many leads, and how they came to it."""
    assert evidence_words(evidence, leads) == words


def test_rows(site):
    """Each offer has its state, who changed it, and what is planned."""
    rows = {row.id: row for group in offers_by_step(site.service) for row in group.rows}
    paused = rows["savings-calculator"]
    assert (paused.state, paused.by, paused.version) == ("Paused", "Ann Weber", 1)
    planned = rows["live-qa"]
    assert (planned.state, [state for _, state in planned.planned]) == ("Offered", ["Paused"])
    assert rows["strategy-session"].facts == "Session · 15 min with a person · 30 min of yours"


def test_a_bare_step(site):
    """A step at which nothing can be asked is named, support or not."""
    service = site.service
    assert not any(group.is_bare for group in offers_by_step(service))
    for offer in ("quarterly-contract", "annual-contract"):
        site.act(f"/settings/offers/{offer}/status", status="paused")
    assert [group.title for group in offers_by_step(service) if group.is_bare] == ["Contract"]
    assert "a lead before it can be asked for nothing" in site.get("/settings/offers").text
