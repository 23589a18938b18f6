"""Freshness: from an event's acknowledgement to the stored score that has seen it."""

from __future__ import annotations

import sqlite3
import threading
import time
import urllib.request
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.service.events import LEADS, Events, as_json
from benchmarks.service.load import Load, all_answered, load
from benchmarks.service.processes import caught_up
from benchmarks.tables import markdown, met

__all__ = ["freshness", "paced"]

_LOAD_PER_SECOND: Final = 3_000


def freshness(url: str, store: Path, seconds: float) -> str:
    """The table: how long leads wait while many others have news."""
    caught_up(store)
    waits: list[float] = []
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(url, store, waits, stop))
    events = Events(seed=100)
    count = round(_LOAD_PER_SECOND * seconds)
    requests = [events.single(url) for _ in range(count)]
    watcher.start()
    done = paced(url, requests, seconds)
    stop.set()
    watcher.join()
    all_answered([done])
    rows = [
        [
            f"{done.per_second:,.0f} single events/s of {LEADS:,} leads",
            f"{len(waits)}",
            f"{np.median(waits):.2f}",
            f"{np.quantile(waits, 0.95):.2f}",
            f"{max(waits):.2f}",
        ]
    ]
    header = ["load", "looked at", "median, s", "95 %, s", "longest, s"]
    return (
        "**Freshness**: from an event's acknowledgement to the stored score that has seen it\n\n"
        f"{markdown(header, rows)}\n\nunder 5 s: {max(waits):.2f} s at the most"
        f" ({met(max(waits) < 5.0)})"
    )


def paced(url: str, requests: list[bytes], seconds: float) -> Load:
    """Requests spread over some seconds, a part each half second."""
    parts = max(1, round(seconds * 2))
    size = -(-len(requests) // parts)
    whole = Load()
    started = time.perf_counter()
    for at in range(parts):
        part = load(url, requests[at * size : (at + 1) * size], 64)
        whole.milliseconds += part.milliseconds
        for status, times in part.statuses.items():
            whole.statuses[status] = whole.statuses.get(status, 0) + times
        time.sleep(max(0.0, started + (at + 1) * 0.5 - time.perf_counter()))
    whole.seconds = time.perf_counter() - started
    return whole


def _watch(url: str, store: Path, waits: list[float], stop: threading.Event) -> None:
    """Post an event of a lead of its own every now and then, and wait for its score."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    events, number = Events(seed=200), 0
    while not stop.is_set():
        number += 1
        lead = f"watched-{number}"
        event = events.one(lead)
        request = urllib.request.Request(  # noqa: S310 our own
            f"{url}/v1/track", as_json(event), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 our own
            acknowledged = time.perf_counter()
        while (
            connection.execute("SELECT 1 FROM scores WHERE lead_id = ?", [lead]).fetchone() is None
        ):
            time.sleep(0.01)
        waits.append(time.perf_counter() - acknowledged)
        time.sleep(0.2)
    connection.close()
