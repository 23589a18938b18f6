"""A server whose clock a test moves: what depends on seconds depends on no machine."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from serving.edge.connections import BoundedProtocol

__all__ = ["Timed", "config_of", "connected", "running", "running_timed", "until"]

_SECONDS = 60.0
"""Until something surely does not happen any more, in true time."""
_ROUNDS = 9
"""Of a loop, in which a timer, and who waits for what it does, have had their turn."""


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time stands, but for what a test lets pass."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._left_at: float | None = None

    def time(self) -> float:
        """The seconds that have passed by its clock."""
        return self._now + (0.0 if self._left_at is None else time.monotonic() - self._left_at)

    def go_on(self, seconds: float) -> None:
        """Let so many seconds pass; what was to be done by then is done."""
        done = threading.Event()

        def later(rounds: int) -> None:
            if rounds:
                self.call_soon(later, rounds - 1)
            else:
                done.set()

        def pass_by() -> None:
            self._now += seconds
            later(_ROUNDS)

        self.call_soon_threadsafe(pass_by)
        assert done.wait(_SECONDS)

    def leave(self) -> None:
        """Let the time pass by itself from now on."""
        self.call_soon_threadsafe(setattr, self, "_left_at", time.monotonic())


class Timed:
    """A server by such a clock.

    Parameters
    ----------
    heard : how many bytes have come, of each connection.
    """

    def __init__(self, app: Any) -> None:
        heard = self.heard = list[int]()
        protocols = self._protocols = list[BoundedProtocol]()

        class Listening(BoundedProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                protocols.append(self)
                heard.append(0)

            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                heard[-1] += len(data)

        self.server = uvicorn.Server(config_of(app, Listening))
        self.clock = Clock()
        self.go_on = self.clock.go_on
        self.port = 0

    def run(self) -> None:
        """Serve until the end."""
        with asyncio.Runner(loop_factory=lambda: self.clock) as runner:
            runner.run(self.server.serve())

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """The only caller that there is."""
        with connected(self.port) as caller:
            until(lambda: self.heard)
            yield caller

    def hears(self, size: int) -> None:
        """Wait until all that a caller has sent was read, or until nothing more is."""
        protocol = self._protocols[-1]

        def is_read() -> bool:
            is_closed = protocol.transport.is_closing()
            return self.heard[-1] == size or protocol.flow.read_paused or is_closed

        until(is_read)


@contextmanager
def running_timed(app: Any) -> Iterator[Timed]:
    """A server of an app, for as long as the block lasts."""
    found = Timed(app)
    with running(found.server, found.run) as found.port:
        yield found
        found.clock.leave()  # it looks now and then whether it is to end


def config_of(app: Any, protocol: type[BoundedProtocol] = BoundedProtocol) -> uvicorn.Config:
    """How an app is served, at a port that is free."""
    return uvicorn.Config(app, port=0, http=protocol, lifespan="off", log_config=None)


@contextmanager
def running(server: uvicorn.Server, run: Callable[[], object]) -> Iterator[int]:
    """The port of a server that runs in a thread."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(_SECONDS)
    assert not thread.is_alive()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A caller who waits for an answer as long as it takes."""
    with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as caller:
        yield caller


def until(claim: Callable[[], object]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + _SECONDS
    while not claim():
        assert time.monotonic() < ends
        time.sleep(0.001)
