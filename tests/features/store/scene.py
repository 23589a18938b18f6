"""Events in a file and what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.events.log import EventLog, LogColumns
from features.ladder.file import read_ladder
from features.reading import read_table
from features.signals.table import ladder_columns
from features.store import places
from features.store.arrivals import Event
from features.store.events import Appended, EventStore

LADDER = read_ladder("b2b")
COLUMNS = LogColumns(*ladder_columns(LADDER))
ROWS: list[dict[str, object]] = [
    {"lead_id": "bob", "name": "view", "occurred_at": "2026-03-02T00:00:00Z", "section": "docs"},
    {"lead_id": "ann", "name": "tool_used", "occurred_at": "2026-03-01T00:00:00Z", "minutes": 4.5},
    {"lead_id": "ann", "name": "view", "occurred_at": "2026-02-01T00:00:00Z", "own_data": True},
    {"lead_id": "ann", "name": "view", "occurred_at": "2026-02-01T00:00:00Z", "own_data": True},
    {
        "lead_id": "ann",
        "name": "call",
        "occurred_at": "2026-04-01T00:00:00Z",
        "known_at": "2026-03-31T00:00:00Z",
        "message_id": "m1",
        "minutes": "12",
        "note": "é",
    },
]
"""Two rows say the same, one was known before it occurred, one has a message id."""
MADE = Event("made", "ann", "rung_decision", 5, 6, '{"offer":"é"}')
SHOWN = Event("shown", "ann", "rung_exposure", 7, 7)


def imported(store: EventStore, file: Path) -> Appended:
    return store.append(read_table(file, needs=COLUMNS)[0])


def assert_same_log(one: EventLog, other: EventLog) -> None:
    for field in ("leads", "names", "columns", "text_values"):
        assert getattr(one, field) == getattr(other, field)
    for field in ("starts", "name", "occurred", "known", "numbers", "texts"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)


def sweep(store: EventStore, most: int) -> None:
    """Move what SQLite has noted lately to what it noted long ago, but for `most` of it."""
    if not store.database.is_sqlite:
        return
    with pytest.MonkeyPatch.context() as patch, store.database.writing() as connection:
        patch.setattr(places, "_MOST", most)
        patch.setattr(places, "_STRETCH", 1)
        places.Sweeps().after(connection, 0)
