"""What a process has in memory once it is ready, and that it says so."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from serving.edge.logs import JsonLines
from serving.process.memory import hasten, resident_bytes, settle
from tests.serving.callers import said_here

ROOT = Path(__file__).resolve().parents[3]
NEVER = {
    *("mlflow", "matplotlib", "pyspark", "skops", "polars", "duckdb", "optuna", "mcp"),
    *("lightgbm", "sklearn", "scipy.stats", "scipy.optimize"),
}
"""What training, reports and clusters need, and no answer does."""


@pytest.mark.parametrize("module", ["serving.app", "serving.running", "serving.process.worker"])
def test_what_serves_imports_no_more_than_it_needs(module):
    """A fresh process that is about to serve has none of what takes seconds and megabytes."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert NEVER & set(said.stdout.split()) == set()


def test_help_imports_no_library():
    """`rung --help` answers at once: what computes is imported by the verb that does."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['rung', '--help']\n"
        "from rung.command import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(said.stdout.splitlines()[-1].split())
    assert loaded.isdisjoint({"numpy", "pyarrow", "numba", "lightgbm", "sqlalchemy", "fastapi"})


def test_a_process_that_is_ready_says_how_large_it_is(caplog):
    """Once: in its log, and its objects are looked at by the collector no more."""
    former = gc.get_freeze_count()
    try:
        hasten()
        assert not gc.isenabled()
        with caplog.at_level(logging.INFO, "rung"):
            settle()
        assert gc.isenabled()
        assert gc.get_freeze_count() > max(former, 10_000)
    finally:
        gc.enable()
        gc.unfreeze()
    (line,) = [json.loads(JsonLines().format(one)) for one in said_here(caplog)]
    assert line["event"] == "ready"
    assert 10 < line["resident_mib"] < 10_000


def test_memory_grows_with_what_is_held():
    """It is measured now, and in bytes."""
    before = resident_bytes()
    held = bytearray(b"x" * 50_000_000)
    assert 45_000_000 < resident_bytes() - before < 80_000_000
    assert len(held) == 50_000_000
