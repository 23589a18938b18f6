"""Logs of any layout, by the [import] table of a ladder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from features.errors import EventsError
from features.events.formats.exports.mapped import mapped_layout
from features.ladder.source import ImportColumns
from features.reading import read_table
from tests.features.events.formats.exports.vendors import write_json

ROWS: list[dict[str, Any]] = [
    {"who": {"id": "ann"}, "visitor": "v1", "what": "Bought", "at": 36, "sum": 9, "id": "m1"},
    {"who": {"id": None}, "visitor": "v1", "what": None, "at": 12.5, "sum": 1, "id": "m2"},
]
COLUMNS = ImportColumns(
    lead=("who.id",),
    anonymous_id=("visitor",),
    event="what",
    always="seen",
    names=(("Bought", "order_placed"),),
    occurred_at="at",
    unit="h",
    since=datetime(2026, 1, 1, tzinfo=UTC),
    message_id="id",
    properties=(("amount", "sum"),),
)


def test_every_part(tmp_path):
    """Paths, names, units, the instant they count from, ids and properties are as described."""
    table, report = read_table(write_json(tmp_path / "x.jsonl", ROWS), layout=COLUMNS, strict=True)
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert table.lead_id.to_pylist() == ["ann", "v1"]
    assert table.name.to_pylist() == ["order_placed", "seen"]
    assert (table.occurred_at - start).tolist() == [36 * 3_600_000_000, 45_000_000_000]
    assert table.message_id.to_pylist() == ["m1", "m2"]
    assert table.property_texts() == ['{"amount":9}', '{"amount":1}']
    assert table.anonymous_id is not None
    assert table.anonymous_id.to_pylist() == ["v1", None]
    assert "the [import] table describes: who.id" in report.layouts[0]


def test_a_column_is_named_once():
    """An anonymous id that is an id of the lead as well is said to be both, each once."""
    columns = ImportColumns(lead=("user", "visitor"), anonymous_id=("visitor",), event="what",
                            occurred_at="at")  # fmt: skip
    said = mapped_layout(columns).sentence(["user", "visitor", "what", "at"])
    assert said.startswith(
        "looks like what the [import] table describes: user or visitor is the lead, visitor beside"
    )


def test_all_other_columns_are_properties(tmp_path):
    """Where no properties are named, every column that says nothing else is one."""
    columns = ImportColumns(lead=("visitor",), event="what", always="seen", occurred_at="day")
    rows = [{**row, "day": "2026-01-01T09:00:00Z"} for row in ROWS]
    table, _ = read_table(write_json(tmp_path / "x.jsonl", rows), layout=columns, strict=True)
    assert table.property_texts()[0] == '{"at":36,"id":"m1","sum":9}'


def test_a_file_without_the_columns(tmp_path):
    """What is missing is named, with what is there."""
    with pytest.raises(EventsError, match=r"no column who\.id and no at and no what; it has a"):
        read_table(write_json(tmp_path / "x.jsonl", [{"a": 1}]), layout=COLUMNS)


def test_what_it_is_called():
    """The layout of a ladder says where it comes from."""
    assert mapped_layout(COLUMNS).title == "what the [import] table describes"
