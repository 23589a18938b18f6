"""A PostgreSQL server that is frozen is told from a busy one, and nobody waits for it long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from selectors import EVENT_READ, EVENT_WRITE

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.errors import ConnectionTimeout

from features.errors import StoreAway
from features.store.connecting import silence
from features.store.connecting.silence import Silence
from features.store.database import Database

TICK = 0.1
"""So often the driver's generators are woken up while nothing moves."""


class Server:
    """One that shared, or not; and the clock."""

    def __init__(self) -> None:
        self.now, self.asked = 0.0, 0
        self.error: Exception | None = None

    def ask(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error

    def clock(self) -> float:
        return self.now


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def shared(server: Server) -> Silence:
    return Silence(server.ask, server.clock)


def statement():
    """What the driver does for one: it sends it, and waits until there is something to read."""
    yield EVENT_WRITE
    while (yield EVENT_READ) == 0:
        pass
    return "row"


def begun(shared):
    waiting = shared.watched(statement())
    assert next(waiting) == EVENT_WRITE
    assert waiting.send(EVENT_WRITE) == EVENT_READ
    return waiting


def waited(server, seconds, *waiting):
    """Nothing moves for some seconds, and whoever waits is told so."""
    for _ in range(round(seconds / TICK)):
        server.now += TICK
        for one in waiting:
            assert one.send(0) == EVENT_READ


def answered(waiting):
    with pytest.raises(StopIteration) as end:
        waiting.send(EVENT_READ)
    return end.value.value


def test_a_statement_may_take_long(server, shared):
    """A server that shared something else is busy: it is asked now and then, by one of all."""
    waiting = [begun(shared) for _ in range(30)]
    waited(server, 4.9, *waiting)
    assert server.asked == 0
    waited(server, 115.1, *waiting)
    assert 15 < server.asked < 25
    assert {answered(one) for one in waiting} == {"row"}


def test_a_refusal_is_an_answer(server, shared):
    """A server that refuses another connection is there."""
    server.error = psycopg.OperationalError("too many clients already")
    waiting = begun(shared)
    waited(server, 20, waiting)
    assert answered(waiting) == "row"


def test_a_silent_one_is_not_waited_for(server, shared):
    """Once one has found that the server is silent all know, and who comes later waits a second."""
    server.error = ConnectionTimeout("nothing came")
    first, second = begun(shared), begun(shared)
    waited(server, 5.0, first, second)
    server.now += TICK
    for one in (first, second):
        with pytest.raises(ConnectionTimeout, match="does not answer"):
            one.send(0)
    assert server.asked == 1
    later = begun(shared)
    waited(server, 1.0, later)
    server.now += TICK
    with pytest.raises(ConnectionTimeout):
        later.send(0)


def test_an_answer_ends_it(server, shared):
    """Whoever gets one knows that the server is there again; to have sent something is none."""
    shared.is_silent = True
    waiting = begun(shared)
    assert shared.is_silent
    assert answered(waiting) == "row"
    assert not shared.is_silent
    waiting = begun(shared)
    waited(server, 4.9, waiting)


def test_one_at_a_time_connects_to_a_silent_one(shared):
    """Many would hold a thread each, for as long as it takes to see that nothing has changed."""

    def fail():
        raise ConnectionTimeout("connection timeout expired")

    with pytest.raises(ConnectionTimeout):
        shared.connected(fail)

    def others():
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            shared.connected(lambda: "another")
        return "one"

    assert shared.connected(others) == "one"
    assert shared.connected(lambda: "the next") == "the next"


class Proxy:
    """Stands before a server of this machine, and once `is_frozen` swallows what is asked of it.

    Connections are made all the same, as by a pooler whose server is frozen.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = [self._server]
        self.port = self._server.getsockname()[1]
        self.is_frozen = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._path)
            self._lines += [client, server]
            for line in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=line, daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.is_frozen or data[0] == 0 or source.family == socket.AF_UNIX:
                    to.sendall(data)  # what asks for a connection begins with a zero
        except OSError:
            pass
        to.close()

    def freeze(self) -> int:
        self.is_frozen = True
        return 1

    def close(self) -> None:
        for line in self._lines:
            line.close()


@contextmanager
def behind(url: str) -> Iterator[tuple[Proxy, str]]:
    parsed = sa.make_url(url)
    folder = parsed.query["host"]
    proxy = Proxy(f"{folder}/.s.PGSQL.{parsed.port or 5432}")
    through = parsed.set(host="127.0.0.1", port=proxy.port, query={"sslmode": "disable"})
    try:
        yield proxy, through.render_as_string(hide_password=False)
    finally:
        proxy.close()


def test_a_frozen_server(postgresql_url, monkeypatch):
    """Its store is away within seconds, for who waits and for who comes, and then back again."""
    monkeypatch.setattr(silence, "_SILENT_SECONDS", 0.2)
    monkeypatch.setattr(silence, "_KNOWN_SILENT_SECONDS", 0.1)
    with behind(postgresql_url) as (proxy, url), Database.open(url) as database:
        with database.reading() as connection:  # a busy one is waited for
            assert connection.exec_driver_sql("SELECT 'x' FROM pg_sleep(0.7)").scalar() == "x"
        with pytest.raises(StoreAway, match="does not answer"), database.reading() as connection:
            connection.exec_driver_sql(f"SELECT {proxy.freeze()}")
        for _ in range(3):
            with pytest.raises(StoreAway, match="does not answer"), database.writing() as writing:
                writing.exec_driver_sql("SELECT 1")
        proxy.is_frozen = False
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
