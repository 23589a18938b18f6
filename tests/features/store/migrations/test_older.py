"""A store of an older version is brought up to date by a start and an import, else by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import StoreError
from features.store.database import Database
from features.store.events import EventStore
from features.store.kept.leases import LONGEST_US, ScoresWith, keep_while_served
from features.store.migrations import LATEST, version_of
from tests.features.store.migrations.older import held, older, some_events, take_back

NOW = 1_780_000_000_000_000


def version(path: Path) -> str | None:
    with Database.open(path) as database, database.reading() as connection:
        return version_of(connection)


@pytest.mark.parametrize("revision", ["0015", "0016"])
def test_whoever_looks_leaves_it(tmp_path, revision):
    """It is told which it is and what brings it up to date; not a row of it is another one."""
    path = tmp_path / "rung.db"
    rows = older(path, some_events(20), revision)
    said = (
        rf"rung\.db: has schema {revision}, this version of Rung needs {LATEST}, and only"
        " `rung serve`, `rung work` and `rung import` bring a store up to date"
    )
    with pytest.raises(StoreError, match=said):
        EventStore.existing(path)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StoreError, match=said):  # where nothing could be changed, the same
            EventStore.existing(path)
    finally:
        tmp_path.chmod(0o755)
        path.chmod(0o644)
    assert version(path) == revision
    assert held(path) == rows
    with EventStore.open(path) as store:  # as a service does when it starts
        assert store.count() == 20
    assert EventStore.existing(path).count() == 20


def test_an_import_leaves_one_that_a_process_scores_in(tmp_path):
    """While its lease lasts; where it died, half a minute later it is brought up to date."""
    path = tmp_path / "rung.db"
    with EventStore.open(path) as store:
        assert store.scorers.take(ScoresWith("b2b", "hash"), "holder", NOW)
        with store.database.writing() as connection:
            take_back(connection, "0016")
    with pytest.raises(StoreError, match="a process of that version serves it: stop it first"):
        EventStore.open(path, when_older=keep_while_served(NOW + 1))
    assert version(path) == "0016"
    with EventStore.open(path, when_older=keep_while_served(NOW + LONGEST_US + 1)):
        assert version(path) == LATEST
