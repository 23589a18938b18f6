"""What the tests of this room ask, and whom they ask about."""

from __future__ import annotations

import pytest

from features.store.database import Database
from features.store.events import EventStore
from features.store.privacy import Privacy
from tests.features.store.privacy.scene import arrival, score, tell


@pytest.fixture
def privacy(database: Database) -> Privacy:
    return Privacy(database)


@pytest.fixture
def merged(store: EventStore) -> EventStore:
    """A lead `ann` with two more ids, and another lead `bob`."""
    store.ingest(
        [
            arrival(1, "visitor-1", 10),
            arrival(2, "ann", 20, anonymous_id="visitor-1"),
            arrival(3, "ann", 30, previous_id="old-ann"),
            arrival(4, "old-ann", 5),
            arrival(5, "bob", 6),
        ]
    )
    store.scores.save([score("ann"), score("bob")])
    tell(store.database, ["ann", "bob"])
    return store
