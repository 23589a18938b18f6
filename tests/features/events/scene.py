"""Events, and the files of each format that hold them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from hypothesis import strategies as st

from features.clock import microseconds
from features.events.formats.import_report import ImportReport
from features.events.log import EventLog, LogColumns
from features.ladder.file import read_ladder
from features.reading import read_table

LADDER = read_ladder("b2b")
NEEDS = LogColumns(("minutes", "own_data", "watched_fraction"), ("asset", "section"))
NOON = "2026-03-01T12:00:00Z"
NOON_US = microseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
Event = dict[str, object]


def event(**changes: object) -> Event:
    """One event that is fine; None takes a key away."""
    whole = {"lead_id": "ann", "name": "page_viewed", "occurred_at": NOON, **changes}
    return {key: value for key, value in whole.items() if value is not None}


EVENTS: list[Event] = [
    event(section="pricing", message_id="m1"),
    event(name="tool_used", minutes=4.5, own_data=True, message_id="m2"),
    event(lead_id="bob", known_at="2026-03-02T00:00:00+01:00", minutes=3, message_id="m3"),
    event(lead_id="bob", occurred_at="2026-02-01 08:00:00.25+00:00", section="007", asset="é,\n"),
    event(lead_id="bob", occurred_at="2026-02-01 08:00:00.25+00:00", minutes=0, asset='a "q"'),
    event(lead_id="bob", occurred_at="2026-02-01 08:00:00.25+00:00", own_data=False),
]
"""Of three there is no message id, and those share their clocks."""


def as_jsonl(events: list[Event]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in events).encode()


def as_csv(events: list[Event]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted({key for row in events for key in row}))
    writer.writeheader()
    truths = {True: "true", False: "false"}
    for row in events:
        writer.writerow({key: truths[v] if isinstance(v, bool) else v for key, v in row.items()})
    return text.getvalue().encode()


def write_parquet(path: Path, events: list[Event]) -> Path:
    columns = {key: [row.get(key) for row in events] for row in events for key in row}
    for clock in {"occurred_at", "known_at"} & set(columns):
        moments = [None if t is None else datetime.fromisoformat(str(t)) for t in columns[clock]]
        columns[clock] = pa.array(moments, pa.timestamp("us", "UTC"))
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read(path: Path, **options: object) -> tuple[EventLog, ImportReport]:
    table, report = read_table(path, needs=NEEDS, **options)  # type: ignore[arg-type]
    return table.log(NEEDS), report


def assert_same_log(one: EventLog, other: EventLog) -> None:
    for field in ("leads", "names", "columns", "text_values"):
        assert getattr(one, field) == getattr(other, field)
    for field in ("starts", "name", "occurred", "known", "numbers", "texts"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)


cells = st.one_of(
    st.none(),
    st.sampled_from(["", "1", "1.50", "007", " 1", "true", "False", "nan", "-inf", "1e3", "0x1"]),
    st.text(st.characters(codec="utf-8"), max_size=3),
    st.integers(-(10**18), 10**18).map(str),
    st.floats().map(repr),
)
