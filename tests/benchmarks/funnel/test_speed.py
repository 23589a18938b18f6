"""What is timed does the same work: the shares that Rung and DuckDB find are the same."""

from __future__ import annotations

import pytest

from benchmarks.funnel import speed


def test_both_find_the_same():
    ours, theirs = speed._rung(1000)(), speed._duckdb(1000)()
    for goal in range(6):
        assert ours[f"share {goal}"] == pytest.approx(theirs[f"share {goal}"], abs=1e-12)
