"""The clock is read in one file; everything else is told what time it is."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

from features.clock import now, when

ROOT = Path(__file__).resolve().parent.parent
CLOCK = "features/clock.py"
FOLDERS = ("features", "models", "training", "serving", "rung")
READS = {
    **dict.fromkeys(("now", "utcnow", "today"), ("datetime", "date", "Timestamp")),
    **dict.fromkeys(("time", "time_ns", "gmtime", "localtime", "ctime"), ("time",)),
}
"""What reads the clock, and of what: `datetime.now`, `pd.Timestamp.now`, `time.time_ns`."""
NOT_YET: set[str] = set()
"""Files that still read it themselves."""


def readings(source: str) -> list[str]:
    """Each place of a Python file that names something which reads the clock."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and _last_word(node.value) in READS.get(node.attr, ()):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            named = [alias.name for alias in node.names if alias.name in READS]
            found += [f"{node.lineno}: from time import {name}" for name in named]
    return found


def _last_word(node: ast.expr) -> str:
    """`datetime` of `datetime` and of `datetime.datetime`."""
    return ast.unparse(node).rpartition(".")[2]


def test_now():
    """It is what the machine says, in microseconds and in UTC."""
    before = time.time()
    found = now()
    assert before - 1e-6 <= found / 1e6 <= time.time()
    assert when(found).timestamp() == found / 1e6


def test_the_clock_is_read_in_one_file():
    """No other file of ours asks the machine for the time."""
    found = {
        str(path.relative_to(ROOT)): places
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (places := readings(path.read_text(encoding="utf-8")))
    }
    assert CLOCK in found
    assert {name: places for name, places in found.items() if name not in {CLOCK, *NOT_YET}} == {}
    assert found.keys() >= NOT_YET


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "pd.Timestamp.now('UTC')",
        "time.time() + 90",
        "clock = time.time_ns",
        "from time import monotonic, time_ns",
    ],
)
def test_what_the_scan_finds(line):
    """A reading is found in each of its forms, called or handed on."""
    assert len(readings(line)) == 1


@pytest.mark.parametrize("line", ["time.monotonic()", "scorer.now()", "now()", "model.time", ""])
def test_what_the_scan_leaves(line):
    """A duration, and a clock that was handed in, are no reading."""
    assert readings(line) == []
