"""Events on their way between tasks: all that they say arrives."""

from __future__ import annotations

import numpy as np

from features.events.log import LogColumns
from features.events.table import EventTable
from features.reading import read_table
from features.signals.table import ladder_columns
from rung.cluster.packed import divided, packed, unpacked
from tests.rung.cluster.scene import visits


def same(one: EventTable, other: EventTable) -> bool:
    return packed(one) == packed(other)


def test_there_and_back(tmp_path, b2b):
    """A table is what it was: ids, both clocks, numbers, texts, properties, links."""
    table, _ = read_table(
        visits(tmp_path / "log"), needs=LogColumns(*ladder_columns(b2b)), names=b2b.events
    )
    found = unpacked(packed(table))
    assert same(found, table)
    assert found.anonymous_id is not None
    assert found.property_texts() == table.property_texts()


def test_one_clock_stays_one(events_file):
    """Where both clocks are one array they still are."""
    table, _ = read_table(events_file)
    single = EventTable(
        table.message_id, table.lead_id, table.name, table.occurred_at, table.occurred_at
    )
    found = unpacked(packed(single))
    assert found.known_at is found.occurred_at


def test_divided(events_file):
    """Every row is in the piece of its part, in the order in which it came."""
    table, _ = read_table(events_file)
    part = np.random.default_rng(1).integers(0, 4, len(table))
    part[part == 2] = 3
    pieces = dict(divided(table, part))
    assert sorted(pieces) == [0, 1, 3]
    for at in (0, 1, 3):
        found, meant = unpacked(pieces[at]), table.rows(part == at)
        assert found.message_id.equals(meant.message_id)
        assert found.known_at.tolist() == meant.known_at.tolist()
        assert found.property_texts() == meant.property_texts()


def test_no_rows():
    """Of no rows there are no pieces."""
    assert list(divided(EventTable.empty(), np.empty(0, dtype=np.int64))) == []
