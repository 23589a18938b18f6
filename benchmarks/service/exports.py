"""Copies of scores: a million as NDJSON, and a reader who follows the changes under load.

A process of its own serves a store on SQLite. The first has a million stored scores and no model;
the second scores simulated leads while events of others arrive.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.engine.scoring import subject
from benchmarks.service.events import Events
from benchmarks.service.freshness import paced
from benchmarks.service.processes import caught_up, fill, served
from benchmarks.tables import markdown
from features.store.events import EventStore
from features.store.kept.scores import StoredScore

__all__ = ["run"]

_PER_SECOND: Final = 1000
_REASONS: Final = json.dumps(
    {
        "base": 0.2,
        "fit": 0.05,
        "engagement": 0.05,
        "reasons": [
            {"signal": "a", "text": f"reason number {at}", "points": 0.02} for at in range(5)
        ],
    }
)


@dataclass(frozen=True, slots=True)
class _Sizes:
    scores: int
    leads: int
    seconds: float


_FULL: Final = _Sizes(1_000_000, 1500, 600.0)
_SMALL: Final = _Sizes(20_000, 300, 5.0)


def run(*, small: bool = False) -> str:
    """The tables of this benchmark."""
    sizes = _SMALL if small else _FULL
    with tempfile.TemporaryDirectory() as name:
        whole = _whole(Path(name), sizes)
    with tempfile.TemporaryDirectory() as name:
        followed = _followed(Path(name), sizes)
    return f"{whole}\n\n{followed}"


# ------------------------------------------------------------------------------------ all at once


def _whole(folder: Path, sizes: _Sizes) -> str:
    with EventStore.open(folder / "rung.db") as store:
        store.scores.save(_scores(sizes.scores))
    rows = []
    with served(folder / "rung.db", folder / "none") as (url, pid):
        before = _memory(pid)
        for kind in ("ndjson", "csv", "arrow"):
            first = min(_first_byte(url, kind) for _ in range(5))
            started = time.perf_counter()
            size = sum(map(len, _chunks(url, kind)))
            seconds = time.perf_counter() - started
            more = (_memory(pid) - before) / 1e6
            rows.append(
                [
                    *(kind, f"{1000 * first:.0f}", f"{seconds:.1f}"),
                    *(f"{sizes.scores / seconds:,.0f}", f"{size / 1e6:,.0f}", f"{more:.0f}"),
                ]
            )
    header = ["format", "first byte, ms", "all, s", "scores/s", "MB", "memory beyond rest, MB"]
    return f"**{sizes.scores:,} stored scores**, in one answer\n\n{markdown(header, rows)}"


def _scores(count: int) -> Iterator[StoredScore]:
    for at in range(count):
        yield StoredScore(
            lead_id=f"lead-{at * 7919 % 10_000_019:08}", ladder="b2b", as_of=1, step="value",
            position=1, p_advance=at / count, low=0.1, high=0.9, p_purchase=0.01,
            priority=at / count, percentile=at / count, reasons=_REASONS, bundle="0" * 64,
            scored_at=2, last_active=1,
            band="low", traits='{"company_size":120,"industry":"software"}',
        )  # fmt: skip


def _chunks(url: str, kind: str) -> Iterator[bytes]:
    with urllib.request.urlopen(f"{url}/v1/scores?format={kind}", timeout=600) as answer:  # noqa: S310
        while chunk := answer.read(1 << 16):
            yield chunk


def _first_byte(url: str, kind: str) -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(f"{url}/v1/scores?format={kind}", timeout=600) as answer:  # noqa: S310
        answer.read(1)
        return time.perf_counter() - started


def _memory(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


# ----------------------------------------------------------------------------------------- followed


@dataclass(slots=True)
class _Reader:
    """Keeps a copy of the scores of a service."""

    url: str
    copy: dict[str, dict[str, Any]] = field(default_factory=dict)
    cursor: str = ""
    rows: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def read(self) -> bool:
        """A page; whether there is more."""
        query = f"?cursor={self.cursor}" if self.cursor else ""
        started = time.perf_counter()
        with urllib.request.urlopen(f"{self.url}/v1/scores{query}", timeout=60) as answer:  # noqa: S310
            body = json.load(answer)
        self.milliseconds.append(1000 * (time.perf_counter() - started))
        for row in body["data"]:
            self.rows += 1
            if row["gone"]:
                self.copy.pop(row["lead_id"], None)
            else:
                self.copy[row["lead_id"]] = row
        self.cursor = body["next_cursor"]
        return bool(body["has_more"])

    def follow(self, stop: threading.Event) -> None:
        """Read until told to stop."""
        while not stop.is_set():
            if not self.read():
                time.sleep(0.5)


def _followed(folder: Path, sizes: _Sizes) -> str:
    it = subject(folder, sizes.leads)
    store = folder / "rung.db"
    fill(it, store)
    stop = threading.Event()
    with served(store, it.folder / "bundle") as (url, _):
        reader = _Reader(url)
        thread = threading.Thread(target=reader.follow, args=(stop,))
        thread.start()
        events = Events()
        done = paced(url, [events.single(url) for _ in range(round(_PER_SECOND * sizes.seconds))],
                     sizes.seconds)  # fmt: skip
        stop.set()
        thread.join()
        caught_up(store)
        time.sleep(2.0)
        while reader.read():
            pass
        wrong = _differences(reader, store)
    rows = [[f"{done.per_second:,.0f}", f"{sizes.seconds:.0f}", f"{len(reader.copy):,}",
             f"{reader.rows:,}", f"{median(reader.milliseconds):.0f}", f"{wrong:,}"]]  # fmt: skip
    header = [
        "events/s",
        "seconds",
        "leads at the end",
        "rows read",
        "a page, ms",
        "rows that differ",
    ]
    return f"**A reader who follows** the cursor meanwhile\n\n{markdown(header, rows)}"


def _differences(reader: _Reader, store: Path) -> int:
    """Leads whose copy is not what is stored."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    wanted = "SELECT lead_id, position, p_advance, p_purchase, band FROM scores"
    stored = {row[0]: row[1:] for row in connection.execute(wanted)}
    connection.close()
    names = ("position", "probability", "purchase_probability", "band")
    copied = {lead: tuple(row[name] for name in names) for lead, row in reader.copy.items()}
    return sum(stored.get(one) != copied.get(one) for one in stored.keys() | copied.keys())
