"""What is said of an import, and where its bad rows are written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from features.errors import EventsError
from features.events.log import LogColumns
from features.reading import read_events, read_in_tables, read_table
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


CONTACTS = (
    "Record ID,Create Date,Lifecycle Stage,Became a Lead Date\n"
    "1,2026-01-01 09:00,Lead,2026-01-02 10:00\n"
    "2,2026-01-05 09:00,Lead,\n"
)


def test_rows_that_tell_several_events(tmp_path):
    """A file is said to have as many rows as it has, and to tell more events."""
    said: list[str] = []
    file = write(tmp_path / "contacts.csv", CONTACTS.encode())
    _, report = read_table(file, assume_timezone="UTC", progress=said.append)
    assert said == [f"{file}: 3 events from 2 rows"]
    assert "3 of 3 events from 2 rows accepted" in report.lines()
    assert (report.rows, report.as_dict()["from_rows"]) == (3, 2)
    parts = read_in_tables(file, 10, needs=LogColumns(), names=None, assume_timezone="UTC",
                           layout=None, rejects=None)  # fmt: skip
    with pytest.raises(StopIteration) as end:
        next(parts), next(parts)
    assert end.value.value.from_rows == 2
    _, report = read_table(write(tmp_path / "e.csv", as_csv(EVENTS)))
    assert report.from_rows is None


def test_why_nothing_is_left(tmp_path):
    """Where all is refused that is said, with the reason that most rows have, and what to add."""
    file = write(tmp_path / "contacts.csv", CONTACTS.encode())
    assert read_table(file)[1].why_empty == (
        "all 3 events from 2 rows were refused: naive time (say which time zone is meant);"
        " name it by --timezone, as --timezone Europe/Berlin"
    )
    rows = [event(occurred_at="soon"), event(occurred_at="soon"), event(lead_id=None)]
    _, report = read_table(write(tmp_path / "e.jsonl", as_jsonl(rows)))
    assert report.why_empty == (
        "all 3 rows were refused: 2 for unreadable time; write times as 2026-03-01T12:00:00Z"
    )
    assert read_table(write(tmp_path / "e.jsonl", b""))[1].why_empty == "there is no event in it"
    _, report = read_table(write(tmp_path / "e.jsonl", as_jsonl(rows[:1])))
    assert report.why_empty == (
        "its only row was refused: unreadable time; write times as 2026-03-01T12:00:00Z"
    )
