"""How a row of an export is opened."""

from __future__ import annotations

import json

import pytest

from features.events.log import LogColumns
from features.reading import read_table
from tests.features.events.formats.exports.vendors import (
    Happened,
    amplitude,
    posthog,
    write_json,
    write_parquet,
)

HAPPENED = Happened("m1", "ann", "plan_chosen", 1_772_366_400_000_000, {"seats": 4})


@pytest.mark.parametrize("write", [write_json, write_parquet])
def test_objects_that_are_texts(write, tmp_path):
    """What a column holds as JSON text is opened, ids inside it among it."""
    row = posthog(HAPPENED)
    row["properties"] = json.dumps({**row["properties"], "$user_id": "bob"})
    suffix = "jsonl" if write is write_json else "parquet"
    table, _ = read_table(write(tmp_path / f"x.{suffix}", [row]), strict=True)
    assert table.lead_id.to_pylist() == ["bob"]
    assert table.property_texts() == ['{"seats":4}']


def test_properties_inside_others(tmp_path):
    """A property that a ladder reads by a path is found inside an object."""
    row = amplitude(HAPPENED._replace(properties={"plan": {"seats": 7}}))
    needs = LogColumns(numbers=("plan.seats",))
    table, _ = read_table(write_json(tmp_path / "x.jsonl", [row]), needs=needs, strict=True)
    assert table.numbers["plan.seats"].tolist() == [7.0]


def test_ids_of_nobody_are_passed_over(tmp_path):
    """Where the user's id is what programs write for none, the device is the lead."""
    row = {**amplitude(HAPPENED), "user_id": "undefined"}
    table, _ = read_table(write_json(tmp_path / "x.jsonl", [row]), strict=True)
    assert table.lead_id.to_pylist() == ["anon-ann"]
    assert table.anonymous_id is not None
    assert table.anonymous_id.to_pylist() == [None]
