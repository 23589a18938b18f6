"""A process of a schedule: a thread that stops before each transaction, and can be gone."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Actor", "Crashed", "taken"]


class Crashed(BaseException):
    """The process is gone, and with it all that it held: no handler of an Exception runs."""


class Actor:
    """Processes, one after the other: a thread that runs when it is let run.

    It stops before each transaction. A lock that is handed over takes a third of the time that a
    semaphore does, and a thread that goes on to the next schedule takes none to start.
    """

    def __init__(self, stopped: threading.Lock) -> None:
        self.name, self._stopped, self._go = "", stopped, taken()
        self._work: Callable[[], None] = lambda: None
        self._is_alive = self._is_ending = self._is_closing = False
        self.inside = self.turns = 0
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self, name: str, work: Callable[[], None]) -> None:
        """Be another process, that has done nothing yet."""
        self.name, self._work, self._is_ending = name, work, False
        self.inside = self.turns = 0
        self.failure = None

    def is_current(self) -> bool:
        """Whether it is this one that asks."""
        return threading.get_ident() == self._thread.ident

    def step(self) -> None:
        """Let it go on until it is about to write or read again."""
        self._go.release()
        self._stopped.acquire()

    def pause(self) -> None:
        """Let another go on; called by the thread itself."""
        self._stopped.release()
        self._go.acquire()
        if self._is_ending:
            raise Crashed

    def end(self) -> None:
        """Whatever it was at is never done."""
        self._is_ending = True
        if self._is_alive:
            self.step()

    def close(self) -> None:
        self._is_closing = True
        self._go.release()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._go.acquire()
            if self._is_closing:
                return
            self._is_alive = True
            self._live()
            self._is_alive = False
            self._stopped.release()

    def _live(self) -> None:
        while not self._is_ending:
            try:
                self._work()
                self.turns += 1
                self.pause()
            except Crashed:
                pass
            except BaseException as error:  # it is raised again by whoever looks at the schedule
                self.failure = error
                self._is_ending = True


def taken() -> threading.Lock:
    """A lock that is held."""
    lock = threading.Lock()
    lock.acquire()
    return lock
