"""Who asks: with a key, without one, and from where."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from features.clock import now
from features.errors import StoreAway
from serving.app import create_app
from serving.edge.access import keys
from serving.edge.access.access import Access
from serving.edge.access.shown import is_personalizer
from serving.settings import Settings
from tests.serving.callers import Clock, bearer, client_of, make, running
from tests.serving.edge.access.scene import ask, guarded

HTML = {"Accept": "text/html"}


def test_a_key_is_compared_in_constant_time(app, monkeypatch):
    """A wrong secret and an unknown id go the same way through one comparison."""
    key = make(app, "read")
    compared = []

    def compare(given, kept):
        compared.append((len(given), len(kept)))
        return given == kept

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for text in (key, f"{key}x", "rung_nobody_secret", ""):
        app.state.access._known.asker(text)
    assert compared == [(32, 32)] * 4


# ------------------------------------------------------------------------------- When it is known


@contextmanager
def statements(app) -> Iterator[list[str]]:
    """The statements that ask the database for keys; work behind the scenes has others."""
    engine, asked = app.state.service.store.database.engine, []

    def note(_, __, statement, *___):
        if "api_keys" in statement:
            asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(engine, "before_cursor_execute", note)


def test_a_known_key_asks_no_database(app, clock):
    """Within five seconds keys are looked up in memory, after that they are loaded once."""
    key, client = make(app, "decide"), client_of(app)
    with statements(app) as asked:
        for _ in range(5):
            client.get("/v1/queue", headers=bearer(key))
        assert asked == []
        clock.now += 5.0
        for _ in range(5):
            client.get("/v1/queue", headers=bearer(key))
        assert len(asked) == 1


def test_unknown_keys_do_not_reach_the_database(app):
    """However many keys somebody makes up, the database is asked once a second at most."""
    make(app, "read")
    client = client_of(app)
    with statements(app) as asked:
        for number in range(50):
            headers = bearer(f"rung_{number}_secret")
            assert client.get("/v1/queue", headers=headers).status_code == 401
    assert asked == []
    assert len(app.state.access._known.askers) == 1


def test_a_revoked_key(app, clock):
    """A revoked key is refused after five seconds; revoking the last one opens nothing."""
    key, client = make(app, "read"), client_of(app)
    app.state.access.keys.revoke(key.split("_")[1], as_of=2)
    clock.now += 4.9
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    clock.now += 0.2
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 401
    assert client.get("/v1/queue").status_code == 401


def test_a_header_that_shows_no_key(app):
    """Who shows a key in another way than that of keys is told how; a key that is wrong is not."""
    key, client = make(app, "read"), client_of(app)
    no_colon = base64.b64encode(key.encode()).decode()
    for shown in (key, f"Token {key}", "Bearer", "Basic !", f"Basic {no_colon}"):
        answer = client.get("/v1/queue", headers={"Authorization": shown})
        assert "Send a key as `Authorization: Bearer rung_...`" in answer.json()["detail"]
    assert "is not known here" in client.get("/v1/queue", headers=bearer("rung_x")).text


def test_a_new_key(app, clock):
    """A key that was made elsewhere holds after a second; the first one closes within five."""
    make(app, "ingest")
    client = client_of(app)
    _, key = app.state.access.keys.create("late", ["read"], as_of=1)
    clock.now += 1.1
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200


def test_the_first_key_closes(app, clock):
    """With the first key the service stops answering without one, within five seconds."""
    client = client_of(app)
    assert client.get("/v1/queue").status_code == 200
    app.state.access.keys.create("first", ["read"], as_of=1)
    clock.now += 5.1
    assert client.get("/v1/queue").status_code == 401


def test_a_store_out_of_reach(app, clock, monkeypatch):
    """Keys that were known hold for ten minutes; of others nothing can be said meanwhile."""
    key, client = make(app, "read"), client_of(app)
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    loads = []

    def fail():
        loads.append(clock.now)
        raise StoreAway("gone")

    monkeypatch.setattr(app.state.access.keys, "all", fail)
    clock.now += 10.0
    for wait in (0.0, 0.0, 580.0):
        clock.now += wait
        assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
        unknown = client.get("/v1/queue", headers=bearer(f"{key}x"))
        assert (unknown.status_code, "Retry-After" in unknown.headers) == (503, True)
    assert len(loads) == 2  # nobody waits for it at every request
    clock.now += 20.0
    answer = client.get("/v1/queue", headers=bearer(key))
    assert answer.json()["type"] == "urn:problem-type:rung:store-unavailable"
    assert answer.status_code == 503


def test_keys_hold_while_the_store_stands_still(app, clock, monkeypatch):
    """A store that neither answers nor ends is waited for once, and not by every request."""
    key, held = make(app, "read"), app.state.access
    goes_on, loads = threading.Event(), []

    def stand_still():
        loads.append(clock.now)
        assert goes_on.wait(30)
        return []

    async def ask() -> float:
        began = time.monotonic()
        for _ in range(3):
            clock.now += 10.0
            assert await held.by_key(key) is not None
            with pytest.raises(StoreAway):
                await held.by_key(f"{key}x")
        seconds = time.monotonic() - began
        goes_on.set()
        return seconds

    monkeypatch.setattr(keys, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(held.keys, "all", stand_still)
    assert asyncio.run(ask()) < 10
    assert len(loads) == 1


def test_a_service_that_starts_waits_for_its_keys(app, monkeypatch, caplog):
    """A store that is slow then keeps no service from starting; what it told holds."""
    key = make(app, "read")
    monkeypatch.setattr(keys, "_PATIENCE_SECONDS", 0.0)
    held = Access(app.state.service.store.database, app.state.access.now)

    async def start() -> None:
        await held.announce("127.0.0.1")
        assert await held.by_key(key) is not None

    with caplog.at_level(logging.INFO):
        asyncio.run(start())
    assert "keys are needed" in caplog.text


# -------------------------------------------------------------------------- This machine alone


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "name", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]", "[::1]:8000", "LOCALHOST:1"]
)
def test_this_machine(app, host, name):
    """Without any key the service answers its own machine, under its own names."""
    answer = client_of(app, host=host).get("/v1/queue", headers={"Host": name})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "headers", "words"),
    [
        ("192.0.2.1", {}, "its own machine alone"),
        ("0.0.0.0", {}, "its own machine alone"),  # noqa: S104 nothing listens
        ("::2", {}, "its own machine alone"),
        ("testclient", {}, "its own machine alone"),
        ("", {}, "its own machine alone"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, "through a proxy"),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, "through a proxy"),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, "through a proxy"),
        ("127.0.0.1", {"Via": "1.1 proxy"}, "through a proxy"),
        ("127.0.0.1", {"Host": "rung.example"}, "not as 'rung.example'"),
        ("127.0.0.1", {"Host": "localhost.evil.example:8000"}, "not as 'localhost.evil"),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example"}, "not as '127.0.0.1.evil"),
        ("127.0.0.1", {"Host": "evil:localhost"}, "not as 'evil"),
        ("127.0.0.1", {"Host": ""}, "not as ''"),
        ("127.0.0.1", {"Origin": "http://evil.example"}, "no other site"),
        ("127.0.0.1", {"Origin": "null"}, "no other site"),
        ("127.0.0.1", {"Origin": "http://["}, "no other site"),
        ("127.0.0.1", {"Host": "localhost:8000", "Origin": "http://localhost:3000"}, "no other"),
    ],
)
def test_elsewhere(app, host, headers, words):
    """Others get a 403 that says how to make a key: other machines, proxies, names, sites."""
    client = client_of(app, host=host)
    for path, method, _ in guarded(app):
        answer = ask(client, path, method, json={}, headers=headers)
        assert answer.status_code == 403, (method, path)
        body = answer.json()
        said = body["error"]["message"] if is_personalizer(path) else body["detail"]
        assert words in said
        assert "rung key create" in said
    assert client.get("/healthz", headers=headers).status_code == 200


def test_own_origin(app):
    """A page of this machine's service may post to it."""
    headers = {"Host": "localhost:8000", "Origin": "http://localhost:8000"}
    assert client_of(app).post("/v1/scores:batch", json={}, headers=headers).status_code == 422


def test_elsewhere_with_a_key(app):
    """With a key it does not matter where a request comes from."""
    key = make(app, "read")
    client = client_of(app, "https://rung.example", "192.0.2.1")
    headers = {**bearer(key), "X-Forwarded-For": "192.0.2.9"}
    assert client.get("/v1/queue", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "level", "words"),
    [
        ("127.0.0.1", logging.INFO, "this machine alone"),
        ("localhost", logging.INFO, "this machine alone"),
        ("0.0.0.0", logging.WARNING, "refused, though it listens on 0.0.0.0"),  # noqa: S104
    ],
)
def test_announced_without_a_key(tmp_path, caplog, host, level, words):
    """The log says at the start whom the service answers, loudly where that may surprise."""
    settings = Settings(f"sqlite:///{tmp_path / 'b.db'}", tmp_path / "none", host=host)
    app = create_app(settings)
    with caplog.at_level(logging.INFO, "rung"), client_of(app):
        (line,) = [record for record in caplog.records if "no key" in record.getMessage()]
        assert (line.levelno, words in line.getMessage()) == (level, True)
        assert "rung key create" in line.values["remedy"]
        make(app, "read")
    caplog.clear()
    with caplog.at_level(logging.INFO, "rung"), client_of(create_app(settings)):
        assert "keys are needed" in [record.getMessage() for record in caplog.records]


def test_started_while_the_store_stands_still(tmp_path, caplog, monkeypatch):
    """A store that is slow at the start is asked again by those who come, and none is let in."""
    settings = Settings(f"sqlite:///{tmp_path / 'b.db'}", tmp_path / "none")
    app = create_app(settings)

    def fail(_):
        raise StoreAway("it does not answer")

    with monkeypatch.context() as away, caplog.at_level(logging.INFO, "rung"):
        away.setattr(keys.Keys, "all", fail)
        started = client_of(app)
        started.__enter__()
        assert "keys are not read yet" in [record.getMessage() for record in caplog.records]
        assert started.get("/v1/webhooks").status_code == 503
    try:
        make(app, "read")
        until = time.monotonic() + 20.0
        while (status := started.get("/v1/webhooks").status_code) == 503:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert status == 401
    finally:
        started.__exit__(None, None, None)


# ------------------------------------------------------------------------------------- Rate limits


def test_too_many_requests(app, clock):
    """Over the rate a key waits for as long as it is told, and others do not."""
    app.state.access = Access(app.state.service.store.database, now, 0.5, clock)
    key, other, client = make(app, "read"), make(app, "read"), client_of(app)
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    answer = client.get("/v1/queue", headers=bearer(key))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"] == "2"
    assert answer.json()["type"] == "urn:problem-type:rung:too-many-requests"
    assert answer.json()["retryable"] is True
    assert client.get("/v1/queue", headers=bearer(other)).status_code == 200
    clock.now += 2.0
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200


def test_the_limit_of_the_settings(tmp_path):
    """The rate is that of the settings."""
    settings = Settings(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "none", rate_limit=0.25)
    app = create_app(settings)
    with client_of(app) as client:
        key = make(app, "read")
        statuses = [client.get("/v1/queue", headers=bearer(key)).status_code for _ in range(2)]
    assert statuses == [200, 429]


# ------------------------------------------------------------------------------ Headers and the log


def test_headers(app):
    """Over TLS browsers are told to stay there; what one caller got is not kept for others."""
    key = make(app, "read")
    secure = client_of(app, "https://rung.example").get("/v1/queue", headers=bearer(key)).headers
    assert secure["strict-transport-security"] == "max-age=31536000"
    plain = client_of(app).get("/", headers={**bearer(key), **HTML}).headers
    assert "strict-transport-security" not in plain
    assert plain["cache-control"] == "no-store"
    for name in ("cross-origin-opener-policy", "cross-origin-resource-policy"):
        assert secure[name] == "same-origin"
    assert "no-store" in client_of(app).get("/v1/queue").headers["cache-control"]


def test_the_log_names_the_key(app, caplog):
    """A line of the log has the id of the key that asked, and its secret never."""
    key = make(app, "read")
    with caplog.at_level(logging.DEBUG, "rung"):
        client_of(app).get("/v1/queue", headers=bearer(key))
        client_of(app).get("/v1/queue", headers=bearer(key + "x"))
    lines = [record.values for record in caplog.records if record.getMessage() == "request"]
    assert [line["key"] for line in lines] == [key.split("_")[1], None]
    assert key.split("_", 2)[2] not in repr([record.__dict__ for record in caplog.records])


def test_forgotten_keys_are_read_anew(tmp_path):
    """After a key was made or revoked here the next request knows of it, without a wait."""
    with running(tmp_path, Clock()) as app:
        access = app.state.access
        caller = client_of(app)
        assert caller.get("/v1/queue").status_code != 401
        key, text = access.keys.create("test", ["read"], as_of=1)
        access.forget()
        assert caller.get("/v1/queue").status_code == 401
        assert caller.get("/v1/queue", headers=bearer(text)).status_code != 401
        access.keys.revoke(key.id, as_of=2)
        access.forget()
        assert caller.get("/v1/queue", headers=bearer(text)).status_code == 401
