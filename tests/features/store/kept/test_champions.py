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


def test_who_said_so_may_be_told_after_it(store):
    """Of what began to serve when they had said so, and of which nobody has; the log is as long."""
    champions = store.champions
    champions.add(replace(FIRST, by="", from_at=10))
    champions.add(replace(FIRST, by="", from_at=3, bundle="b" * 64))
    for by, from_at in (("late", 12), ("ann", 11), ("bob", 11)):
        assert not champions.add(replace(FIRST, by=by, from_at=from_at, bundle="b" * 64))
    assert [one.by for one in champions.of("b2b")] == ["ann", ""]
