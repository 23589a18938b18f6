"""A thousand hostile requests: no 5xx, nothing stored that was refused, nothing run in a page."""

from __future__ import annotations

import gzip
import json
import random
import re
import resource
import socket
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest
import sqlalchemy as sa

from features.store.events import EventStore
from features.store.schema import events
from tests.serving import world
from tests.serving.browser import CHROMIUM, browse
from tests.serving.conftest import service_of
from tests.serving.live.process import running
from tests.serving.shapes import check_error

_COUNT = 1000
_TITLE = "pwned"
_TEXTS = (
    "'; DROP TABLE events; --",
    '" OR 1=1 --',
    "1); DELETE FROM scores; --",
    f"<script>document.title='{_TITLE}'</script>",
    f"<img src=x onerror=\"document.title='{_TITLE}'\">",
    f"\"><svg onload=document.title='{_TITLE}'>",
    f"javascript:document.title='{_TITLE}'",
    "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "%s%s%s%n%x",
    "../../../../etc/passwd",
    "\u202egnp.exe",
    "a\u200bb\u200cc\ufeff",
    "а" * 3 + "dmin",
    "e" + "\u0301" * 10_000,
    "\x00",
    "a\x00b",
    "\r\nX-Injected: yes",
    "\u2028\u2029",
    "💥" * 500,
    "x" * 40_000,
    "",
    " ",
    "null",
    "NaN",
    "-1",
    "1e309",
    "$where",
    "__proto__",
    "rung_decision",
)
_VALUES: tuple[Any, ...] = (
    *_TEXTS,
    *(None, True, False, 0, -1, 2**53, 2**63, 2**64, 10**30, -(10**30), 1.5, 1e308, -1e308),
    *([], {}, [[]], {"": {}}, [None] * 500, {"a": [{"b": [1]}]}),
)
_RAW = (
    b"",
    b"{",
    b"[1,",
    b"\xff\xfe\x00",
    b'{"batch": "\xc3\x28"}',
    b'{"batch":[{"userId":"\\ud800"}]}',
    b'\xef\xbb\xbf{"batch":[]}',
    b'{"batch":[NaN, Infinity, -Infinity]}',
    b'{"batch":[1e400, -1e400, 1' + b"0" * 400 + b"]}",
    b'{"batch":[],"batch":{}}',
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 100_000,
    b'"' + b"a" * 600_000 + b'"',
    b"null",
    b"0",
    b'{"batch":' + b" " * 400_000 + b"[]}",
    b"\x00" * 1000,
    b"<xml/>",
    b"a=b&c=d",
)
_ROUTES = (
    *("/v1/track", "/v1/identify", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias"),
    *("/v1/batch", "/v1/batch", "/v1/events", "/v1/events", "/v1/cloudevents"),
    *("/v1/recommendations", "/v1/recommendations:batch", "/v1/scores:batch"),
    *("/v1/webhooks", "/v1/connectors/stripe", "/v1/connectors/hubspot", "/v1/connectors/nobody"),
    *("/personalizer/v1.0/rank", "/v1/decisions/x/outcome", "/v1/leads/x/opt-out"),
)


def _call(draw: random.Random, number: int) -> dict[str, Any]:
    """A call of Segment's of which some members are hostile."""
    call: dict[str, Any] = {
        "type": draw.choice(("track", "identify", "page", "alias", "group")),
        "messageId": f"hostile-{number}-{draw.getrandbits(40)}",
        "userId": draw.choice(("ann", "bob", draw.choice(_TEXTS))),
        "event": "page_viewed",
        "timestamp": "2026-11-01T10:00:00Z",
        "properties": {"section": "docs"},
    }
    for _ in range(draw.randrange(4)):
        name = draw.choice([*call, "anonymousId", "previousId", "context", "traits", "sentAt", "x"])
        call[name] = draw.choice(_VALUES)
    if draw.random() < 0.5:
        call["properties"] = {draw.choice(_TEXTS): draw.choice(_VALUES) for _ in range(3)}
    return call


def _own(draw: random.Random, number: int) -> dict[str, Any]:
    """An event of our own of which a member is hostile."""
    event: dict[str, Any] = {
        "message_id": f"own-{number}-{draw.getrandbits(40)}",
        "lead_id": draw.choice(("ann", draw.choice(_TEXTS))),
        "name": "page_viewed",
        "occurred_at": "2026-11-01T10:00:00Z",
        "properties": {draw.choice(_TEXTS): draw.choice(_VALUES)},
    }
    event[draw.choice(list(event))] = draw.choice(_VALUES)
    return event


def _cloud_event(draw: random.Random, number: int) -> dict[str, Any]:
    """A CloudEvent of which a member is hostile."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{number}",
        "source": "/tests",
        "type": "page_viewed",
        "subject": "ann",
        "data": {draw.choice(_TEXTS): draw.choice(_VALUES)},
    }
    event[draw.choice(list(event))] = draw.choice(_VALUES)
    return event


def _value(draw: random.Random, route: str, number: int) -> Any:
    if route == "/v1/batch":
        return {"batch": [_call(draw, number + at) for at in range(draw.randrange(5))]}
    if route == "/v1/events":
        return {"events": [_own(draw, number + at) for at in range(draw.randrange(5))]}
    if route == "/v1/cloudevents":
        return _cloud_event(draw, number)
    if route.count("/") == 2 and ":" not in route and "recomm" not in route:
        return _call(draw, number)
    names = ("lead_id", "lead_ids", "leads", "url", "types", "channel", "value", "kind", "eventId")
    return {draw.choice(names): draw.choice(_VALUES) for _ in range(draw.randrange(4))}


_ZIPS: tuple[Callable[[bytes], bytes], ...] = (
    gzip.compress,
    lambda body: gzip.compress(body)[:-9],
    lambda body: gzip.compress(body)[:-8] + b"\0" * 8,
    lambda body: gzip.compress(body) * 2,
    lambda body: gzip.compress(gzip.compress(body)),
    lambda body: zlib.compress(body),
    lambda _: gzip.compress(b"\0" * 30_000_000, 9),
    lambda _: gzip.compress(b'{"batch":[' + b"{}," * 3_000_000 + b"{}]}", 9),
    lambda _: gzip.compress(gzip.compress(b"0" * 200_000_000, 9), 9),
)


def _request(draw: random.Random, number: int) -> tuple[str, bytes, dict[str, bytes]]:
    """A route, a body and headers."""
    route = draw.choice(_ROUTES)
    kind = "application/json"
    if route == "/v1/cloudevents":
        kind = draw.choice(("application/cloudevents+json", "application/cloudevents-batch+json"))
    headers = {"Content-Type": kind}
    if draw.random() < 0.2:
        body = draw.choice(_RAW)
    else:
        body = json.dumps(_value(draw, route, number)).encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        body, headers["Content-Encoding"] = draw.choice(_ZIPS)(body), "gzip"
    if draw.random() < 0.1:
        headers["Content-Type"] = draw.choice(
            ("text/plain", "application/json; charset=utf-16", "multipart/form-data", "é/x", "")
        )
    if draw.random() < 0.1:
        headers["Content-Encoding"] = draw.choice(("br", "deflate", "gzip, gzip", "identity", "x"))
    if draw.random() < 0.1:
        headers["Prefer"] = draw.choice(("handling=strict", "handling=strict;x", ",;=", "x" * 5000))
    if draw.random() < 0.05:
        headers["X-Request-Id"] = draw.choice(("a" * 9000, "<script>", "../..", "\t"))
    return route, body, {name: text.encode("latin-1") for name, text in headers.items()}


def _stored(store: EventStore) -> set[str]:
    with store.database.reading() as connection:
        return set(connection.scalars(sa.select(events.c.message_id)))


@pytest.fixture(scope="module")
def attacked(start, folder, tmp_path_factory):
    """A service after the thousand requests, with what it answered."""
    path = tmp_path_factory.mktemp("attacked")
    url = world.filled(path, world.population(5, world.now()))
    draw = random.Random(1)  # noqa: S311 not a secret
    answers = []
    with start(url, folder / "rates") as client:
        store = service_of(client).store
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(_COUNT):
            route, body, headers = _request(draw, number * 10)
            had = _stored(store)
            answer = client.post(route, content=body, headers=headers)
            answers.append((route, body, answer, _stored(store) - had))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        yield client, answers, grown


@pytest.mark.slow
def test_no_server_error(attacked):
    """No hostile request makes the service fail, and every error is a problem without insides."""
    _, answers, _ = attacked
    assert len(answers) == _COUNT
    statuses = {answer.status_code for _, _, answer, _ in answers}
    assert statuses >= {200, 400, 413, 415, 422}
    for route, body, answer, _ in answers:
        assert answer.status_code < 500, (route, body[:300], answer.text[:300])
        if answer.status_code >= 400:
            check_error(route, answer.headers["content-type"], answer.status_code, answer.json())
            assert "Traceback" not in answer.text
            assert "SELECT" not in answer.text
        assert "x-injected" not in answer.headers


@pytest.mark.slow
def test_nothing_refused_is_stored(attacked):
    """What an answer accepts is stored, and nothing else is; a refusal stores nothing."""
    _, answers, _ = attacked
    accepted_in_all = 0
    for route, body, answer, stored in answers:
        if "recommend" in route or "rank" in route:
            continue  # these store decisions
        told = answer.json() if answer.status_code == 200 else {}
        accepted = told.get("accepted", 0) if isinstance(told, dict) else 0
        assert len(stored) == accepted, (route, body[:300], answer.text[:300])
        accepted_in_all += accepted
    assert accepted_in_all > 40


@pytest.mark.slow
def test_it_still_answers(attacked):
    """After all of it the tables are there, the queue is scored, and a good event is taken."""
    client, _, grown = attacked
    good = {"userId": "good", "messageId": "good", "event": "page_viewed"}
    assert client.post("/v1/track", json=good).json()["accepted"] == 1
    assert client.get("/v1/leads/good/score").status_code == 200
    assert client.get("/v1/queue").status_code == 200
    assert grown < 400_000, f"it took {grown / 1024:.0f} MiB more"


@pytest.mark.slow
def test_nothing_runs_in_a_page(attacked):
    """What was stored of hostile texts is shown as text: no tag of it stands in a page."""
    client, _, _ = attacked
    store = service_of(client).store
    hostile = [lead for lead in store.lead_ids() if lead in _TEXTS]
    assert any("<script" in lead for lead in hostile)
    for lead in hostile:
        page = client.get(f"/leads/{quote(lead, safe='')}", headers={"Accept": "text/html"})
        assert page.status_code == 200, lead
        assert not _strange_scripts(page.text)
        assert 'onerror="' not in page.text
        assert "<svg onload" not in page.text
    assert not _strange_scripts(client.get("/").text)


def _strange_scripts(page: str) -> list[str]:
    """Beginnings of scripts that are not our own files."""
    return re.findall(r"<script(?! src=\"/static/[\w.-]+\" defer(?:=\"\")?></script>).{0,80}", page)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look at the pages with")
def test_nothing_runs_in_a_browser(folder, tmp_path):
    """A browser that opens the pages of hostile leads runs nothing of them."""
    until = world.now()
    leads = [text for text in _TEXTS if "<" in text or "javascript" in text]
    made = [
        event
        for at, lead in enumerate(leads)
        for event in (
            *world.life(lead, at, until, days_silent=0.1),
            world.event(lead, "identify", until - 1000 - at, dict.fromkeys(("name", "role"), lead)),
        )
    ]
    url = world.filled(tmp_path, made)
    with running(url, folder / "rates", tmp_path) as service:
        for path in ("", *(f"leads/{quote(lead, safe='')}" for lead in leads)):
            dom = browse(tmp_path, "--dump-dom", f"{service.url}/{path}")
            assert "Rung" in dom
            assert f"<title>{_TITLE}" not in dom, path
            assert not _strange_scripts(dom), path


_HEADS = (
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked"
    b"\r\n\r\n0\r\n\r\nGET /v1/queue HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"POST /v1/track HTTP/1.1\r\nHost: {host}\r\nX: a\nY: b\x00\r\nContent-Length: 0\r\n\r\n",
    b"POST /v1/track HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/track HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /v1/leads/%00/score HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /v1/leads/%ff%fe/score HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /static/../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /static/%2e%2e/%2e%2e/app.py HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\r\n\r\n\r\n",
)


@pytest.mark.slow
def test_tricks_of_the_protocol(folder, tmp_path):
    """Requests that no client sends are refused or ignored; the next good one is answered."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    with running(url, folder / "rates", tmp_path) as service:
        parts = urlsplit(service.url)
        for head in _HEADS:
            sent = head.replace(b"{host}", parts.netloc.encode())
            with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
                line.settimeout(1.0)
                answer = b""
                try:
                    line.sendall(sent)
                    line.shutdown(socket.SHUT_WR)
                    while part := line.recv(65536):
                        answer += part
                except (TimeoutError, ConnectionError):
                    pass
            for status in (b"HTTP/1.1 5", b"root:", b"def create_app"):
                assert status not in answer, (head[:80], answer[:200])
            assert httpx2.get(f"{service.url}/healthz").status_code == 200
        with EventStore.open(url) as store:
            assert store.count() == 0
