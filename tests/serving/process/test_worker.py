"""Scoring in a process of its own, by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from features.store.arrivals import Arrival
from features.store.events import EventStore
from tests.serving.live.process import ROOT, eventually

pytestmark = pytest.mark.slow


def tell(store: EventStore, lead: str) -> None:
    now = time.time_ns() // 1000
    store.ingest([Arrival(f"about-{lead}", lead, "page_viewed", now, now)])


def test_rung_work_ends_by_a_signal(folder, tmp_path):
    """By itself it runs until it is told to stop, and ends well."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    with EventStore.open(url) as store:
        tell(store, "ann")
        command = [sys.executable, "-m", "rung", "work", "--store", url]
        command += ["--bundle", str(folder / "rates")]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
            eventually(lambda: store.scores.of("ann") is not None)
            process.terminate()
            assert process.wait(60) == 0


@pytest.mark.parametrize("wanted", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_before_the_end_of_its_input(folder, tmp_path, wanted):
    """Ctrl-C reaches it and its parent at once: it ends well, and says nothing of its input."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    given = {"RUNG_DATABASE_URL": url, "RUNG_BUNDLE": str(folder / "rates")}
    with EventStore.open(url) as store:
        tell(store, "ann")
        with subprocess.Popen(
            [sys.executable, "-m", "serving.process.worker"],
            cwd=ROOT,
            env=os.environ | given | {"RUNG_LOG_LEVEL": "error"},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            eventually(lambda: store.scores.of("ann") is not None)
            process.send_signal(wanted)
            assert process.wait(60) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""
