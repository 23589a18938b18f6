"""Columns are found by their names, scores are taken for what they are, nothing is lost unsaid."""

import gzip

import pytest

from features.errors import EventsError
from training.audit.scores_file import read_scores

HUBSPOT = """Record ID,Lifecycle Stage,HubSpot Score,Create Date,Close Date
1,Customer,40,2026-01-02 10:00,2026-02-01 09:30
2,Lead,7,2026-01-03 11:00,
3,Customer,55,2026-01-04 11:00,
"""
SALESFORCE = """Lead ID;Einstein Score;Created Date;Converted;Converted Date
a;81;2026-01-02;true;2026-02-01
b;3;2026-01-03;false;
"""


def read(tmp_path, text, **named):
    file = tmp_path / "scores.csv"
    file.write_text(text)
    return read_scores(file, named)


def test_hubspot(tmp_path):
    """HubSpot's names are found; a customer without a day of closing is left out and counted."""
    rows = read(tmp_path, HUBSPOT)
    assert rows.leads == ("1", "2")
    assert rows.won.tolist() == [True, False]
    assert rows.dropped == {"won on a day that is not said": 1}
    assert "score is 'HubSpot Score'" in rows.said


@pytest.mark.parametrize(
    ("texts", "scores"),
    [
        (("1,234", "950", "12,000"), (1234.0, 950.0, 12000.0)),
        (("-1,250.5", "1,000,000", "3"), (-1250.5, 1e6, 3.0)),
        (("0,950", "1,250"), (0.95, 1.25)),
        (("4,5", "1,250"), (4.5, 1.25)),
        (("1,234", "1300"), (1.234, 1300.0)),
        (("12,345%", "5%"), (0.12345, 0.05)),
    ],
)
def test_a_comma_in_a_number(tmp_path, texts, scores):
    """It parts thousands where it can in all numbers, and the others are smaller; else decimals."""
    rows = read(tmp_path, "id;score;date\n" + "".join(f"a;{one};2026-01-01\n" for one in texts))
    assert rows.score.tolist() == pytest.approx(list(scores))


@pytest.mark.parametrize(
    ("date", "knows"),
    [("Create Date", True), ("CreatedDate", True), ("created_at", True), ("Deal created on", True),
     ("Scored at", False), ("score created at", False), ("date", False)],
)  # fmt: skip
def test_the_day_of_creation_is_no_day_of_a_score(tmp_path, date, knows):
    """A score beside the day on which its lead was created may know the end: that is said."""
    rows = read(tmp_path, f"id,score,{date}\n1,5,2026-01-01\n", date=date)
    assert bool(rows.warnings) is knows
    assert not knows or f"The date of each score is {date!r}, the day on which" in rows.warnings[0]


@pytest.mark.parametrize(
    ("head", "cells", "lacks"),
    [
        ("Is Won,Close Date", "true,2026-02-01", ""),
        ("Lifecycle Stage,Close Date,Became a Customer Date", "customer,,2026-02-01", ""),
        ("Became a Customer Date", "2026-02-01", ""),
        ("Owner", "Ann", "nothing says who won and when; give --events and --win, or columns"),
        ("Lifecycle Stage", "customer", "who won is 'Lifecycle Stage', and nothing says when; "),
        ("Won,Close Date", "no,", "nobody won: 'Won' names none; give"),
        ("Close Date", '""', "nobody won: 'Close Date' names none; give"),
    ],
)
def test_what_is_missing_of_who_won_and_when(tmp_path, head, cells, lacks):
    """Just that is named; a column with nothing in it gives way to another."""
    rows = read(tmp_path, f"id,score,date,{head}\n1,5,2026-01-01,{cells}\n")
    assert rows.lacks.startswith(lacks)
    assert bool(rows.lacks) is bool(lacks)


def test_wins_without_a_day(tmp_path):
    """That none of those who won has a day is said, with their number."""
    text = HUBSPOT.replace("2026-02-01 09:30", "")
    assert read(tmp_path, text).lacks.startswith(
        "2 won by 'Lifecycle Stage', and 'Close Date' says the day of none of them; give"
    )


def test_salesforce(tmp_path):
    """So are Salesforce's, with semicolons; "Converted" is who won, and "Converted Date" when."""
    rows = read(tmp_path, SALESFORCE)
    assert (rows.scale, rows.won.tolist()) == ("points", [True, False])
    assert (rows.won_at > 0).tolist() == [True, False]


@pytest.mark.parametrize(
    ("cells", "scale", "values"),
    [
        (("0.62", "0.1"), "probability", [0.62, 0.1]),
        (("62 %", "10 %"), "percent", [0.62, 0.1]),
        (("0,62", "0,1"), "probability", [0.62, 0.1]),
        (("A", "D"), "grade", [11.0, 2.0]),
        (("0", "1"), "points", [0.0, 1.0]),
        (("120", "-3"), "points", [120.0, -3.0]),
    ],
)
def test_what_a_score_is(tmp_path, cells, scale, values):
    """A share or a percentage claims to be a probability; grades and points are an order."""
    lines = [f'{at},"{cell}",2026-01-01' for at, cell in enumerate(cells)]
    rows = read(tmp_path, "\n".join(["id,score,date", *lines]))
    assert rows.scale == scale
    assert rows.score.tolist() == pytest.approx(values)


@pytest.mark.parametrize(
    ("odd", "scores", "scale"),
    [
        ("a,95,n/a", ("0.62", "0.1"), "probability"),
        (",-3,2026-01-01", ("0.62", "0.1"), "probability"),
        ("a,50%,n/a", ("0.62", "0.1"), "probability"),
        ("a,95,n/a", ("62 %", "10 %"), "percent"),
        ("a,95,n/a", ("A", "D"), "grade"),
        ("a,n/a,2026-01-01", ("A", "D"), "grade"),
        ("a,0.5,n/a", ("0", "1"), "points"),
    ],
)
def test_a_row_that_is_left_out_says_nothing_of_the_others(tmp_path, odd, scores, scale):
    """Neither without a date or an id, nor without a score that is one."""
    lines = [f"l{at},{score},2026-01-01" for at, score in enumerate(scores)]
    rows = read(tmp_path, "\n".join(["id,score,date", odd, *lines]))
    assert (rows.scale, rows.leads) == (scale, ("l0", "l1"))
    assert sum(rows.dropped.values()) == 1


def test_no_row_that_can_be_judged(tmp_path):
    """The reasons are told in words, with how many rows each, the first, and what would do."""
    lines = ["id,score,date", *["a,0.5,n/a"] * 2000, ",0.1,2026-01-01"]
    with pytest.raises(EventsError) as found:
        read(tmp_path, "\n".join(lines))
    assert str(found.value).endswith(
        "no row can be judged: 1 without an id (row 2,002 says nothing), 2,000 without a date that"
        " can be read (row 2 says 'n/a'; write a date such as 2026-03-01 or 2026-03-01T12:00:00Z)"
    )


def test_bad_rows_are_counted(tmp_path):
    """Rows without an id, a score or a date are left out by their reason."""
    rows = read(
        tmp_path, "id,score,date\n,1,2026-01-01\nb,x,2026-01-01\nc,2,soon\nd,3,2026-01-01\n"
    )
    assert rows.leads == ("d",)
    assert sorted(rows.dropped.values()) == [1, 1, 1]
    assert rows.first["without a score"] == "row 3 says 'x'"
    assert rows.first["without a date that can be read"].startswith("row 4 says 'soon'; write a ")


def test_no_file(tmp_path):
    """A folder is there, and no CSV file."""
    with pytest.raises(EventsError, match="no CSV file, but something else"):
        read_scores(tmp_path, {})
    with pytest.raises(EventsError, match="there is no such file"):
        read_scores(tmp_path / "scores.csv", {})


def test_column_that_is_not_found(tmp_path):
    """What was looked for, what there is, and the option that says it."""
    with pytest.raises(EventsError, match=r"looked for 'score'.*found id, punkte.*--score-column"):
        read(tmp_path, "id,punkte,date\n1,2,2026-01-01\n")
    assert read(tmp_path, "id,punkte,date\n1,2,2026-01-01\n", score="punkte").score.tolist() == [2]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (['"1,050"', "999", "7"], [1050.0, 999.0, 7.0]),
        (['"1,234,567"', '"2,000.5"', "3.25"], [1234567.0, 2000.5, 3.25]),
        (['"12,5"', '"1,250"', "3"], [12.5, 1.25, 3.0]),
        (['"1.234,5"', '"12,5"', "3"], [1234.5, 12.5, 3.0]),
        (['"0,125"', '"0,250"', "1"], [0.125, 0.25, 1.0]),
        (['"12,345%"', '"1,250%"', "7%"], [0.12345, 0.0125, 0.07]),
    ],
)
def test_commas(tmp_path, cells, values):
    """A comma is no decimal one where each parts thousands: 1,050 is over 999."""
    lines = [f"{at},{cell},2026-01-01" for at, cell in enumerate(cells)]
    rows = read(tmp_path, "\n".join(["id,score,date", *lines]))
    assert rows.score == pytest.approx(values)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_how_it_is_written(tmp_path, separator):
    """Empty lines may stand before the names, and a bar may stand between the cells."""
    text = "\r\n\n" + "id,score,date\n1,5,2026-01-01\n".replace(",", separator)
    assert read(tmp_path, text).score.tolist() == [5.0]


def test_a_name_over_two_columns(tmp_path):
    """It is refused where they differ: nobody knows which of them is meant."""
    alike = read(tmp_path, "id,score,score,date\n1,5,5,2026-01-01\n")
    assert alike.score.tolist() == [5.0]
    with pytest.raises(EventsError, match="the column 'score' stands twice in it; rename one"):
        read(tmp_path, "id,score,score,date\n1,5,6,2026-01-01\n")


def test_a_cell_without_an_end(tmp_path):
    """The line is named, and what to look for."""
    text = "id,score,date\n1,5,2026-01-01\n" + '"2,5,2026-01-01\n' + "z\n" * 70_000
    with pytest.raises(EventsError, match=r"scores.csv, line \d+: field larger .* not closed"):
        read(tmp_path, text)


def test_a_quote_that_is_never_closed(tmp_path):
    """All that follows it would be one cell; a cell of several lines at the end is one of those."""
    text = 'id,score,date,note\n1,5,2026-01-01,x\n2,5,2026-01-01,"y\n3,5,2026-01-01,z\n'
    with pytest.raises(EventsError, match=r"scores.csv, row 3: a quote in it is never closed"):
        read(tmp_path, text)
    assert read(tmp_path, text.replace(",z", ',z"')).score.tolist() == [5.0, 5.0]


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    """What is wrong is the permission, and the format is not in question."""
    file = tmp_path / "scores.csv"
    file.write_text(HUBSPOT)

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr("training.audit.scores_file.as_utf8", closed)
    with pytest.raises(EventsError) as said:
        read_scores(file, {})
    assert str(said.value) == f"{file}: Permission denied"


def test_a_workbook(tmp_path):
    """It is told of as one, and not as a file without a score."""
    file = tmp_path / "scores.csv"
    file.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504))
    with pytest.raises(EventsError, match=r"scores\.csv: a workbook, .* save its sheet as CSV"):
        read_scores(file, {})


BROKEN = {
    "cut short": lambda packed: packed[:-12],
    "not packed": lambda _: b"id,score",
    "changed": lambda packed: packed[:12] + b"\xff" * 8 + packed[20:],
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_packed_file_that_is_damaged(tmp_path, how):
    """It is named, whatever is wrong with it."""
    file = tmp_path / "scores.csv.gz"
    file.write_bytes(BROKEN[how](gzip.compress(b"id,score,date\n1,5,2026-01-01\n" * 20)))
    with pytest.raises(EventsError, match=r"scores.csv.gz: not readable as CSV: "):
        read_scores(file, {})
