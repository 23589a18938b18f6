"""What is said of an import, and where its bad rows are written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from features.errors import EventsError
from features.reading import read_events, read_table
from tests.features.events.scene import EVENTS, LADDER, as_csv, as_jsonl, event, read, write


def test_rejects_file(tmp_path):
    """All bad rows are written with file, line, reason, value and the whole row."""
    bad = [event(minutes="few", note="kept", message_id=f"m{at}") for at in range(7)]
    rejects = tmp_path / "rejects.jsonl"
    file = write(tmp_path / "e.csv", as_csv([event(minutes=1), *bad]))
    _, report = read_events(file, LADDER, rejects=rejects)
    written = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert len(written) == 7
    assert len(report.examples["text where the ladder reads a number"]) == 5
    assert written[0] == {
        "file": str(file),
        "line": 3,
        "reason": "text where the ladder reads a number",
        "value": "minutes = 'few'",
        "row": {key: bad[0].get(key) for key in written[0]["row"]},
    }
    assert written[0]["row"]["note"] == "kept"
    file = write(tmp_path / "e.jsonl", as_jsonl([event(minutes=1), *bad]))
    read_events(file, LADDER, rejects=rejects)
    assert json.loads(rejects.read_text().splitlines()[0])["row"] == bad[0]


def test_rejects_in_place_of_the_events(tmp_path):
    """The only file of events is never overwritten by its rejects."""
    file = write(tmp_path / "e.jsonl", as_jsonl(EVENTS))
    with pytest.raises(EventsError, match="holds the events; name another file for the rejects"):
        read_table(file, rejects=tmp_path / "." / "e.jsonl")
    assert file.read_bytes() == as_jsonl(EVENTS)


def test_rejects_that_cannot_be_written(tmp_path):
    """A place where no file can be made is refused."""
    file = write(tmp_path / "e.jsonl", as_jsonl(EVENTS))
    with pytest.raises(EventsError, match=r"rejects.jsonl: cannot be written: No such file"):
        read_table(file, rejects=tmp_path / "no" / "rejects.jsonl")


def test_strict(tmp_path):
    """`strict` refuses everything, with the counts and examples of all files."""
    write(tmp_path / "a.jsonl", as_jsonl([event(), event(lead_id=None)]))
    write(tmp_path / "b.jsonl", as_jsonl([event(), event(minutes="few")]))
    with pytest.raises(EventsError, match="refused, as bad rows are") as refused:
        read(tmp_path, strict=True)
    said = str(refused.value)
    assert "1 row rejected: missing lead_id\n" in said
    assert f"{tmp_path / 'b.jsonl'}:2: minutes = 'few'" in said
    read(write(tmp_path / "good.csv", as_csv(EVENTS)), strict=True)


def test_report(tmp_path):
    """The report adds up, reads as sentences, and is JSON."""
    rows = [event(message_id="m"), event(message_id="m"), event(lead_id=None)]
    rows += [event(known_at="2026-02-01T00:00:00Z"), event(known_at="2027-01-01T00:00:00Z")]
    file = write(tmp_path / "e.jsonl", as_jsonl(rows))
    _, report = read_events(file, LADDER, until=datetime(2026, 12, 1, tzinfo=UTC))
    assert report.lines() == [
        "2 of 5 rows accepted",
        "1 duplicate left out (message_id seen before)",
        "1 row left out (known only later)",
        "1 row known before occurring (moved back)",
        "1 row rejected: missing lead_id",
        f"  {file}:3: lead_id is absent",
    ]
    assert json.loads(json.dumps(report.as_dict()))["rejected"] == {"missing lead_id": 1}
    assert report.rows == report.accepted + report.duplicates + report.later + 1
