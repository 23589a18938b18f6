"""What `features.reading` reads from files and folders, and until when."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import microseconds
from features.errors import EventsError, StoreError, TimeError
from features.events.log import LogColumns
from features.events.of_lead import log_of_rows
from features.ladder.file import read_ladder
from features.ladder.ladder import EventRule
from features.reading import names_apart, read_events, read_table
from features.signals.table import ladder_columns
from tests.features.events.scene import (
    EVENTS,
    LADDER,
    NEEDS,
    as_csv,
    as_jsonl,
    assert_same_log,
    event,
    read,
    write,
    write_parquet,
)


def test_values(tmp_path):
    """Truth values are 1 and 0, an absent known_at is when it happened, and ids stay texts."""
    log, report = read(write(tmp_path / "e.csv", as_csv(EVENTS)))
    assert (log.leads, report.rows, report.accepted) == (("ann", "bob"), 6, 6)
    own_data = log.numbers[NEEDS.numbers.index("own_data")]
    assert sorted(own_data[~np.isnan(own_data)]) == [0.0, 1.0]
    assert "007" in log.text_values[NEEDS.texts.index("section")]
    late = log.known != log.occurred
    assert log.known[late].tolist() == [microseconds(datetime(2026, 3, 1, 23, tzinfo=UTC))]


@settings(deadline=None)
@given(st.randoms())
def test_row_order_has_no_effect(tmp_path_factory, shuffling):
    """Rows in any order, with and without duplicates, give the same log."""
    folder = tmp_path_factory.mktemp("order")
    twice = [*EVENTS, event(section="docs", message_id="m1"), EVENTS[1]]
    shuffled = shuffling.sample(twice, len(twice))
    expected, _ = read(write(folder / "e.jsonl", as_jsonl(twice)))
    for file in (
        write(folder / "s.jsonl", as_jsonl(shuffled)),
        write(folder / "s.csv", as_csv(shuffled)),
    ):
        log, report = read(file)
        assert_same_log(log, expected)
        assert report.duplicates == 2


def test_folder(tmp_path):
    """The files of a folder are read in name order as one log; other files in it are not."""
    write(tmp_path / "b.csv", as_csv(EVENTS[3:]))
    write(tmp_path / "a.jsonl.gz", as_jsonl(EVENTS[:2]))
    write_parquet(tmp_path / "c.parquet", EVENTS[2:3])
    write(tmp_path / "_SUCCESS", b"")
    seen: list[str] = []
    log, _ = read(tmp_path, progress=seen.append)
    expected, _ = read(write(tmp_path / "all.jsonl", as_jsonl(EVENTS)))
    assert_same_log(log, expected)
    assert [Path(line.split(":")[0]).name for line in seen] == ["a.jsonl.gz", "b.csv", "c.parquet"]


def test_rejects_in_the_folder_are_not_read(tmp_path):
    """The list of rejects may lie in the folder that is read."""
    write(tmp_path / "a.jsonl", as_jsonl([event(), event(lead_id=None)]))
    rejects = tmp_path / "rejects.jsonl"
    for _ in range(2):
        _, report = read(tmp_path, rejects=rejects)
        assert report.rows == 2


def test_until(tmp_path):
    """Events known only after `until` are left out and counted; one at `until` is known."""
    rows = [event(), event(known_at="2026-03-01T12:00:01Z")]
    file = write(tmp_path / "e.jsonl", as_jsonl(rows))
    until = datetime(2026, 3, 1, 12, tzinfo=UTC)
    log, report = read_events(file, LADDER, until=until)
    assert (len(log), report.accepted, report.later, report.rows) == (1, 1, 1, 2)
    with pytest.raises(TimeError, match="has no time zone"):
        read_events(file, LADDER, until=until.replace(tzinfo=None))


def test_missing_file_and_empty_folder(tmp_path):
    """A path with nothing at it says which name beside it is close."""
    write(tmp_path / "events.csv", as_csv(EVENTS))
    with pytest.raises(EventsError, match=r"there is no such file; did you mean 'events.csv'"):
        read_table(tmp_path / "event.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EventsError, match="no file of events in this folder"):
        read_table(tmp_path / "empty")


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_what_is_no_regular_file_is_said_to_be_there(kind, tmp_path):
    """It is there, so no other name was meant."""
    path = Path("/dev/null")
    if kind == "a pipe":
        path = tmp_path / "events.csv"
        os.mkfifo(path)
    with pytest.raises(EventsError, match="is there and no regular file; write what it"):
        read_table(path)
    with pytest.raises(StoreError, match="there is no such store"):
        read_events(f"sqlite:///{tmp_path / 'no.db'}", LADDER)


def test_an_empty_log(tmp_path):
    """No event at all is an error that names the source and what became of its rows."""
    empty = write(tmp_path / "e.csv", b"lead_id,name,occurred_at\n")
    with pytest.raises(EventsError, match=r"e.csv: there is no event in it\n  0 of 0 rows"):
        read_events(empty, LADDER)
    assert len(read_events(empty, LADDER, may_be_empty=True)[0]) == 0
    bad = write(tmp_path / "e.jsonl", as_jsonl([event(), event(lead_id=None)][1:]) * 3)
    with pytest.raises(EventsError, match="no column lead_id"):
        read_events(bad, LADDER)
    naive = write(tmp_path / "n.jsonl", as_jsonl([event(occurred_at="2026-03-01T12:00")]))
    with pytest.raises(EventsError, match="1 row rejected: naive time"):
        read_events(naive, LADDER)


def test_the_future_is_set_aside(tmp_path):
    """Whatever lies after the present, by either clock, is counted and is not in the log."""
    now = microseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
    file = write(
        tmp_path / "e.jsonl",
        as_jsonl(
            [
                event(occurred_at="2026-03-01T12:00:00Z", message_id="now"),
                event(occurred_at="2026-03-01T12:00:00.000001Z", message_id="a moment later"),
                event(occurred_at="2099-01-01T00:00:00Z", message_id="a renewal"),
                event(
                    occurred_at="2026-03-02T00:00:00Z",
                    known_at="2026-03-01T00:00:00Z",
                    message_id="a webinar, announced",
                ),
                event(
                    occurred_at="2026-03-01T00:00:00Z",
                    known_at="2026-03-02T00:00:00Z",
                    message_id="a row of tomorrow",
                ),
            ]
        ),
    )
    log, report = read_events(file, LADDER, now=now)
    assert log.known.tolist() == [now]
    assert (report.rows, report.accepted, report.future, report.later) == (5, 1, 4, 0)
    assert report.moved_clocks == 0
    assert "4 rows set aside (dated in the future)" in report.lines()
    early = datetime(2026, 3, 1, 11, tzinfo=UTC)
    with pytest.raises(EventsError, match=r"known by then\n.*\n.*4 rows set aside"):
        read_events(file, LADDER, until=early, now=now)
    assert len(read_events(file, LADDER)[0]) == 5
    with pytest.raises(EventsError, match=r"nothing in it has happened yet\n.*\n.*5 rows set"):
        read_events(file, LADDER, now=now - 1)


def test_leads_scored_at_their_traits_are_read():
    """Where leads are scored when they tell who they are, a log of that alone is read."""
    at_traits = replace(read_ladder("b2b"), score_at=(EventRule("identify"),))
    columns = LogColumns(*ladder_columns(at_traits))
    log = log_of_rows("ann", [("identify", 1, 1, {"company_size": 9})], columns)
    assert names_apart(log, at_traits) == ""
    assert "no event is one that the ladder 'b2b' reads" in names_apart(log, read_ladder("b2b"))
