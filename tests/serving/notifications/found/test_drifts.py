"""What is told of signals that have moved: of each step once, until another model serves."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from features.store.events import EventStore
from features.store.schema import notifications
from serving.notifications.found.drifts import tell_drifts
from serving.notifications.schemas import NOTIFICATIONS

HASH = "0123456789abcdef" * 4


@pytest.fixture
def store():
    with EventStore.open(":memory:") as opened:
        yield opened


def look(*steps: str, signals: int = 1) -> Any:
    """A look that found so many signals moved before each of some steps."""
    signal = {"share": 0.1, "moved": 0.4, "moved_by_chance": 0.02, "known": 1.0, "known_before": 1}
    said = {"says": "has read nothing", "says_before": "has read 3 pages"}
    return {
        "since": "2026-05-01T00:00:00Z",
        "until": "2026-05-29T00:00:00Z",
        "goals": [],
        "note": "",
        "moved": [
            {
                "step": step,
                "title": step.title(),
                "says": f"Before {step.title()} it is another world",
                "signals": [signal | said | {"id": f"read.{at}"} for at in range(signals)],
            }
            for step in steps
        ],
    }


def told(store: EventStore) -> list[dict[str, Any]]:
    """The bodies of all that was told, the first first."""
    wanted = sa.select(notifications.c.data).where(notifications.c.type == "drift.detected")
    with store.database.reading() as connection:
        rows = connection.scalars(wanted.order_by(notifications.c.created_at))
        return [json.loads(row) for row in rows]


def test_of_each_step_once(store):
    """Days on which it is near the border, or more signals of the step move, tell nothing anew."""
    found = [(), ("watch",), ("watch",), (), ("watch",), ("watch", "talk"), ("talk",)]
    counts = [
        tell_drifts(store.database, look(*steps), "b2b", HASH, at, at + 1)
        for at, steps in enumerate(found)
    ]
    assert counts == [0, 1, 0, 0, 0, 1, 0]
    assert [one["step"] for one in told(store)] == ["watch", "talk"]


def test_of_another_model_again(store):
    """It was trained on other leads: what moved of them is news; one taken back is no news."""
    other = HASH[::-1]
    for at, (bundle, count) in enumerate([(HASH, 1), (other, 1), (other, 0), (HASH, 0)]):
        assert tell_drifts(store.database, look("watch"), "b2b", bundle, at, at + 1) == count
    assert [one["model_version"] for one in told(store)] == [HASH[:12], other[:12]]


def test_of_each_ladder_by_itself(store):
    """Ladders of one store know nothing of each other."""
    for ladder in ("b2b", "b2c"):
        assert tell_drifts(store.database, look("watch"), ladder, HASH, 1, 2) == 1


def test_what_is_told(store):
    """The five heaviest signals, what they say and said, and by what was known it was found."""
    tell_drifts(store.database, look("watch", signals=7), "b2b", HASH, 5_000_000, 6_000_000)
    (data,) = told(store)
    assert [one["id"] for one in data["signals"]] == [f"read.{at}" for at in range(5)]
    assert data["signals"][0] == {
        "id": "read.0",
        "moved": 0.4,
        "says": "has read nothing",
        "says_before": "has read 3 pages",
    }
    assert data["as_of"] == "1970-01-01T00:00:05Z"
    assert data["says"] == "Before Watch it is another world"
    body = {"type": "drift.detected", "timestamp": data["as_of"], "data": data}
    assert set(NOTIFICATIONS["drift.detected"].model_json_schema()["properties"]) >= set(body)
