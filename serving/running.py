"""The service as a process: a server that answers, with a worker beside it that scores.

`rung serve` is this. To run the app under a server of one's own, see `serving.app`.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Final

from features.errors import Mistake
from features.store.events import EventStore
from serving.edge.access.keys import Keys
from serving.edge.logs import logging_of_process
from serving.process.working.beside import Worker
from serving.settings import Settings, SettingsError

__all__ = ["check_address", "has_no_key", "run"]

_GRACE_SECONDS: Final = 10
"""For so long requests that have begun are answered after the signal to stop."""


def check_address(host: str, port: int) -> None:
    """See whether the service could answer there, before anything else is begun.

    Raises
    ------
    SettingsError : another program answers there, or nobody here may; it says what to do.
    """
    try:
        asyncio.run(_bind(host, port))
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no machine can have
        raise SettingsError([_why_not_there(host, port, error)]) from None


async def _bind(host: str, port: int) -> None:
    """Take an address and leave it again, by the very call that the server makes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    server.close()


def _why_not_there(host: str, port: int, error: OSError | UnicodeError) -> Mistake:
    where = f"{host}:{port}"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            why = f"another program answers at {where}: end it, or take another port (--port)"
            return Mistake("RUNG_PORT", why)
        case errno.EACCES:
            why = f"nobody but root may answer at {where}: take a port from 1024 on (--port)"
            return Mistake("RUNG_PORT", why)
    why = f"{host!r} is no address of this machine: 127.0.0.1 is its own, 0.0.0.0 stands for all"
    return Mistake("RUNG_HOST", f"{why} (--host)")


def has_no_key(settings: Settings) -> bool:
    """Whether nobody was given a key: the service then answers its own machine alone."""
    with EventStore.open(settings.database_url) as store:
        return not Keys(store.database).all()


def run(environment: Mapping[str, str], worker: str = "serving.process.worker") -> None:
    """Answer until a signal says to stop, and score in a process beside, as the settings say.

    Parameters
    ----------
    worker : the module that this process runs.

    Raises
    ------
    SettingsError, StoreError, LadderError : settings that cannot be used.
    """
    settings = Settings.from_environment(environment)
    scores_itself = settings.scoring == "inside"
    with _ended_by_signals(), Worker(environment, worker) if scores_itself else nullcontext():
        # Once the worker is on its way: both import for seconds, each on a processor of its own.
        import uvicorn

        from serving.app import create_app
        from serving.edge.connections import BoundedProtocol

        uvicorn.run(
            create_app(replace(settings, scoring="elsewhere")),
            host=settings.host,
            port=settings.port,
            log_config=logging_of_process(settings.log_level),
            access_log=False,
            http=BoundedProtocol,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM be a way to end well: the server passes it on once it has stopped."""
    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
