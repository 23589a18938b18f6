"""The service over HTTP: durable events a second, how fresh scores are, how fast they are read.

A process of its own serves a store with simulated leads and a trained model, on SQLite, with a
process of `mlflow models serve` beside it that answers ready rows with a model of the same size.
The client runs on the same machine and takes a good part of one core.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.load import Load, get, load, post
from benchmarks.scoring import Subject, saved_peer, subject
from benchmarks.tables import markdown, spread
from features.events.log import LogColumns
from features.reading import read_table
from features.signals.table import ladder_columns
from features.store.events import EventStore

__all__ = ["Events", "caught_up", "fill", "paced", "run", "served"]

_ROUNDS: Final = 3
_BATCH: Final = 2_500
_LOAD_PER_SECOND: Final = 3_000
_LEADS: Final = 20_000
"""Those that events are sent of, beside the leads of the simulated log."""
_START_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class _Sizes:
    leads: int
    singles: int
    batches: int
    seconds: float
    freshness_seconds: float


_FULL: Final = _Sizes(1500, 8000, 24, 4.0, 20.0)
_SMALL: Final = _Sizes(300, 1500, 6, 1.0, 4.0)


def run(*, small: bool = False) -> str:
    """The tables of this benchmark."""
    sizes = _SMALL if small else _FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        it = subject(folder, sizes.leads)
        store = folder / "rung.db"
        fill(it, store)
        with _rung(it, store) as url:
            ingestion = _ingestion(url, sizes, folder)
            fresh = _freshness(url, store, sizes)
        with _rung(it, store) as url, _mlflow(it) as peer:
            reads = _reads(url, peer, it, sizes)
    return f"{ingestion}\n\n{fresh}\n\n{reads}"


# ------------------------------------------------------------------------------------ the processes


def fill(it: Subject, path: Path) -> None:
    """Put the events of a subject into a store."""
    needs = LogColumns(*ladder_columns(it.bundle.ladder))
    table, _ = read_table(str(it.folder / "events.parquet"), needs=needs)
    with EventStore.open(path) as store:
        store.append(table)


@contextmanager
def _rung(it: Subject, store: Path) -> Iterator[str]:
    with served(store, it.folder / "bundle") as (url, _):
        yield url


@contextmanager
def served(store: Path, bundle: Path) -> Iterator[tuple[str, int]]:
    """A service on a store of SQLite: its address, and the number of its process."""
    port = _free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("RUNG_")},
        "RUNG_DATABASE_URL": f"sqlite:///{store}",
        "RUNG_BUNDLE": str(bundle),
        "RUNG_PORT": str(port),
        "RUNG_LOG_LEVEL": "warning",
        "RUNG_RATE_LIMIT": "0",
    }
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "rung", "serve"]
    with _process(command, environment, f"{url}/healthz") as process:
        yield url, process.pid


@contextmanager
def _mlflow(it: Subject) -> Iterator[str]:
    port = _free_port()
    model = saved_peer(it)
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)),
        *("--env-manager", "local", "--port", str(port), "--host", "127.0.0.1"),
    ]
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn
    environment = {**os.environ, "PATH": beside, "OMP_NUM_THREADS": "1"}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    url = f"http://127.0.0.1:{port}"
    with _process(command, environment, f"{url}/ping"):
        yield url


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], ready: str
) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=environment, stdout=said, stderr=said, start_new_session=True
        )
        try:
            if not _answers(ready, process):
                said.seek(0)
                raise RuntimeError(f"{command} does not answer: {said.read()[-2000:].decode()}")
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 our own
                if answer.status == 200:
                    return True
        except OSError:
            time.sleep(0.2)
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


# ---------------------------------------------------------------------------------------- ingestion


class Events:
    """Track calls, each with an id of its own."""

    def __init__(self) -> None:
        self._count = 0

    def one(self, lead: str | None = None) -> dict[str, object]:
        """A call, of one lead of many unless another is named."""
        self._count += 1
        return {
            "type": "track",
            "userId": lead or f"reader-{self._count * 7919 % _LEADS}",
            "event": "page_viewed",
            "messageId": f"load-{self._count}",
            "timestamp": "2026-11-22T10:00:00.000Z",
            "properties": {"section": "pricing", "seconds": 48},
        }

    def single(self, url: str) -> bytes:
        """A request with one call."""
        return post(url, "/v1/track", _json(self.one()))

    def batch(self, url: str) -> bytes:
        """A request with many."""
        return post(url, "/v1/batch", _json({"batch": [self.one() for _ in range(_BATCH)]}))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _ingestion(url: str, sizes: _Sizes, folder: Path) -> str:
    events = Events()
    singles: dict[int, list[Load]] = {1: [], 32: [], 64: []}
    batches: dict[int, list[Load]] = {1: [], 4: []}
    floors: list[tuple[float, float]] = []
    for _ in range(_ROUNDS):
        for connections, found in singles.items():
            count = sizes.singles // 8 if connections == 1 else sizes.singles
            found.append(load(url, [events.single(url) for _ in range(count)], connections))
        for connections, found in batches.items():
            found.append(load(url, [events.batch(url) for _ in range(sizes.batches)], connections))
        floors.append(_floor(folder, sizes))
    rows = [
        _ingested(f"single, {connections} at once", found, 1)
        for connections, found in singles.items()
    ] + [
        _ingested(f"batches of {_BATCH:,}, {connections} at once", found, _BATCH)
        for connections, found in batches.items()
    ]
    floor = [
        ["floor: SQLite alone, a commit an event", spread([one for one, _ in floors], 0), "", ""],
        [
            f"floor: SQLite alone, a commit for {_BATCH:,}",
            spread([many for _, many in floors], 0),
            *("", ""),
        ],
    ]
    single = _median([one.per_second for one in singles[64]])
    batch = _median([one.per_second * _BATCH for one in batches[4]])
    met = [
        f"3,000 durable single events/s: {single:,.0f} ({_met(single >= 3_000)})",
        f"40,000 durable events/s in batches: {batch:,.0f} ({_met(batch >= 40_000)})",
    ]
    header = ["`POST /v1/track`, `/v1/batch`", "events/s", "median, ms", "99 %, ms"]
    return (
        "**Durable events**: acknowledged after the commit is on the disk, each lead scored anew in"
        f" the background meanwhile\n\n{markdown(header, rows + floor)}\n\n{'; '.join(met)}"
    )


def _ingested(name: str, found: list[Load], events: int) -> list[str]:
    _all_answered(found)
    return [
        name,
        spread([one.per_second * events for one in found], 0),
        spread([one.share(0.5) for one in found], 1),
        spread([one.share(0.99) for one in found], 1),
    ]


def _all_answered(found: list[Load]) -> None:
    for one in found:
        if set(one.statuses) != {200}:
            raise RuntimeError(f"answers that are not 200: {one.statuses}")


def _floor(folder: Path, sizes: _Sizes) -> tuple[float, float]:
    """Rows a second that SQLite takes from one connection, durable as in the service."""
    path = folder / f"floor-{time.monotonic_ns()}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE events (lead_id TEXT, at INTEGER, message_id TEXT UNIQUE, name TEXT,"
        " known INTEGER, properties TEXT, PRIMARY KEY (lead_id, at, message_id)) WITHOUT ROWID"
    )
    insert = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"

    def rows(count: int, name: str) -> list[tuple[object, ...]]:
        text = '{"section":"pricing","seconds":48}'
        return [
            (f"reader-{at % 2000}", 1, f"{name}-{at}", "page_viewed", 2, text)
            for at in range(count)
        ]

    single = rows(sizes.singles // 8, "a")
    started = time.perf_counter()
    for row in single:
        connection.execute(insert, row)
    one = len(single) / (time.perf_counter() - started)
    many = rows(_BATCH * 8, "b")
    started = time.perf_counter()
    for at in range(0, len(many), _BATCH):
        connection.execute("BEGIN")
        connection.executemany(insert, many[at : at + _BATCH])
        connection.execute("COMMIT")
    batch = len(many) / (time.perf_counter() - started)
    connection.close()
    path.unlink()
    return one, batch


# ---------------------------------------------------------------------------------------- freshness


def _freshness(url: str, store: Path, sizes: _Sizes) -> str:
    """From the acknowledgement of an event to the score in the queue that has seen it."""
    caught_up(store)
    waits: list[float] = []
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(url, store, waits, stop))
    events = Events()
    events._count = 100_000_000  # ids that the first part has not used
    count = round(_LOAD_PER_SECOND * sizes.freshness_seconds)
    requests = [events.single(url) for _ in range(count)]
    watcher.start()
    done = paced(url, requests, sizes.freshness_seconds)
    stop.set()
    watcher.join()
    _all_answered([done])
    rows = [
        [
            f"{done.per_second:,.0f} single events/s of {_LEADS:,} leads",
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
        f" ({_met(max(waits) < 5.0)})"
    )


def caught_up(store: Path) -> None:
    """Wait until every lead with news is scored."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    while connection.execute("SELECT 1 FROM stale LIMIT 1").fetchone() is not None:
        time.sleep(0.1)
    connection.close()


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
    number = 0
    while not stop.is_set():
        number += 1
        lead = f"watched-{number}"
        event = Events().one(lead) | {"messageId": lead}
        request = urllib.request.Request(  # noqa: S310 our own
            f"{url}/v1/track", _json(event), {"Content-Type": "application/json"}
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


# -------------------------------------------------------------------------------------------- reads


def _reads(url: str, peer: str, it: Subject, sizes: _Sizes) -> str:
    known = it.log.known[it.log.starts[:-1]] < time.time_ns() // 1000  # the log may end later
    leads = [it.log.leads[at] for at in it.open_leads.tolist() if known[at]]
    stored = [get(url, f"/v1/leads/{lead}/score") for lead in leads[: len(leads) // 3]]
    frame = it.matrix(it.open_leads[:64])
    ready = [
        post(peer, "/invocations", _json({"dataframe_split": _split(frame.iloc[[at]])}))
        for at in range(len(frame))
    ]
    measured: dict[str, Callable[[int], Load]] = {
        "**Rung, a stored lead: score, interval, reasons**": lambda connections: load(
            url, stored, connections, sizes.seconds
        ),
        "Rung, the same, asked for the first time": lambda _: Load(),
        "mlflow models serve, one ready row: one number": lambda connections: load(
            peer, ready, connections, sizes.seconds
        ),
    }
    first = iter([get(url, f"/v1/leads/{lead}/score") for lead in leads[len(leads) // 3 :]])
    measured["Rung, the same, asked for the first time"] = lambda connections: load(
        url, [one for one, _ in zip(first, range(len(leads) // 10), strict=False)], connections
    )
    names = list(measured)
    found: dict[tuple[str, int], list[Load]] = {}
    for connections in (1, 8):
        for name in names:  # warm
            if name != names[1]:
                load_of = measured[name](connections)
                _all_answered([load_of])
        for _ in range(_ROUNDS):
            for name in names:
                found.setdefault((name, connections), []).append(measured[name](connections))
    rows = []
    for name in names:
        row = [name]
        for connections in (1, 8):
            loads = [one for one in found[name, connections] if one.milliseconds]
            _all_answered(loads)
            row += [
                spread([one.per_second for one in loads], 0),
                spread([one.share(0.99) for one in loads], 1),
            ]
        rows.append(row)
    ratios = [
        _median([one.per_second for one in found[names[0], connections]])
        / _median([one.per_second for one in found[names[2], connections]])
        for connections in (1, 8)
    ]
    header = [
        "`GET /v1/leads/{id}/score`",
        "1 at once, 1/s",
        "99 %, ms",
        "8 at once, 1/s",
        "99 %, ms",
    ]
    least = min(ratios)
    return (
        "**Reads**: requests a second of one process each\n\n"
        f"{markdown(header, rows)}\n\nat least 30 times mlflow models serve:"
        f" {ratios[0]:.0f}x and {ratios[1]:.0f}x ({_met(least >= 30)})"
    )


def _split(frame: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(frame.to_json(orient="split"))  # type: ignore[attr-defined]
    del found["index"]
    return found


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _met(holds: bool) -> str:
    return "met" if holds else "NOT met"
