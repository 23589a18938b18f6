"""Which file is taken for which export."""

from __future__ import annotations

import pytest

from features.errors import EventsError
from features.events.formats.exports.recognise import LAYOUTS, layout_named, recognised
from features.reading import read_table
from tests.features.events.formats.exports.vendors import SHAPES, Happened, write_json

HAPPENED = Happened("m1", "ann", "plan_chosen", 1_772_366_400_000_000, {"plan": "team"})


@pytest.mark.parametrize("name", SHAPES)
def test_each_is_known_by_its_own_columns(name):
    """No other layout takes a publisher's file for its own."""
    row = SHAPES[name](HAPPENED)
    inner = [f"{key}.{part}" for key, of in row.items() if isinstance(of, dict) for part in of]
    found = recognised([*row, *inner])
    assert found is not None
    assert found.name == name


def test_our_own_layout_wins(tmp_path):
    """A file with our columns is ours, whatever else it has; no sentence is said of it."""
    row = {**SHAPES["amplitude"](HAPPENED), "lead_id": "bob", "name": "seen",
           "occurred_at": "2026-01-01T09:00:00Z"}  # fmt: skip
    table, report = read_table(write_json(tmp_path / "x.jsonl", [row]))
    assert (table.lead_id.to_pylist(), report.layouts) == (["bob"], ())


def test_forced_to_be_ours(tmp_path):
    """With the name of our own layout no export is looked for."""
    file = write_json(tmp_path / "x.jsonl", [SHAPES["posthog"](HAPPENED)])
    with pytest.raises(EventsError, match="no column lead_id; it has uuid, event"):
        read_table(file, layout="rung")


def test_nothing_is_guessed(tmp_path):
    """A file that nobody knows is refused with the two ways that help."""
    file = write_json(tmp_path / "x.jsonl", [{"who": "ann", "what": "seen"}])
    with pytest.raises(EventsError, match=r"in an \[import\] table, .*, or --layout where"):
        read_table(file)


def test_an_unknown_name():
    """The layouts that there are are named."""
    with pytest.raises(EventsError, match="no layout 'amplitud'; did you mean 'amplitude'"):
        layout_named("amplitud")
    assert layout_named("rung") is None
    assert layout_named("ga4") is LAYOUTS["ga4"]


def test_rows_without_a_lead_are_counted(tmp_path):
    """They are named with the columns that could have said whose they are."""
    row = {**SHAPES["amplitude"](HAPPENED), "user_id": None, "device_id": "", "amplitude_id": None}
    table, report = read_table(
        write_json(tmp_path / "x.jsonl", [row, SHAPES["amplitude"](HAPPENED)]),
        rejects=tmp_path / "bad.jsonl",
    )
    reason = "no lead in the row: neither user_id nor device_id nor amplitude_id"
    assert (len(table), report.rejected) == (1, {reason: 1})
    assert '"line": 1' in (tmp_path / "bad.jsonl").read_text()


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("soon", "a time that is no number of microseconds"),
        (True, "a time that is no number of microseconds"),
        (None, "missing occurred_at"),
        (99**30, "time outside the years 1970 to 2199 (is its unit right?)"),
        (-5, "time outside the years 1970 to 2199 (is its unit right?)"),
    ],
)
def test_times_that_are_numbers(time, reason, tmp_path):
    """A number that is none, or of another unit, is one bad row."""
    rows = [{**SHAPES["ga4"](HAPPENED), "event_timestamp": time}, SHAPES["ga4"](HAPPENED)]
    table, report = read_table(write_json(tmp_path / "x.jsonl", rows))
    assert (len(table), report.rejected) == (1, {reason: 1})


def test_bytes_that_are_no_text(tmp_path):
    """A cell in another encoding is one bad row of an export, too."""
    row = SHAPES["segment-tracks"](HAPPENED)
    text = "\n".join([",".join(row), *[",".join(map(str, row.values()))] * 2]) + "\n"
    broken = text.encode().replace(b"team", b"t\xe4am", 1).replace(b"m1", b"m2", 1)
    (tmp_path / "x.csv").write_bytes(broken)
    table, report = read_table(tmp_path / "x.csv")
    assert (len(table), report.rejected) == (1, {"bytes that are no UTF-8 text": 1})
