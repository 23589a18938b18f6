"""Times as texts, numbers and Arrow timestamps, with and without a zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet
import pytest

from features.clock import microseconds
from features.errors import EventsError
from features.reading import read_table
from tests.features.events.scene import NOON_US, as_jsonl, event, write


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01 13:00:00+01:00",
        "2026-03-01T12:00:00.000000Z",
        "2026-03-01T12:00:00.0000004Z",
        "2026-03-01t12:00:00z",
        " 2026-03-01T07:00-05:00",
    ],
)
def test_ways_to_write_a_time(tmp_path, text):
    """RFC 3339 in all its forms is one instant."""
    table, report = read_table(write(tmp_path / "e.jsonl", as_jsonl([event(occurred_at=text)])))
    assert (table.occurred_at.tolist(), report.rejected) == ([NOON_US], {})


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-03-01T12:00:00", datetime(2026, 3, 1, 11, tzinfo=UTC)),
        ("2026-07-01 12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29T02:30:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 2, 28, 23, tzinfo=UTC)),
    ],
)
def test_assumed_timezone(tmp_path, local, utc):
    """A zone that is assumed reads naive times, and leaves those with an offset as they are."""
    alone = write(tmp_path / "alone.jsonl", as_jsonl([event(occurred_at=local)]))
    mixed = write(tmp_path / "mixed.jsonl", as_jsonl([event(occurred_at=local), event()]))
    columns = {key: [value] for key, value in event().items()}
    naive = pa.array([datetime.fromisoformat(local)], pa.timestamp("ns"))
    pyarrow.parquet.write_table(pa.table({**columns, "occurred_at": naive}), tmp_path / "e.parquet")
    expected = microseconds(utc)
    for file, times in (
        (alone, [expected]),
        (mixed, [expected, NOON_US]),
        (tmp_path / "e.parquet", [expected]),
    ):
        table, _ = read_table(file, assume_timezone="Europe/Berlin")
        assert table.occurred_at.tolist() == times


def test_naive_timestamps_in_parquet(tmp_path):
    """An Arrow timestamp without a zone is a naive time, and so is a date."""
    for kind in (pa.timestamp("us"), pa.date32()):
        columns = {key: [value] for key, value in event().items()}
        columns["occurred_at"] = pa.array([datetime(2026, 3, 1)], kind)  # noqa: DTZ001 its point
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
        _, report = read_table(tmp_path / "e.parquet")
        assert list(report.rejected) == ["naive time (say which time zone is meant)"]


def test_unknown_timezone(tmp_path):
    """A zone that does not exist is refused before anything is read."""
    with pytest.raises(EventsError, match="no time zone 'Europe/Berln'; write one such as UTC"):
        read_table(tmp_path, assume_timezone="Europe/Berln")
