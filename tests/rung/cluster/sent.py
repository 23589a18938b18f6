"""Tasks that tests send to other processes, which import this module: so it imports little."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

import pyarrow as pa

from features.errors import EventsError
from rung.cluster.tasks import Done, Handing

WITHIN_S = 300.0


def named(number: int) -> Done:
    return Done(number, {"is": number * number}, pa.table({"at": [number]}))


def split(number: int) -> Handing:
    for place in range(12):  # more than ten: in the order of numbers, not of their texts
        yield place % 3, f"{number}.{place} ".encode()
    return Done(number, {"handed": 12})


def gather(number: int, pieces: list[bytes]) -> Done:
    return Done(number, {"got": b"".join(pieces).decode()})


def refuse_odd(number: int) -> Done:
    if number % 2:
        raise EventsError(f"task {number}")
    return Done(number)


def die_once(mark: Path, number: int) -> Done:
    """The first that comes is killed, as by a kernel that is short of memory."""
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Done(number, {"is": number})


def find_no_room(number: int) -> Done:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"part-{number}")


def die(number: int) -> Done:
    os.kill(os.getpid(), signal.SIGKILL)
    return Done(number)


def slow(folder: Path, number: int) -> Done:
    (folder / str(os.getpid())).touch()
    time.sleep(WITHIN_S)
    return Done(number)
