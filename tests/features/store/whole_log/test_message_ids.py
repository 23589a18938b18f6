"""Events without a message id are recognised when they come again."""

from __future__ import annotations

import json

from features.reading import read_table
from features.store.events import Appended
from tests.features.store.scene import LADDER, ROWS, imported


def test_importing_again_adds_nothing(store, file, tmp_path):
    """Events without a message id are recognised, and two equal rows stay two events."""
    imported(store, file)
    assert imported(store, file) == Appended(0, 5)
    backwards = tmp_path / "backwards.jsonl"
    backwards.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    assert imported(store, backwards) == Appended(0, 5)
    assert store.count() == 5
    thrice = tmp_path / "thrice.jsonl"
    thrice.write_text("".join(json.dumps(row) + "\n" for row in [*ROWS, ROWS[2]]))
    assert imported(store, thrice) == Appended(1, 5)


def test_ids_do_not_depend_on_the_ladder(store, file):
    """A file imported for another ladder is still the same file."""
    imported(store, file)
    assert store.append(read_table(file)[0]) == Appended(0, 5)


def test_batches(store, tmp_path, monkeypatch):
    """Equal rows on both sides of a batch's border are told apart, and progress is reported."""
    monkeypatch.setattr("features.store.events._BATCH", 2)
    file = tmp_path / "e.jsonl"
    file.write_text((json.dumps(ROWS[0]) + "\n") * 5)
    seen: list[str] = []
    assert store.append(read_table(file)[0], progress=seen.append) == Appended(5, 0)
    assert seen[0] == "2 of 5 events stored"
    assert len(store.log(LADDER)) == 5
