"""One user claims very many anonymous ids: what the last claims cost beside the first ones.

A store on SQLite, in this process, without a service around it: claims one by one and in batches,
taking turns with events of somebody else, at the beginning and at the end.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.tables import markdown, spread
from features.store.arrivals import Arrival
from features.store.events import EventStore

__all__ = ["run"]

_IDS: Final = 100_000
_SMALL: Final = 5_000
_LOOKED_AT: Final = 100
"""Claims, and events of somebody else, at either end."""
_BATCH: Final = 100
_BATCHES: Final = 10
_FILLED: Final = 1_000
_MOST: Final = 2.0


class _Times(NamedTuple):
    """Milliseconds of each claim alone, of each batch of claims, of each event of another lead."""

    claims: list[float]
    batches: list[float]
    others: list[float]


def run(*, small: bool = False) -> str:
    """The table of this benchmark."""
    ids = _SMALL if small else _IDS
    with (
        tempfile.TemporaryDirectory() as folder,
        EventStore.open(Path(folder) / "rung.db") as store,
    ):
        numbers = itertools.count()
        _measured(store, numbers)  # what is compiled once is compiled by then
        first = _measured(store, numbers)
        measured = _LOOKED_AT + _BATCHES * _BATCH
        for _ in range(next(numbers), ids - measured, _FILLED):
            store.ingest(list(itertools.islice(_claims(numbers), _FILLED)))
        last = _measured(store, numbers)
        held = len(store.ids_of("user")) - 1
    rows = [
        _row("a claim", first.claims, last.claims),
        _row(f"a batch of {_BATCH} claims", first.batches, last.batches),
        _row("an event of another lead, between them", first.others, last.others),
    ]
    ratio = median(last.claims) / median(first.claims)
    met = "met" if ratio <= _MOST else "NOT met"
    header = ["one user's", "first, ms", "last, ms", "last over first"]
    return (
        f"**{held:,} anonymous ids of one user**\n\n{markdown(header, rows)}\n\n"
        f"the last {_LOOKED_AT} claims at most twice the first: {ratio:.2f} ({met})"
    )


def _measured(store: EventStore, numbers: Iterator[int]) -> _Times:
    claims, others = _claims(numbers), _others(numbers)
    times = _Times([], [], [])
    for _ in range(_LOOKED_AT):
        times.claims.append(_milliseconds(store, [next(claims)]))
        times.others.append(_milliseconds(store, [next(others)]))
    for _ in range(_BATCHES):
        times.batches.append(_milliseconds(store, list(itertools.islice(claims, _BATCH))))
    return times


def _claims(numbers: Iterator[int]) -> Iterator[Arrival]:
    for at in numbers:
        yield Arrival(f"c{at}", "user", "page_viewed", at, at, "{}", f"anonymous-{at:06}")


def _others(numbers: Iterator[int]) -> Iterator[Arrival]:
    for at in numbers:
        yield Arrival(f"o{at}", "somebody else", "page_viewed", at, at, "{}")


def _milliseconds(store: EventStore, arrivals: Sequence[Arrival]) -> float:
    started = time.perf_counter()
    store.ingest(arrivals)
    return (time.perf_counter() - started) * 1e3


def _row(what: str, first: Sequence[float], last: Sequence[float]) -> list[str]:
    return [what, spread(first), spread(last), f"{median(last) / median(first):.2f}"]
