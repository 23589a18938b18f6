"""Events in our own words: members that are not ours are refused, the rest is as for Segment's."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.ladder.file import read_ladder
from serving.edge.access.keys import Keys
from tests.profiles import examples
from tests.serving.ingestion.ingesting import ANSWERS, NOW, at, ingesting
from tests.serving.shapes import is_problem

ROOT = Path(__file__).resolve().parents[3]
JSON = {"Content-Type": "application/json"}
new_id = partial(next, (f"own-{number}" for number in count()))


def event(**changes):
    told = {
        "message_id": new_id(),
        "lead_id": "ann",
        "name": "webinar_attended",
        "occurred_at": NOW,
        "properties": {"minutes": 41},
        **changes,
    }
    return {name: value for name, value in told.items() if value is not ...}


def post(client, events, **how):
    return client.post("/v1/events", json={"events": events}, **how)


def test_events(service, client):
    """Events are stored as they are told, with what they say of identities."""
    first = event(anonymous_id="cookie-1", properties=...)
    second = event(lead_id="bea", previous_id="crm-2", occurred_at="2026-03-01T13:30:00.25+01:00")
    answer = post(client, [first, second, first])
    assert answer.status_code == 200
    said = answer.json()
    assert (said["success"], said["accepted"], said["duplicates"]) == (True, 2, 1)
    assert said["rejected"] == said["warnings"] == []
    row = service.row(first["message_id"])
    assert (row["lead_id"], row["name"], row["properties"]) == ("ann", "webinar_attended", {})
    row = service.row(second["message_id"])
    assert row["occurred_at"] == at("2026-03-01T12:30:00.25Z")
    assert row["properties"] == {"minutes": 41}
    assert {("claim", "cookie-1", "ann"), ("alias", "crm-2", "bea")} <= service.links()


def test_future(service, client):
    """What is said to happen later happened when it came in."""
    told = event(occurred_at="2199-12-31T23:59:59Z")
    assert post(client, [told]).json()["accepted"] == 1
    row = service.row(told["message_id"])
    assert row["occurred_at"] == row["known_at"] < at("2199-12-31T23:59:59Z")


@pytest.mark.parametrize(
    ("told", "kind", "pointer"),
    [
        (5, "invalid_event", ""),
        (event(message_id=...), "missing", "/message_id"),
        (event(message_id=7), "missing", "/message_id"),
        (event(message_id="x" * 100), "invalid_id", "/message_id"),
        (event(message_id="rung-1"), "reserved", "/message_id"),
        (event(lead_id=...), "missing", "/lead_id"),
        (event(lead_id=""), "missing", "/lead_id"),
        (event(lead_id=" "), "invalid_id", "/lead_id"),
        (event(lead_id=7), "missing", "/lead_id"),
        (event(anonymous_id=7), "invalid_id", "/anonymous_id"),
        (event(previous_id="a\0"), "invalid_id", "/previous_id"),
        (event(name=...), "invalid_name", "/name"),
        (event(name="rung_outcome"), "reserved", "/name"),
        (event(occurred_at=...), "invalid_time", "/occurred_at"),
        (event(occurred_at="2026-03-01T12:00:00"), "invalid_time", "/occurred_at"),
        (event(properties=[]), "invalid_event", "/properties"),
        (event(leadid="a"), "unknown_member", "/leadid"),
        (
            event(name="consultation_outcome", properties={"fit": "Ann will call"}),
            "invalid_value",
            "/properties/fit",
        ),
        (
            event(name="consultation_outcome", properties={"Fit": ["no"]}),
            "invalid_value",
            "/properties/Fit",
        ),
        (
            event(name="assessment_completed", properties={"gaps": ["costs", {"weight": 3}]}),
            "invalid_value",
            "/properties/gaps/1",
        ),
        (
            event(name="consent", properties={"channel": "email", "granted": "later"}),
            "invalid_value",
            "/properties/granted",
        ),
        (
            event(name="page_viewed", properties={"a/b": {"email": "x"}}),
            "personal_data",
            "/properties/a~1b/email",
        ),
    ],
)
def test_rejected(service, client, told, kind, pointer):
    """An event that will not do is refused alone; when strict, with a pointer, and so are all."""
    good = event()
    before = service.count()
    (rejected,) = post(client, [good, told]).json()["rejected"]
    assert (rejected["index"], rejected["type"]) == (1, kind)
    assert service.count() == before + 1
    answer = post(client, [event(), told], headers={"Prefer": "handling=strict"})
    (error,) = is_problem(answer, 422)["errors"]
    assert (error["pointer"], error["code"]) == (f"/body/events/1{pointer}", kind)
    assert service.count() == before + 1


@pytest.mark.parametrize(
    "fit", [True, False, 0, 1, "yes", "not a fit", "no fit", "maybe", "", None]
)
def test_fit_that_is_understood(service, client, fit):
    """A judgement in words, or as a truth value, is taken as it was sent."""
    told = event(name="consultation_outcome", properties={"fit": fit})
    assert post(client, [told]).json()["accepted"] == 1
    assert service.row(told["message_id"])["properties"] == {"fit": fit}


def test_hint(client):
    """A member that is nearly one of ours gets a hint."""
    (rejected,) = post(client, [event(occured_at=NOW)]).json()["rejected"]
    assert "'occurred_at'" in rejected["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], "/body"),
        ({}, "/body/events"),
        ({"events": {}}, "/body/events"),
        ({"events": [], "source": "x"}, "/body/source"),
    ],
)
def test_wrong_body(client, body, pointer):
    """A body of another form is a problem as a whole."""
    problem = is_problem(client.post("/v1/events", json=body), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b" " * 600_000, JSON, 413),
        (json.dumps({"events": [0] * 2501}).encode(), JSON, 413),
    ],
)
def test_bodies(client, content, headers, status):
    """Broken, mislabelled and too large bodies are told apart."""
    is_problem(client.post("/v1/events", content=content, headers=headers), status)


def test_keys(tmp_path):
    """With a key its source stands before the message id; without one nothing is taken."""
    with ingesting(tmp_path, read_ladder("b2b")) as service:
        _, key = Keys(service.store.database).create("crm", ["ingest"], "crm", as_of=1)
        is_problem(post(service.client, [event(message_id="m")]), 401)
        answer = post(service.client, [event(message_id="m")], auth=(key, ""))
        assert answer.json()["accepted"] == 1
        assert service.row("crm/m")["lead_id"] == "ann"


def test_every_kind_is_documented():
    """Each type of a rejection has a row in docs/ingestion.md, and no row is of none."""
    code = "".join(path.read_text() for path in (ROOT / "serving" / "ingestion").glob("*.py"))
    kinds = set(re.findall(r'EventRefused\(\s*"(\w+)"', code))
    page = (ROOT / "docs" / "ingestion.md").read_text()
    table = page.partition("| `type` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == kinds
    remarks = set(re.findall(r'Remark\(\s*"(\w+)"', code))
    assert remarks - kinds
    assert not {kind for kind in remarks if f"`{kind}`" not in page}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
members = st.sampled_from(
    [
        *("message_id", "lead_id", "anonymous_id", "previous_id", "name", "occurred_at"),
        *("properties", "type"),
    ]
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(values | st.dictionaries(members, values, max_size=3), max_size=4), st.booleans())
def test_any_value_anywhere(service, changes, strict):
    """Whatever stands anywhere: no other status, and stored is what was said to be accepted."""
    told = [event(**one) if isinstance(one, dict) else one for one in changes]
    before = service.count()
    headers = JSON | ({"Prefer": "handling=strict"} if strict else {})
    answer = service.client.post(
        "/v1/events", content=json.dumps({"events": told}), headers=headers
    )
    assert answer.status_code in ANSWERS
    stored = service.count() - before
    if answer.status_code == 200:
        said = answer.json()
        assert stored == said["accepted"]
        assert said["accepted"] + said["duplicates"] + len(said["rejected"]) == len(told)
    else:
        is_problem(answer, answer.status_code)
        assert stored == 0
