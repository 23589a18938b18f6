"""Scoring in a process of its own, so that answering has a processor to itself.

`rung serve` starts one beside itself, and starts it again should it die; `rung work` is one by
itself, for other machines. They share the work with all others by what the store says.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from logging.config import dictConfig

from features.errors import RungError
from serving.edge.logs import log, logging_of_process
from serving.process.background import keep_current, keep_fresh, keep_scored
from serving.process.memory import settle
from serving.process.service import Service
from serving.process.upkeep import Chore, keep_up
from serving.settings import Settings
from serving.write_back.configuration import read_write_backs

__all__ = ["main", "work"]


def work(settings: Settings, *, with_parent: bool = False, chores: Sequence[Chore] = ()) -> None:
    """Keep the scores of a store fresh, until a signal says to stop.

    Parameters
    ----------
    with_parent : stop as well when standard input ends, which it does when the parent dies.
    chores : what to have done now and then.

    Raises
    ------
    SettingsError, StoreError, LadderError : settings that cannot be used.
    """
    dictConfig(logging_of_process(settings.log_level))
    asyncio.run(_work(settings, with_parent, chores))


async def _work(settings: Settings, with_parent: bool, chores: Sequence[Chore]) -> None:
    connectors = settings.connectors
    write_backs = read_write_backs(connectors, os.environ) if connectors else ()
    service = Service.open(settings, write_backs)
    service.shares_processors = with_parent
    settle()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    if with_parent:
        threading.Thread(target=_wait_for_the_end, args=(loop, stop), daemon=True).start()
    tasks = [asyncio.create_task(keep(service)) for keep in (keep_fresh, keep_scored, keep_current)]
    tasks.append(asyncio.create_task(keep_up(service, chores)))
    await stop.wait()
    service.stopping.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await service.group_commit.close()
    service.close()


def _wait_for_the_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Past Python's own buffer: whoever holds its lock when the interpreter ends takes it down.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    with suppress(RuntimeError):  # the loop is closed: a signal was first
        loop.call_soon_threadsafe(stop.set)


def main(chores_of: Callable[[Settings], Sequence[Chore]] = lambda _: ()) -> int:
    """Work beside a service until it ends; 1 where that cannot be done now, which is said."""
    try:
        settings = Settings.from_environment(os.environ)
        work(settings, with_parent=True, chores=chores_of(settings))
    except RungError as error:
        log("the scoring process cannot work", logging.ERROR, why=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
