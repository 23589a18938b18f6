"""What `features.reading` reads, and how it refuses, counts and shows the rest."""

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
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import microseconds
from features.errors import EventsError, StoreError, TimeError
from features.events.columns import number_array, text_array
from features.events.import_report import ImportReport
from features.events.log import EventLog, LogColumns
from features.events.properties import as_number, as_text, as_value, property_json
from features.ladder.file import read_ladder
from features.reading import read_events, read_table

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


# ----------------------------------------------------------------------------------- what is read


def test_formats_agree(tmp_path):
    """The same events give the same log and the same stored texts, whatever the format."""
    tables = [
        read_table(file, needs=NEEDS)[0]
        for file in (
            write_parquet(tmp_path / "e.parquet", EVENTS),
            write(tmp_path / "e.csv", as_csv(EVENTS)),
            write(tmp_path / "e.csv.gz", as_csv(EVENTS)),
            write(tmp_path / "e.jsonl", as_jsonl(EVENTS)),
            write(tmp_path / "e.ndjson.gz", as_jsonl(EVENTS)),
        )
    ]
    for table in tables:
        assert_same_log(table.log(NEEDS), tables[0].log(NEEDS))
        assert table.property_texts() == tables[0].property_texts()
    assert tables[0].property_texts()[:2] == [
        '{"section":"pricing"}',
        '{"minutes":4.5,"own_data":true}',
    ]


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


def test_aliases(tmp_path):
    """`event`, `timestamp` and `received_at` are understood; with `name`, `event` is a property."""
    row: Event = {"lead_id": "ann", "event": "view", "timestamp": NOON, "received_at": NOON}
    for file in (
        write(tmp_path / "e.csv", as_csv([row])),
        write(tmp_path / "e.jsonl", as_jsonl([row])),
    ):
        table, _ = read_table(file)
        assert (table.name.to_pylist(), table.known_at.tolist()) == (["view"], [NOON_US])
        assert table.property_texts() == ["{}"]
    for file in (
        write(tmp_path / "e.csv", as_csv([{**row, "name": "click"}])),
        write(tmp_path / "e.jsonl", as_jsonl([{**row, "name": "click"}])),
    ):
        table, _ = read_table(file)
        assert table.name.to_pylist() == ["click"]
        assert table.property_texts() == ['{"event":"view"}']


@pytest.mark.parametrize("kind", ["jsonl", "json text", "csv", "struct", "map"])
def test_properties_column(tmp_path, kind):
    """`properties` as an object, JSON text, struct or map is the same as columns of their own."""
    inner = {"minutes": 3.0, "own_data": 1.0}
    text = event(properties=json.dumps(inner), section="docs")
    base = {key: pa.array([text[key]]) for key in ("lead_id", "name", "occurred_at", "section")}
    if kind == "jsonl":
        file = write(tmp_path / "e.jsonl", as_jsonl([event(properties=inner, section="docs")]))
    elif kind == "json text":
        file = write(tmp_path / "e.jsonl", as_jsonl([text]))
    elif kind == "csv":
        file = write(tmp_path / "e.csv", as_csv([text]))
    else:
        map_type = pa.map_(pa.string(), pa.float64())
        value = [inner] if kind == "struct" else pa.array([list(inner.items())], map_type)
        file = tmp_path / "e.parquet"
        pyarrow.parquet.write_table(pa.table({**base, "properties": value}), file)
    table, _ = read_table(file, needs=NEEDS)
    expected, _ = read(write(tmp_path / "flat.jsonl", as_jsonl([event(section="docs", **inner)])))
    assert_same_log(table.log(NEEDS), expected)
    assert table.property_texts() == ['{"minutes":3,"own_data":1,"section":"docs"}']


def test_a_column_wins_over_the_object(tmp_path):
    """Where a property stands in a column and in `properties`, the column is taken if not empty."""
    rows = [event(properties='{"minutes": 1, "section": "a"}', minutes=2, section="b")]
    rows += [event(properties='{"minutes": 1, "section": "a"}', minutes="", section="")]
    table, _ = read_table(write(tmp_path / "e.csv", as_csv(rows)), needs=NEEDS)
    assert table.numbers["minutes"].tolist() == [2.0, 1.0]
    assert table.texts["section"].to_pylist() == ["b", "a"]
    assert table.property_texts() == [
        '{"minutes":2,"section":"b"}',
        '{"minutes":1,"section":"a"}',
    ]


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


def test_types_that_files_disagree_on(tmp_path):
    """A property that is a number in one file and a text in the next is kept as a text."""
    write_parquet(tmp_path / "a.parquet", [event(plan=3)])
    write_parquet(tmp_path / "b.parquet", [event(plan="team")])
    table, _ = read_table(tmp_path, needs=LogColumns(texts=("plan",)))
    assert table.texts["plan"].to_pylist() == ["3", "team"]
    assert table.property_texts() == ['{"plan":3}', '{"plan":"team"}']


def test_categories_and_numeric_ids(tmp_path):
    """Parquet categories are texts, and ids that are integers are texts too."""
    columns = {
        "lead_id": pa.array([7, 8]),
        "name": pa.array(["view", "call"]).dictionary_encode(),
        "occurred_at": pa.array([NOON_US] * 2, pa.timestamp("us", "UTC")),
        "section": pa.array(["docs", None]).dictionary_encode(),
        "minutes": pa.array(["3", ""]).dictionary_encode(),
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    log, report = read(tmp_path / "e.parquet")
    assert (log.leads, log.names, report.accepted) == (("7", "8"), ("call", "view"), 2)
    assert log.numbers[0].tolist()[0] == 3.0


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array(["docs"], pa.large_string()), "docs"),
        (pa.array([NOON_US], pa.timestamp("us", "UTC")), "2026-03-01T12:00:00+00:00"),
        (pa.array([[1.0, None]]), "[1, null]"),
        (pa.array([2.5]), "2.5"),
        (pa.array([True]), "true"),
        (pa.array([""]), None),
        (pa.nulls(1), None),
    ],
)
def test_texts_from_any_type(tmp_path, values, text):
    """A property that the ladder reads as a text may be of any type."""
    columns = {key: [value] for key, value in event().items()}
    pyarrow.parquet.write_table(pa.table({**columns, "section": values}), tmp_path / "e.parquet")
    table, _ = read_table(tmp_path / "e.parquet", needs=NEEDS)
    assert table.texts["section"].to_pylist() == [text]


def test_an_integer_without_bounds(tmp_path):
    """An integer beyond every float is a number that is not finite."""
    file = write(tmp_path / "e.jsonl", as_jsonl([event(minutes=-(10**400))]))
    _, report = read(file)
    assert report.rejected == {"number that is not finite": 1}


# ------------------------------------------------------------------------------------------- times


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


# ---------------------------------------------------------------------------------------- bad rows

BAD = [
    (event(lead_id=None), "missing lead_id", "lead_id is absent"),
    (event(lead_id=""), "missing lead_id", "lead_id is absent"),
    (event(name=None), "missing name", "name is absent"),
    (event(occurred_at=None), "missing occurred_at", "occurred_at is absent"),
    (event(occurred_at="2026-03-01T12:00:00"), "naive time (", "'2026-03-01T12:00:00'"),
    (event(occurred_at="1 March"), "unreadable time", "occurred_at = '1 March'"),
    (event(occurred_at="2026-13-01T00:00:00Z"), "unreadable time", "2026-13-01"),
    (event(occurred_at="1772366400"), "number as time (", "1772366400"),
    (event(occurred_at="20260301"), "number as time (", "20260301"),
    (event(known_at="yesterday"), "unreadable time", "known_at = 'yesterday'"),
    (event(minutes="a few"), "text where the ladder reads a number", "minutes = 'a few'"),
    (event(minutes="inf"), "number that is not finite", "minutes = 'inf'"),
    (event(minutes="1e400"), "number that is not finite", "minutes = '1e400'"),
    (event(watched_fraction=-0.5), "negative duration or share", "watched_fraction = "),
    (event(properties='{"minutes": -1}'), "negative duration or share", "minutes = -1"),
    (event(properties='{"minutes": "x"}'), "text where the ladder reads", "minutes = 'x'"),
    (event(properties="{"), "broken JSON", "properties = '{'"),
    (event(properties="[1]"), "broken JSON", "properties = '[1]'"),
]


@pytest.mark.parametrize(("row", "reason", "value"), BAD)
def test_each_bad_row(tmp_path, row, reason, value):
    """A bad row is counted by its reason and shown with its place and value; the others stay."""
    good = event(known_at=NOON, minutes=1, watched_fraction=1, properties='{"own_data": true}')
    for file, line in (
        (write(tmp_path / "e.csv", as_csv([good, row])), 3),
        (write(tmp_path / "e.jsonl", as_jsonl([good, row])), 2),
    ):
        log, report = read(file)
        assert (len(log), report.rows, report.accepted) == (1, 2, 1)
        ((found, count),) = report.rejected.items()
        assert (found.startswith(reason), count) == (True, 1)
        (example,) = report.examples[found]
        assert example.startswith(f"{file}:{line}: ")
        assert value.strip("'") in example


def test_bad_values_in_parquet(tmp_path):
    """Parquet rows are judged by the same rules, and their place is the row."""
    columns = {
        "lead_id": ["a", None, "c", "d", "e"],
        "name": ["view"] * 5,
        "occurred_at": pa.array([NOON_US] * 5, pa.timestamp("us", "UTC")),
        "minutes": [1.0, 1.0, float("inf"), -1.0, float("nan")],
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    log, report = read(tmp_path / "e.parquet")
    assert log.leads == ("a", "e")
    assert report.examples["number that is not finite"] == (
        f"{tmp_path / 'e.parquet'}:3: minutes = inf",
    )
    columns["minutes"] = pa.array([NOON_US] * 5, pa.timestamp("us", "UTC"))
    columns["occurred_at"] = [NOON_US] * 5
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    _, report = read(tmp_path / "e.parquet")
    assert report.rejected == {
        "missing lead_id": 1,
        "number as time (write it as 2026-03-01T12:00:00Z)": 4,
    }


def test_a_date_where_a_number_is_read(tmp_path):
    """A column of timestamps or lists holds no numbers."""
    for values in (pa.array([NOON_US], pa.timestamp("us", "UTC")), [[1]]):
        columns = {key: [value] for key, value in event().items()}
        pyarrow.parquet.write_table(
            pa.table({**columns, "minutes": values}), tmp_path / "e.parquet"
        )
        _, report = read(tmp_path / "e.parquet")
        assert report.rejected == {"text where the ladder reads a number": 1}


def test_broken_lines(tmp_path):
    """Lines that are no JSON object are rejected with their number; empty lines do not count."""
    lines = [as_jsonl([event()]), b'{"lead_id": ', b"[1, 2]", b'"text"', b"\xff{}"]
    lines += [b'{"lead_id": "\\ud800"}', b"[" * 100_000]
    file = write(tmp_path / "e.jsonl", b"\xef\xbb\xbf" + b"\n".join(lines))
    _, report = read(file)
    assert (report.accepted, report.rejected) == (1, {"broken JSON": 6})
    assert report.examples["broken JSON"][0] == f'{file}:3: {{"lead_id":'
    assert len(report.examples["broken JSON"]) == 5


def test_rows_of_another_width(tmp_path):
    """CSV rows with too few or too many cells are rejected; the numbers of the others are right."""
    text = f"lead_id,name,occurred_at\nann,view,{NOON}\nbob,view\n,view,{NOON}\na,b,{NOON},d\n"
    rejects = tmp_path / "rejects.jsonl"
    file = write(tmp_path / "e.csv", text.encode())
    _, report = read(file, rejects=rejects)
    wrong = "another number of cells than the header"
    assert report.rejected == {wrong: 2, "missing lead_id": 1}
    assert report.examples[wrong] == (
        f"{file}:3: 2 instead of 3 cells",
        f"{file}:5: 4 instead of 3 cells",
    )
    assert report.examples["missing lead_id"] == (f"{file}:4: lead_id is absent",)


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


def test_only_what_the_ladder_reads_is_checked(tmp_path):
    """A text in a property that the ladder does not read as a number is no mistake."""
    file = write(tmp_path / "e.jsonl", as_jsonl([event(minutes="few")]))
    _, report = read_table(file)
    assert report.rejected == {}


# ----------------------------------------------------------------------- duplicates and two clocks


def test_duplicates(tmp_path):
    """Of events with one message id the one known first stays; those without an id all stay."""
    rows = [
        event(message_id="m", known_at="2026-03-03T00:00:00Z", section="late"),
        event(message_id="m", known_at="2026-03-02T00:00:00Z", section="early"),
        event(),
        event(),
    ]
    log, report = read(write(tmp_path / "e.jsonl", as_jsonl(rows)))
    assert (len(log), report.duplicates, report.rows) == (3, 1, 4)
    assert log.text_values[NEEDS.texts.index("section")] == ("early",)


def test_duplicates_across_files(tmp_path):
    """A message id counts once over all files of a folder."""
    write(tmp_path / "a.csv", as_csv(EVENTS[:3]))
    write(tmp_path / "b.jsonl", as_jsonl(EVENTS[:3]))
    _, report = read(tmp_path)
    assert (report.accepted, report.duplicates) == (3, 3)


def test_moved_clocks(tmp_path):
    """An event known before it occurred is counted and happened no later than it was known."""
    row = event(known_at="2026-03-01T11:00:00Z")
    log, report = read(write(tmp_path / "e.jsonl", as_jsonl([row])))
    assert (report.moved_clocks, report.rejected) == (1, {})
    assert log.occurred.tolist() == log.known.tolist() == [NOON_US - 3_600_000_000]


def test_until(tmp_path):
    """Events known only after `until` are left out and counted; one at `until` is known."""
    rows = [event(), event(known_at="2026-03-01T12:00:01Z")]
    file = write(tmp_path / "e.jsonl", as_jsonl(rows))
    until = datetime(2026, 3, 1, 12, tzinfo=UTC)
    log, report = read_events(file, LADDER, until=until)
    assert (len(log), report.accepted, report.later, report.rows) == (1, 1, 1, 2)
    with pytest.raises(TimeError, match="has no time zone"):
        read_events(file, LADDER, until=until.replace(tzinfo=None))


# ----------------------------------------------------------------------------- what is no event log


def test_missing_column(tmp_path):
    """A file without a required column says what it has, and which name is close."""
    row: Event = {"lead_id": "ann", "name": "view", "occured_at": NOON}
    wanted = (
        r"e\.\w+: no column occurred_at \(or timestamp\); it has lead_id, name, occured_at; "
        "did you mean 'occured_at'"
    )
    for file in (
        write(tmp_path / "e.csv", as_csv([row])),
        write(tmp_path / "e.jsonl", as_jsonl([row])),
    ):
        with pytest.raises(EventsError, match=wanted):
            read_table(file)
    pyarrow.parquet.write_table(pa.table({k: [v] for k, v in row.items()}), tmp_path / "e.parquet")
    with pytest.raises(EventsError, match=wanted):
        read_table(tmp_path / "e.parquet")


def test_a_column_twice(tmp_path):
    """A column that stands twice is refused: which one would be meant?"""
    file = write(tmp_path / "e.csv", f"lead_id,name,occurred_at,x,x\na,b,{NOON},1,2\n".encode())
    with pytest.raises(EventsError, match=r"e.csv: the column 'x' stands twice"):
        read_table(file)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.parquet", b"no parquet", "not readable as Parquet: Parquet magic bytes not found"),
        ("e.csv", b"", "not readable as CSV: Empty CSV file"),
        ("e.csv", b"lead_id,name,occurred_at\n\xff,a,b\n", "not readable as CSV: "),
        ("e.txt", b"", "not a file of events by its name; name it .parquet, .csv, .jsonl"),
        ("e.parquet.gz", b"", "not a file of events by its name"),
        ("events.db", b"", "to read a store, write sqlite:///"),
    ],
)
def test_unreadable_files(tmp_path, name, content, message):
    """A file that is damaged, or not what its name says, is refused by name."""
    with pytest.raises(EventsError, match=message):
        read_table(write(tmp_path / name, content))


@pytest.mark.parametrize("name", ["e.csv.gz", "e.jsonl.gz"])
def test_damaged_archives(tmp_path, name):
    """A gzip file that is cut short or none at all is refused."""
    whole = gzip.compress(as_jsonl(EVENTS * 100))
    for content in (whole[: len(whole) // 2], b"plain"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EventsError, match=r"e\.\w+\.gz: not readable as"):
            read_table(tmp_path / name)


def test_missing_file_and_empty_folder(tmp_path):
    """A path with nothing at it says which name beside it is close."""
    write(tmp_path / "events.csv", as_csv(EVENTS))
    with pytest.raises(EventsError, match=r"there is no such file; did you mean 'events.csv'"):
        read_table(tmp_path / "event.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EventsError, match="no file of events in this folder"):
        read_table(tmp_path / "empty")
    with pytest.raises(StoreError, match="there is no such store"):
        read_events(f"sqlite:///{tmp_path / 'no.db'}", LADDER)


def test_an_empty_log(tmp_path):
    """No event at all is an error that names the source and what became of its rows."""
    empty = write(tmp_path / "e.csv", b"lead_id,name,occurred_at\n")
    with pytest.raises(EventsError, match=r"e.csv: there is no event in it\n  0 of 0 rows"):
        read_events(empty, LADDER)
    bad = write(tmp_path / "e.jsonl", as_jsonl([event(), event(lead_id=None)][1:]) * 3)
    with pytest.raises(EventsError, match="no column lead_id"):
        read_events(bad, LADDER)
    naive = write(tmp_path / "n.jsonl", as_jsonl([event(occurred_at="2026-03-01T12:00")]))
    with pytest.raises(EventsError, match="1 row rejected: naive time"):
        read_events(naive, LADDER)


# ---------------------------------------------------------------------------------- report, values


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


cells = st.one_of(
    st.none(),
    st.sampled_from(["", "1", "1.50", "007", " 1", "true", "False", "nan", "-inf", "1e3", "0x1"]),
    st.text(st.characters(codec="utf-8"), max_size=3),
    st.integers(-(10**18), 10**18).map(str),
    st.floats().map(repr),
)


@settings(deadline=None)
@given(st.lists(cells, max_size=6))
def test_columns_say_what_values_say(texts):
    """Reading a column at a time gives the numbers and texts that reading each value gives."""
    column = pa.array(texts, pa.string())
    numbers, bad = number_array(column)
    expected = [as_number(text) for text in texts]
    np.testing.assert_array_equal(numbers, np.array(expected, dtype=np.float64))
    assert bad.tolist() == [number is None for number in expected]
    assert text_array(column).to_pylist() == [as_text(text) for text in texts]


@settings(deadline=None)
@given(st.one_of(cells.filter(bool), st.text(st.characters(codec="utf-8"))))
def test_cells_lose_nothing(text):
    """What the store makes of a cell reads back as the same text and the same number."""
    value = as_value(text)
    assert as_text(value) == as_text(text)
    ours, theirs = as_number(value), as_number(text)
    assert ours == theirs or (ours != ours and theirs != theirs)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(), st.floats(0, 9).map(round), st.booleans())))
def test_number_columns_say_what_values_say(values):
    """An Arrow column of numbers gives the texts that its values give one by one."""
    column = pa.array([None if value is None else float(value) for value in values], pa.float64())
    expected = [as_text(None if value is None else float(value)) for value in values]
    assert text_array(column).to_pylist() == expected


def test_property_json():
    """Properties are stored with sorted keys, without what is absent, whole numbers whole."""
    said = {"b": 3.0, "a": {"x": float("nan"), "y": [1.0]}, "c": None, "d": float("inf"), "é": True}
    assert property_json(said) == '{"a":{"x":null,"y":[1]},"b":3,"é":true}'
