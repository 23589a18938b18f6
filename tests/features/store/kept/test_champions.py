"""What served since when: added to where something else serves, the newest first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.store.events import EventStore
from features.store.kept.champions import Champion

FIRST = Champion("b2b", 10, "a" * 64, "careful", "ann", "f" * 64)


@pytest.fixture
def store(database_url):
    with EventStore.open(database_url) as opened:
        yield opened


def test_another_champion_is_added(store):
    """Another bundle or another policy; the same again is not."""
    champions = store.champions
    assert champions.add(FIRST)
    assert not champions.add(replace(FIRST, from_at=20))
    learned = replace(FIRST, from_at=30, policy="learned", by="bob")
    assert champions.add(learned)
    assert champions.of("b2b") == [learned, FIRST]
    assert champions.of("b2c") == []


def test_a_clock_that_was_set_back(store):
    """What serves last stands last, whatever the clock says."""
    store.champions.add(FIRST)
    store.champions.add(replace(FIRST, from_at=3, bundle="b" * 64))
    assert [(one.bundle[0], one.from_at) for one in store.champions.of("b2b")] == [
        ("b", 11),
        ("a", 10),
    ]
