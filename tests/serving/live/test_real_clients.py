"""The clients that Rung's users already have, as they are: what they send is there, once."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from segment.analytics import request as segment_request
from segment.analytics.client import Client
from standardwebhooks import Webhook, WebhookVerificationError

from features.clock import instant, microseconds
from tests.serving.live.clients import INSTALLED, NPM, SOURCE, Live, live, why_no_npm
from tests.serving.live.process import Receiver, eventually, running

pytestmark = pytest.mark.slow

_KINDS = ("track", "identify", "page", "screen", "group", "alias")
_NAMES = {
    "identify": "identify",
    "page": "page_viewed",
    "screen": "screen_viewed",
    "group": "group",
    "alias": "alias",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def for_all(request, folder, tmp_path_factory) -> Iterator[Live]:
    """One service for all clients, on each kind of database in turn."""
    path = tmp_path_factory.mktemp("clients")
    url = f"sqlite:///{path / 'rung.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").empty()
    with live(url, folder / "rates", path) as running_one:
        yield running_one


@pytest.fixture
def service(for_all: Live) -> Live:
    """That service; what it is told from now on is new, also after a test that failed."""
    for_all.new_rows()
    return for_all


def _has_all(stored: list[dict[str, Any]], calls: list[dict[str, Any]], since: int) -> None:
    """Each call is stored once, under its person, with all that it said."""
    rows = {row["message_id"]: row for row in stored}
    assert Counter(rows.keys()) == Counter(f"{SOURCE}/{call['messageId']}" for call in calls)
    for call in calls:
        row = rows[f"{SOURCE}/{call['messageId']}"]
        assert row["name"] == _NAMES.get(call["type"], call.get("event"))
        assert row["lead_id"] == (call.get("userId") or call["anonymousId"])
        assert since <= row["occurred_at"] <= row["known_at"]
        told = json.loads(row["properties"])
        said = call.get("traits") if call["type"] in ("identify", "group") else None
        said = call.get("properties") if said is None else said
        assert (said or {}).items() <= told.items()
        if call["type"] == "group":
            assert told["group_id"] == call["groupId"]


# -------------------------------------------------------------------------------- Segment in Python


def _say(client: Client, number: int) -> dict[str, Any]:
    """One of the six calls, of one of 700 people; the message that the client made of it."""
    person = number % 700
    who: dict[str, Any] = {"user_id": f"user-{person}"}
    if number % 5 == 0:
        who["anonymous_id"] = f"anonymous-{person}"
    if number % 5 == 1:
        who = {"anonymous_id": f"visitor-{person}"}
    said = {"number": number, "word": "Zoë ☂ 𝄞", "nested": {"list": [1, 2.5, None, True]}}
    calls = {
        "track": lambda: client.track(**who, event="Demo Requested", properties=said),
        "identify": lambda: client.identify(**who, traits=said),
        "page": lambda: client.page(**who, category="Docs", name="Pricing", properties=said),
        "screen": lambda: client.screen(**who, name="Home", properties=said),
        "group": lambda: client.group(**who, group_id=f"company-{number % 40}", traits=said),
        "alias": lambda: client.alias(f"former-{person}", f"user-{person}"),
    }
    is_queued, message = calls[_KINDS[number % len(_KINDS)]]()
    assert is_queued
    found: dict[str, Any] = message
    return found


def _now() -> int:
    return time.time_ns() // 1000


@pytest.mark.parametrize(
    ("count", "options"),
    [
        (10_000, {"max_queue_size": 20_000}),
        (2_000, {"gzip": True, "upload_size": 500}),
        (300, {"sync_mode": True}),
        (300, {"sync_mode": True, "gzip": True}),
    ],
    ids=["threads", "threads-gzip", "sync", "sync-gzip"],
)
def test_segment_python(service, count, options):
    """All that Segment's Python client was told is stored once, however it sends."""
    failures: list[tuple[str, int]] = []
    since = _now() - 1_000_000
    client = Client(
        service.key,
        host=service.process.url,
        on_error=lambda error, batch: failures.append((str(error), len(batch))),
        **options,
    )
    calls = [_say(client, number) for number in range(count)]
    if not client.sync_mode:
        client.shutdown()
    segment_request._session.close()
    assert failures == []
    _has_all(service.new_rows(), calls, since)


def test_segment_python_refused(service):
    """A key that is not known is told to Segment's Python client as an error, and nothing kept."""
    client = Client("rung_nobody_at-all", host=service.process.url, sync_mode=True)
    with pytest.raises(segment_request.APIError, match=r"\(401\)"):
        client.track("user-1", "Demo Requested")
    segment_request._session.close()
    assert service.new_rows() == []


# ---------------------------------------------------------------------------------- Segment in Node


@pytest.mark.skipif(why_no_npm() != "", reason=why_no_npm() or "it is there")
@pytest.mark.parametrize("for_all", ["sqlite"], indirect=True)
def test_segment_node(service):
    """All 10,000 events that Segment's client for node was told are stored once.

    Node warns of the client's own listeners where a machine is slow: only what the program says of
    what it sent counts.
    """
    since = _now() - 1_000_000
    done = subprocess.run(
        ["node", "--no-warnings", NPM / "send.js", service.process.url, service.key, "10000"],
        env={**os.environ, "NODE_PATH": str(INSTALLED / "node_modules")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(calls) == 10_000
    assert Counter(call["type"] for call in calls).keys() == set(_KINDS)
    _has_all(service.new_rows(), calls, since)


# -------------------------------------------------------------------------------------- CloudEvents


def _cloud_event(number: int) -> CloudEvent:
    """An event with what headers cannot hold as it is: letters of other scripts, and a percent."""
    attributes = {
        "id": f"cloud {number} ☂ 100%",
        "source": "/shop/checkout",
        "type": "cart.filled",
        "subject": f"Zoë {number % 50}",
        "time": instant("2026-03-01T12:00:00.123456Z"),
        "datacontenttype": "application/json",
        "partner": "ünïcode",
    }
    return CloudEvent(attributes, {"number": number, "word": "Zoë ☂ 𝄞"})


def _requests(count: int) -> list[http.HTTPMessage]:
    """The same number of events in each of the three modes, as the SDK writes them."""
    one, made = JSONFormat(), [_cloud_event(number) for number in range(3 * count)]
    binary = [http.to_binary(event, one) for event in made[:count]]
    structured = [http.to_structured(event, one) for event in made[count : 2 * count]]
    batch = b",".join(one.write(event) for event in made[2 * count :])
    kind = {"content-type": "application/cloudevents-batch+json"}
    return [*binary, *structured, http.HTTPMessage(kind, b"[" + batch + b"]")]


def test_cloudevents_sdk(service):
    """What the CloudEvents SDK writes is taken in each mode, is stored once, and says the same."""
    count, headers = 100, {"Authorization": f"Bearer {service.key}"}
    with httpx2.Client(base_url=service.process.url, headers=headers) as client:
        for expected in ("accepted", "duplicates"):
            answered: Counter[str] = Counter()
            for message in _requests(count):
                answer = client.post(
                    "/v1/cloudevents", content=message.body, headers=message.headers
                )
                assert answer.status_code == 200, answer.text
                told = answer.json()
                assert told["rejected"] == []
                answered.update(accepted=told["accepted"], duplicates=told["duplicates"])
            assert +answered == Counter({expected: 3 * count})
    rows = service.new_rows()
    assert len(rows) == 3 * count
    happened = microseconds(instant("2026-03-01T12:00:00.123456Z"))
    for row in rows:
        data = json.loads(row["properties"])
        assert data["word"] == "Zoë ☂ 𝄞"
        assert row["message_id"] == f"web//shop/checkout cloud {data['number']} ☂ 100%"
        assert row["lead_id"] == f"Zoë {data['number'] % 50}"
        assert (row["name"], row["occurred_at"]) == ("cart.filled", happened)


# -------------------------------------------------------------------------------- Standard Webhooks


def test_standard_webhooks(database_url, folder, tmp_path):
    """The library of Standard Webhooks takes what was sent, and refuses it once it was changed."""
    with running(database_url, folder / "rates", tmp_path) as process, Receiver() as receiver:
        made = httpx2.post(f"{process.url}/v1/webhooks", json={"url": receiver.url}).json()
        former = Webhook(made["secret"])
        rotated = httpx2.post(f"{process.url}/v1/webhooks/{made['id']}/rotate").json()
        latter = Webhook(rotated["secret"])
        sent = httpx2.post(f"{process.url}/v1/webhooks/{made['id']}/test")
        assert sent.status_code == 202, sent.text
        video = {"event": "video_progress", "properties": {"watched_fraction": 0.9}}
        call = {"userId": "Zoë ☂", **video, "messageId": "m-1"}
        assert httpx2.post(f"{process.url}/v1/track", json=call).status_code == 200
        wanted = {"webhook.test", "step.completed"}
        eventually(lambda: wanted <= {one["type"] for one in receiver.bodies.values()} or receiver)
    for id_, headers in receiver.headers.items():
        body = receiver.raw[id_]
        for webhook in (former, latter):
            assert webhook.verify(body, headers) == receiver.bodies[id_]
            with pytest.raises(WebhookVerificationError, match="No matching signature"):
                webhook.verify(body + b" ", headers)
            with pytest.raises(WebhookVerificationError, match="No matching signature"):
                webhook.verify(body, {**headers, "webhook-id": "another"})
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook("whsec_" + "A" * 44).verify(body, headers)
