"""A service on a port of its own, attacked field by field and byte by byte, stays what it was.

Each member of each body, each header of a CloudEvent, and each part of an address is hostile once;
vendors' payloads are signed, so that they are read. `test_hostile_bodies` mixes at random.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import sqlalchemy as sa

from features.store.database import Database
from features.store.migrations import open_database
from features.store.schema import endpoints, events, identity_links, opt_outs
from serving.connectors.configuration import VENDORS
from tests.serving import world
from tests.serving.browser import CHROMIUM, browse
from tests.serving.connectors import vendors
from tests.serving.live.process import Process, eventually, running
from tests.serving.shapes import check_error

pytestmark = pytest.mark.slow

_MARK = "pwned-by-data"
_TEXTS = {
    "sql": "'; DROP TABLE events; --",
    "sql-union": '") UNION SELECT hash FROM api_keys --',
    "script": f"<script>document.title='{_MARK}'</script>",
    "onerror": f"<img src=x onerror=\"document.title='{_MARK}'\">",
    "attribute": f'" autofocus onfocus="document.title=\'{_MARK}\'" x="',
    "closing": f"</title></style></textarea><svg onload=\"document.title='{_MARK}'\">",
    "link": f"javascript:document.title='{_MARK}'",
    "template": "{{7*7}}{% for x in ().__class__.__bases__ %}{{x}}{% endfor %}${7*7}",
    "format": "{0.__class__.__init__.__globals__}%s%n%(x)s",
    "lookup": "${jndi:ldap://127.0.0.1:9/a}",
    "path": "../../../../etc/passwd",
    "right-to-left": "\u202egpj.exe\u2066",
    "zero-width": "a\u200bn\u200dn\u2060\ufeff",
    "homoglyph": "\u0430nn",
    "marks": "a" + "\u0301" * 10_000,
    "astral": "\U0001f4a5\U000e0041\U0010ffff",
    "noncharacter": "\ufffe\uffff",
    "nul": "a\x00b",
    "lines": "a\r\nSet-Cookie: x=1\r\n\r\n<p>",
    "escape": "\x1b[2J\x1b]0;x\x07",
    "separators": "\u2028\u2029\x85",
    "blank": " \t\u3000",
    "empty": "",
    "long": "x" * 40_000,
    "reserved": "rung_decision",
    "prefix": "rung-decision-1",
    "date": "9999-12-31T23:59:59.999999-23:59",
    "early": "0001-01-01T00:00:00+23:59",
}
_TOKENS = {
    **{name: json.dumps(text) for name, text in _TEXTS.items()},
    "half": '"\\ud800"',
    "halves-swapped": '"\\udc00\\ud800"',
    "nan": "NaN",
    "infinity": "-Infinity",
    "large": "1e400",
    "long-number": "1" + "0" * 5000,
    "tiny": "-1e-400",
    "fraction": "0.1" + "9" * 1000,
    "64-bit": str(2**64),
    "deep": "[" * 3000 + "]" * 3000,
    "deep-objects": '{"a":' * 200 + "1" + "}" * 200,
    "twice": '{"a":1,"a":{"b":2},"__proto__":{"x":1}}',
    "wide": json.dumps({f"k{at}": at for at in range(3000)}),
    "null": "null",
    "true": "true",
    "list": '["ann"]',
    "comment": "/* x */ 1",
}
"""JSON texts, and what looks like them."""
_HERE = "@hostile@"
_ID = "@id@"
_TIME = "2026-11-01T10:00:00Z"
_CALL: dict[str, Any] = {
    "messageId": _ID,
    "userId": "ann",
    "anonymousId": "cookie",
    "previousId": "former",
    "groupId": "company",
    "event": "page_viewed",
    "name": "Pricing",
    "category": "Docs",
    "timestamp": _TIME,
    "originalTimestamp": _TIME,
    "sentAt": _TIME,
    "context": {"campaign": {"name": "spring", "source": "mail"}, "groupId": "company"},
    "properties": {"section": "docs", "nested": {"list": [1]}},
    "traits": {"name": "Ann", "company_size": 40},
    "writeKey": "none",
}
_KINDS = ("track", "identify", "page", "screen", "group", "alias")
_EVENT: dict[str, Any] = {
    "message_id": _ID,
    "lead_id": "ann",
    "anonymous_id": "cookie",
    "previous_id": "former",
    "name": "page_viewed",
    "occurred_at": _TIME,
    "properties": {"section": "docs", "nested": {"list": [1]}},
}
_CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": _ID,
    "source": "/shop",
    "type": "page_viewed",
    "subject": "ann",
    "time": _TIME,
    "datacontenttype": "application/json",
    "data": {"section": "docs", "lead_id": "ann", "anonymous_id": "cookie"},
    "partner": "x",
}
_JSON = "application/json"
_ONE, _MANY = "application/cloudevents+json", "application/cloudevents-batch+json"
_BODIES: tuple[tuple[str, str, str, Any], ...] = (
    *(("POST", f"/v1/{kind}", _JSON, _CALL) for kind in _KINDS),
    *(("POST", "/v1/batch", _JSON, {"batch": [{"type": k, **_CALL}]}) for k in ("track", "group")),
    ("POST", "/v1/import", _JSON, {"batch": [{"type": "page", **_CALL}], "context": {"x": 1}}),
    ("POST", "/v1/events", _JSON, {"events": [_EVENT]}),
    ("POST", "/v1/cloudevents", _ONE, _CLOUD),
    ("POST", "/v1/cloudevents", _MANY, [_CLOUD]),
    ("POST", "/v1/cloudevents", _ONE, {**_CLOUD, "data": None, "data_base64": "e30="}),
    ("POST", "/v1/scores:batch", _JSON, {"leads": ["ann"], "as_of": _TIME}),
    (
        *("POST", "/v1/scores:batch", _JSON),
        {"leads": [{"lead_id": "x", "events": [{"name": "a", "occurred_at": _TIME}]}]},
    ),
    (
        *("POST", "/v1/recommendations", _JSON),
        {
            **{"lead_id": "ann", "channel": "mail", "candidate_offers": ["x"], "exclude": ["y"]},
            **{"defer_exposure": True, "decision_id": _ID},
        },
    ),
    ("POST", "/v1/recommendations:batch", _JSON, {"lead_ids": ["ann"], "exclude": ["y"]}),
    ("POST", "/v1/decisions/x/outcome", _JSON, {"value": 1, "kind": "x", "occurred_at": _TIME}),
    (
        *("POST", "/personalizer/v1.0/rank", _JSON),
        {
            "actions": [{"id": "x", "features": [{"a": 1}]}],
            "contextFeatures": [{"lead_id": "ann", "b": 1}],
            "excludedActions": ["y"],
            "eventId": _ID,
            "deferActivation": True,
        },
    ),
    ("POST", "/personalizer/v1.0/events/x/reward", _JSON, {"value": 1}),
    (
        *("POST", "/v1/webhooks", _JSON),
        {"url": "http://127.0.0.1:9/x", "description": "x", "types": ["webhook.test"]},
    ),
    ("PATCH", "/v1/webhooks/@endpoint@", _JSON, {"description": "x", "types": [], "enabled": True}),
    ("POST", "/v1/webhooks/@endpoint@/replay", _JSON, {"notification_ids": ["x"]}),
    ("POST", "/v1/webhooks/@endpoint@/replay", _JSON, {"since": _TIME}),
    ("POST", "/v1/leads/bob/opt-out", _JSON, {"reason": "x"}),
    (
        *("POST", "/v1/leads/ann/identities:undo", _JSON),
        {"kind": "claim", "source": "a", "target": "b"},
    ),
    *(("POST", f"/v1/connectors/{name}", _JSON, vendors.SAMPLES[name]) for name in VENDORS),
    (
        *("POST", "/v1/connectors/hubspot/actions", _JSON),
        {"object": {"objectId": 1, "objectType": "CONTACT"}, "inputFields": {"lead_id": "ann"}},
    ),
)
_ADDRESSES = (
    *("/v1/leads/{}", "/v1/leads/{}/score", "/v1/leads/{}/timeline", "/v1/leads/{}/identities"),
    *("/v1/leads/{}/export", "/v1/leads/ann/score?as_of={}", "/v1/leads/ann/timeline?cursor={}"),
    *("/v1/leads/ann/timeline?limit={}", "/v1/queue?cursor={}", "/v1/queue?step={}"),
    *("/v1/queue?limit={}", "/v1/queue?{}=1", "/v1/decisions/{}", "/v1/webhooks/{}"),
    *("/v1/webhooks/@endpoint@/deliveries?cursor={}", "/leads/{}", "/?step={}", "/?cursor={}"),
    *("/static/{}", "/login?next={}", "/{}", "/healthz?{}"),
)
_TRIES = 2
"""Tokens that are tried at each place of each body."""


@dataclass(frozen=True)
class Attempt:
    """A request, and the id of the event that it would have stored."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    message_id: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]} {self.headers} {self.body[:600]!r}"


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the members and items of a value stand, and the value itself."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield from _places(one, (*path, key))


def _with(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A value with another one at a place."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], other)
    return copy


def _attempts(draw: random.Random, endpoint: str) -> Iterator[Attempt]:
    """Every place of every body, header and address, with some tokens each."""
    count = 0
    for method, path, kind, value in _BODIES:
        for place in _places(value):
            text = json.dumps(_with(value, place, _HERE))
            named = '{"' + _HERE + '": 1}'
            for token in draw.sample(sorted(_TOKENS), _TRIES):
                count += 1
                id_ = f"hostile-{count}"
                body = text.replace(f'"{_HERE}"', _TOKENS[token]).replace(_ID, id_)
                yield _signed(method, path.replace("@endpoint@", endpoint), body, kind, id_)
            if place and isinstance(place[-1], str):
                key = json.dumps(draw.choice(sorted(_TEXTS.values())))
                body = json.dumps(_with(value, place, json.loads(named)))
                body = body.replace(f'"{_HERE}"', key).replace(_ID, f"named-{count}")
                yield _signed(method, path.replace("@endpoint@", endpoint), body, kind)
    yield from _of_headers(draw)
    for address in _ADDRESSES:
        for text in _TEXTS.values():
            told = quote(text[:3000], safe="").replace(".", "%2E")
            yield Attempt("GET", address.replace("@endpoint@", endpoint).format(told), b"")


def _signed(method: str, path: str, text: str, kind: str, id_: str = "") -> Attempt:
    """A request, with its vendor's signature where it is one's."""
    body, headers = text.encode("utf-8", "surrogatepass"), {"Content-Type": kind}
    vendor = path.removeprefix("/v1/connectors/").partition("/")[0]
    if vendor in VENDORS:
        headers |= vendors.SIGN[vendor](body, vendors.present(), path)
        id_ = ""
    return Attempt(method, path, body, headers, id_)


def _of_headers(draw: random.Random) -> Iterator[Attempt]:
    """CloudEvents in the binary mode, and headers that everybody reads."""
    usual = {"specversion": "1.0", "id": "header", "source": "/a", "type": "view", "subject": "ann"}
    hostile = [quote(text[:2000]) for text in _TEXTS.values()]
    hostile += ["%", "%zz", "%ff%fe", "\xff\xfe", '"', '"\\"', "é", "x" * 8000]
    for name in (*usual, "time", "datacontenttype", "anything"):
        for at, value in enumerate(hostile):
            given = {**usual, "id": f"header-{name}-{at}", name: value}
            headers = {f"ce-{key}": text for key, text in given.items()}
            yield Attempt("POST", "/v1/cloudevents", b"{}", {"Content-Type": _JSON, **headers})
    call = json.dumps({**_CALL, "messageId": "header"}).encode()
    for name in ("Prefer", "X-Request-Id", "Accept", "If-None-Match", "Cookie", "Idempotency-Key"):
        for value in draw.sample(hostile, 6):
            yield Attempt("POST", "/v1/track", call, {"Content-Type": _JSON, name: value})
    for kind in ("", "x", "application/json; charset=utf-7", "application/json;" * 500, "*/*"):
        yield Attempt("POST", "/v1/track", call, {"Content-Type": kind})
    for text in ("utf-8-sig", "utf-16", "utf-32"):
        yield Attempt("POST", "/v1/track", call.decode().encode(text), {"Content-Type": _JSON})


# ---------------------------------------------------------------------------------------- Attacking


@contextmanager
def _serving(path: Path, bundle: Path, *people: str) -> Iterator[tuple[Process, Database]]:
    """A service with every vendor switched on, leads, and a look at its store."""
    until = world.now()
    url = world.filled(
        path,
        [
            event
            for at, one in enumerate(people)
            for event in world.life(one, at, until, days_silent=0.2)
        ],
    )
    tables = [f'[{name}]\nsecret = "{vendors.SECRET}"\n' for name in VENDORS]
    text = "".join(tables).replace("[hubspot]\n", f'[hubspot]\npublic_url = "{vendors.ORIGIN}"\n')
    (path / "connectors.toml").write_text(text)
    settings = {"RUNG_CONNECTORS": str(path / "connectors.toml"), "RUNG_LOG_LEVEL": "info"}
    with running(url, bundle, path, **settings) as process, open_database(url) as database:
        yield process, database


def _counts(database: Database) -> dict[str, int]:
    """How many rows there are of what people tell; decisions are Rung's own."""
    told = ~events.c.message_id.startswith("rung-", autoescape=True)
    with database.reading() as connection:
        return {
            "events": connection.scalar(sa.select(sa.func.count()).where(told)) or 0,
            **{
                table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (endpoints, identity_links, opt_outs)
            },
        }


@dataclass
class Attacked:
    """A service after all attempts, and what it answered to each."""

    process: Process
    database: Database
    answers: list[tuple[Attempt, httpx2.Response, Counter[str]]]


@pytest.fixture(scope="module")
def attacked(folder, tmp_path_factory) -> Iterator[Attacked]:
    """A service that has been asked everything."""
    path = tmp_path_factory.mktemp("attacked")
    draw = random.Random(7)  # noqa: S311 not a secret
    answers = []
    with (
        _serving(path, folder / "rates", "ann", "bob") as (process, database),
        httpx2.Client(base_url=process.url, timeout=30) as client,
    ):
        made = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/x"}).json()
        before = _counts(database)
        for attempt in _attempts(draw, made["id"]):
            answer = client.request(
                attempt.method,
                attempt.path,
                content=attempt.body,
                headers={k.encode(): text.encode("latin-1") for k, text in attempt.headers.items()},
            )
            after = _counts(database)
            answers.append((attempt, answer, Counter(after) - Counter(before)))
            before = after
        yield Attacked(process, database, answers)


def test_each_is_answered(attacked):
    """No attempt makes the service fail; each error is a problem, and shows nothing inside."""
    assert len(attacked.answers) > 1000
    statuses = Counter(answer.status_code for _, answer, _ in attacked.answers)
    assert min(statuses[status] for status in (200, 201, 400, 404, 413, 422)) > 0
    for attempt, answer, _ in attacked.answers:
        assert answer.status_code < 500, f"{attempt}\n{answer.text[:500]}"
        assert "set-cookie" not in answer.headers, attempt
        if answer.status_code < 400:
            continue
        kind, path = answer.headers["content-type"], answer.request.url.path
        check_error(path, kind, answer.status_code, answer.json())
        for inside in ("Traceback", "sqlite3", "sqlalchemy", "INSERT INTO", "site-packages"):
            assert inside not in answer.text, attempt


def test_signed_requests_were_read(attacked):
    """The attempts on connectors got past their signatures, or they would prove nothing."""
    for name in VENDORS:
        found = [
            answer.status_code
            for attempt, answer, _ in attacked.answers
            if attempt.path == f"/v1/connectors/{name}"
        ]
        assert {200, 422} <= set(found) <= {200, 409, 422}, name


def test_nothing_refused_is_stored(attacked):
    """A request that is refused adds nothing; one that is taken adds what it says, under its id."""
    with attacked.database.reading() as connection:
        stored = set(connection.scalars(sa.select(events.c.message_id)))
    accepted_in_all = 0
    for attempt, answer, added in attacked.answers:
        told = answer.json() if answer.status_code == 200 and "/v1/" in attempt.path else {}
        accepted = told.get("accepted", 0) if isinstance(told, dict) else 0
        accepted_in_all += accepted
        assert added["events"] == accepted, f"{attempt}\n{answer.text[:500]}"
        if answer.status_code >= 400:
            assert not +added, f"{attempt}\n{answer.text[:500]}"
        if not accepted:
            assert attempt.message_id not in stored, attempt
    assert accepted_in_all > 200


def test_it_goes_on(attacked):
    """Afterwards good requests are answered, all leads get scored, and memory is what it was."""
    good = {"userId": "good", "messageId": "good", "event": "page_viewed"}
    with httpx2.Client(base_url=attacked.process.url) as client:
        assert client.post("/v1/track", json=good).json()["accepted"] == 1
        eventually(lambda: "good" in json.dumps(client.get("/v1/queue?limit=200").json()))
        assert client.get("/readyz").status_code == 200
    assert attacked.process.most_memory < 600 * 2**20


def test_log_lines(attacked):
    """Each line of the log is one object: nothing that was sent begins a line of its own."""
    lines = attacked.process.said().splitlines()
    written = [json.loads(line) for line in lines if line.startswith("{")]
    others = [line for line in lines if not line.startswith("{")]
    assert len(written) > 1000
    assert [line for line in others if not line.startswith("no key:")] == []
    assert {line["event"] for line in written} & {
        "unexpected error",
        "background work failed",
    } == set()


# ------------------------------------------------------------------------------------------- Memory

_DECOMPRESSING = ("/v1/batch", "/v1/track", "/v1/events", "/v1/cloudevents")
_MIB = 2**20


def _bombs() -> Iterator[bytes]:
    """Small bodies that are 200 MB when they are unpacked, at once or in steps."""
    zeros = gzip.compress(b"\0" * (200 * 10**6), 9)
    yield zeros
    yield gzip.compress(b'{"batch":[' + b"{}," * (60 * 10**6) + b"{}]}", 9)
    yield gzip.compress(zeros, 9)
    yield zeros[: len(zeros) // 2]
    yield zeros[:-8] + b"\0" * 8
    yield gzip.compress(b"{}") + zeros
    yield gzip.compress(b"\0" * 4000, 9) * 2000
    yield zlib.compress(b"\0" * (50 * 10**6), 9)
    yield b"\x1f\x8b\x08\x1e" + b"\xff" * 400_000


def test_zip_bombs(folder, tmp_path):
    """However far a body unpacks, it is refused, and the process has not grown for it."""
    with (
        _serving(tmp_path, folder / "rates", "ann") as (process, database),
        httpx2.Client(base_url=process.url, timeout=30) as client,
    ):
        before, stored = process.most_memory, _counts(database)
        for bomb in _bombs():
            for route in (*_DECOMPRESSING, "/v1/scores:batch", "/v1/connectors/stripe"):
                kind = _ONE if route == "/v1/cloudevents" else _JSON
                headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
                answer = client.post(route, content=bomb, headers=headers)
                assert answer.status_code in (400, 401, 413, 415, 422), (route, answer.text[:300])
                assert answer.headers["content-type"] == "application/problem+json"
        assert _counts(database) == stored
        assert process.most_memory - before < 64 * _MIB


# ---------------------------------------------------------------------------------------- The wire


def _spoken(process: Process, *parts: bytes, is_answered: bool = False) -> bytes:
    """What the service says to some bytes, until it hangs up or is silent for some time.

    Parameters
    ----------
    is_answered : whether it has something to say, however long that takes.
    """
    heard = b""
    with socket.create_connection(("127.0.0.1", process.port), timeout=30) as line:
        line.settimeout(60.0 if is_answered else 1.0)
        try:
            for part in parts:
                line.sendall(part)
            while more := line.recv(65536):
                heard += more
                line.settimeout(1.0)
        except (TimeoutError, ConnectionError):
            pass
    return heard


def _answers(heard: bytes) -> list[int]:
    """The statuses of the answers that were heard."""
    return [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]


_SMUGGLED = b"POST /v1/track HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_INNER = b'{"userId":"x","event":"smuggled","messageId":"smuggled"}'
_INNER_REQUEST = _SMUGGLED + b"Content-Length: %d\r\n\r\n" % len(_INNER) + _INNER
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_AMBIGUOUS = {
    "length and chunks": _SMUGGLED
    + b"Content-Length: %d\r\n" % (len(_INNER_REQUEST) + 5)
    + _CHUNKED
    + b"\r\n0\r\n\r\n"
    + _INNER_REQUEST,
    "chunks and length": _SMUGGLED
    + _CHUNKED
    + b"Content-Length: 5\r\n\r\n0\r\n\r\n"
    + _INNER_REQUEST,
    "two lengths": _SMUGGLED + b"Content-Length: 2\r\nContent-Length: 0\r\n\r\n" + _INNER_REQUEST,
    "a list of lengths": _SMUGGLED + b"Content-Length: 0, 2\r\n\r\n" + _INNER_REQUEST,
    "a signed length": _SMUGGLED + b"Content-Length: +0\r\n\r\n" + _INNER_REQUEST,
    "a blank before the colon": _SMUGGLED + b"Content-Length : 0\r\n\r\n" + _INNER_REQUEST,
    "a folded header": _SMUGGLED + b"X: a\r\n Content-Length: 0\r\n\r\n" + _INNER_REQUEST,
    "another coding": _SMUGGLED + b"Transfer-Encoding: xchunked\r\n\r\n" + _INNER_REQUEST,
    "two codings": _SMUGGLED + b"Transfer-Encoding: chunked, identity\r\n\r\n" + _INNER_REQUEST,
    "no digits": _SMUGGLED + _CHUNKED + b"\r\nzz\r\n" + _INNER_REQUEST,
    "a huge chunk": _SMUGGLED + _CHUNKED + b"\r\nffffffffffffffffff\r\n" + _INNER_REQUEST,
    "bare lines": _SMUGGLED.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n" + _INNER_REQUEST,
}


@pytest.fixture(scope="module")
def wired(folder, tmp_path_factory) -> Iterator[tuple[Process, Database]]:
    """A service for callers that speak HTTP their own way."""
    with _serving(tmp_path_factory.mktemp("wired"), folder / "rates", "ann") as served:
        yield served


@pytest.mark.parametrize("name", _AMBIGUOUS)
def test_ambiguous_requests(wired, name):
    """A request whose end can be seen in two places is refused, and what follows it not read."""
    process, database = wired
    before = _counts(database)
    heard = _answers(_spoken(process, _AMBIGUOUS[name]))
    assert all(400 <= status < 500 for status in heard), heard
    assert len(heard) <= 1
    assert _counts(database) == before
    assert httpx2.get(f"{process.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((_SMUGGLED + b"Content-Length: 500\r\n\r\n", _INNER), set()),
        ((_SMUGGLED + _CHUNKED + b"\r\n%x\r\n" % (len(_INNER) + 9), _INNER), set()),
        ((_SMUGGLED + b"Content-Length: 10\r\n\r\n", _INNER), {400}),
        ((_SMUGGLED + b"Content-Length: 99999999999\r\n\r\n", b"x" * 200_000), {413}),
        ((b"POST /v1/track HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",), {400}),
        ((b"GET /v1/queue HTTP/1.1\r\nHost: evil.example\r\n\r\n",), {403}),
        ((b"GET /v1/queue HTTP/1.1\r\n\r\n",), {400, 403}),
        ((b"GET http://evil.example/v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n",), None),
        ((b"GET /v1/leads/%00/score HTTP/1.1\r\nHost: localhost\r\n\r\n",), {404, 422}),
        ((b"GET /v1/leads/%ff/score HTTP/1.1\r\nHost: localhost\r\n\r\n",), {404, 422}),
        ((b"GET /static/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",), {404}),
        ((b"GET /static/%2e%2e%2fapp.py HTTP/1.1\r\nHost: localhost\r\n\r\n",), {404}),
        ((b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rY: b\r\n\r\n",), None),
        ((b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 10**6 + b"\r\n\r\n",), None),
        ((b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",), None),
        ((b"GET /" + b"a" * 10**6 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",), None),
        ((b"TRACE / HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n",), {405}),
        ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), None),
        ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",), None),
        ((b"\x00" * 4096,), None),
    ],
)
def test_lies_on_the_wire(wired, parts, expected):
    """What is no whole request is not taken as one; whatever is said, the next one is answered."""
    process, database = wired
    before = _counts(database)
    heard = _spoken(process, *parts, is_answered=bool(expected))
    statuses = set(_answers(heard))
    assert not {status for status in statuses if status >= 500}, heard[:300]
    assert expected is None or statuses <= expected, heard[:300]
    assert bool(statuses) or not expected
    assert b"root:" not in heard
    assert _counts(database) == before
    assert httpx2.get(f"{process.url}/healthz").status_code == 200
    assert process.most_memory < 600 * _MIB


# -------------------------------------------------------------------------------------- The browser


class _Elements(HTMLParser):
    """The elements of a page as a browser has understood it, their handlers, and its title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.title = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag == "script":
            self.scripts.append(dict(attrs).get("src") or "")
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open == "title":
            self.title += data
        if self._open == "script":
            assert not data.strip(), data


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look at the pages with")
def test_nothing_runs(folder, tmp_path):
    """Leads with hostile ids, traits and events add no element, handler or script to a page."""
    names = ("script", "onerror", "attribute", "closing", "link", "template", "right-to-left")
    leads = [_TEXTS[name] for name in names]
    with _serving(tmp_path, folder / "rates", "ann") as (process, _):
        calls: list[dict[str, Any]] = []
        for lead in leads:
            traits = dict.fromkeys(("name", "company", "role", "industry", "email", lead), lead)
            calls.append({"type": "identify", "userId": lead, "traits": traits})
            event = {"event": lead[:200], "properties": {lead: lead, "topic": lead, "list": [lead]}}
            calls.append({"type": "track", "userId": lead, **event})
            calls.append({"type": "track", "userId": lead, "event": "page_viewed"})
        told = httpx2.post(f"{process.url}/v1/batch", json={"batch": calls}).json()
        assert told["accepted"] == len(calls), told
        eventually(lambda: len(httpx2.get(f"{process.url}/v1/queue").json()["data"]) > len(leads))
        usual = _Elements(browse(tmp_path, "--dump-dom", f"{process.url}/leads/ann"))
        queue = _Elements(browse(tmp_path, "--dump-dom", f"{process.url}/"))
        pages = [queue]
        for lead in leads:
            address = f"{process.url}/leads/{quote(lead, safe='')}"
            pages.append(_Elements(browse(tmp_path, "--dump-dom", address)))
    assert all(one.startswith("/static/") for one in usual.scripts)
    for page in pages:
        assert page.scripts == usual.scripts
        assert page.tags <= usual.tags | queue.tags - {"img", "iframe", "object"}
        assert page.handlers == []
        assert not [one for one in page.addresses if not one.startswith(("/", "#"))]
        assert " · Rung" in page.title
