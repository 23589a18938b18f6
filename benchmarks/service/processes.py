"""What is measured runs in processes of its own: the service, a peer, floors, and what they use."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.engine.scoring import Subject, saved_peer
from features.events.log import LogColumns
from features.reading import read_table
from features.signals.table import ladder_columns
from features.store.events import EventStore

__all__ = ["Used", "caught_up", "fill", "floor", "peer", "served", "used", "worker_of"]

_START_SECONDS: Final = 120.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def fill(it: Subject, path: Path) -> None:
    """Put the events of a subject into a store."""
    needs = LogColumns(*ladder_columns(it.bundle.ladder))
    table, _ = read_table(str(it.folder / "events.parquet"), needs=needs)
    with EventStore.open(path) as store:
        store.append(table)


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
def peer(it: Subject) -> Iterator[str]:
    """`mlflow models serve` with a model of the same size: its address."""
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
def floor(app: str) -> Iterator[tuple[str, int]]:
    """An application of `benchmarks.service.floors` under the same server: address and process."""
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.service.floors", app, str(port)]
    url = f"http://127.0.0.1:{port}"
    with _process(command, dict(os.environ), f"{url}/healthz") as process:
        yield url, process.pid


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


def caught_up(store: Path) -> None:
    """Wait until every lead with news is scored."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    while connection.execute("SELECT 1 FROM stale LIMIT 1").fetchone() is not None:
        time.sleep(0.1)
    connection.close()


@dataclass(frozen=True, slots=True)
class Used:
    """What a process has used since it began, or between two looks.

    Parameters
    ----------
    cpu : seconds of processor time.
    written : bytes that it had written to the disk.
    """

    cpu: float
    written: int

    def __sub__(self, former: Used) -> Used:
        return Used(self.cpu - former.cpu, self.written - former.written)


def used(pid: int) -> Used:
    """What a process has used so far, the processes that it started not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    said = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return Used((int(fields[11]) + int(fields[12])) / _TICKS, int(said["write_bytes"]))


def worker_of(pid: int) -> int:
    """The process that a service has started beside itself."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
