"""Work over parts: tasks that are numbered, and one way to regroup.

A task is a function of its number. It may run twice, or on two machines at once where one is
thought to be dead, so it must write the same thing each time, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from features.errors import Unusable

__all__ = ["Cluster", "ClusterFailed", "Done", "Handing", "Regrouping"]


class ClusterFailed(Unusable):
    """The work was given up: a task failed again and again, or nobody is left to do it."""


@dataclass(frozen=True, eq=False, slots=True)
class Done:
    """What a task tells whoever asked.

    Parameters
    ----------
    told : JSON values.
    table : more than a few of them.
    """

    number: int
    told: dict[str, Any] = field(default_factory=dict)
    table: pa.Table | None = None


Handing = Generator[tuple[int, bytes], None, Done]
"""What a task hands to others, to which number and what, piece by piece; its answer at the end."""


@dataclass(frozen=True, eq=False, slots=True)
class Regrouping:
    """Tasks that hand pieces to others.

    Parameters
    ----------
    count : how many hand on.
    split : what each of them does, by its number.
    gather : what is done with all pieces for a number, by the number of the task that they come
        from and in the order in which it handed them; a number that nobody has a piece for is left
        out.
    groups : above the numbers that pieces are for.
    scratch : a folder that may be made for the pieces, and is gone afterwards.
    doing : what the first and what the others do, for whoever watches.
    """

    count: int
    split: Callable[[int], Handing]
    gather: Callable[[int, list[bytes]], Done]
    groups: int
    scratch: Path
    doing: tuple[str, str]


class Cluster(Protocol):
    """Runs numbered tasks. What a task raises on purpose is raised here, that of the first number.

    Such a task is not tried again: it would say the same. Whatever else goes wrong, such as a lost
    worker, is tried again.
    """

    def each(self, count: int, work: Callable[[int], Done], doing: str) -> list[Done]:
        """What each of the tasks `0` to `count - 1` answers, in this order.

        Parameters
        ----------
        doing : what that is, for whoever watches.
        """
        ...

    def regrouped(self, asked: Regrouping) -> tuple[list[Done], list[Done]]:
        """What those answer that hand pieces on, and what those that get them, each by number."""
        ...
