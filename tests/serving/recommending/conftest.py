"""A store with leads at each step, and what recommends to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from features.store.events import EventStore
from serving.recommending.recommender import Recommender
from tests.serving.recommending.deciding import Clock, filled, recommender


@pytest.fixture
def store() -> Iterator[EventStore]:
    with filled(":memory:") as opened:
        yield opened


@pytest.fixture
def made(store: EventStore) -> Recommender:
    return recommender(store, Clock())
