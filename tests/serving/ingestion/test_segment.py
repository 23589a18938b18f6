"""The routes for Segment's clients: what they send is stored, what will not do is named."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import random
import string
import zlib
from datetime import UTC, datetime
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import segment.analytics
from hypothesis import example, given, settings
from hypothesis import strategies as st
from segment.analytics import request as segment_request

from features.errors import StoreError
from features.ladder.file import parse_ladder, read_ladder
from serving.edge import bodies
from serving.edge.access.keys import Keys
from tests.profiles import examples
from tests.serving.conftest import service_of
from tests.serving.ingestion.ingesting import ANSWERS, NOW, at, ingesting
from tests.serving.shapes import is_problem

BATCHES = ["/v1/batch", "/v1/import"]


@pytest.fixture
def noon(service):
    """The service's clock stands at NOW."""
    service.clock = lambda: at(NOW)


new_id = partial(next, (f"m-{number}" for number in count()))


def track(**changes):
    call = {
        "type": "track",
        "messageId": new_id(),
        "userId": "ann",
        "event": "webinar_attended",
        "properties": {"minutes": 41},
        "timestamp": NOW,
        **changes,
    }
    return {name: value for name, value in call.items() if value is not ...}


def post(client, calls, path="/v1/batch", headers=None, **more):
    return client.post(path, json={"batch": calls, **more}, headers=headers)


def accepted(answer):
    """The counts of an answer to a batch in which nothing is rejected."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("success") is True
    assert body.pop("rejected") == []
    return body["accepted"], body["duplicates"]


def only_rejection(answer):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["success"], body["accepted"], body["duplicates"]) == (True, 0, 0)
    (rejected,) = body["rejected"]
    assert set(rejected) == {"index", "message_id", "type", "detail"}
    return rejected


# ------------------------------------------------------------------------------------------- Calls


@pytest.mark.parametrize("path", BATCHES)
def test_batch(service, client, path):
    """Every kind of call is stored under its name, with what it holds, for the user."""
    kinds: dict[str, Any] = {
        "track": ({"event": "Clicked", "properties": {"a": 1}}, "Clicked", {"a": 1}),
        "identify": ({"traits": {"email": "a@b.de"}}, "identify", {"email": "a@b.de"}),
        "page": (
            {"name": "Home", "category": "Docs", "properties": {"seconds": 4}},
            "page_viewed",
            {"name": "Home", "category": "Docs", "seconds": 4},
        ),
        "screen": ({"name": None, "properties": None}, "screen_viewed", {}),
        "group": (
            {"groupId": 7, "traits": {"size": 9}},
            "group",
            {"group_id": "7", "size": 9},
        ),
        "alias": ({"previousId": f"old-{path}"}, "alias", {}),
    }
    calls = [
        {"type": kind, "messageId": f"{path}-{kind}", "userId": "bea", "timestamp": NOW, **call}
        for kind, (call, _, _) in kinds.items()
    ]
    assert accepted(post(client, calls, path)) == (6, 0)
    for kind, (_, name, properties) in kinds.items():
        row = service.row(f"{path}-{kind}")
        assert (row["lead_id"], row["name"], row["properties"]) == ("bea", name, properties)
    assert ("alias", f"old-{path}", "bea") in service.links()


@pytest.mark.parametrize(
    ("kind", "call", "name"),
    [
        ("track", {"event": "Clicked"}, "Clicked"),
        ("identify", {"traits": {"role": "founder"}}, "identify"),
        ("page", {"name": "Home"}, "page_viewed"),
        ("screen", {}, "screen_viewed"),
        ("group", {"groupId": "acme"}, "group"),
        ("alias", {"previousId": "cookie-1"}, "alias"),
    ],
)
def test_single(service, client, kind, call, name):
    """Each kind has an address of its own, with the answer of a batch of one."""
    body = {"messageId": new_id(), "userId": "cem", **call}
    assert accepted(client.post(f"/v1/{kind}", json=body)) == (1, 0)
    assert accepted(client.post(f"/v1/{kind}", json={**body, "type": kind})) == (0, 1)
    assert service.row(body["messageId"])["name"] == name


def test_whole_service(bare):
    """The service that everyone starts takes events by the same routes."""
    call = track(messageId="whole-1", userId="whole", timestamp="2026-01-01T00:00:00Z")
    assert accepted(bare.post("/v1/track", json=call)) == (1, 0)
    assert accepted(post(bare, [call])) == (0, 1)
    (row,) = service_of(bare).store.events_of("whole")
    assert row[:2] == ("webinar_attended", at("2026-01-01T00:00:00Z"))


def test_another_type(client):
    """A call that says it is of another kind than its address is refused."""
    answer = client.post("/v1/track", json=track(type="page"))
    (error,) = is_problem(answer, 422)["errors"]
    assert (error["pointer"], error["code"]) == ("/body/type", "unknown_type")


def test_traits_go_by_the_name_of_the_ladder(tmp_path):
    """What identify becomes is named in the ladder file."""
    source = read_ladder("b2b").source.replace('traits = "identify"', 'traits = "profile"')
    with ingesting(tmp_path, parse_ladder(source, "named")) as service:
        call = {"messageId": "m", "userId": "a", "traits": {"role": "founder"}}
        assert accepted(service.client.post("/v1/identify", json=call)) == (1, 0)
        assert service.row("m")["name"] == "profile"


def test_two_ids(service, client):
    """An anonymous id next to a user's is a claim; alone it is the subject."""
    both, alone = new_id(), new_id()
    calls = [
        track(messageId=both, userId="dev", anonymousId="cookie-dev"),
        track(messageId=alone, userId=None, anonymousId="cookie-x"),
        track(userId="cookie-y", anonymousId="cookie-y"),
    ]
    assert accepted(post(client, calls)) == (3, 0)
    assert service.row(both)["lead_id"] == "dev"
    assert service.row(alone)["lead_id"] == "cookie-x"
    assert ("claim", "cookie-dev", "dev") in service.links()
    assert not any("cookie-y" in link for link in service.links())


@pytest.mark.parametrize(
    ("given", "kept"), [(42, "42"), (42.0, "42"), (-7, "-7"), (2**53, "9007199254740992")]
)
def test_numbers_as_ids(service, client, given, kept):
    """Clients send numbers; they are the texts that they are written as."""
    message = new_id()
    assert accepted(post(client, [track(messageId=message, userId=given)])) == (1, 0)
    assert service.row(message)["lead_id"] == kept


def test_context(service, client):
    """Campaign and group become properties; no address, device, browser or trait is kept."""
    message = new_id()
    context = {
        "ip": "203.0.113.7",
        "userAgent": "Mozilla",
        "device": {"id": "device-1", "advertisingId": "ad-1"},
        "traits": {"email": "ann@example.com"},
        "page": {"url": "https://example.com"},
        "campaign": {"name": "spring", "source": "news", "medium": "mail", "term": {}, "x": "y"},
        "groupId": 12,
    }
    assert accepted(post(client, [track(messageId=message, context=context)])) == (1, 0)
    assert service.row(message)["properties"] == {
        "minutes": 41,
        "context_campaign_name": "spring",
        "context_campaign_source": "news",
        "context_campaign_medium": "mail",
        "group_id": "12",
    }


def test_context_of_the_batch(service, client):
    """What the batch says of the context holds where a call says nothing of its own."""
    first, second = new_id(), new_id()
    calls = [
        track(messageId=first),
        track(messageId=second, context={"campaign": {"source": "ads"}}, properties=None),
    ]
    context = {"campaign": {"source": "news", "name": "spring"}}
    assert accepted(post(client, calls, context=context)) == (2, 0)
    assert service.row(first)["properties"]["context_campaign_source"] == "news"
    assert service.row(second)["properties"] == {
        "context_campaign_source": "ads",
        "context_campaign_name": "spring",
    }


def test_unknown_members(client):
    """What nobody reads is let through, for clients send more every year."""
    call = track(integrations={"All": True}, _metadata={"nodeVersion": "v22"}, version=2, x=None)
    assert accepted(post(client, [call], writeKey="none", integrations={}, y=1)) == (1, 0)


# ------------------------------------------------------------------------------------ Real clients


@pytest.fixture
def sent_by_segment(client, monkeypatch):
    """Requests of Segment's own client reach this service."""
    bodies = []

    def post_(url, data, headers, timeout):
        assert timeout
        bodies.append(data)
        path = url.removeprefix("http://rung")
        answer = client.post(path, content=data, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] == []
        return answer

    monkeypatch.setattr(segment_request._session, "post", post_)
    return bodies


@pytest.mark.parametrize("zipped", [False, True])
def test_segment_python(service, sent_by_segment, zipped):
    """All calls of segment-analytics-python are taken, zipped and plain."""
    ours = segment.analytics.Client("key", "http://rung", sync_mode=True, gzip=zipped)
    user = f"py-{zipped}"
    ours.identify(user, {"role": "founder"}, anonymous_id=f"anonymous-{user}")
    ours.track(
        user, "webinar_attended", {"minutes": 30}, timestamp=datetime(2026, 3, 1, tzinfo=UTC)
    )
    ours.track(None, "webinar_attended", anonymous_id=17, message_id=f"own-{user}")
    ours.page(user, "Docs", "Home", {"seconds": 3.5})
    ours.screen(user, name="Start")
    ours.group(user, "acme", {"size": 12})
    ours.alias(f"before-{user}", user)
    assert len(sent_by_segment) == 7
    mine = {row["name"]: row for row in service.rows() if row["lead_id"] == user}
    assert set(mine) == {
        *("identify", "webinar_attended", "page_viewed", "screen_viewed", "group", "alias"),
    }
    assert mine["webinar_attended"]["properties"] == {"minutes": 30}
    assert abs(mine["webinar_attended"]["occurred_at"] - at("2026-03-01T00:00:00Z")) < 10_000_000
    assert service.row(f"own-{user}")["lead_id"] == "17"
    assert ("alias", f"before-{user}", user) in service.links()


def test_segment_node(service, client):
    """The body that @segment/analytics-node 3.1 posts is taken."""
    message = "node-next-1772366400000-743be593-7789-4b74-8078-cbcc8894c586"
    call = {
        "timestamp": "2026-03-01T12:00:00.000Z",
        "integrations": {},
        "type": "track",
        "userId": "019mr8mf4r",
        "event": "webinar_attended",
        "properties": {},
        "context": {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}},
        "messageId": message,
        "_metadata": {"nodeVersion": "v22.1.0", "jsRuntime": "node"},
    }
    body = {"batch": [call], "writeKey": "key", "sentAt": "2026-03-01T12:00:01.000Z"}
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "analytics-node-next/latest",
        "Authorization": "Basic a2V5Og==",
    }
    answer = client.post("/v1/batch", content=json.dumps(body), headers=headers)
    assert accepted(answer) == (1, 0)
    assert service.row(message)["properties"] == {}


# ------------------------------------------------------------------------------------------- Times


@pytest.mark.parametrize(
    ("call", "sent_at", "happened"),
    [
        ({"timestamp": None}, None, NOW),
        ({"timestamp": "2026-03-01T09:00:00Z"}, None, "2026-03-01T09:00:00Z"),
        ({"timestamp": "2026-03-01t10:00:00.5+01:00"}, None, "2026-03-01T09:00:00.5Z"),
        ({"timestamp": "2026-03-01T09:00:00Z"}, "2026-03-01T11:00:00Z", "2026-03-01T10:00:00Z"),
        ({"timestamp": "2026-03-01T15:00:00Z"}, "2026-03-01T16:00:00Z", "2026-03-01T11:00:00Z"),
        ({"timestamp": "2026-03-01T15:00:00Z"}, "2026-03-01T14:00:00Z", NOW),
        ({"timestamp": "2026-03-01T15:00:00Z"}, None, NOW),
        (
            {"timestamp": ..., "originalTimestamp": "2026-03-01T09:00:00Z"},
            "2026-03-01T11:00:00Z",
            "2026-03-01T10:00:00Z",
        ),
        (
            {"timestamp": "2026-03-01T09:00:00Z", "originalTimestamp": "2026-03-01T08:00:00Z"},
            "2026-03-01T11:00:00Z",
            "2026-03-01T09:00:00Z",
        ),
        (
            {"timestamp": "2026-03-01T09:00:00Z", "sentAt": "2026-03-01T11:30:00Z"},
            "2026-03-01T11:00:00Z",
            "2026-03-01T09:30:00Z",
        ),
    ],
)
@pytest.mark.usefixtures("noon")
def test_clocks(service, client, call, sent_at, happened):
    """The sender's clock is put right by when it says it sent; nothing happens in the future."""
    message = new_id()
    assert accepted(post(client, [track(messageId=message, **call)], sentAt=sent_at)) == (1, 0)
    row = service.row(message)
    assert (row["occurred_at"], row["known_at"]) == (at(happened), at(NOW))


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("2026-03-01T12:00:00", "has no time zone"),
        ("2026-03-01", "has no time zone"),
        ("yesterday", "cannot be read"),
        ("", "a text such as"),
        ("2015-2-02T00:30:08Z", "cannot be read"),
        (1772366400000, "is a text such as"),
        ("1969-12-31T23:59:59Z", "in the years 1970 to 2199"),
        ("2200-01-01T00:00:00Z", "in the years 1970 to 2199"),
        ("0001-01-01T00:00:00+14:00", "in the years 1970 to 2199"),
    ],
)
@pytest.mark.parametrize("member", ["timestamp", "originalTimestamp"])
def test_bad_times(service, client, member, stamp, words):
    """A time that cannot be read, or says no zone, or lies beyond reason, is named."""
    before = service.count()
    other = {"timestamp": ...} if member == "originalTimestamp" else {}
    call = track(**{**other, member: stamp})
    rejected = only_rejection(post(client, [call]))
    assert rejected["type"] == "invalid_time"
    assert member in rejected["detail"]
    assert words in rejected["detail"]
    assert service.count() == before


UNREADABLE = ["soon", "", 5, 1772366400000, {}, [], True, "2026-03-01T12:00:00", "0001-01-01", "Z"]
"""No times to correct others by."""


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("sent_at", UNREADABLE)
def test_a_batch_whose_clock_cannot_be_read(service, client, sent_at):
    """A `sentAt` that cannot be read is as if it were absent, and the answer says so."""
    call = track(timestamp="2026-03-01T11:00:00Z")
    answer = post(client, [call], sentAt=sent_at)
    assert accepted(answer) == (1, 0)
    (warning,) = answer.json()["warnings"]
    assert (warning["index"], warning["message_id"]) == (None, None)
    assert warning["type"] == "invalid_time"
    assert warning["detail"].startswith("sentAt ")
    assert warning["detail"].endswith("it counts as if it were left out")
    assert service.row(call["messageId"])["occurred_at"] == at("2026-03-01T11:00:00Z")


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("sent_at", UNREADABLE)
def test_a_call_whose_clock_cannot_be_read(service, client, sent_at):
    """So is that of one call; that of the batch, where there is one, holds for it."""
    calls = [track(timestamp="2026-03-01T11:00:00Z", sentAt=one) for one in (sent_at, None)]
    for more, happened in ({}, "11:00:00"), ({"sentAt": "2026-03-01T11:30:00Z"}, "11:30:00"):
        ids = [new_id(), new_id()]
        sent = [{**call, "messageId": one} for call, one in zip(calls, ids, strict=True)]
        answer = post(client, sent, **more)
        assert accepted(answer) == (2, 0)
        (warning,) = answer.json()["warnings"]
        assert (warning["index"], warning["message_id"]) == (0, ids[0])
        for one in ids:
            assert service.row(one)["occurred_at"] == at(f"2026-03-01T{happened}Z")


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("sent_at", UNREADABLE)
def test_a_single_call_whose_clock_cannot_be_read(service, client, sent_at):
    """So is that of a call that is sent alone."""
    call = track(timestamp="2026-03-01T11:00:00Z", sentAt=sent_at)
    answer = client.post("/v1/track", json=call)
    assert accepted(answer) == (1, 0)
    assert [one["index"] for one in answer.json()["warnings"]] == [0]
    assert service.row(call["messageId"])["occurred_at"] == at("2026-03-01T11:00:00Z")


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("stamp", "sent_at"),
    [
        ("1970-01-02T00:00:00Z", "2199-01-01T00:00:00Z"),
        ("2026-03-01T11:00:00Z", "2150-01-01T00:00:00Z"),
        ("2199-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_clock_that_leads_out_of_all_years(service, client, stamp, sent_at):
    """A correction that leads out of the years that are taken is none, and the answer says so."""
    call = track(timestamp=stamp, sentAt=sent_at)
    answer = post(client, [call])
    assert accepted(answer) == (1, 0)
    (warning,) = answer.json()["warnings"]
    assert "1970 to 2199" in warning["detail"]
    assert service.row(call["messageId"])["occurred_at"] == min(at(stamp), at(NOW))


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("sent_at", "words"),
    [
        ("2025-11-30T12:00:00Z", "lies 91 days before the time it came in"),
        ("2026-02-28T11:59:59Z", "lies 1 day before"),
        ("2026-03-03T12:00:00Z", "lies 2 days after"),
        ("2026-02-28T12:00:00Z", ""),
        ("2026-03-02T12:00:00Z", ""),
    ],
)
def test_a_clock_that_is_days_off(service, client, sent_at, words):
    """What was held back as it was sent seems to happen now, and the answer says so."""
    given = track(timestamp=sent_at)
    for call, more, index in (
        (given, {"sentAt": sent_at}, None),
        ({**given, "sentAt": sent_at}, {}, 0),
    ):
        call["messageId"] = new_id()
        answer = post(client, [call], **more)
        assert accepted(answer) == (1, 0)
        assert service.row(call["messageId"])["occurred_at"] == at(NOW)
        told = answer.json()["warnings"]
        assert [(one["index"], one["type"]) for one in told] == [(index, "clock_off")] * bool(words)
        assert all(words in one["detail"] for one in told)


def test_warnings_and_rejections(client):
    """An event that is refused is not warned of; with `handling=strict` a warning refuses none."""
    good, bad = track(sentAt="soon", timestamp=NOW), track(sentAt="soon", timestamp=NOW, event="")
    answer = post(client, [bad, good])
    assert [one["index"] for one in answer.json()["rejected"]] == [0]
    assert [one["index"] for one in answer.json()["warnings"]] == [1]
    strict = client.post(
        "/v1/batch",
        json={"batch": [track(sentAt="soon", timestamp=NOW)], "sentAt": "soon"},
        headers={"Prefer": "handling=strict"},
    )
    assert accepted(strict) == (1, 0)
    assert [one["index"] for one in strict.json()["warnings"]] == [None, 0]


# --------------------------------------------------------------------------------------- Rejections


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (None, "invalid_event"),
        ([], "invalid_event"),
        ("track", "invalid_event"),
        (track(type="trick"), "unknown_type"),
        (track(type=...), "unknown_type"),
        (track(type=["track"]), "unknown_type"),
        (track(userId=None), "missing"),
        (track(userId=""), "missing"),
        (track(userId=" "), "invalid_id"),
        (track(userId="x" * 257), "invalid_id"),
        (track(userId="a\0b"), "invalid_id"),
        (track(userId="a\x7f"), "invalid_id"),
        (track(userId=True), "invalid_id"),
        (track(userId=1.5), "invalid_id"),
        (track(userId=2**53 + 2), "invalid_id"),
        (track(userId={}), "invalid_id"),
        (track(anonymousId="\n"), "invalid_id"),
        (track(messageId="x" * 100), "invalid_id"),
        (track(messageId=" "), "invalid_id"),
        (track(messageId=[]), "invalid_id"),
        (track(messageId="rung-decision-1"), "reserved"),
        (track(event=None), "invalid_name"),
        (track(event=""), "invalid_name"),
        (track(event="x" * 201), "invalid_name"),
        (track(event="a\nb"), "invalid_name"),
        (track(event=5), "invalid_name"),
        (track(event="rung_decision"), "reserved"),
        (track(event="rung_assignment"), "reserved"),
        (track(event="rung_exposure"), "reserved"),
        (track(event="rung_outcome"), "reserved"),
        (track(properties=[]), "invalid_event"),
        (track(properties="x"), "invalid_event"),
        (track(context="x"), "invalid_event"),
        (track(type="identify", traits=5), "invalid_event"),
        (track(type="group"), "missing"),
        (track(type="alias"), "missing"),
        (track(type="alias", userId=None, anonymousId="a", previousId="b"), "missing"),
        (track(properties={"x": "y" * 33_000}), "too_large"),
        (track(context={"x": "y" * 33_000}), "too_large"),
    ],
)
def test_rejected(service, client, call, kind):
    """A call that will not do is named with its index and reason; its neighbours are stored."""
    before = service.count()
    body = post(client, [track(), call, track()]).json()
    assert (body["accepted"], body["duplicates"]) == (2, 0)
    (rejected,) = body["rejected"]
    assert (rejected["index"], rejected["type"]) == (1, kind)
    assert service.count() == before + 2


@pytest.mark.parametrize("given", [None, 5, [], "x" * 100])
def test_shown_message_id(client, given):
    """A rejection shows the id that was sent, where there is one that can be shown."""
    call = track(messageId=given, event=None)
    shown = "5" if given == 5 else None
    assert only_rejection(post(client, [call]))["message_id"] == shown
    assert only_rejection(post(client, [track(messageId="m", event=0)]))["message_id"] == "m"


@pytest.mark.parametrize(("levels", "taken"), [(30, True), (31, False), (300, False)])
def test_depth(client, levels, taken):
    """An event nests 32 levels deep and no deeper, itself and its properties included."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    call = track(properties={"deep": value})
    wide = track(properties={"wide": [[] for _ in range(100)]})
    assert accepted(post(client, [wide])) == (1, 0)
    answer = post(client, [call])
    if taken:
        assert accepted(answer) == (1, 0)
    else:
        assert only_rejection(answer)["type"] == "too_deep"
        is_problem(client.post("/v1/track", json=call), 400)


def test_campaign_that_makes_properties_too_large(client):
    """The context of a batch does not make the properties of its calls larger than they may be."""
    context = {"campaign": {"name": "x" * 40_000}}
    assert only_rejection(post(client, [track()], context=context))["type"] == "too_large"


@pytest.mark.parametrize(
    ("call", "status", "pointer"),
    [
        (track(userId=None), 422, "/body"),
        (track(userId=" "), 422, "/body/userId"),
        (track(event=None), 422, "/body/event"),
        (track(timestamp="x"), 422, "/body/timestamp"),
        (track(properties={"x": "y" * 33_000}), 413, None),
        ([], 422, "/body"),
        (None, 422, "/body"),
    ],
)
def test_rejected_single(service, client, call, status, pointer):
    """Where there is one call, one that will not do is a problem with a pointer."""
    before = service.count()
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/track", content=json.dumps(call), headers=headers)
    problem = is_problem(answer, status)
    if pointer is not None:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert service.count() == before


# ---------------------------------------------------------------------------------- Personal data


def test_personal_data_at_step_one(service, client):
    """An event of the first step with contact data is refused; the value is not repeated."""
    secrets = ["ann@example.com", "+49 30 1234567"]
    calls = [
        track(event="video_progress", properties={"form": {"Email": secrets[0]}}),
        track(event="content_read", properties={"note": f"call me: {secrets[1]}"}),
        track(type="page", properties={"note": "see https://x.io/?e=ann%40example.com"}),
    ]
    before = service.count()
    answer = post(client, calls)
    rejected = answer.json()["rejected"]
    assert [one["type"] for one in rejected] == ["personal_data"] * 3
    assert [one["detail"].split()[0] for one in rejected] == [
        "properties.form.Email",
        "properties.note",
        "properties.note",
    ]
    assert not any(secret in answer.text for secret in [*secrets, "ann%40"])
    assert service.count() == before
    problem = is_problem(client.post("/v1/track", json=calls[0]), 422)
    assert problem["errors"][0]["pointer"] == "/body/properties/form/Email"


ADDRESSES = [
    ("https://x.io/a?email=ann%40example.com&b=1", "https://x.io/a?email=redacted&b=1"),
    ("https://x.io/a?first_name=Ann", "https://x.io/a?first_name=redacted"),
    ("https://x.io/u/ann@example.com", "https://x.io/u/redacted"),
]


@pytest.mark.parametrize(("url", "kept"), ADDRESSES)
@pytest.mark.parametrize("who", [{"userId": "ann"}, {"userId": None, "anonymousId": "a-1"}])
def test_contact_data_in_the_address_of_a_page(service, client, url, kept, who):
    """It is taken out, the page view stays, and the answer says so without repeating it."""
    call = track(type="page", properties={"url": url, "referrer": "https://y.io/"}, **who)
    answer = post(client, [call]).json()
    assert (answer["accepted"], answer["rejected"]) == (1, [])
    (warning,) = answer["warnings"]
    assert (warning["index"], warning["type"]) == (0, "redacted")
    assert "taken out of properties.url" in warning["detail"]
    assert "Ann" not in str(warning)
    assert "ann@" not in str(warning)
    properties = service.row(call["messageId"])["properties"]
    assert (properties["url"], properties["referrer"]) == (kept, "https://y.io/")


@pytest.mark.parametrize("address", ["/v1/page", "/v1/p", "/v1/call"])
def test_a_warning_of_a_single_call_names_its_message(client, address):
    """As in a batch: by the id that was sent, and by none where none was."""
    call = track(type="page", properties={"url": "/thanks?email=ann@example.com"})
    for sent in (call, {key: value for key, value in call.items() if key != "messageId"}):
        (warning,) = client.post(address, json=sent).json()["warnings"]
        assert (warning["index"], warning["type"]) == (0, "redacted")
        assert warning["message_id"] == sent.get("messageId")


@pytest.mark.parametrize("name", ["tool_used", "email_clicked", "some_event_of_ours"])
def test_contact_data_of_somebody_unknown(client, name):
    """Who has not said who they are is asked for nothing, whatever the event; a lead may tell."""
    for properties in ({"email": "ann@example.com"}, {"form": {"phone": "030 1234567"}}):
        unknown = track(event=name, userId=None, anonymousId="a-2", properties=properties)
        (rejected,) = post(client, [unknown]).json()["rejected"]
        assert rejected["type"] == "personal_data"
        known = track(event=name, userId="ann", anonymousId="a-2", properties=properties)
        assert post(client, [known]).json()["accepted"] == 1


def test_who_says_who_they_are(client):
    """What a lead gives on a later step, and traits, are given on purpose."""
    who = {"userId": None, "anonymousId": "a-3"}
    calls = [
        track(event="form_submitted", properties={"email": "ann@example.com"}, **who),
        track(type="identify", traits={"email": "ann@example.com"}, **who),
    ]
    assert post(client, calls).json()["accepted"] == 2


def test_personal_data_elsewhere(client):
    """Later steps and traits may hold it: they are where leads say who they are."""
    personal = {"email": "ann@example.com"}
    calls = [
        track(event="form_submitted", properties=personal),
        track(event="email_clicked", properties=personal),
        track(type="identify", traits=personal),
        track(event="video_progress", properties={"email": "", "mobile": True}),
    ]
    assert accepted(post(client, calls)) == (4, 0)


# -------------------------------------------------------------------------- Sent again, and strict


def test_sent_again(service, client):
    """A message counts once, in one request and over many; the first content stays."""
    message = new_id()
    twice = [track(messageId=message, event="first"), track(messageId=message, event="second")]
    assert accepted(post(client, twice)) == (1, 1)
    assert accepted(post(client, twice)) == (0, 2)
    assert service.row(message)["name"] == "first"


def test_without_message_id(service, client):
    """Without an id the content makes one, whatever else the request says of itself."""
    before = service.count()
    call = track(messageId=None, userId=new_id())
    other = {**call, "properties": {"minutes": 42}}
    assert accepted(post(client, [call, other])) == (2, 0)
    assert accepted(post(client, [call], sentAt=NOW)) == (0, 1)
    backwards = dict(reversed(call.items()))
    again = {**backwards, "writeKey": "other", "sentAt": NOW}
    assert accepted(client.post("/v1/track", json=again)) == (0, 1)
    assert service.count() == before + 2


@pytest.mark.parametrize(
    "prefer", ["handling=strict", 'Handling="strict"', "respond-async, handling=strict; a=b"]
)
def test_strict(service, client, prefer):
    """With handling=strict one bad call is enough to store nothing, and each is pointed at."""
    before = service.count()
    headers = {"Prefer": prefer}
    calls = [track(), track(userId=" "), track(), 5]
    answer = post(client, calls, headers=headers)
    problem = is_problem(answer, 422)
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [
        ("/body/batch/1/userId", "invalid_id"),
        ("/body/batch/3", "invalid_event"),
    ]
    assert answer.headers["preference-applied"] == "handling=strict"
    assert service.count() == before
    good = post(client, calls[:1], headers=headers)
    assert accepted(good) == (1, 0)
    assert good.headers["preference-applied"] == "handling=strict"


@pytest.mark.parametrize(
    "prefer", ["handling=lenient", "strict", "handling=lenient, handling=strict"]
)
def test_not_strict(client, prefer):
    """Other preferences change nothing; of two the first counts."""
    answer = post(client, [track(userId=" ")], headers={"Prefer": prefer})
    assert only_rejection(answer)["type"] == "invalid_id"
    assert "preference-applied" not in answer.headers


# ---------------------------------------------------------------------------------- Whole requests


@pytest.mark.parametrize("label", ["text/plain", "", "application/x-www-form-urlencoded"])
def test_any_label(client, label):
    """JSON is read as JSON, whatever it is called: pages and one client label it otherwise."""
    content = gzip.compress(json.dumps({"batch": [track()]}).encode())
    headers = {"Content-Type": label, "Content-Encoding": "gzip"}
    assert client.post("/v1/batch", content=content, headers=headers).json()["accepted"] == 1


def test_any_call(client):
    """One address for all calls, which say themselves what they are."""
    for call in (track(), {"type": "page", "anonymousId": "v", "messageId": new_id()}):
        assert client.post("/v1/call", json=call).json()["accepted"] == 1
    untyped = {key: value for key, value in track().items() if key != "type"}
    is_problem(client.post("/v1/call", json=untyped), 422)


def test_traits_of_the_context(service, client):
    """RudderStack's Python client has traits there, and nowhere else."""
    id_ = new_id()
    call = {"type": "identify", "userId": "ann", "messageId": id_, "context": {"traits": {"a": 1}}}
    assert client.post("/v1/identify", json=call).json()["accepted"] == 1
    assert service.row(id_)["properties"] == {"a": 1}


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"batch": [', {}, 400),
        (b"", {}, 400),
        (b'{"x": NaN}', {}, 400),
        (b'{"x": "\xff"}', {}, 400),
        (b'{"x": "\\ud83e"}', {}, 400),
        (b"[" * 5000, {}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"{}", {"Content-Encoding": "gzip, gzip"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b'{"batch": []}', mtime=0)[:-5], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0) + b"more", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * 600_000, mtime=0), {"Content-Encoding": "gzip"}, 413),
        (b" " * 600_000, {}, 413),
    ],
)
def test_bodies(client, path, content, headers, status):
    """Broken, mislabelled and too large bodies are told apart."""
    headers = {"Content-Type": "application/json", **headers}
    answer = client.post(path, content=content, headers=headers)
    is_problem(answer, status)
    if headers.get("Content-Encoding") == "br":
        assert answer.headers["accept-encoding"] == "gzip, identity"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], "/body"),
        (None, "/body"),
        ({}, "/body/batch"),
        ({"batch": {}}, "/body/batch"),
        ({"batch": [], "context": []}, "/body/context"),
    ],
)
def test_no_batch(client, body, pointer):
    """A body that is no batch is a problem as a whole."""
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/batch", content=json.dumps(body), headers=headers)
    problem = is_problem(answer, 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_bomb_is_not_unpacked(client, monkeypatch):
    """A small body that would become a large one is given up where the limit is."""
    unpacked, inflating = [], zlib.decompressobj

    class Told:
        def __init__(self, **given):
            self._inflating = inflating(**given)

        def decompress(self, *given):
            unpacked.append(self._inflating.decompress(*given))
            return unpacked[-1]

    with_zlib = SimpleNamespace(**{**vars(zlib), "decompressobj": Told})
    monkeypatch.setattr(bodies, "zlib", with_zlib)
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=9)
    assert len(bomb) < 500 * 1024
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    is_problem(client.post("/v1/batch", content=bomb, headers=headers), 413)
    assert [len(one) for one in unpacked] == [500 * 1024 + 1]


def test_most(client):
    """2,500 events fit in 500 KiB and into a request; one more does not."""
    calls = [
        {"type": "track", "messageId": f"most-{at}", "userId": "a", "event": "x"}
        for at in range(2500)
    ]
    assert accepted(post(client, calls)) == (2500, 0)
    problem = is_problem(post(client, [*calls, track()]), 413)
    assert "2,501" in problem["detail"]
    assert accepted(post(client, [])) == (0, 0)


def test_size_of_one(client):
    """An event has up to 32 KiB as compact JSON, blanks between its members not counted."""
    call = track(properties={"x": ""})
    room = 32 * 1024 - len(json.dumps(call, separators=(",", ":")))
    fits = {**call, "messageId": call["messageId"], "properties": {"x": "y" * room}}
    assert accepted(post(client, [fits])) == (1, 0)
    fits["properties"]["x"] += "y"
    assert only_rejection(post(client, [fits]))["type"] == "too_large"


def test_store_out_of_reach(service, client, monkeypatch):
    """Where nothing can be stored nothing is acknowledged."""

    async def fail(_):
        await asyncio.sleep(0)
        raise StoreError("disk gone")

    monkeypatch.setattr(service.group_commit, "put", fail)
    for answer in (post(client, [track()]), client.post("/v1/track", json=track())):
        problem = is_problem(answer, 503)
        assert problem["retryable"] is True
        assert "disk" not in answer.text


# -------------------------------------------------------------------------------------------- Keys


@pytest.fixture
def closed(tmp_path):
    """A service with keys: one to send events from the web, one to read."""
    with ingesting(tmp_path, read_ladder("b2b")) as service:
        keys = Keys(service.store.database)
        _, sends = keys.create("web", ["ingest"], "web", as_of=1)
        _, reads = keys.create("read", ["read"], as_of=1)
        yield service, sends, reads


def test_keys(closed):
    """A key comes as Basic user, as Bearer or in the body; its source stands before message ids."""
    service, sends, reads = closed
    client = service.client
    ways: dict[str, Any] = {
        "basic": {"auth": (sends, "")},
        "bearer": {"headers": {"Authorization": f"Bearer {sends}"}},
        "body": {},
    }
    for way, how in ways.items():
        body = track(messageId=way)
        if way == "body":
            body["writeKey"] = sends
        assert accepted(client.post("/v1/track", json=body, **how)) == (1, 0)
        assert service.row(f"web/{way}")["lead_id"] == "ann"
    before = service.count()
    batch = {"batch": [track()]}
    is_problem(client.post("/v1/batch", json=batch), 401)
    is_problem(client.post("/v1/batch", json={**batch, "writeKey": "wrong"}), 401)
    is_problem(client.post("/v1/batch", json={**batch, "writeKey": {}}), 401)
    is_problem(client.post("/v1/batch", json={**batch, "writeKey": reads}), 403)
    is_problem(client.post("/v1/batch", json=batch, auth=(reads, "")), 403)
    assert service.count() == before
    assert accepted(client.post("/v1/batch", json={**batch, "writeKey": sends})) == (1, 0)


# -------------------------------------------------------------------------------------- Properties

numbers = st.integers(-(2**63), 2**64 - 1) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
likely = st.sampled_from(
    [
        *("ann", "", " ", "rung-1", "x" * 300, "a\0", "rung_decision", "video_progress", 7, -1.5),
        *(NOW, "2026-03-01", "9999-12-31T23:59:59-14:00", {"email": "a@b.de"}, {"a": {"b": [1]}}),
        *({"campaign": {"name": [1], "source": 5}}, {"campaign": 3}, 1e308, 10**30, math.inf),
    ]
)
members = st.sampled_from(
    [
        *("type", "userId", "anonymousId", "previousId", "groupId", "messageId", "event", "name"),
        *("category", "properties", "traits", "context", "timestamp", "originalTimestamp"),
        *("sentAt", "writeKey", "integrations"),
    ]
)
kinds = st.sampled_from(["track", "identify", "page", "screen", "group", "alias"])
run = "".join(random.SystemRandom().choices(string.ascii_letters, k=12))
numbered = count()


@st.composite
def calls(draw):
    """A call that is right but for some members."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    changes = draw(st.dictionaries(members, likely | values, max_size=4))
    call = track(type=draw(kinds), groupId="g", previousId="p", traits={})
    return {**call, "messageId": f"{run}-{next(numbered)}", **changes}


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(calls(), max_size=6),
    st.dictionaries(members, likely | values, max_size=2),
    st.booleans(),
)
@example([track(userId="\ud83e")], {}, False)
def test_any_value_anywhere(service, batch, around, strict):
    """Whatever stands anywhere: no other status, and stored is what was said to be accepted."""
    before = service.count()
    body = json.dumps({"batch": batch, **around})
    headers = {"Content-Type": "application/json"} | (
        {"Prefer": "handling=strict"} if strict else {}
    )
    answer = service.client.post("/v1/batch", content=body, headers=headers)
    assert answer.status_code in ANSWERS
    stored = service.count() - before
    if answer.status_code != 200:
        is_problem(answer, answer.status_code)
        assert stored == 0
        return
    said = answer.json()
    assert stored == said["accepted"]
    assert said["accepted"] + said["duplicates"] + len(said["rejected"]) == len(batch)
    assert not (strict and said["rejected"])
    taken = {
        call["messageId"]
        for index, call in enumerate(batch)
        if index not in {one["index"] for one in said["rejected"]}
    }
    for one in said["rejected"]:
        if (one["message_id"] or "").startswith(run) and one["message_id"] not in taken:
            assert service.rows(one["message_id"]) == []


@settings(max_examples=examples(150), deadline=None)
@given(calls(), kinds)
def test_any_value_in_a_single_call(service, call, kind):
    """A single call is stored, a duplicate, or a problem, and nothing else."""
    before = service.count()
    body = json.dumps(call)
    headers = {"Content-Type": "application/json"}
    answer = service.client.post(f"/v1/{kind}", content=body, headers=headers)
    assert answer.status_code in ANSWERS
    if answer.status_code == 200:
        said = answer.json()
        assert said["accepted"] + said["duplicates"] == 1
        assert service.count() == before + said["accepted"]
    else:
        is_problem(answer, answer.status_code)
        assert service.count() == before


@settings(max_examples=examples(50), deadline=None)
@given(st.dictionaries(st.text(max_size=8), values, max_size=5))
def test_properties_are_kept_as_they_are(service, properties):
    """What is stored as properties reads as what was sent."""
    call = track(messageId=f"{run}-{next(numbered)}", properties=properties)
    body = json.dumps({"batch": [call]})
    answer = service.client.post(
        "/v1/batch", content=body, headers={"Content-Type": "application/json"}
    )
    if answer.status_code == 200:
        assert accepted(answer) == (1, 0)
        assert (
            service.row(call["messageId"])["properties"]
            == json.loads(body)["batch"][0]["properties"]
        )
    else:
        assert any(word in body for word in ("NaN", "Infinity", "\\ud"))
