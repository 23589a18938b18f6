"""Events in a file, to be put into a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.features.store.scene import ROWS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path
