"""The log of moves: only added to, by bundle and goal."""

from __future__ import annotations

import pytest

from features.store.events import EventStore
from features.store.kept.recalibrations import KeptMove

MOVES = [
    KeptMove("advancement", 10, 0.1, 1.0, 3),
    KeptMove("purchase", 10, -0.2, 0.9, 1),
    KeptMove("advancement", 20, 0.15, 1.1, 7),
]


@pytest.fixture
def store(database_url):
    with EventStore.open(database_url) as opened:
        yield opened


def test_moves_are_kept_in_order(store):
    """By when they were known; another bundle has none of them."""
    assert store.recalibrations.add("a", reversed(MOVES)) == 3
    assert store.recalibrations.of("a") == MOVES
    assert store.recalibrations.of("b") == []
    assert (store.recalibrations.last_known_at("a"), store.recalibrations.last_known_at("b")) == (
        20,
        0,
    )


def test_what_was_told_once_stays(store):
    """A move that is known already, or is older than the last of its goal, changes nothing."""
    store.recalibrations.add("a", MOVES)
    again = [KeptMove("advancement", 20, 9.0, 9.0, 9), KeptMove("advancement", 15, 9.0, 9.0, 9)]
    later = KeptMove("purchase", 15, -0.1, 1.0, 2)
    assert store.recalibrations.add("a", [*again, later]) == 1
    assert store.recalibrations.of("a") == [*MOVES[:2], later, MOVES[2]]
