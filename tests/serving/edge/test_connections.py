"""Connections on a real server: heads come in time and are bounded, and so do bodies."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from serving.edge import connections
from serving.edge.connections import MOST_HEAD_BYTES
from tests.databases import with_tables
from tests.serving.edge.timed import (
    Timed,
    config_of,
    connected,
    running,
    running_timed,
    until,
)
from tests.serving.live import process as live

_MOST_POURED = 32 * 1024 * 1024
"""Enough for the buffers of both sides, and what is read and thrown away."""
HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HEAD_SECONDS = connections._HEAD_SECONDS
BODY_SECONDS = connections._BODY_SECONDS


class Told:
    """What became of the requests that reached the app."""

    def __init__(self) -> None:
        self.bodies: list[int] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun = 0
        self.left = 0
        self.wait = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        self.begun += 1
        await asyncio.sleep(self.wait)
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        self.bodies.append(size)
        self.headers = scope["headers"]
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def port(told, monkeypatch) -> Iterator[int]:
    """Where a server answers, who was refused for as long as it likes."""
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 60.0)
    server = uvicorn.Server(config_of(told))
    with running(server, server.run) as port:
        yield port


@pytest.fixture
def timed(told) -> Iterator[Timed]:
    with running_timed(told) as found:
        yield found


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


def heard(caller: socket.socket) -> bytes:
    """One answer: what the app says, or a word to go on."""
    found = b""
    while not found.endswith((b"ok", b" 100 Continue\r\n\r\n")):
        part = caller.recv(65536)
        assert part, found
        found += part
    return found


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


def is_left_open(caller: socket.socket) -> bool:
    """Whether nothing was said to a caller, not even that it is over."""
    return select.select([caller], [], [], 0.0)[0] == []


def dripped(timed: Timed, caller: socket.socket, sent: int, part: bytes) -> int:
    """For how many seconds, of a minute at most, a part could be sent each second.

    Parameters
    ----------
    sent : bytes that were sent before.
    """
    for second in range(60):
        if not is_left_open(caller):
            return second
        caller.sendall(part)
        sent += len(part)
        timed.hears(sent)
        timed.go_on(1.0)
    return 60


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
        monkeypatch.setattr(connections, name, 300.0)
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


@pytest.mark.parametrize(
    "hosts",
    [
        *(b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nHost: a\r\n", b"Host: a b\r\n"),
        *(b"Host: a/b\r\n", b"Host: me@a\r\n", b"Host: \xc3\xa9\r\n"),
    ],
)
def test_a_request_is_for_one_host(port, told, hosts):
    """Where that is said twice, or in no way, two who read it could take it for two requests."""
    with connected(port) as caller:
        caller.sendall(b"POST /x HTTP/1.1\r\n" + hosts + b"Content-Length: 1\r\n\r\nx")
        answer = rest(caller)
    assert status(answer) == 400
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"].endswith(":malformed")
    assert told.begun == 0


@pytest.mark.parametrize(
    "head",
    [
        *(b"HTTP/1.1\r\nHost: a.example:80\r\n", b"HTTP/1.1\r\nHost: [::1]:8000\r\n"),
        *(b"HTTP/1.1\r\nHost:\r\n", b"HTTP/1.0\r\n", b"HTTP/1.0\r\nHost: a\r\n"),
    ],
)
def test_hosts_that_will_do(port, head):
    """Whatever is the name of one; HTTP/1.0 need not have it."""
    with connected(port) as caller:
        caller.sendall(b"GET /x " + head + b"Connection: close\r\n\r\n")
        assert status(rest(caller)) == 200


def test_what_is_no_request_is_a_problem(port, told):
    """It is refused as other requests are, in words of ours."""
    with connected(port) as caller:
        caller.sendall(HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx")
        answer = rest(caller)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == 400
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["type"] == "urn:problem-type:rung:malformed"
    assert told.begun == 0


@pytest.mark.parametrize(
    "behind", [b"no request\r\n\r\n", HEAD + b"Host: b\r\n\r\n"], ids=["junk", "two hosts"]
)
@pytest.mark.parametrize("before", [1, 3])
def test_what_stands_before_it_is_answered(port, told, before, behind):
    """A refusal would be taken for its answer, and to end the connection at once would lose it."""
    told.wait = 0.1
    with connected(port) as caller:
        caller.sendall((HEAD + b"Content-Length: 1\r\n\r\nx") * before + behind)
        answers = rest(caller)
    assert (answers.count(b"HTTP/1.1 200 OK"), answers.count(b"HTTP/1.1 ")) == (before, before)
    assert answers.endswith(b"ok")
    assert told.bodies == [1] * before


UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
    b"Connection: upgrade\r\nConnection: keep-alive\r\nUpgrade: TLS/1.0\r\n",
]


@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize("at", [1, 40, 160, 5000])
def test_another_protocol_may_be_asked_for(port, told, upgrade, at):
    """As Java's client does in each request: it is answered in this one, body and all."""
    body = b"x" * 20_000
    plain = HEAD + upgrade + b"A: b\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    parts = b"".join(b"%x\r\n%s\r\n" % (5000, body[:5000]) for _ in range(4)) + b"0\r\n\r\n"
    chunked = HEAD + upgrade + b"A: b\r\nTransfer-Encoding: chunked\r\n\r\n" + parts
    with connected(port) as caller:
        for one in (plain, chunked, plain + plain):
            caller.sendall(one[:at])
            time.sleep(0.01)
            caller.sendall(one[at:])
            assert b"200 OK" in heard(caller)
        caller.sendall(HEAD + b"Connection: close\r\n\r\n")
        rest(caller)
    assert told.bodies == [20_000] * 4 + [0]


def test_what_is_left_of_a_head_that_asked(port, told):
    """All but what asked for the other protocol, in its order."""
    with connected(port) as caller:
        caller.sendall(
            b"GET /x?y HTTP/1.1\r\nhost: a\r\nX: 1\r\nConnection: close, Upgrade\r\nX: 2\r\n"
            b"Upgrade: h2c\r\n\r\n"
        )
        assert status(rest(caller)) == 200
    left = [(b"host", b"a"), (b"x", b"1"), (b"connection", b"close"), (b"x", b"2")]
    assert told.headers == left


def test_what_stands_behind_a_body_is_no_header(port, told):
    """A proxy that takes headers away, or sets them, does not look there."""
    with connected(port) as caller:
        caller.sendall(CHUNKED + b"1\r\nx\r\n0\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n")
        heard(caller)
    assert told.bodies == [1]
    assert [name for name, _ in told.headers] == [b"host", b"transfer-encoding"]


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
def test_a_head_that_does_not_come_is_not_waited_for(timed, told, first):
    """A connection without a whole head is closed, with a word where it had begun one."""
    with timed.connected() as caller:
        caller.sendall(first)
        timed.hears(len(first))
        timed.go_on(HEAD_SECONDS - 0.1)
        assert is_left_open(caller)
        timed.go_on(0.2)
        answer = rest(caller)
    assert (status(answer) if answer else None) == (408 if first else None)
    assert told.bodies == []


@pytest.mark.parametrize("part", [b"x", b"x: y\r\n"])
def test_a_head_that_drips_is_not_waited_for(timed, part):
    """Sending a little from time to time does not help."""
    head = HEAD + b"X: "
    with timed.connected() as caller:
        caller.sendall(head)
        assert dripped(timed, caller, len(head), part) == HEAD_SECONDS


@pytest.mark.parametrize("first", [HEAD, b"\r\n"])
def test_a_later_head_is_not_waited_for(timed, told, first):
    """What was answered once has no more time for its next head."""
    one = HEAD + b"Content-Length: 1\r\n\r\nx"
    with timed.connected() as caller:
        caller.sendall(one)
        assert status(heard(caller)) == 200
        caller.sendall(first)
        timed.hears(len(one + first))
        timed.go_on(HEAD_SECONDS - 0.1)
        assert is_left_open(caller)
        timed.go_on(0.2)
        rest(caller)
    assert told.bodies == [1]


# ------------------------------------------------------------------------------------------- Bodies


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (HEAD + b"Content-Length: 1000\r\n\r\n", BODY_SECONDS),
        (HEAD, HEAD_SECONDS),
        (CHUNKED, BODY_SECONDS),
    ],
    ids=["body", "head", "chunks"],
)
def test_a_body_that_does_not_come_is_not_waited_for(timed, told, sent, seconds):
    """A body that stays out is a caller that has left, to whoever serves the request."""
    with timed.connected() as caller:
        caller.sendall(sent)
        timed.hears(len(sent))
        timed.go_on(seconds - 0.1)
        assert is_left_open(caller)
        timed.go_on(0.2)
        assert status(rest(caller)) == 408
    until(lambda: told.left == told.begun)
    assert told.begun == (0 if sent == HEAD else 1)


def test_a_body_that_drips_is_not_waited_for(timed, told):
    """A body has to come at a least pace."""
    head = HEAD + b"Content-Length: 1000\r\n\r\n"
    with timed.connected() as caller:
        caller.sendall(head)
        assert BODY_SECONDS < dripped(timed, caller, len(head), b"x") < BODY_SECONDS + 2
    until(lambda: told.left == 1)


def test_a_body_that_takes_its_time_is_served(timed, told):
    """A large body that keeps coming may take longer than a small one."""
    head = HEAD + b"Content-Length: 20000\r\nConnection: close\r\n\r\n"
    with timed.connected() as caller:
        caller.sendall(head)
        for parts in range(1, 11):
            caller.sendall(b"x" * 2000)
            timed.hears(len(head) + 2000 * parts)
            timed.go_on(BODY_SECONDS / 5)
        assert status(rest(caller)) == 200
    assert told.bodies == [20_000]


_LONG = HEAD + b"Content-Length: 300000\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("before", "said", "left", "after"),
    [
        (_LONG + b"\r\n" + b"x" * 300_000, 200, 0.0, b""),
        (_LONG + b"\r\n" + b"x" * 200_000, None, BODY_SECONDS, b"x" * 100_000),
        (_LONG + b"Expect: 100-continue\r\n\r\n", 100, BODY_SECONDS, b"x" * 300_000),
        (
            HEAD + b"Content-Length: 1\r\n\r\nx" + _LONG,
            *(200, HEAD_SECONDS, b"\r\n" + b"x" * 300_000),
        ),
    ],
    ids=["answer", "pause", "go on", "next"],
)
@pytest.mark.parametrize("ours", [0.9, 1.9, 2.9, 3.9])
def test_our_own_time_is_not_theirs(timed, told, before, said, left, after, ours):
    """Who waited for us has its whole time from then on, however long, and whatever for.

    Parameters
    ----------
    said : the status that a caller is told when we are done; None where it has to go on first.
    left : the seconds that it has from then on.
    ours : how long we take, in whole times of theirs.
    """
    told.wait = ours * BODY_SECONDS
    with timed.connected() as caller:
        caller.sendall(before)
        until(lambda: told.begun)
        timed.hears(len(before))
        timed.go_on(told.wait - 0.1)
        assert is_left_open(caller)
        told.wait = 0.0
        timed.go_on(0.2)
        answers = heard(caller) if said else b""
        assert (status(answers) if said else None) == said
        until(lambda: timed.heard[-1] == len(before))
        timed.go_on(max(left - 0.3, 0.0))
        caller.sendall(after)
        answers += rest(caller)
    assert b" 408 " not in answers
    assert answers.count(b" 200 ") == len(told.bodies)
    assert told.bodies[-1] == 300_000


def test_one_after_the_other_before_an_answer(timed, told):
    """Requests that are sent ahead, the last one in halves, are all answered."""
    told.wait = BODY_SECONDS
    one = HEAD + b"Content-Length: 1\r\n\r\nx"
    with timed.connected() as caller:
        caller.sendall(one + one + HEAD)
        timed.hears(len(one + one + HEAD))
        for served in (1, 2):
            until(lambda: told.begun == served)  # noqa: B023 it is over when the next begins
            timed.go_on(told.wait)
        until(lambda: told.bodies == [1, 1])
        timed.go_on(HEAD_SECONDS - 0.1)
        caller.sendall(b"Content-Length: 1\r\nConnection: close\r\n\r\nx")
        until(lambda: told.begun == 3)
        timed.go_on(told.wait)
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
