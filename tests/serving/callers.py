"""The whole service on an empty store, callers of it, and keys for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.app import create_app
from serving.edge.access.access import Access, _Known
from serving.settings import Settings
from tests.databases import with_tables

__all__ = ["Clock", "bearer", "client_of", "make", "running", "said_here"]

START = 1_800_000_000


class Clock:
    """A clock that goes on when it is told to, in seconds."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


def client_of(
    app: FastAPI, address: str = "http://127.0.0.1", host: str = "127.0.0.1"
) -> TestClient:
    """A caller at an IP address, who names the service as in a URL."""
    return TestClient(
        app, address, client=(host, 50000), raise_server_exceptions=False, follow_redirects=False
    )


@contextmanager
def running(folder: Path, clock: Clock) -> Iterator[FastAPI]:
    """The service without a key and without a model, its access by the clock."""
    settings = Settings(f"sqlite:///{with_tables(folder / 'callers.db')}", folder / "none")
    app = create_app(settings)
    with client_of(app):
        database = app.state.service.store.database
        app.state.access = Access(database, lambda: round(clock.now * 1e6), clock=clock)
        yield app


def make(app: FastAPI, *scopes: str, source: str = "", ladder: str = "") -> str:
    """The text of a new key that the service knows of at once."""
    access = app.state.access
    text: str = access.keys.create("test", scopes, source, ladder, as_of=1)[1]
    access._known = _Known.of(access.keys.all(), access._clock())
    return text


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def said_here(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What this thread logged: services that other tests have started may log at any time."""
    return [record for record in caplog.records if record.thread == threading.get_ident()]
