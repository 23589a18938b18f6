"""`rung demo`, from nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from features.reading import read_events
from models.bundle import load_bundle


@pytest.mark.slow
def test_demo(tmp_path):
    """`rung demo --once` makes everything from nothing and prints the top of a queue."""
    found = subprocess.run(
        [sys.executable, "-m", "rung", "demo", "--once", "--leads", "150"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    assert "The top of the queue" in found.stdout
    assert "  1. " in found.stdout
    assert "rung-b2b version 1" in found.stdout
    folder = tmp_path / "artifacts" / "demo"
    assert {path.name for path in tmp_path.iterdir()} == {"artifacts"}
    made = {"bundle", "report", "events.parquet", "events.db", "mlflow.db", "ladder.toml"}
    assert made <= {path.name for path in folder.iterdir()}
    log, _ = read_events(f"sqlite:///{folder / 'events.db'}", load_bundle(folder / "bundle").ladder)
    assert len(log.leads) == 150
