"""Health: alive is not ready, and what is missing is named."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from features.errors import StoreAway
from features.store.kept.meta import set_meta
from serving.process import background
from serving.routes.state import health
from tests.serving.conftest import service_of


def test_alive(client, bare):
    """The process is alive with and without a model."""
    for one in (client, bare):
        answer = one.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
        assert answer.headers["cache-control"] == "no-store"


def test_ready(client, service):
    """With a store, a model and a scored queue the service is ready."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert checks["store"] == "reachable"
    assert checks["model"] == f"{service.scorer.bundle.version}, warm"
    assert checks["queue"].startswith(f"{service.run.queued} of {service.run.leads} leads")


def test_not_ready_without_a_model(bare):
    """Without a model it says what is missing, as a problem."""
    answer = bare.get("/readyz")
    body = answer.json()
    assert (answer.status_code, body["type"]) == (503, "urn:problem-type:rung:not-ready")
    assert body["missing"] == ["model", "queue"]
    assert "no manifest.json" in body["checks"]["model"]
    assert answer.headers["retry-after"] == "5"


def test_not_ready_with_a_damaged_model(start, url, tmp_path):
    """A bundle that is damaged does not stop the service; it says so."""
    (tmp_path / "manifest.json").write_text("{}")
    with start(url, tmp_path, wait=False) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "is damaged" in answer.json()["checks"]["model"]


def test_not_ready_without_a_store(client, monkeypatch):
    """A store out of reach is named, and nothing of why is shown."""

    def fail(*_):
        raise StoreAway("private")

    monkeypatch.setattr(service_of(client).store.queue, "listed", fail)
    answer = client.get("/readyz")
    assert answer.json()["missing"] == ["store"]
    assert "private" not in answer.text


def test_not_ready_with_a_store_that_only_reads(client):
    """After a write that failed one is tried: as long as it fails the service is not ready."""
    database = service_of(client).store.database

    def read_only(connection, *_):
        connection.execute(f"PRAGMA query_only = {is_read_only}")

    is_read_only = 1
    sa.event.listen(database.engine, "checkout", read_only)
    with pytest.raises(StoreAway), database.writing() as connection:
        set_meta(connection, "key", "value")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["store"])
    assert "cannot be written now" in answer.json()["checks"]["store"]
    assert answer.headers["Retry-After"] == "5"
    assert "rung_store_writable 0.0" in client.get("/metrics").text
    is_read_only = 0
    assert client.get("/readyz").status_code == 200
    assert "rung_store_writable 1.0" in client.get("/metrics").text
    sa.event.remove(database.engine, "checkout", read_only)
    database.engine.dispose()  # connections that others hold may only read still


def test_not_ready_with_a_store_that_stands_still(client, monkeypatch):
    """Whoever asks is told within some seconds, by one look for all who ask meanwhile."""
    goes_on, looks = threading.Event(), []

    def stand_still(*_):
        looks.append(1)
        assert goes_on.wait(30)
        return []

    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(service_of(client).store.queue, "listed", stand_still)
        for _ in range(3):
            answer = client.get("/readyz")
            assert (answer.status_code, answer.json()["missing"]) == (503, ["store"])
        goes_on.set()
    assert len(looks) == 1
    until = time.monotonic() + 60
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < until


def test_not_ready_before_the_queue(client, monkeypatch):
    """A queue that was not scored yet is missing; so is one whose scoring failed."""
    service = service_of(client)
    monkeypatch.setattr(background, "_take_over", lambda *_: None)
    monkeypatch.setattr(service, "run", None)
    # The store may have been away a moment ago, in another test.
    monkeypatch.setattr(service, "failures", {})
    assert client.get("/readyz").json()["checks"]["queue"] == "not scored yet"
    monkeypatch.setitem(service.failures, "score all", "it failed: OSError; see the log")
    assert "OSError" in client.get("/readyz").json()["checks"]["queue"]
