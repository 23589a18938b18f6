"""CloudEvents: three modes say the same, and what CloudEvents' own library writes is understood."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import partial
from itertools import count

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent as OlderCloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tests.serving.ingestion.ingesting import ANSWERS, NOW, at
from tests.serving.shapes import is_problem

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
new_id = partial(next, (f"{number}" for number in count()))


def event(**changes):
    told = {
        "specversion": "1.0",
        "id": new_id(),
        "source": "/web",
        "type": "webinar_attended",
        "subject": "ann",
        "time": NOW,
        "data": {"minutes": 41},
        **changes,
    }
    return {name: value for name, value in told.items() if value is not ...}


def post(client, content, kind, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content)
    return client.post("/v1/cloudevents", content=body, headers={"Content-Type": kind} | headers)


def binary(client, told, kind="application/json", **headers):
    """Send an event in the binary mode."""
    attributes = {f"ce-{name}": value for name, value in told.items() if name != "data"}
    body = json.dumps(told["data"]).encode() if "data" in told else b""
    return post(client, body, kind, **attributes, **headers)


def is_one(answer, accepted=1):
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "success": True,
        "accepted": accepted,
        "duplicates": 1 - accepted,
        "rejected": [],
        "warnings": [],
    }


# ------------------------------------------------------------------------------------------- Modes


@pytest.mark.parametrize("kind", [ONE, f"{ONE}; charset=UTF-8", "Application/CloudEvents"])
def test_structured(service, client, kind):
    """The event is the body."""
    told = event()
    is_one(post(client, told, kind))
    row = service.row(f"/web {told['id']}")
    assert (row["lead_id"], row["name"]) == ("ann", "webinar_attended")
    assert (row["properties"], row["occurred_at"]) == ({"minutes": 41}, at(NOW))


def test_batched(service, client):
    """Several events are an array; one that will not do is refused alone."""
    first, second = event(), event(type="rung_decision")
    answer = post(client, [first, second, first], MANY)
    said = answer.json()
    (rejected,) = said["rejected"]
    assert (said["accepted"], said["duplicates"]) == (1, 1)
    assert (rejected["index"], rejected["message_id"]) == (1, second["id"])
    assert rejected["type"] == "reserved"
    assert service.rows(f"/web {second['id']}") == []
    strict = post(client, [event(), second], MANY, Prefer="handling=strict")
    (error,) = is_problem(strict, 422)["errors"]
    assert error["pointer"] == "/body/1/type"
    assert post(client, [], MANY).json()["accepted"] == 0


def test_binary(service, client):
    """Attributes are headers and the data are the body."""
    told = event()
    is_one(binary(client, told))
    assert service.row(f"/web {told['id']}")["properties"] == {"minutes": 41}
    is_one(binary(client, event(data=...)))
    is_one(binary(client, event(data=None)))


def test_one_event_in_three_modes(client):
    """The same event counts once, however it is written."""
    told = event()
    is_one(post(client, told, ONE))
    is_one(binary(client, told), accepted=0)
    is_one(post(client, [told], MANY), accepted=0)


def test_a_warning_names_its_event(client):
    """In each of the three modes by the id that was sent."""
    told = event(type="page_viewed", data={"url": "/thanks?email=ann@example.com"})
    one = post(client, told, ONE)
    many = post(client, [told | {"id": "m2"}], "application/cloudevents-batch+json")
    for answer, id_ in (
        (one, told["id"]),
        (many, "m2"),
        (binary(client, told | {"id": "m3"}), "m3"),
    ):
        (warning,) = answer.json()["warnings"]
        assert (warning["message_id"], warning["type"]) == (id_, "redacted")


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("lower%e2%82%ac", "lower€"),
        ("needless%41", "needlessA"),
        ("100%25", "100%"),
        ("once%2541", "once%41"),
        ('"quoted \\"text\\""', 'quoted "text"'),
        ('"a\\\\b"', "a\\b"),
        ("raw €".encode(), "raw €"),
    ],
)
def test_header_values(service, client, header, subject):
    """A header is unquoted, then percent-decoded once, as UTF-8."""
    told = event()
    headers = [("Content-Type", "application/json")]
    for name in ("specversion", "id", "source", "type"):
        headers.append((f"ce-{name}", told[name]))
    headers.append(("ce-subject", header))
    is_one(client.post("/v1/cloudevents", content=b"{}", headers=headers))
    assert service.row(f"/web {told['id']}")["lead_id"] == subject


@pytest.mark.parametrize("header", ["%C0%A0", "%FF", "%ED%A0%80"])
def test_header_that_is_not_utf8(client, header):
    """Bytes that are no UTF-8 are refused."""
    headers = [
        ("ce-id", "1"),
        ("ce-source", "/"),
        ("ce-specversion", "1.0"),
        ("ce-subject", header),
    ]
    is_problem(client.post("/v1/cloudevents", content=b"", headers=headers), 400)


# ---------------------------------------------------------------------------------------- Libraries


def test_cloudevents_library(service, client):
    """What the library of CloudEvents writes is understood, whatever the characters."""
    attributes = {
        "specversion": "1.0",
        "id": "1 ü%",
        "source": "/bücher",
        "type": "webinar_attended",
        "subject": 'lead "€"',
        "time": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "datacontenttype": "application/json",
        "myextension": "x",
    }
    told = CloudEvent(attributes, {"minutes": 20})
    for accepted, write in ((1, http.to_binary_event), (0, http.to_structured_event)):
        message = write(told)
        answer = client.post("/v1/cloudevents", content=message.body, headers=message.headers)
        is_one(answer, accepted)
    row = service.row("/bücher 1 ü%")
    assert (row["lead_id"], row["occurred_at"]) == ('lead "€"', at(NOW))
    assert row["properties"] == {"minutes": 20}


def test_older_cloudevents_library(service, client):
    """Its first version leaves out the label of the data, and encodes nothing."""
    told = OlderCloudEvent({"source": "/a", "type": "x", "subject": "lead €"}, {"a": 1})
    for accepted, write in ((1, to_binary), (0, to_structured)):
        headers, body = write(told)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        is_one(client.post("/v1/cloudevents", content=body, headers=raw), accepted)
    row = service.row(f"/a {told['id']}")
    assert (row["lead_id"], row["properties"]) == ("lead €", {"a": 1})


# ------------------------------------------------------------------------------------------ Events


@pytest.mark.parametrize(
    ("changes", "lead", "claim"),
    [
        ({"subject": "s", "data": {"userId": "u", "anonymousId": "a1"}}, "s", "a1"),
        ({"subject": None, "data": {"lead_id": "l", "userId": "u"}}, "l", None),
        ({"subject": ..., "data": {"userId": 5, "anonymous_id": "a2"}}, "5", "a2"),
        ({"subject": "", "data": {"anonymousId": "a3"}}, "a3", None),
    ],
)
def test_lead(service, client, changes, lead, claim):
    """The lead is the subject; without one the data say who it is."""
    told = event(**changes)
    is_one(post(client, told, ONE))
    assert service.row(f"/web {told['id']}")["lead_id"] == lead
    claims = {other for kind, other, user in service.links() if (kind, user) == ("claim", lead)}
    assert (claim in claims) == (claim is not None)


def test_base64(service, client):
    """Data may be base64 of their JSON."""
    encoded = base64.b64encode(b'{"minutes": 5}').decode()
    told = event(data=..., data_base64=encoded)
    is_one(post(client, told, ONE))
    assert service.row(f"/web {told['id']}")["properties"] == {"minutes": 5}


def test_without_time(service, client):
    """Without a time it happened when it came in."""
    told = event(time=None)
    is_one(post(client, told, ONE))
    row = service.row(f"/web {told['id']}")
    assert row["occurred_at"] == row["known_at"]


def test_long_ids(service, client):
    """Source and id that are too long together are told apart by a hash."""
    source = "https://example.com/" + "x" * 90
    told, other = event(source=source), event(source=source)
    is_one(post(client, told, ONE))
    is_one(post(client, told, ONE), accepted=0)
    is_one(post(client, other, ONE))
    hashed = [row for row in service.rows() if row["message_id"].startswith("ce-")]
    assert len(hashed) == 2
    assert max(len(row["message_id"]) for row in hashed) < 100


@pytest.mark.parametrize(
    ("changes", "code", "attribute"),
    [
        ({"specversion": ...}, "missing", "specversion"),
        ({"specversion": "0.3"}, "unknown_version", "specversion"),
        ({"id": ...}, "missing", "id"),
        ({"id": "a\x7f"}, "invalid_id", "id"),
        ({"source": ...}, "missing", "source"),
        ({"source": "a b"}, "invalid_id", "source"),
        ({"source": "rung-1"}, "reserved", "id"),
        ({"type": ...}, "missing", "type"),
        ({"type": "x" * 201}, "invalid_name", "type"),
        ({"type": "rung_outcome"}, "reserved", "type"),
        ({"subject": ..., "data": ...}, "missing", "subject"),
        ({"subject": "x" * 257}, "invalid_id", "subject"),
        ({"time": "2026-03-01T12:00:00"}, "invalid_time", "time"),
        ({"subject": ..., "data": {"userId": True}}, "invalid_id", "data/userId"),
        ({"data": 5}, "invalid_data", "data"),
        ({"data": [1]}, "invalid_data", "data"),
        ({"type": "page_viewed", "data": {"Email": "a"}}, "personal_data", "data/Email"),
    ],
)
def test_refused(service, client, changes, code, attribute):
    """A single event that will not do is a problem that points at the cause, in each mode."""
    before = service.count()
    told = event(**changes)
    (error,) = is_problem(post(client, told, ONE), 422)["errors"]
    assert (error["pointer"], error["code"]) == (f"/body/{attribute}", code)
    place = f"/body{attribute[4:]}" if attribute.startswith("data") else f"/header/ce-{attribute}"
    (error,) = is_problem(binary(client, told), 422)["errors"]
    assert (error["pointer"], error["code"]) == (place, code)
    assert service.count() == before


@pytest.mark.parametrize(
    ("changes", "attribute"),
    [
        ({"data_base64": "e30="}, "data_base64"),
        ({"data": ..., "data_base64": "%"}, "data_base64"),
        ({"data": ..., "data_base64": 5}, "data_base64"),
        ({"data": ..., "data_base64": "é"}, "data_base64"),
        ({"data": ..., "data_base64": base64.b64encode(b"{").decode()}, "data_base64"),
        ({"data": ..., "data_base64": base64.b64encode(b"[]").decode()}, "data"),
        ({"datacontenttype": "application/xml", "data": "<a/>"}, "datacontenttype"),
        ({"specversion": 1.0}, "specversion"),
    ],
)
def test_refused_in_json(client, changes, attribute):
    """Data come once, as JSON, and hold an object."""
    (error,) = is_problem(post(client, event(**changes), ONE), 422)["errors"]
    assert error["pointer"] == f"/body/{attribute}"


def test_large_event_in_headers_and_body(client):
    """Headers count for the size of an event."""
    is_problem(binary(client, event(data={"x": "y" * 32_700})), 413)


@pytest.mark.parametrize(
    ("content", "kind", "headers", "status"),
    [
        (b"{}", "application/cloudevents+avro", {}, 415),
        (b"{}", "application/cloudevents-batch", {}, 415),
        (b"{}", "application/json", {}, 415),
        (b"", "", {}, 415),
        (b"<a/>", "application/xml", {"ce-id": "1"}, 415),
        (b"{", ONE, {}, 400),
        (b"{", MANY, {}, 400),
        (b"{", "application/json", {"ce-id": "1"}, 400),
        (b"5", ONE, {}, 422),
        (b"{}", MANY, {}, 422),
        (b" " * 40_000, ONE, {}, 413),
        (b" " * 40_000, "application/json", {"ce-id": "1"}, 413),
        (b" " * 600_000, MANY, {}, 413),
        (json.dumps([0] * 2501).encode(), MANY, {}, 413),
    ],
)
def test_bodies(client, content, kind, headers, status):
    """What is no CloudEvent, broken, or too large is told apart."""
    is_problem(post(client, content, kind, **headers), status)


# -------------------------------------------------------------------------------------- Properties

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
attributes = st.sampled_from(
    [
        *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"),
        *("data_base64", "extension"),
    ]
)
changes = values | st.dictionaries(attributes, values, max_size=3)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(changes, max_size=4))
def test_any_batch(service, batch):
    """Whatever stands anywhere: no other status, and stored is what was said to be accepted."""
    told = [event(**one) if isinstance(one, dict) else one for one in batch]
    before = service.count()
    answer = post(service.client, told, MANY)
    assert answer.status_code in ANSWERS
    stored = service.count() - before
    if answer.status_code == 200:
        said = answer.json()
        assert stored == said["accepted"]
        assert said["accepted"] + said["duplicates"] + len(said["rejected"]) == len(told)
    else:
        assert stored == 0


@settings(max_examples=examples(100), deadline=None)
@given(changes)
def test_any_single_event(service, change):
    """A single event is stored, a duplicate, or a problem, and nothing else."""
    told = event(**change) if isinstance(change, dict) else change
    before = service.count()
    answer = post(service.client, told, ONE)
    assert answer.status_code in ANSWERS
    accepted = answer.json()["accepted"] if answer.status_code == 200 else 0
    assert service.count() == before + accepted


@settings(max_examples=examples(100), deadline=None)
@given(
    st.dictionaries(
        attributes,
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20),
        max_size=3,
    ),
    st.binary(max_size=10),
)
def test_any_headers(service, headers, body):
    """Whatever the headers are, the answer is one of those that are described."""
    told = {f"ce-{name}": value for name, value in {**event(data=...), **headers}.items()}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    answer = service.client.post("/v1/cloudevents", content=body, headers=raw)
    assert answer.status_code in ANSWERS
