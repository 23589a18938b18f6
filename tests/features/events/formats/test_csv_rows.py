"""CSV files as they come out of spreadsheets: other separators, encodings and empty headers."""

from __future__ import annotations

import gzip

import pytest

from features.errors import EventsError
from features.reading import read_table
from tests.features.events.scene import NOON, NOON_US, read, write

HEADER = ["lead_id", "event", "occurred_at", "section"]
ROWS = [["ann", "view", NOON, "Häuser"], ["bob", "call", NOON, "a;b"]]


def text(separator: str) -> str:
    quoted = [[f'"{cell}"' for cell in row] for row in ROWS]
    return "".join(separator.join(row) + "\r\n" for row in [HEADER, *quoted])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings(tmp_path, separator, encoding):
    """What a spreadsheet writes is read alike, whatever its separator, in each Unicode encoding."""
    content = text(separator).encode(encoding)
    for name in ("e.csv", "e.tsv", "e.csv.gz"):
        table, report = read_table(write(tmp_path / name, content))
        assert report.rejected == {}
        assert table.lead_id.to_pylist() == ["ann", "bob"]
        assert table.property_texts() == ['{"section":"Häuser"}', '{"section":"a;b"}']


def test_one_letter_in_another_encoding(tmp_path):
    """It is one bad cell in one bad row, and says which; the others stay."""
    rows = [f"{lead},view,{NOON},{section}\n" for lead, section in [("ann", "ä"), ("bob", "x")]]
    content = ("lead_id,event,occurred_at,section\n" + "".join(rows)).encode("latin-1")
    file = write(tmp_path / "e.csv", content)
    rejects = tmp_path / "rejects.jsonl"
    log, report = read(file, rejects=rejects)
    assert (log.leads, report.rejected) == (("bob",), {"bytes that are no UTF-8 text": 1})
    assert report.examples["bytes that are no UTF-8 text"] == (f"{file}:2: section = '\\\\xe4'",)
    assert '"section": "\\\\xe4"' in rejects.read_text()


@pytest.mark.parametrize(
    "row", [b"\xfcnn,view,N,x", b"ann,\xfciew,N,x", b"ann,view,\xfc,x", b"ann,view,N,x,\xfc"]
)
def test_wherever_it_stands(tmp_path, row):
    """In an id, a name, a time, or in a row that is too long: the row is bad, and no other."""
    lines = [b"lead_id,event,occurred_at,section", row.replace(b"N", NOON.encode())]
    content = b"\n".join([*lines, f"bob,view,{NOON},x".encode()])
    table, report = read_table(write(tmp_path / "e.csv", content))
    assert (table.lead_id.to_pylist(), report.rows) == (["bob"], 2)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "lead_id,event,occurred_at,gr\xfcn".encode("latin-1"),
            r"'gr\\xfcn' is not written",
        ),
        ("lead_id,event,occurred_at,\u20ac".encode("cp1252"), r"column '\\x80' is not written in"),
        ("lead_id,event,occurred_at".encode("utf-16-le"), "the header is no UTF-8 text; save it"),
    ],
)
def test_a_header_in_another_encoding(tmp_path, header, said):
    """The column is named, and what to do."""
    with pytest.raises(EventsError, match=said):
        read_table(write(tmp_path / "e.csv", header + b"\nann,view,x\n"))


def test_columns_without_a_name(tmp_path):
    """Empty headers at the end are no columns, but a value under one is nowhere to be kept."""
    content = f"lead_id,event,occurred_at,,\nann,view,{NOON},,\nbob,view,{NOON},lost,\n"
    file = write(tmp_path / "e.csv", content.encode())
    table, report = read_table(file)
    assert (table.lead_id.to_pylist(), table.flat) == (["ann"], {})
    assert report.rejected == {"a value in a column without a name": 1}
    assert report.examples["a value in a column without a name"] == (f"{file}:3: 'lost'",)


def test_blanks_around_a_name(tmp_path):
    """The header "lead_id, event" names the column event."""
    content = f"lead_id, event , occurred_at\nann,view,{NOON}\n".encode()
    table, _ = read_table(write(tmp_path / "e.csv", content))
    assert (table.name.to_pylist(), table.occurred_at.tolist()) == (["view"], [NOON_US])


def test_a_quoted_line_end_in_the_header(tmp_path):
    """It is part of the name, and the rows below are all read."""
    content = f'lead_id,event,occurred_at,"wh\nat"\nann,view,{NOON},1\n'.encode()
    table, _ = read_table(write(tmp_path / "e.csv", content))
    assert table.property_texts() == ['{"wh\\nat":1}']


def test_two_files_in_one_archive(tmp_path):
    """Archives that were put one after the other are one file."""
    parts = [f"lead_id,event,occurred_at\nann,view,{NOON}\n", f"bob,view,{NOON}\n"]
    (tmp_path / "e.csv.gz").write_bytes(b"".join(gzip.compress(one.encode()) for one in parts))
    assert read_table(tmp_path / "e.csv.gz")[0].lead_id.to_pylist() == ["ann", "bob"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("above", ["\r\n\r\n", " \n\t\n", "sep=;\r\n", '"sep=;"\n', "\nSEP=;\n"])
def test_what_stands_above_the_header(tmp_path, above, encoding):
    """Empty lines, and what tells Excel how cells are parted; rows keep their lines."""
    content = above + text(";") + "cid;view;bad;x\ndan;view\n"
    file = write(tmp_path / "e.csv", content.encode(encoding))
    table, report = read_table(file)
    assert table.lead_id.to_pylist() == ["ann", "bob"]
    line = 4 + above.count("\n")
    assert report.examples["unreadable time"] == (f"{file}:{line}: occurred_at = 'bad'",)
    broken = report.examples["another number of cells than the header"]
    assert broken == (f"{file}:{line + 1}: 2 instead of 4 cells",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_bad_row_is_found_on_its_line(tmp_path, end):
    """As an editor counts: line ends within quotes and empty lines are lines as well."""
    bad = "ann,view,bad,"
    rows = [
        'lead_id,event,occurred_at,"no\nte"',
        "",
        f'ann,view,{NOON},"1\n\n2"',
        bad,
        *("", ""),
        '"x\ny",view',
        bad,
        ",,,",
        bad,
        "",
        "last,view",
    ]
    content = "\n".join(rows) + "\n\n"
    expected = [at for at, line in enumerate(content.split("\n"), 1) if line == bad]
    file = write(tmp_path / "e.csv", content.replace("\n", end).encode())
    table, report = read_table(file)
    assert (len(table), report.rows) == (1, 7)
    found = report.examples["unreadable time"]
    assert found == tuple(f"{file}:{at}: occurred_at = 'bad'" for at in expected)
    broken = report.examples["another number of cells than the header"]
    assert broken == tuple(f"{file}:{at}: 2 instead of 4 cells" for at in (10, 16))
    assert any(one.startswith(f"{file}:13: ") for said in report.examples.values() for one in said)


def test_a_file_without_a_header(tmp_path):
    """Its first event stands where names are looked for: that is said, and no column guessed."""
    file = write(tmp_path / "e.csv", f"ann,view,{NOON}\nbob,view,{NOON}\n".encode())
    with pytest.raises(EventsError, match=rf"has a time, {NOON}; put a line with the names above"):
        read_table(file)


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("last", ["", "\n", "\r\n"])
@pytest.mark.parametrize(
    "row", ['ann,view,{noon},"open', 'ann,"view,{noon},x', '"ann,view', 'a,b,{noon},"c\n""d""']
)
def test_a_quote_that_is_never_closed(tmp_path, row, last, separator):
    """It would take the rest of the file for one cell, and rows be lost without a word."""
    rows = ["lead_id,event,occurred_at,note", f'bob,view,{NOON},"1\n2"', row.format(noon=NOON)]
    rows += [f"cid,view,{NOON},{at}" for at in range(3)]
    content = "\n".join(rows).replace(",", separator) + last
    file = write(tmp_path / "e.csv", content.encode())
    said = r"e\.csv: not readable as CSV: a quote in the row of line 4 is never closed"
    with pytest.raises(EventsError, match=said):
        read_table(file)


@pytest.mark.parametrize("end", ["", "\n", "\n\n", " \n"])
@pytest.mark.parametrize("cell", ['"1\n2"', '"1\n""2"""', '5" pipe', '"1\n2" and more', '"1'])
def test_a_cell_at_the_end_that_swallows_no_row(tmp_path, cell, end):
    """A cell of several lines that is closed, or one that is cut short: all rows are there."""
    content = f"lead_id,event,occurred_at,note\nbob,view,{NOON},1\nann,view,{NOON},{cell}{end}"
    table, _ = read_table(write(tmp_path / "e.csv", content.encode()))
    assert table.lead_id.to_pylist() == ["bob", "ann"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
def test_a_header_alone(tmp_path, end):
    """There is no row, whether its line ends or not."""
    table, report = read_table(write(tmp_path / "e.csv", (",".join(HEADER) + end).encode()))
    assert (len(table), report.rows) == (0, 0)


@pytest.mark.parametrize(
    "more", ["x" * 200_000, ",".join(f"c{at}" for at in range(150_000)), '"x' + ",\n" * 70_000]
)
def test_a_header_without_an_end(tmp_path, more):
    """A name or a header that is longer than any is not cut, nor called empty."""
    content = f"lead_id,event,occurred_at,{more}\nann,view,{NOON},1\n".encode()
    with pytest.raises(EventsError, match="the header does not end within 1,048,576 bytes"):
        read_table(write(tmp_path / "e.csv", content))
