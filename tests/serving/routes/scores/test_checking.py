"""Leads of a request are checked one by one, and no longer than anybody reads."""

from __future__ import annotations

import pytest
from fastapi.exceptions import RequestValidationError

from serving.routes.schemas import BatchRequest, EventOfLead, LeadByMail, LeadEvents
from serving.routes.scores import checking
from serving.routes.scores.checking import checked_leads

EVENT = {"name": "page_viewed", "occurred_at": "2026-03-01T12:00:00Z"}


def faults(leads):
    with pytest.raises(RequestValidationError) as raised:
        checked_leads(leads)
    return raised.value.errors()


def test_leads_are_what_they_were_sent_as():
    """An id, an address and a lead with events, in the order of the request."""
    sent = ["ann", {"email": "ben@example.com"}, {"lead_id": "x", "events": [EVENT]}, "ann"]
    event = EventOfLead.model_validate(EVENT)
    assert checked_leads(sent) == [
        "ann",
        LeadByMail(email="ben@example.com"),
        LeadEvents(lead_id="x", events=[event]),
        "ann",
    ]


def test_a_body_is_taken_before_its_leads_are_looked_at():
    """The framework, on whose time all others wait, takes any: they are checked in a thread."""
    sent = [{"lead_id": 7, "events": [{"nam": "x"}]}, 7]
    assert BatchRequest.model_validate({"leads": sent}).leads == sent


def test_faults_are_pointed_at():
    """Each by its place in the body, as the framework would."""
    found = faults(["ann", 7, {"lead_id": "x", "events": [EVENT, {**EVENT, "nam": 1}]}])
    assert [(one["loc"], one["type"]) for one in found] == [
        (("body", "leads", 1, "<id>"), "string_type"),
        (("body", "leads", 2, "<events>", "events", 1, "nam"), "extra_forbidden"),
    ]


def test_after_many_faults_no_other_lead_is_looked_at():
    """A tool that calls a member otherwise in each event is told of as many as are listed."""
    lead = {"lead_id": "x", "events": [{"nam": "page_viewed"}] * 300}
    found = faults([lead] * 1000)
    assert len(found) == 2700
    assert {one["loc"][2] for one in found} == {0, 1, 2}


def test_a_lead_with_more_faults_than_are_told(monkeypatch):
    """It is pointed at as a whole: to tell of each takes longer than to find it."""
    monkeypatch.setattr(checking, "_MOST_TOLD", 10)
    lead = {"lead_id": "x", "events": [], **{f"a{at}": 1 for at in range(11)}}
    (fault,) = faults(["ann", lead])
    assert fault["loc"] == ("body", "leads", 1)
    assert fault["msg"] == "11 values in it will not do"
