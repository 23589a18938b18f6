"""What each publisher's export is taken for, and that nothing of it changes on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.table import EventTable
from features.ladder.file import read_ladder
from features.reading import read_events, read_table
from models.bundle import save_bundle
from tests.features.events.formats.exports.vendors import (
    SHAPES,
    Happened,
    amplitude,
    ga4,
    iso,
    posthog,
    segment,
    warehouse,
    write_json,
    write_parquet,
)
from training.pipeline import train
from training.simulation.world import SimulationConfig, simulate

AT = 1_772_366_400_123_000
HAPPENED = Happened("m1", "ann", "plan_chosen", AT, {"plan": "team", "seats": 4})

events = st.lists(
    st.builds(
        Happened,
        message_id=st.uuids().map(str),
        lead=st.sampled_from(["ann", "bob", "42", "zoë@example.com"]),
        name=st.sampled_from(["identify", "plan_chosen", "video progress", "Signé"]),
        occurred_at=st.integers(1_600_000_000_000, 1_900_000_000_000).map(lambda ms: ms * 1_000),
        properties=st.dictionaries(
            st.sampled_from(["plan", "seats", "minutes", "note"]),
            st.one_of(
                st.text(st.characters(codec="ascii", categories=["L", "P"]), min_size=1),
                st.integers(-(10**9), 10**9),
                st.floats(-1e6, 1e6).map(lambda one: round(one, 3)).filter(lambda one: one % 1),
            ),
        ),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.message_id,
)


def told(table: EventTable) -> set[tuple[Any, ...]]:
    """What a table says, the order of its rows apart."""
    rows = zip(
        table.lead_id.to_pylist(),
        table.name.to_pylist(),
        table.occurred_at.tolist(),
        table.known_at.tolist(),
        table.property_texts(),
        strict=True,
    )
    return {(*row[:4], json.dumps(json.loads(row[4]), sort_keys=True)) for row in rows}


def meant(happened: list[Happened]) -> set[tuple[Any, ...]]:
    """What some events say."""
    return {
        (one.lead, one.name, one.occurred_at, one.occurred_at,
         json.dumps(one.properties, sort_keys=True))
        for one in happened
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "segment-tracks"])
@given(happened=events)
def test_round_trip(name, happened):
    """Events that are written in a publisher's shape are read as they were."""
    with TemporaryDirectory() as folder:
        file = write_json(Path(folder) / "x.jsonl.gz", [SHAPES[name](one) for one in happened])
        table, report = read_table(file, strict=True)
    assert told(table) == meant(happened)
    assert len(report.layouts) == 1
    if name != "ga4":
        assert set(table.message_id.to_pylist()) == {one.message_id for one in happened}


@pytest.mark.parametrize("name", SHAPES)
def test_recognised(name, tmp_path):
    """One event is enough to know the export; forced by its name, it is not guessed."""
    file = write_json(tmp_path / "x.jsonl", [SHAPES[name](HAPPENED)])
    table, report = read_table(file)
    assert report.layouts[0].startswith("looks like ")
    forced, quiet = read_table(file, layout=name)
    assert (told(forced), quiet.layouts) == (told(table), ())
    assert told(table) == meant([HAPPENED])
    assert table.anonymous_id is not None
    assert table.anonymous_id.to_pylist() == ["anon-ann"]


def test_a_table_of_a_warehouse_as_csv(tmp_path):
    """Numbers and texts of cells are what they mean; machinery is no property; UTC is meant."""
    row = warehouse(HAPPENED)
    lines = [",".join(row), ",".join(str(value) for value in row.values())]
    file = tmp_path / "x.csv"
    file.write_text("\n".join(lines) + "\n")
    assert told(read_table(file)[0]) == meant([HAPPENED])


@pytest.mark.parametrize("shape", [ga4, amplitude, posthog, segment])
def test_parquet_with_nested_columns(shape, tmp_path):
    """Structs and lists of keys with values are opened as their JSON is."""
    file = write_parquet(tmp_path / "x.parquet", [shape(HAPPENED)])
    assert told(read_table(file)[0]) == meant([HAPPENED])


def test_timestamps_of_a_warehouse_in_parquet(tmp_path):
    """Timestamps of nanoseconds without a zone are in UTC, as the publisher says."""
    row = warehouse(HAPPENED)
    times = [key for key, value in row.items() if value == row["timestamp"]]
    moment = datetime.fromtimestamp(AT / 1e6, UTC).replace(tzinfo=None)
    table = pa.Table.from_pylist([{**row, **dict.fromkeys(times, moment)}])
    for key in times:
        at = table.schema.get_field_index(key)
        table = table.set_column(at, key, table[key].cast(pa.timestamp("ns")))
    pa.parquet.write_table(table, tmp_path / "x.parquet")
    assert told(read_table(tmp_path / "x.parquet")[0]) == meant([HAPPENED])


def test_calls_of_each_type(tmp_path):
    """Pages, screens, groups and aliases are the events that the service makes of them."""
    base = {"messageId": "m", "userId": "ann", "timestamp": iso(AT)}
    calls: list[dict[str, Any]] = [
        {**base, "type": "page", "messageId": "1", "name": "Home", "properties": {"path": "/"}},
        {**base, "type": "screen", "messageId": "2", "properties": {}},
        {**base, "type": "group", "messageId": "3", "groupId": "acme", "traits": {"size": 3}},
        {**base, "type": "alias", "messageId": "4", "previousId": "visitor"},
    ]
    table, _ = read_table(write_json(tmp_path / "x.jsonl", calls))
    assert table.name.to_pylist() == ["page_viewed", "screen_viewed", "group", "alias"]
    assert table.property_texts()[0] == '{"name":"Home","path":"/"}'
    assert table.property_texts()[2] == '{"group_id":"acme","size":3}'
    assert table.anonymous_id is not None
    assert table.anonymous_id.to_pylist()[3] == "visitor"


def test_what_is_known_of_a_user_is_an_event_where_it_changes(tmp_path):
    """User properties beside an event become traits, once for as long as they stay the same."""
    rows: list[dict[str, Any]] = [
        {**amplitude(HAPPENED._replace(message_id=f"m{at}", occurred_at=AT + at)),
         "user_properties": {"industry": kind}}
        for at, kind in enumerate(["retail", "retail", "finance"])
    ]  # fmt: skip
    table, _ = read_table(write_json(tmp_path / "x.jsonl", rows), strict=True)
    names = table.name.to_pylist()
    assert names == ["identify", "plan_chosen", "plan_chosen", "identify", "plan_chosen"]
    assert [text for text in table.property_texts() if "industry" in text] == [
        '{"industry":"retail"}',
        '{"industry":"finance"}',
    ]


def test_traits_have_the_name_of_the_ladder(tmp_path):
    """Traits are the event that the ladder calls so."""
    file = write_json(tmp_path / "x.jsonl", [segment(HAPPENED._replace(name="identify"))])
    names = read_ladder("b2b").events
    table, _ = read_table(file, names=type(names)(traits="profile"))
    assert table.name.to_pylist() == ["profile"]


def test_ids_in_one_row_are_one_lead(tmp_path):
    """A log reads what a visitor did before it said who it is as the user's; junk links nobody."""
    visitor = {**segment(HAPPENED), "userId": None, "messageId": "m0"}
    nobody = {**segment(HAPPENED), "anonymousId": "null", "messageId": "m2", "userId": "bob"}
    file = write_json(tmp_path / "x.jsonl", [visitor, segment(HAPPENED), nobody])
    table, _ = read_table(file)
    assert table.lead_id.to_pylist() == ["anon-ann", "ann", "bob"]
    log, _ = read_events(file, read_ladder("b2b"))
    assert log.leads == ("ann", "bob")


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "segment-tracks"])
def test_a_simulated_log_comes_back(name, tmp_path):
    """A ladder's log in a publisher's shape is the log that it was, and a bundle trains on it."""
    simulation = simulate(read_ladder("b2c"), SimulationConfig(leads=60, seed=3, late_share=0.0))
    frame = simulation.events
    columns = frame.columns[5:]
    happened = [
        Happened(
            row["message_id"],
            row["lead_id"],
            row["name"],
            row["occurred_at"].value // 1_000_000 * 1_000,
            {c: row[c] for c in columns if row[c] is not None and row[c] == row[c]},
        )
        for row in frame.to_dict("records")
    ]
    file = write_json(tmp_path / "x.jsonl", [SHAPES[name](one) for one in happened])
    table, report = read_table(file, strict=True)
    assert report.accepted == len(happened)
    assert {row[:4] for row in told(table)} == {row[:4] for row in meant(happened)}
    own = write_json(
        tmp_path / "own.jsonl",
        [{"lead_id": o.lead, "event": o.name, "timestamp": iso(o.occurred_at),
          "message_id": o.message_id, "properties": o.properties} for o in happened],
    )  # fmt: skip
    ladder = read_ladder("b2c")
    logs = [read_events(source, ladder)[0] for source in (file, own)]
    if name == "amplitude":
        bundles = [
            save_bundle(train(log, ladder), tmp_path / f"bundle-{at}")
            for at, log in enumerate(logs)
        ]
        assert bundles[0].version == bundles[1].version
    assert (logs[0].leads, logs[0].names) == (logs[1].leads, logs[1].names)
    assert logs[0].numbers.tobytes() == logs[1].numbers.tobytes()
    assert logs[0].occurred.tobytes() == logs[1].occurred.tobytes()
