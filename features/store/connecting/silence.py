"""Connections to a PostgreSQL server that may fall silent: it is not waited for without end.

A server that was stopped in its tracks, or whose machine was, keeps its connections open and says
nothing: no limit of the server's own is over there, and none of the network's on a socket of this
machine. Nor does silence mean anything by itself: some statements take minutes. So whoever has
waited in vain for some seconds asks the server something else, by another connection. It answers at
once where it is alive, however busy it is with the statement.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from selectors import EVENT_READ
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.errors import ConnectionTimeout

__all__ = ["Silence", "watch"]

_SILENT_SECONDS: Final = 5.0
"""After so long without a word the server is asked whether it is there; and for so long that is
waited for, from connecting on."""
_KNOWN_SILENT_SECONDS: Final = 1.0
"""For so long it is waited for while nobody has had an answer."""
_NOTHING: Final = 0
"""What the driver's generators are told, ten times a second, while nothing moves."""
_READS: Final = EVENT_READ
"""What they are told when there is something to read."""

Waiting = Generator[Any, Any, Any]
"""What the driver does with a connection: it yields what it waits for."""
_Made = TypeVar("_Made")


class Silence:
    """Whether a server is silent: what its connections found out, for all of them.

    Parameters
    ----------
    ask : connects and has a statement done; psycopg.OperationalError where that fails,
        ConnectionTimeout where nothing came of it in time.
    clock : seconds, never going back.
    """

    def __init__(
        self, ask: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = threading.Lock()
        self._answered_at = float("-inf")
        self.is_silent = False

    def watched(self, waiting: Waiting) -> Waiting:
        """What the driver does; ConnectionTimeout once the server is silent."""
        moved_at, has_heard = self._clock(), False
        try:
            wanted = next(waiting)
            while True:
                ready = yield wanted
                if ready == _NOTHING:
                    self._look(moved_at)
                else:
                    moved_at = self._clock()
                    has_heard = has_heard or bool(ready & _READS)
                wanted = waiting.send(ready)
        except StopIteration as end:
            if has_heard:
                self.is_silent = False
            return end.value

    def connected(self, connect: Callable[[], _Made]) -> _Made:
        """A new connection. While the server is silent one at a time tries; others need not."""
        if not self.is_silent:
            return self._tried(connect)
        if not self._turn.acquire(blocking=False):
            raise psycopg.OperationalError("the server does not answer")
        try:
            return self._tried(connect)
        finally:
            self._turn.release()

    def _tried(self, connect: Callable[[], _Made]) -> _Made:
        try:
            return connect()
        except ConnectionTimeout:
            self.is_silent = True
            raise

    def _look(self, moved_at: float) -> None:
        """ConnectionTimeout where somebody for whom nothing moved since then waits in vain."""
        silent = self._clock() - max(moved_at, self._answered_at)
        if silent > _SILENT_SECONDS and not self.is_silent and self._turn.acquire(blocking=False):
            try:
                self._ask_it()
            finally:
                self._turn.release()
        if self.is_silent and self._clock() - moved_at > _KNOWN_SILENT_SECONDS:
            raise ConnectionTimeout("the server does not answer")

    def _ask_it(self) -> None:
        try:
            self._ask()
        except ConnectionTimeout:
            self.is_silent = True
            return
        except psycopg.OperationalError:  # an answer too, as that there are too many connections
            pass
        self._answered_at = self._clock()


class _Watched(psycopg.Connection[Any]):
    """A connection that is closed, by ConnectionTimeout, once the server is silent."""

    silence: Silence | None = None

    def wait(self, gen: Waiting, *given: Any, **more: Any) -> Any:
        """As the driver waits for an answer."""
        if self.silence is not None:
            gen = self.silence.watched(gen)
        try:
            return super().wait(gen, *given, **more)
        except ConnectionTimeout:
            self.close()  # whatever it has to say yet, nobody listens
            raise


def watch(engine: sa.Engine) -> None:
    """Let no connection of an engine wait without end for a server that is silent."""
    given: dict[str, Any] = {}

    def ask() -> None:
        connection = _Watched.connect(**given, autocommit=True)
        try:
            connection.silence = Silence(_ask_nobody)
            connection.execute("SELECT 1")
        finally:
            connection.close()

    silence = Silence(ask)

    def connect(
        _: sa.Dialect, __: sa.pool.ConnectionPoolEntry, ___: list[Any], options: dict[str, Any]
    ) -> _Watched:
        given.update(options)
        connection = silence.connected(lambda: _Watched.connect(**options))
        connection.silence = silence
        return connection

    sa.event.listen(engine, "do_connect", connect)


def _ask_nobody() -> None:
    raise ConnectionTimeout("the server takes connections and does not answer")
