"""CSV, JSON lines and Parquet: the same events are the same log; what cannot be read is refused."""

from __future__ import annotations

import gzip
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet
import pytest

from features.errors import EventsError
from features.events.log import LogColumns
from features.ladder.ladder import EventNames
from features.reading import read_table
from tests.features.events.scene import (
    EVENTS,
    NEEDS,
    NOON,
    NOON_US,
    Event,
    as_csv,
    as_jsonl,
    assert_same_log,
    event,
    read,
    write,
    write_parquet,
)


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


def test_aliases(tmp_path):
    """`event`, `timestamp`, `received_at` are understood; beside `event`, `name` is a property."""
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
        assert table.name.to_pylist() == ["view"]
        assert table.property_texts() == ['{"name":"click"}']


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


def test_types_that_files_disagree_on(tmp_path):
    """A property that is a number in one file and a text in the next is kept as a text."""
    write_parquet(tmp_path / "a.parquet", [event(plan=3)])
    write_parquet(tmp_path / "b.parquet", [event(plan="team")])
    table, _ = read_table(tmp_path, needs=LogColumns(texts=("plan",)))
    assert table.texts["plan"].to_pylist() == ["3", "team"]
    assert table.property_texts() == ['{"plan":3}', '{"plan":"team"}']


def test_types_that_arrow_cannot_work_with(tmp_path):
    """Half floats and views, nested too, are kept as what they say; of repeated rows one stays."""
    half = pa.array([1.5, 1.5, 2.0], pa.float32()).cast(pa.float16())
    view = pa.array(["docs", "docs", None], pa.string_view())
    columns = {
        "lead_id": pa.array(["ann", "ann", "bob"], pa.string_view()),
        "name": ["view"] * 3,
        "occurred_at": pa.array([NOON_US] * 3, pa.timestamp("us", "UTC")),
        "message_id": ["m", "m", "n"],
        "minutes": half,
        "score": half,
        "section": view,
        "plan": view,
        "raw": pa.array([b"x", b"x", b"\xff"], pa.binary_view()),
        "tags": pa.ListArray.from_arrays([0, 1, 2, 3], view),
        "inner": pa.StructArray.from_arrays([half, view], ["half", "view"]),
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    table, report = read_table(tmp_path / "e.parquet", needs=NEEDS)
    assert (report.accepted, report.duplicates) == (1, 1)
    assert report.rejected == {"bytes that are no UTF-8 text": 1}
    assert table.numbers["minutes"].tolist() == [1.5]
    assert json.loads(table.property_texts()[0]) == {
        **{"minutes": 1.5, "score": 1.5, "section": "docs", "plan": "docs", "raw": "x"},
        **{"tags": ["docs"], "inner": {"half": 1.5, "view": "docs"}},
    }


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


@pytest.mark.parametrize("levels", [101, 400, 700, 950])
@pytest.mark.parametrize("is_array", [False, True])
def test_what_nests_too_deep_is_one_bad_row(tmp_path, levels, is_array):
    """It is refused alone, wherever it stands in a row, and what nests less is kept."""
    rows = []
    for depth in (90, levels):
        deep = b"[" * depth + b"]" * depth
        row = as_jsonl([event()]).strip()[:-1]
        rows += [
            row + b', "properties": {"deep": ' + deep + b"}}",
            row + b', "deep": ' + deep + b"}",
        ]
    rows.append(as_jsonl([event()]).strip())
    text = b"[" + b",".join(rows) + b"]" if is_array else b"\n".join(rows)
    _, report = read(write(tmp_path / "e.json", text))
    assert (report.accepted, report.rejected) == (3, {"broken JSON": 2})


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
        ("e.csv", b"", "not readable as CSV: it is empty"),
        ("e.csv", b"\n\n", "not readable as CSV: it is empty"),
        (
            "e.txt",
            b"",
            "not a file of events by its name; name it .parquet, .csv, .tsv, .json, .jsonl or",
        ),
        ("e.parquet.gz", b"", "not a file of events by its name"),
        ("events.db", b"", "to read a store, write sqlite:///"),
    ],
)
def test_unreadable_files(tmp_path, name, content, message):
    """A file that is damaged, or not what its name says, is refused by name."""
    with pytest.raises(EventsError, match=message):
        read_table(write(tmp_path / name, content))


PAGES: list[tuple[dict[str, object], str]] = [
    ({"paging": {"next": {"after": "7"}}}, "'paging'"),
    ({"_links": {"next": "x"}, "total": 3}, "'_links', 'total'"),
    ({"additional_data": {"pagination": {}}, "Meta": {"n": 1}}, "'additional_data', 'Meta'"),
    ({"next": None}, "'next'"),
    ({}, ""),
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(("beside", "told"), PAGES)
def test_a_page_of_an_api(tmp_path, beside, told, indent):
    """Its rows are read, and what stands beside them is told."""
    page = {**beside, "results": [event(), event(lead_id="bob")]}
    log, report = read(write(tmp_path / "page.json", json.dumps(page, indent=indent).encode()))
    assert set(log.leads) == {"ann", "bob"}
    said = f"page.json: the rows are those of 'results'; beside them {told} is left out"
    assert report.layouts == ((said,) if told else ())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ({"data": [event()], "included": [{"id": 1}]}, "'data' and 'included'"),
        ({"results": [event()], "people": {"1": {"id": 1}}}, "'results'"),
        ({"results": [event()], "meta": [1]}, "'results'"),
        ({"results": [event()], "errors": []}, "'results'"),
        ({"timestamp": "x", "meta": {"n": 1}, "items": [{"sku": 1}]}, "'items'"),
    ],
)
def test_what_is_no_page_of_rows_alone(tmp_path, page, names):
    """Nothing is guessed, and nothing beside the rows is passed over."""
    with pytest.raises(EventsError, match=f"lists in {names}. Give the rows alone"):
        read(write(tmp_path / "page.json", json.dumps(page).encode()))


def test_pages_in_lines(tmp_path):
    """Each in a file of its own is read; together they are refused, and not taken for rows."""
    page = json.dumps({"results": [event()]}).encode()
    with pytest.raises(EventsError, match="each page in a file of its own"):
        read(write(tmp_path / "pages.jsonl", page + b"\n" + page))


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    """What is wrong is the permission, and the format is not in question."""
    path = write(tmp_path / "e.parquet", b"PAR1")

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Failed to open local file 'e.parquet'. Detail: [errno 13]")

    monkeypatch.setattr("pyarrow.parquet.ParquetFile", closed)
    with pytest.raises(EventsError) as said:
        read_table(path)
    assert str(said.value) == f"{path}: Permission denied"


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_an_object_that_is_all_of_a_file(tmp_path, indent):
    """However it is laid out it is a row, or holds the rows; line by line it would be broken."""
    rows, texts = [event(minutes=at) for at in range(3)], [f'{{"minutes":{at}}}' for at in range(3)]
    for held in ({"events": rows}, {"sent": "x", "batch": rows, "n": 3}, rows):
        text = json.dumps(held, indent=indent).encode()
        table, report = read_table(write(tmp_path / "e.json", b"\xef\xbb\xbf\n" + text + b"\n"))
        assert (report.rows, table.property_texts()) == (3, texts)
    lone = {**event(), "tags": [{"a": 1}]}
    table, report = read_table(write(tmp_path / "e.json", json.dumps(lone, indent=indent).encode()))
    assert (report.rows, table.property_texts()) == (1, ['{"tags":[{"a":1}]}'])


@pytest.mark.parametrize("second", [b'{"events": [', b'{"events": [{"lead_id": "x"}]}'])
def test_an_object_among_lines_is_a_row(tmp_path, second):
    """One that holds rows, or does not end, is one bad row of a file of lines, the first too."""
    line = as_jsonl([event()]).strip()
    for lines in ([second, line, line], [line, second, line]):
        table, report = read(write(tmp_path / "e.jsonl", b"\n".join(lines)))
        assert (len(table), report.rows, sum(report.rejected.values())) == (2, 3, 1)


@pytest.mark.parametrize("name", ["e.csv.gz", "e.jsonl.gz"])
def test_damaged_archives(tmp_path, name):
    """A gzip file that is cut short or none at all is refused."""
    whole = gzip.compress(as_jsonl(EVENTS * 100))
    for content in (whole[: len(whole) // 2], b"plain"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EventsError, match=r"e\.\w+\.gz: not readable as"):
            read_table(tmp_path / name)


def test_hidden_files(tmp_path):
    """What a file system leaves beside the data is passed over, with a word."""
    write(tmp_path / "e.csv", as_csv([event()]))
    for name in ("._e.csv", ".e.jsonl", "_SUCCESS.parquet"):
        write(tmp_path / name, b"\0\5\26\7")
    table, report = read_table(tmp_path)
    assert (len(table), report.rejected) == (1, {})
    (said,) = [line for line in report.lines() if "hidden" in line]
    assert said == "3 hidden files passed over (._e.csv, .e.jsonl, _SUCCESS.parquet)"
    (tmp_path / "e.csv").unlink()
    with pytest.raises(EventsError, match=r"no file of events in this folder but hidden ones"):
        read_table(tmp_path)


def test_folders_in_the_folder(tmp_path):
    """They are not read, and that is said; where nothing else is there one of them is named."""
    for name in ("date=2026-01-01", "date=2026-01-02", "_delta_log", ".git"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "e.csv", as_csv([event()]))
    said = "in this folder; name one of the folders in it, such as date=2026-01-01"
    with pytest.raises(EventsError, match=said):
        read_table(tmp_path)
    write(tmp_path / "e.csv", as_csv([event()]))
    write(tmp_path / ".e.csv", b"")
    table, report = read_table(tmp_path)
    assert len(table) == 1
    assert report.passed_over == (".e.csv", "date=2026-01-01/", "date=2026-01-02/")
    assert report.lines()[1:] == [
        "1 hidden file passed over (.e.csv)",
        "2 inner folders passed over (date=2026-01-01/, date=2026-01-02/)",
    ]


def test_a_link_to_nowhere(tmp_path):
    """What it led to is missing in the log: that is no log to go on with."""
    write(tmp_path / "a.csv", as_csv([event()]))
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    for source in (tmp_path, tmp_path / "b.csv"):
        with pytest.raises(EventsError, match=r"b\.csv: is a link to what is not there"):
            read_table(source)


@pytest.mark.parametrize("name", ["e.jsonl", "e.json", "e.jsonl.gz"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_encodings_of_json(tmp_path, name, encoding):
    """As shells on Windows write it, line by line or as one array."""
    lines = as_jsonl([event(section="Häuser"), event()]).decode()
    text = f"[{','.join(lines.splitlines())}]" if name == "e.json" else lines
    table, report = read_table(write(tmp_path / name, text.encode(encoding)))
    assert (len(table), report.rejected) == (2, {})
    assert '"section":"Häuser"' in table.property_texts()[0]


@pytest.mark.parametrize(
    ("kind", "rows", "told"),
    [
        (pa.map_(pa.int64(), pa.int64()), [[(5, 1)], None], '{"5":1}'),
        (pa.map_(pa.date32(), pa.int64()), [[(date(2026, 1, 1), 1)], None], '{"2026-01-01":1}'),
        (pa.map_(pa.binary(), pa.int64()), [[(b"a", 1)], None], '{"a":1}'),
        (pa.map_(pa.string(), pa.binary()), [[("a", b"x")], None], '{"a":"x"}'),
    ],
)
def test_maps(tmp_path, kind, rows, told):
    """Keys of any type are names of properties; bytes in a map are texts as elsewhere."""
    columns = {"lead_id": ["a", "b"], "event": ["view", "view"], "occurred_at": [NOON, NOON]}
    table = pa.table({**columns, "properties": pa.array(rows, kind)})
    pyarrow.parquet.write_table(table, tmp_path / "e.parquet")
    found, report = read_table(tmp_path / "e.parquet", names=EventNames())
    assert report.rejected == {}
    assert found.property_texts() == [told, "{}"]


ARRAYS = [
    json.dumps(EVENTS).encode(),
    json.dumps(EVENTS, indent=2).encode(),
    b"\xef\xbb\xbf\n [" + b",\n".join(json.dumps(row).encode() for row in EVENTS) + b"]",
]


@pytest.mark.parametrize("content", ARRAYS)
@pytest.mark.parametrize("name", ["e.json", "e.jsonl", "e.json.gz"])
def test_an_array(tmp_path, name, content):
    """One JSON array of events is the same as a line each."""
    expected, _ = read_table(write(tmp_path / "lines.jsonl", as_jsonl(EVENTS)), needs=NEEDS)
    table, report = read_table(write(tmp_path / name, content), needs=NEEDS)
    assert report.rejected == {}
    assert_same_log(table.log(NEEDS), expected.log(NEEDS))


def test_what_is_no_event_in_an_array(tmp_path):
    """It is a bad row, counted by its place in the array; an array on a line is one as well."""
    file = write(tmp_path / "e.json", json.dumps([event(), 5, None, event(lead_id="bob")]).encode())
    _, report = read(file)
    assert (report.accepted, report.rejected) == (2, {"broken JSON": 2})
    assert report.examples["broken JSON"] == (f"{file}:2: 5", f"{file}:3: null")
    file = write(tmp_path / "e.jsonl", b"[1]\n" + as_jsonl([event()]))
    assert read(file)[1].rejected == {"broken JSON": 1}
    file = write(tmp_path / "e.jsonl", b"[" + as_jsonl([event(), event()]))
    assert read(file)[1].rejected == {"broken JSON": 1}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_event_beside_name(tmp_path, kind):
    """Where a row has both, `event` is the event's and `name` somebody's, in every format."""
    rows: list[Event] = [
        {"lead_id": "ann", "event": "view", "occurred_at": NOON, "name": "Ann Lee"},
        {"lead_id": "bob", "event": "", "occurred_at": NOON, "name": "Bob Roe"},
    ]
    file = tmp_path / f"e.{kind}"
    if kind == "parquet":
        write_parquet(file, rows)
    else:
        write(file, (as_csv if kind == "csv" else as_jsonl)(rows))
    table, report = read_table(file)
    assert (table.name.to_pylist(), report.rejected) == (["view"], {"missing name": 1})
    assert table.property_texts() == ['{"name":"Ann Lee"}']
