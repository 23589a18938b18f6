"""Durable events: a store that grows past 300,000 events, with its floor beside it."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.service.events import BATCH, Events
from benchmarks.service.load import Load, all_answered, load
from benchmarks.service.processes import Used, used, worker_of
from benchmarks.tables import markdown, middle, spread, wanted
from features.store.events import Event, EventStore

__all__ = ["ingestion"]

_ROUNDS: Final = 3
_SINGLE_WANTED: Final = 5_000
_BATCH_WANTED: Final = 60_000


@dataclass(slots=True)
class _Found:
    """What the rounds of one kind of request came to."""

    loads: list[Load] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)


def ingestion(url: str, pid: int, store: Path, singles: int, batches: int, grown: int) -> str:
    """The table: events a second, and what each takes of the server's processor and of the disk.

    Parameters
    ----------
    pid : of the service; the worker beside it is counted by itself.
    singles, batches : requests of each kind in a round.
    grown : events that the store has before the first round, beside those of its log.
    """
    events, own = Events(seed=1), Events(seed=2)
    floor, alone = _Floor(store.parent / "floor.db"), _StoreAlone(store.parent / "alone.db")
    load(url, [events.batch(url) for _ in range(grown // BATCH)], 4)
    for _ in range(grown // BATCH):
        floor.batch(own)
        alone.batch(own)
    found: dict[tuple[bool, int], _Found] = {
        **{(False, at_once): _Found() for at_once in (1, 32, 64)},
        **{(True, at_once): _Found() for at_once in (1, 4)},
    }
    floors, alone_rates = list[tuple[float, float]](), list[float]()
    before, started, worker = _events(store), time.time_ns() // 1000, worker_of(pid)
    worked = used(worker)
    for _ in range(_ROUNDS):
        for (is_batch, at_once), kind in found.items():
            make, count = (events.batch, batches) if is_batch else (events.single, singles)
            count //= 8 if not is_batch and at_once == 1 else 1
            requests = [make(url) for _ in range(count)]
            former = used(pid)
            kind.loads.append(load(url, requests, at_once))
            kind.used.append(used(pid) - former)
        floors.append(floor.round(own, singles // 8, batches))
        alone_rates.append(BATCH * batches / sum(alone.batch(own) for _ in range(batches)))
    scored, busy = _scored_since(store, started), used(worker) - worked
    floor.close()
    alone.close()
    rows = [_row(is_batch, at_once, kind) for (is_batch, at_once), kind in found.items()]
    for each, rates in zip(("an event", f"for {BATCH:,}"), zip(*floors, strict=True), strict=True):
        rows.append([f"floor: SQLite alone, a commit {each}", spread(rates, 0), *[""] * 4])
    rows.append([f"the store alone, a commit for {BATCH:,}", spread(alone_rates, 0), *[""] * 4])
    single = middle([one.per_second for one in found[False, 64].loads])
    batch = middle([one.per_second * BATCH for one in found[True, 4].loads])
    header = ["`POST /v1/track`, `/v1/batch`", "events/s", "median, ms", "99 %, ms"]
    header += ["server's CPU, us an event", "written, kB an event"]
    return (
        "**Durable events**: acknowledged after the commit is on the disk; random ids, varied"
        f" properties, a store that grows from {before:,} to {_events(store):,} events. The floor"
        " is one connection of SQLite with rows and durability as the service has them and an index"
        f" for each of its look-ups, in a table that grows alike\n\n{markdown(header, rows)}\n\n"
        f"Meanwhile the worker scored {scored:,} leads anew, with {busy.cpu:.0f} s of CPU;"
        f" {wanted('durable single events/s', single, _SINGLE_WANTED)};"
        f" {wanted('in batches', batch, _BATCH_WANTED)}"
    )


def _row(is_batch: bool, at_once: int, kind: _Found) -> list[str]:
    all_answered(kind.loads)
    size = BATCH if is_batch else 1
    counts = [size * len(one.milliseconds) for one in kind.loads]
    each = list(zip(kind.used, counts, strict=True))
    return [
        f"{f'batches of {BATCH:,}' if is_batch else 'single'}, {at_once} at once",
        spread([one.per_second * size for one in kind.loads], 0),
        spread([one.share(0.5) for one in kind.loads], 1),
        spread([one.share(0.99) for one in kind.loads], 1),
        spread([one.cpu / count * 1e6 for one, count in each], 0),
        spread([one.written / count / 1e3 for one, count in each], 1),
    ]


def _events(store: Path) -> int:
    with _looking(store) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def _scored_since(store: Path, instant: int) -> int:
    sql = "SELECT count(*) FROM scores WHERE scored_at >= ?"
    with _looking(store) as connection:
        return int(connection.execute(sql, [instant]).fetchone()[0])


def _looking(store: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{store}?mode=ro", uri=True)


class _StoreAlone:
    """The store of the service, without the service."""

    def __init__(self, path: Path) -> None:
        self._store = EventStore.open(path)

    def batch(self, events: Events) -> float:
        """Keep as many events as a batch has, in one commit; the seconds that it took."""
        rows = [Event(*_values_of(events.one())) for _ in range(BATCH)]
        started = time.perf_counter()
        self._store.append_events(rows)
        return time.perf_counter() - started

    def close(self) -> None:
        """It is of no more use."""
        self._store.close()


class _Floor:
    """SQLite alone, with the same rows and durability, and an index by message id and by lead."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for sql in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE events (lead_id TEXT, at INTEGER, message_id TEXT, name TEXT,"
            " known INTEGER, properties TEXT)",
            "CREATE UNIQUE INDEX message ON events (message_id)",
            "CREATE INDEX lead ON events (lead_id, at, known)",
        ):
            self._connection.execute(sql)

    def batch(self, events: Events) -> float:
        """Insert as many as a batch has, in one commit; the seconds that it took."""
        rows = [_row_of(events.one()) for _ in range(BATCH)]
        started = time.perf_counter()
        self._connection.execute("BEGIN")
        self._connection.executemany(_INSERT, rows)
        self._connection.execute("COMMIT")
        return time.perf_counter() - started

    def round(self, events: Events, singles: int, batches: int) -> tuple[float, float]:
        """Rows a second, one a commit and many a commit."""
        rows = [_row_of(events.one()) for _ in range(singles)]
        started = time.perf_counter()
        for row in rows:
            self._connection.execute(_INSERT, row)
        single = singles / (time.perf_counter() - started)
        return single, BATCH * batches / sum(self.batch(events) for _ in range(batches))

    def close(self) -> None:
        """It is of no more use."""
        self._connection.close()


_INSERT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"


def _row_of(event: dict[str, Any]) -> tuple[object, ...]:
    message_id, lead_id, name, at, known_at, text = _values_of(event)
    return lead_id, at, message_id, name, known_at, text


def _values_of(event: dict[str, Any]) -> tuple[str, str, str, int, int, str]:
    """The fields of an `Event`."""
    text = json.dumps(event["properties"], separators=(",", ":"))
    return event["messageId"], event["userId"], event["event"], 1, 2, text
