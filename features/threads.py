"""Several threads for work that lets go of the interpreter: compiled loops and large copies."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["at_most", "in_threads", "processors"]

_allowed: float = math.inf
"""Threads at a time, where others run beside this process on the same processors."""


def at_most(threads: int) -> None:
    """Let this process use no more threads than that from now on."""
    global _allowed
    _allowed = threads


def processors() -> int:
    """How many processors this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(min(here, _allowed))


def in_threads(tasks: Sequence[Callable[[], object]]) -> None:
    """Do all tasks, as many at a time as there are processors; the first error is raised."""
    threads = min(processors(), len(tasks))
    if threads <= 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
