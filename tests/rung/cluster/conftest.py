"""A log in parts, and the threads of a task given back."""

from __future__ import annotations

import pytest

from features import threads
from rung.cluster.importing import Importing, import_events
from rung.cluster.parts import PartFolder
from tests.rung.cluster.scene import Here


@pytest.fixture(autouse=True)
def _threads(monkeypatch):
    """A task takes one thread of its process; the next test has all again."""
    monkeypatch.setattr(threads, "_allowed", threads._allowed)


@pytest.fixture(scope="module")
def parts(events_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster") / "parts"
    import_events(Here(), events_file, folder, 5, Importing())
    return PartFolder.of_events(folder)
