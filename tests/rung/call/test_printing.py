"""What a verb prints: lines and tables, in a terminal that is narrower too."""

from __future__ import annotations

import pytest

from rung.call.printing import aligned, print_line, print_markdown, print_table, shortened
from tests.rung.scene import call


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


@pytest.mark.parametrize(
    ("word", "shown"),
    [("two\nlines", r"two\nlines"), ("a\ttab", r"a\ttab"), ("\x1b[2J", r"\x1b[2J")],
)
def test_a_word_of_others_breaks_no_table(word, shown, capsys):
    """Each row stands on a line of its own, and its figures beneath their head."""
    print_table([("segment", "leads"), (word, "7"), ("plain", "12")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"{shown}  ")
    assert [len(line) for line in lines] == [len(lines[0])] * 3


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
