"""A process beside this one that scores, kept alive.

What it needs is little, so that it can be started before what answers is imported: both take
seconds to be ready, and take them at the same time.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from serving.edge.logs import log

__all__ = ["Worker"]

_PAUSE_SECONDS: Final = 2.0
_TOLD_SECONDS: Final = 30.0
_END_SECONDS: Final = 10.0


class Worker:
    """A process that scores, kept alive as long as the block lasts."""

    def __init__(
        self, environment: Mapping[str, str], module: str = "serving.process.worker"
    ) -> None:
        """Make ready to start one with settings, and with the rest of this environment.

        `module` is what is run: one that ends in `main`, with or without chores.
        """
        self._module = module
        rest = {key: text for key, text in os.environ.items() if not key.startswith("RUNG_")}
        self._environment = rest | dict(environment)
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="worker", daemon=True)

    def __enter__(self) -> Self:
        self._process = self._start()
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # what it was at is taken over by the next
            process.wait()
        self._keeper.join(_END_SECONDS)

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid if self._process else None

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", self._module]
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=self._environment)  # noqa: S603

    def _keep(self) -> None:
        while self._process is not None:
            code = self._process.wait()
            # One that ended well was told to, most likely together with us.
            if self._ending.wait(_PAUSE_SECONDS if code else _TOLD_SECONDS):
                return
            if self._process.stdin is not None:
                self._process.stdin.close()
            log("the scoring process ended, it is started again", logging.ERROR, code=code)
            self._process = self._start()
