"""Connections on a real server: heads come in time and are bounded, and so do bodies."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from serving.edge import connections
from serving.edge.connections import MOST_HEAD_BYTES, BoundedProtocol
from tests.databases import with_tables
from tests.serving.live import process as live

_MOST_POURED = 32 * 1024 * 1024
"""Enough for the buffers of both sides, and what is read and thrown away."""
HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SHORT = 0.4
"""The seconds that heads and bodies may take here."""


class Told:
    """What became of the requests that reached the app."""

    def __init__(self) -> None:
        self.bodies: list[int] = []
        self.left = 0
        self.wait = 0.0

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        await asyncio.sleep(self.wait)
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        self.bodies.append(size)
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def port(told, monkeypatch) -> Iterator[int]:
    """Where a server answers that is in a hurry."""
    monkeypatch.setattr(connections, "_HEAD_SECONDS", SHORT)
    monkeypatch.setattr(connections, "_BODY_SECONDS", SHORT)
    monkeypatch.setattr(connections, "_LINGER_SECONDS", SHORT)
    with serving(told) as found:
        yield found


@contextmanager
def serving(app: Any) -> Iterator[int]:
    port = live.free_port()
    config = uvicorn.Config(
        *(app,), host="127.0.0.1", port=port, http=BoundedProtocol, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield port
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        yield caller


def rest(caller: socket.socket) -> bytes:
    """All that is answered before the other side closes."""
    found = b""
    while True:
        try:
            part = caller.recv(65536)
        except ConnectionResetError:
            return found
        if not part:
            return found
        found += part


def poured(caller: socket.socket, part: bytes, most: int) -> int:
    """How many bytes could be sent, part by part, before the other side had enough."""
    sent = 0
    try:
        while sent < most:
            caller.sendall(part)
            sent += len(part)
            time.sleep(0.001)
    except (ConnectionResetError, BrokenPipeError):
        return sent
    return sent


def dripped(caller: socket.socket, part: bytes, seconds: float) -> float:
    """For how long a part could be sent again and again, ten times a second."""
    began = time.monotonic()
    caller.settimeout(0.05)
    while time.monotonic() - began < seconds:
        try:
            caller.sendall(part)
            if caller.recv(1) == b"":
                break
            caller.recv(65536)
            break
        except TimeoutError:
            time.sleep(0.05)
        except OSError:
            break
    return time.monotonic() - began


def status(answer: bytes) -> int:
    return int(answer.split()[1])


# -------------------------------------------------------------------------------------------- Heads


@pytest.mark.parametrize(
    ("first", "part"),
    [
        (HEAD + b"X: ", b"x" * 4096),
        (HEAD, b"X: y\r\n" * 700),
        (b"GET /", b"x" * 4096),
        (b"GET /?q=", b"%20" * 1400),
        (b"", b"\r\n" * 2000),
        (CHUNKED + b"1;", b"x" * 4096),
        (CHUNKED + b"1\r\nx\r\n0\r\nT: ", b"x" * 4096),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"T: y\r\n" * 700),
    ],
    ids=["value", "headers", "path", "query", "lines", "extension", "trailer", "trailers"],
)
def test_an_endless_head_is_refused(port, told, monkeypatch, first, part):
    """Whatever has no end before a body, beside it or after it, is read to 64 KiB and refused."""
    for name in ("_HEAD_SECONDS", "_BODY_SECONDS"):  # it is not the time that ends it
        monkeypatch.setattr(connections, name, 30.0)
    with connected(port) as caller:
        caller.sendall(first)
        assert poured(caller, part, _MOST_POURED) < _MOST_POURED
        answer = rest(caller)
    if answer:  # its sender may have been too busy sending
        assert status(answer) == 431
    assert told.bodies == []
    with connected(port) as caller:  # it goes on for others
        caller.sendall(HEAD + b"Content-Length: 1\r\nConnection: close\r\n\r\nx")
        assert status(rest(caller)) == 200


@pytest.mark.parametrize("size", [MOST_HEAD_BYTES + 1, 100_000, 200_000])
def test_why_a_head_is_refused(port, told, size):
    """A head that comes whole and is too large is refused with a problem that says why."""
    with connected(port) as caller:
        caller.sendall(HEAD + b"Content-Length: 5\r\nX: " + b"x" * size + b"\r\n\r\nhello")
        answer = rest(caller)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 431
    assert b"content-type: application/problem+json" in head.lower()
    problem = json.loads(body)
    assert problem["type"] == "urn:problem-type:rung:head-too-large"
    assert "64 KiB" in problem["detail"]
    assert (told.bodies, told.left) == ([], 0)


def test_a_large_head_is_served(port, told):
    """A head of nearly 64 KiB is none too large, and the next of a connection counts anew."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            answer = client.post("/", headers={"X": "x" * 60_000}, content=b"y" * 300_000)
            assert answer.status_code == 200
    assert told.bodies == [300_000] * 3


@pytest.mark.parametrize(
    "first", [b"", b"G", HEAD, HEAD + b"X: y", b"\r\n"], ids=["", "G", "head", "value", "line"]
)
def test_a_head_that_does_not_come_is_not_waited_for(port, told, first):
    """A connection without a whole head is closed, with a word where it had begun one."""
    with connected(port) as caller:
        caller.sendall(first)
        began = time.monotonic()
        answer = rest(caller)
        seconds = time.monotonic() - began
    assert SHORT / 2 < seconds < 10 * SHORT
    assert (status(answer) if answer else None) == (408 if first else None)
    assert told.bodies == []


@pytest.mark.parametrize("part", [b"x", b"x: y\r\n"])
def test_a_head_that_drips_is_not_waited_for(port, part):
    """Sending a little from time to time does not help."""
    with connected(port) as caller:
        caller.sendall(HEAD + b"X: ")
        assert dripped(caller, part, 20 * SHORT) < 10 * SHORT


@pytest.mark.parametrize("first", [HEAD, b"\r\n"])
def test_a_later_head_is_not_waited_for(port, told, first):
    """What was answered once has no more time for its next head."""
    with connected(port) as caller:
        caller.sendall(HEAD + b"Content-Length: 1\r\n\r\nx")
        assert status(caller.recv(65536)) == 200
        caller.sendall(first)
        began = time.monotonic()
        rest(caller)
        assert time.monotonic() - began < 10 * SHORT
    assert told.bodies == [1]


# ------------------------------------------------------------------------------------------- Bodies


@pytest.mark.parametrize("rest_of_head", [b"Content-Length: 1000\r\n\r\n", b"", b"chunks"])
def test_a_body_that_does_not_come_is_not_waited_for(port, told, rest_of_head):
    """A body that stays out is a caller that has left, to whoever serves the request."""
    with connected(port) as caller:
        caller.sendall(CHUNKED if rest_of_head == b"chunks" else HEAD + rest_of_head)
        began = time.monotonic()
        answer = rest(caller)
        assert time.monotonic() - began < 10 * SHORT
    assert status(answer) == 408
    live.eventually(lambda: told.left == (1 if rest_of_head else 0), 5)


def test_a_body_that_drips_is_not_waited_for(port, told):
    """A body has to come at a least pace."""
    with connected(port) as caller:
        caller.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        assert dripped(caller, b"x", 20 * SHORT) < 10 * SHORT
    live.eventually(lambda: told.left == 1, 5)


def test_a_body_that_takes_its_time_is_served(port, told):
    """A large body that keeps coming may take longer than a small one."""
    with connected(port) as caller:
        caller.sendall(HEAD + b"Content-Length: 20000\r\nConnection: close\r\n\r\n")
        for _ in range(10):
            caller.sendall(b"x" * 2000)
            time.sleep(SHORT / 5)
        assert status(rest(caller)) == 200
    assert told.bodies == [20_000]


_LONG = HEAD + b"Content-Length: 300000\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_LONG + b"\r\n" + b"x" * 300_000, b""),
        (_LONG + b"\r\n" + b"x" * 200_000, b"x" * 100_000),
        (_LONG + b"Expect: 100-continue\r\n\r\n", b"x" * 300_000),
        (HEAD + b"Content-Length: 1\r\n\r\nx" + _LONG, b"\r\n" + b"x" * 300_000),
    ],
    ids=["answer", "pause", "go on", "next"],
)
def test_our_own_time_is_not_theirs(port, told, monkeypatch, before, after):
    """Who waited for us has its whole time from then on, however long, and whatever for.

    Its time would be up at 1, 2 and 3, were ours of it; we take 2.9, and it takes half of one.
    """
    for name in ("_HEAD_SECONDS", "_BODY_SECONDS"):
        monkeypatch.setattr(connections, name, 1.0)
    told.wait = 2.9
    with connected(port) as caller:
        caller.sendall(before)
        time.sleep(told.wait + 0.5)
        caller.sendall(after)
        answers = rest(caller)
    assert b" 408 " not in answers
    assert answers.count(b" 200 ") == len(told.bodies)
    assert told.bodies[-1] == 300_000


def test_one_after_the_other_before_an_answer(port, told):
    """Requests that are sent ahead, the last one in halves, are all answered."""
    told.wait = 1.5 * SHORT
    one = HEAD + b"Content-Length: 1\r\n\r\nx"
    with connected(port) as caller:
        caller.sendall(one + one + HEAD)
        time.sleep(2 * SHORT)
        caller.sendall(b"Content-Length: 1\r\nConnection: close\r\n\r\nx")
        assert rest(caller).count(b"200 OK") == 3
    assert told.bodies == [1, 1, 1]


# --------------------------------------------------------------------------------- The real service


@contextmanager
def by_uvicorn(store: str, port: int) -> Iterator[None]:
    """The other way to serve that the docs name."""
    command = [
        *(sys.executable, "-m", "uvicorn", "serving.app:create_app", "--factory"),
        *("--http", "serving.edge.connections:BoundedProtocol", "--port", str(port)),
    ]
    rest_ = {name: text for name, text in os.environ.items() if not name.startswith("RUNG_")}
    environment = {**rest_, "RUNG_DATABASE_URL": store, "RUNG_BUNDLE": "none"}
    process = subprocess.Popen(command, env=environment, cwd=live.ROOT, stderr=subprocess.DEVNULL)
    try:
        live.eventually(lambda: _answers(port))
        yield
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def _hold(port: int, memory: Callable[[], int]) -> None:
    before = memory()
    with connected(port) as silent, connected(port) as half, connected(port) as endless:
        half.sendall(HEAD)
        endless.sendall(HEAD + b"X: ")
        assert poured(endless, b"x" * 65536, 100 * 1024 * 1024) < 100 * 1024 * 1024
        assert memory() - before < 16 * 1024 * 1024
        silent.settimeout(60)
        half.settimeout(60)
        assert (rest(silent), status(rest(half))) == (b"", 408)


@pytest.mark.slow
def test_rung_serve_holds_nothing_for_ever(tmp_path):
    """Sockets that say nothing, half a head or an endless one cost neither memory nor a place."""
    store = f"sqlite:///{with_tables(tmp_path / 'held.db')}"
    with live.running(store, tmp_path / "none", tmp_path) as process:
        _hold(process.port, lambda: process.most_memory)
        assert httpx2.get(f"{process.url}/healthz").status_code == 200
        assert "Traceback" not in process.said()


@pytest.mark.slow
def test_uvicorn_holds_nothing_for_ever(tmp_path):
    """So does the command of uvicorn that the docs name."""
    port = live.free_port()
    with by_uvicorn(f"sqlite:///{with_tables(tmp_path / 'held.db')}", port):
        _hold(port, lambda: 0)
        assert _answers(port)
