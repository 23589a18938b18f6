"""Locks of PostgreSQL by number: each has one of its own, and nobody makes one up."""

from __future__ import annotations

import re
from pathlib import Path

from features.store.connecting import locks

ROOT = Path(__file__).resolve().parents[4]


def test_all_are_different():
    """Two locks of one number are one lock, and who takes one waits for who has the other."""
    numbers = [getattr(locks, name) for name in locks.__all__]
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number < 2**31 for number in numbers)


def test_all_are_listed():
    """Whoever locks by a number takes it from there."""
    for package in ("features", "models", "training", "serving", "rung"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text()
            if "pg_advisory" in text or "pg_try_advisory" in text:
                assert "features.store.connecting.locks import" in text, path
                assert not re.search(r"\b(?:0x[0-9A-Fa-f]{5,}|\d[\d_]{7,})\b", text), path
