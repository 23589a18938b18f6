"""Who a lead is and what is kept of it, by any of its ids, and nothing of others."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import sqlalchemy as sa

from features.store.schema import scores
from tests.features.store.privacy.scene import score


@pytest.mark.usefixtures("merged")
def test_lead(privacy):
    """Who a lead is is the same by any of its ids."""
    found = privacy.lead("visitor-1")
    assert (found.lead_id, found.ids) == ("ann", ("ann", "old-ann", "visitor-1"))
    assert (found.first_seen, found.last_seen, found.events) == (5, 30, 4)
    assert [(link["kind"], link["source"]) for link in found.links] == [
        ("claim", "visitor-1"),
        ("alias", "old-ann"),
    ]
    assert privacy.lead("ann") == privacy.lead("old-ann") == found


def test_undone_links_are_history(merged, privacy):
    """A link that was undone is shown to both sides, with when."""
    merged.undo_link("claim", "visitor-1", "ann", undone_at=77)
    assert privacy.lead("visitor-1").ids == ("visitor-1",)
    for lead in ("visitor-1", "ann"):
        assert ("visitor-1", 77) in {
            (link["source"], link["undone_at"]) for link in privacy.lead(lead).links
        }


def test_export(merged, privacy):
    """An export has every row that names the lead, none of others, and JSON all through."""
    privacy.opt_out(["ann"], opted_out_at=50, reason="letter")
    with merged.database.writing() as connection:  # as one that was on its way
        connection.execute(sa.insert(scores), asdict(score("ann")))
    told = privacy.export("old-ann", exported_at=1_000_000)
    assert told == json.loads(json.dumps(told, allow_nan=False))
    assert (told["lead_id"], told["exported_at"]) == ("ann", "1970-01-01T00:00:01Z")
    assert [(event["subject"], event["message_id"]) for event in told["events"]] == [
        ("old-ann", "m4"),
        ("visitor-1", "m1"),
        ("ann", "m2"),
        ("ann", "m3"),
    ]
    assert told["events"][0]["properties"] == {"page": "old-ann's"}
    assert told["events"][0]["occurred_at"] == "1970-01-01T00:00:00.000005Z"
    assert told["scores"][0]["reasons"]["base"] == 0.5
    (notice,) = told["notifications"]
    assert notice["data"] == {"lead_id": "ann"}
    assert [(one["endpoint_id"], one["description"]) for one in notice["deliveries"]] == [
        ("e", "Slack")
    ]
    assert [one["external_id"] for one in told["write_backs"]] == ["crm-ann"]
    assert {one["id"] for one in told["identities"]} == {"ann", "old-ann", "visitor-1"}
    assert {one["kind"] for one in told["identity_links"]} == {"claim", "alias"}
    assert {one["reason"] for one in told["opt_outs"]} == {"letter"}
    assert {one["subject"] for one in told["stale"]} == {"ann", "old-ann", "visitor-1"}
    assert "bob" not in json.dumps(told)
