"""Tasks in processes of this machine, as many at a time as there are processors.

What tasks hand to each other lies in files beside the result, so that a log of any size fits: of it
each process has one task in memory.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, Self, cast

from features.errors import EventsError, RungError
from features.threads import processors
from rung.cluster.tasks import ClusterFailed, Done, Handing, Regrouping

__all__ = ["ProcessCluster"]

_TRIES: Final = 3
_TOLD_EACH_S: Final = 2.0
_FOLDER: Final = "{:05}"
_PIECE: Final = "{:05}-{:06}.piece"


class ProcessCluster:
    """A `rung.cluster.tasks.Cluster`; what a killed process was at is done again by another.

    Parameters
    ----------
    count : how many processes; None for one a processor. They end with the block.
    progress : is told now and then how many of the tasks are done.
    """

    def __init__(self, count: int | None, progress: Callable[[str], None]) -> None:
        self._count = count or processors()
        self._progress = progress
        self._pool: ProcessPoolExecutor | None = None
        self._others: set[BaseProcess] = set()

    def __enter__(self) -> Self:
        self._others = set(active_children())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # whoever stops this does not wait for the tasks that run
            for child in set(active_children()) - self._others:
                child.kill()
        self._end()

    def each(self, count: int, work: Callable[[int], Done], doing: str) -> list[Done]:
        """As `Cluster.each`."""
        return self._all(range(count), work, doing)

    def regrouped(self, asked: Regrouping) -> tuple[list[Done], list[Done]]:
        """As `Cluster.regrouped`."""
        scratch = asked.scratch
        scratch.mkdir()
        hand_on = partial(_hand_on, asked.split, scratch)
        first = self._all(range(asked.count), hand_on, asked.doing[0])
        numbers = [to for to in range(asked.groups) if _folder(scratch, to).is_dir()]
        gathered = self._all(numbers, partial(_take, asked.gather, scratch), asked.doing[1])
        shutil.rmtree(scratch)
        return first, gathered

    def _all(self, numbers: Sequence[int], work: Callable[[int], Done], doing: str) -> list[Done]:
        """What the tasks of some numbers answer, in their order."""
        answers: dict[int, Done | RungError] = {}
        told_at = time.monotonic()
        for _ in range(_TRIES):
            left = [number for number in numbers if number not in answers]
            try:
                for number, answer in self._worked(left, work):
                    answers[number] = answer
                    is_all = len(answers) == len(numbers)
                    if is_all or time.monotonic() - told_at >= _TOLD_EACH_S:
                        told_at = time.monotonic()
                        self._progress(f"{doing}: {len(answers):,} of {len(numbers):,}")
                break
            except BrokenProcessPool:  # a process was killed, most likely for want of memory
                self._end()
        else:
            raise ClusterFailed(
                f"{_TRIES} times a process was killed at its work, most likely for want of memory:"
                " a part must fit into it once for each process; take fewer --processes, or import"
                " into more --partitions"
            )
        return [_said(answers[number]) for number in numbers]

    def _worked(
        self, numbers: Sequence[int], work: Callable[[int], Done]
    ) -> Iterator[tuple[int, Done | RungError]]:
        """What tasks answer, or raise on purpose, as they are done."""
        if self._pool is None:
            # Not forked: whoever asks may have threads, and their locks would be copied.
            self._pool = ProcessPoolExecutor(self._count, get_context("spawn"), _begin)
        asked = {self._pool.submit(_tried, work, number): number for number in numbers}
        for future in as_completed(asked):
            yield asked[future], future.result()

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _said(answer: Done | RungError) -> Done:
    if isinstance(answer, RungError):
        raise answer
    return answer


def _begin() -> None:
    """What a process does first: it ends with the one that asks, and by nothing else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _tried(work: Callable[[int], Done], number: int) -> Done | RungError:
    try:
        return work(number)
    except RungError as error:
        return EventsError(str(error))


def _hand_on(split: Callable[[int], Handing], scratch: Path, number: int) -> Done:
    """Write each piece where it is looked for; done again, they are written again as they were."""
    handing, place = split(number), 0
    while True:
        try:
            to, piece = next(handing)
        except StopIteration as end:
            return cast(Done, end.value)
        folder = _folder(scratch, to)
        folder.mkdir(exist_ok=True)
        (folder / _PIECE.format(number, place)).write_bytes(piece)
        place += 1


def _take(gather: Callable[[int, list[bytes]], Done], scratch: Path, number: int) -> Done:
    files = sorted(_folder(scratch, number).iterdir())
    return gather(number, [file.read_bytes() for file in files])


def _folder(scratch: Path, to: int) -> Path:
    return scratch / _FOLDER.format(to)
