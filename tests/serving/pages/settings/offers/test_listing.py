"""The list of offers."""

from __future__ import annotations

from serving.pages.settings.offers.listing import offers_by_step


def test_rows(site):
    """Each offer has its state, who changed it, and what is planned."""
    rows = {row.id: row for group in offers_by_step(site.service) for row in group.rows}
    paused = rows["savings-calculator"]
    assert (paused.state, paused.by, paused.version) == ("Paused", "Ann Weber", 1)
    planned = rows["live-qa"]
    assert (planned.state, [one.what for one in planned.planned]) == ("Offered", ["Paused"])
    assert rows["strategy-session"].facts == "Session · 15 min with a person · 30 min of yours"
    assert "Guarantee · 60 min · 2,000 EUR to pay" in rows["money-back-60"].facts


def test_a_bare_step(site):
    """A step at which nothing can be asked is named, support or not."""
    service = site.service
    assert not any(group.is_bare for group in offers_by_step(service))
    for offer in ("quarterly-contract", "annual-contract"):
        site.act(f"/settings/offers/{offer}/status", status="paused")
    assert [group.title for group in offers_by_step(service) if group.is_bare] == ["Contract"]
    assert "a lead before it can be asked for nothing" in site.get("/settings/offers").text


def test_what_is_known_is_told_apart_from_what_experiments_count(site):
    """Of how many leads the model learned is said in its own words, and that experiments differ."""
    text = site.get("/settings/offers").text
    rows = [row for group in offers_by_step(site.service) for row in group.rows]
    assert all(row.known.startswith(("Learned from", "Not known yet")) for row in rows)
    assert "Experiments count others" in text
