"""Events that a request brings itself are held to what the doors for events ask."""

from __future__ import annotations

from typing import Any

import pytest

from features.ladder.file import read_ladder
from serving.ingestion.values import rules_of
from serving.routes.schemas import LeadEvents
from serving.routes.scores.sent_leads import rows_sent
from tests.serving.shapes import is_problem

AT = "2026-03-01T12:00:00Z"
GOOD = {"name": "content_read", "occurred_at": AT, "properties": {"seconds": "300", "x": [1]}}


def event(name: Any = "content_read", **properties: Any) -> dict[str, Any]:
    return {"name": name, "occurred_at": AT, "properties": properties}


def lead(*events: dict[str, Any], lead_id: str = "passer-by") -> dict[str, Any]:
    return {"lead_id": lead_id, "events": list(events)}


def batch(client, *leads):
    return client.post("/v1/scores:batch", json={"leads": list(leads)})


WRONG = [
    (event(watched_fraction=82), "/properties/watched_fraction"),
    (event(some_share="17"), "/properties/some_share"),
    (event(seconds=-5), "/properties/seconds"),
    (event(seconds="abc"), "/properties/seconds"),
    (event(seconds={"a": 1}), "/properties/seconds"),
    (event("consultation_outcome", fit="Ann will call"), "/properties/fit"),
    (event("consent", channel={"x": 3}), "/properties/channel"),
    (event(gaps=["costs", 7, {"x": 1}]), "/properties/gaps/2"),
    (event("rung_decision"), "/name"),
    (event("rung_assignment"), "/name"),
    (event("a\nb"), "/name"),
    (event("  "), "/name"),
]


@pytest.mark.parametrize(("wrong", "place"), WRONG)
def test_as_the_doors_for_events(client, wrong, place):
    """What they refuse is refused for the same reason, and pointed at where it stands."""
    body = is_problem(batch(client, "lead-0001", lead(GOOD, wrong)), 422)
    (fault,) = body["errors"]
    assert fault["pointer"] == f"/body/leads/1/events/1{place}"

    sent = {"events": [{"message_id": "told", "lead_id": "passer-by", **wrong}]}
    strict = client.post("/v1/events", json=sent, headers={"Prefer": "handling=strict"})
    (own,) = is_problem(strict, 422)["errors"]
    assert own == {**fault, "pointer": f"/body/events/0{place}"}


@pytest.mark.parametrize(
    ("lead_id", "code"),
    [
        *(("null", "junk_id"), ("Guest", "junk_id"), ("a\nb", "invalid_id")),
        *((" ", "invalid_id"), ("x" * 257, "string_too_long")),
    ],
)
def test_ids_of_nobody(client, lead_id, code):
    """A lead that no event could be sent of is none here either."""
    (fault,) = is_problem(batch(client, lead(GOOD, lead_id=lead_id)), 422)["errors"]
    assert (fault["pointer"], fault["code"]) == ("/body/leads/0/lead_id", code)


@pytest.mark.parametrize(
    "at",
    [
        *("1969-12-31T23:59:59Z", "2200-01-02T00:00:00Z", 5, True, None, "", "soon"),
        *("2026-03-01", "20260301", "2026-W09-7", "2026-03-01T12:00:00", "1772366400"),
    ],
)
def test_times(client, at):
    """When something happened is read as the doors for events read it, and refused in one way."""
    (fault,) = is_problem(batch(client, lead({**GOOD, "occurred_at": at})), 422)["errors"]
    sent = {"events": [{"message_id": "told", "lead_id": "passer-by", **GOOD, "occurred_at": at}]}
    strict = client.post("/v1/events", json=sent, headers={"Prefer": "handling=strict"})
    (own,) = is_problem(strict, 422)["errors"]
    assert {**own, "pointer": f"/body/leads/0/events/0{own['pointer'][14:]}"} == fault
    if at is not None:
        known = is_problem(batch(client, lead({**GOOD, "known_at": at})), 422)["errors"][0]
        assert known["pointer"] == "/body/leads/0/events/0/known_at"


def test_each_is_pointed_at(client):
    """All that will not do is named, of all leads; a hundred at most."""
    some = [lead(event(seconds=-1), GOOD, event("rung_decision")), "lead-0001", lead(event(fit=3))]
    body = is_problem(batch(client, *some, lead(event(minutes="x"))), 422)
    assert [one["pointer"] for one in body["errors"]] == [
        "/body/leads/0/events/0/properties/seconds",
        "/body/leads/0/events/2/name",
        "/body/leads/3/events/0/properties/minutes",
    ]
    many = is_problem(batch(client, lead(*[event(seconds=-1)] * 150)), 422)
    assert len(many["errors"]) == 100


def test_rows():
    """What will do comes back as it was said: known when it happened, where nothing else is."""
    events = [GOOD, {**GOOD, "known_at": "2026-03-02T00:00:00Z"}]
    told = LeadEvents.model_validate(lead(*events))
    ((lead_id, rows),) = rows_sent({7: told}, rules_of(read_ladder("b2b")))
    assert lead_id == "passer-by"
    assert [row[0] for row in rows] == ["content_read", "content_read"]
    assert [row[2] - row[1] for row in rows] == [0, 12 * 3_600_000_000]
    assert rows[0][3] == GOOD["properties"]
