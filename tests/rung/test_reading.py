"""The log and the ladder that a verb reads: what is refused, and what is left out."""

from __future__ import annotations

import pandas as pd
import pytest

from rung.reading import aligned, print_line, print_markdown, print_table, shortened
from tests.rung.scene import call, done, jsonl, message, page, refused


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.csv", "empty.parquet"])
def test_an_empty_log(name, tmp_path):
    """A log without an event is refused, in any format."""
    file = tmp_path / name
    if file.suffix == ".parquet":
        pd.DataFrame({"lead_id": [], "name": [], "occurred_at": []}, dtype=str).to_parquet(file)
    else:
        file.write_text("lead_id,name,occurred_at\n" if file.suffix == ".csv" else "")
    said = message("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    assert said == f"rung: {file}: there is no event in it"


def test_an_unknown_file(tmp_path):
    """A file that is not there is named, with the one that was meant."""
    jsonl(tmp_path / "events.jsonl", page("2026-01-01"))
    said = message("train", tmp_path / "event.jsonl", "--ladder", "b2b", "--out", tmp_path / "b")
    assert "there is no such file; did you mean 'events.jsonl'?" in said


def test_an_unknown_store(tmp_path):
    """A store that is not there is not made by reading it."""
    url = f"sqlite:///{tmp_path / 'none.db'}"
    said = message("train", url, "--ladder", "b2b", "--out", tmp_path / "b")
    assert "there is no such store; import events into it first" in said
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ladder(events_file, tmp_path):
    """A ladder that is neither a file nor shipped is told which there are."""
    said = refused("train", events_file, "--ladder", "b2d", "--out", tmp_path / "b", code=3)
    assert "is neither a file nor a shipped ladder" in said
    assert "(shipped: b2b, b2b-assessment, b2c)" in said


def test_strict(tmp_path):
    """With --strict one bad row refuses the log and all are counted; without, they are left out."""
    days = pd.date_range("2026-01-05", periods=26, freq="7D").strftime("%Y-%m-%d")
    rows = [*(page(day) for day in days), page("yesterday"), page("2026-02-31"), page("")]
    file = jsonl(tmp_path / "events.jsonl", *rows)
    rest = ("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    said = refused(*rest, "--strict")
    assert f"rung: {file}: refused, as bad rows are" in said
    assert "3 rows rejected" in said
    assert "events.jsonl:27" in said
    assert not (tmp_path / "bundle").exists()
    told = done(*rest).err
    assert "26 of 29 rows accepted" in told
    assert "3 rows rejected" in told


def test_timezone(tmp_path):
    """Times without a zone are bad rows, unless a zone is given for them."""
    file = jsonl(tmp_path / "e.jsonl", page("2026-01-01") | {"occurred_at": "2026-01-01T09:00:00"})
    rest = ("features", file, "--ladder", "b2b", "--as-of", "2026-01-02")
    out = tmp_path / "s.parquet"
    assert "its only row was refused: naive time" in refused(*rest, "--out", out)
    done(*rest, "--out", out, "--timezone", "Europe/Berlin")
    assert pd.read_parquet(out)["activity.days_since_last"][0] == pytest.approx(16 / 24)
    assert "no time zone 'Mars'" in message(*rest, "--out", out, "--timezone", "Mars")


def test_a_csv_with_a_wrong_column(tmp_path):
    """The column that is missing is named, with those that are there and the one that is meant."""
    file = tmp_path / "events.csv"
    file.write_text("lead,name,occurred_at\nann,page_viewed,2026-01-01T09:00:00Z\n")
    said = message("train", file, "--ladder", "b2b", "--out", tmp_path / "b")
    columns = "it has lead, name, occurred_at; did you mean 'lead'?"
    assert said == f"rung: {file}: no column lead_id; {columns}"


def test_no_column_runs_into_the_next() -> None:
    """However long a name or a figure is; a row may end early, and nothing trails."""
    lines = aligned(
        [
            ("", "champion", "difference"),
            (
                "value in the top 10 %, a hundred scores",
                "45,784.70",
                "-1,867.70 ± 2,046.29",
                "worse",
            ),
            ("AUC", "0.9"),
        ],
        texts=(0, 3),
    )
    assert lines == [
        "                                          champion            difference",
        "value in the top 10 %, a hundred scores  45,784.70  -1,867.70 ± 2,046.29  worse",
        "AUC                                            0.9",
    ]


def test_a_text_that_was_cut_shows_it():
    """What fits stays as it is; what does not ends in an ellipsis, and is no wider than asked."""
    assert shortened("Became customer", 15) == "Became customer"
    assert shortened("Became marketing qualified lead", 25) == "Became marketing qualifi…"
    assert shortened("Became marketing qualified", 17) == "Became marketing…"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_line_in_a_narrow_terminal(is_terminal, monkeypatch, capsys):
    """It is folded between words, further in; a pipe gets it whole, for grep."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    line = "  value: handover-checklist, “Checklist: handovers that lose nothing”"
    print_line(line)
    print_line("short")
    told = capsys.readouterr().out.splitlines()
    folded = ["  value: handover-checklist, “Checklist:", "      handovers that lose nothing”"]
    assert told == [*(folded if is_terminal else [line]), "short"]


def test_words_of_others_steer_no_terminal(tmp_path):
    """A row that is refused is shown, and what it would do to a terminal is spelt out."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"lead_id": "\x1b]0;gone\x07\x1b[2J"\n')
    found = call("readiness", file, "--ladder", "b2b")
    assert "\\x1b]0;gone\\x07\\x1b[2J" in found.err
    assert "\x1b" not in found.err


def test_a_figure_and_its_sign_stay_together(monkeypatch, capsys):
    """No line of a terminal begins with a sign of percent."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for columns in range(30, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        print_line("  rests on activity 16 %, against 11 % and 80 more, 7 % of them")
    told = capsys.readouterr().out
    assert told.count("11 % ") + told.count("11 %\n") == 10
    assert not [line for line in told.splitlines() if line.lstrip().startswith("%")]


ROWS = [
    ("", "reached", "a week", "level"),
    ("Content", "1,500", "27.6", "calibrated"),
    ("", "", "", "of its own"),
    ("  blog", "12", "", ""),
]


def test_nobody_listens(monkeypatch):
    """Where standard output is closed there is no terminal, and nothing goes wrong."""
    monkeypatch.setattr("sys.stdout", None)
    print_table(ROWS)
    print_markdown("| a |\n| --- |")
    print_line("a")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            34,
            [
                "           reached  a week  level",
                "  Content    1,500    27.6  calibrated",
                "                            of its own",
                "    blog        12",
            ],
        ),
        (
            30,
            [
                "           reached  a week",
                "  Content    1,500    27.6",
                "",
                "    blog        12",
                "",
                "           level",
                "  Content  calibrated",
                "           of its own",
            ],
        ),
    ],
)
def test_a_table_in_a_narrow_terminal(columns, told, monkeypatch, capsys):
    """Its columns stand in several tables, each with the first one; an empty one in none."""
    monkeypatch.setenv("COLUMNS", str(columns + 4))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table([(*row, "") for row in ROWS], texts=(0, 3), inset="  ")
    found = capsys.readouterr().out.splitlines()
    assert found == told
    assert max(map(len, found)) <= columns + 4


@pytest.mark.parametrize("is_terminal", [True, False])
def test_markdown_in_a_narrow_terminal(is_terminal, monkeypatch, capsys):
    """A pipe gets it as it is, to be pasted; a narrow terminal columns that fit."""
    monkeypatch.setenv("COLUMNS", "22")
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    table = "| policy | gain | of |\n| --- | ---: | ---: |\n| `careful` | +219.2 | 71 |"
    print_markdown(table)
    narrow = ["policy     gain  of", "careful  +219.2  71"]
    assert capsys.readouterr().out.splitlines() == (narrow if is_terminal else table.split("\n"))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("| July | not enough data |  |  |", ["month             rate", "July   not enough data"]),
        ("| July |  |  | 12 |", ["month  rate  error", "July", "", "month  of", "July   12"]),
        (
            "| a\\|b | 0.4 | 0.1 | 12 |",
            ["month  rate  error", "a|b     0.4    0.1", "", "month  of", "a|b    12"],
        ),
    ],
)
def test_a_narrow_terminal_gets_markdown_with_empty_cells(capsys, monkeypatch, row, told):
    """Cells without a figure, at the end of a row or within it, are no end of the row."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_markdown(f"| month | rate | error | of |\n| :-- | --: | --: | --: |\n{row}")
    assert capsys.readouterr().out.splitlines() == told
