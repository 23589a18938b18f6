"""Scoring in a process beside: it follows the news, comes back when it dies, ends in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.clock import now
from features.store.arrivals import Arrival
from features.store.events import EventStore
from serving.process.working.beside import Worker
from tests.serving.live.process import ROOT, eventually

pytestmark = pytest.mark.slow


def settings(url: str, folder: Path) -> dict[str, str]:
    return {
        "RUNG_DATABASE_URL": url,
        "RUNG_BUNDLE": str(folder / "rates"),
        "RUNG_LOG_LEVEL": "error",
    }


def tell(store: EventStore, lead: str) -> None:
    now = time.time_ns() // 1000
    store.ingest([Arrival(f"about-{lead}", lead, "page_viewed", now, now)])


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_it_scores_and_comes_back(folder, database_url):
    """News is scored; when the process is killed another takes its place, and goes on."""
    with EventStore.open(database_url) as store, Worker(settings(database_url, folder)) as worker:
        tell(store, "ann")
        eventually(lambda: store.scores.of("ann") is not None)
        eventually(lambda: store.scores.freshness(0, now()) > 0.0)  # all may be scored first
        first = worker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        tell(store, "bob")
        eventually(lambda: store.scores.of("bob") is not None)
        second = worker.pid
        assert second is not None
        assert second != first
    assert not is_running(second)


def test_it_ends_with_its_parent(folder, tmp_path):
    """A parent that is killed leaves no process behind."""
    program = """
import os, sys
from serving.process.working.beside import Worker
worker = Worker({"RUNG_DATABASE_URL": sys.argv[1], "RUNG_BUNDLE": sys.argv[2]})
worker.__enter__()
print(worker.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    command = [sys.executable, "-c", program, url, str(folder / "rates")]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL
    )
    pid = int(done.stdout)
    eventually(lambda: not is_running(pid))
