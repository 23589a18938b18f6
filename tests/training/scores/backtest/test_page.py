"""The page, the plot and the JSON of a backtest."""

from __future__ import annotations

import json

from tests.training.scores.backtest.scene import small_backtest
from training.scores.backtest.page import as_dict, table, verdict_lines, write_backtest


def test_a_line_a_fold_and_choice():
    """The table of a goal has the folds in order, each with all choices."""
    lines = table(small_backtest(), "advancement").splitlines()
    assert len(lines) == 2 + 3 * 2
    assert len({line.count("|") for line in lines}) == 1
    figures = small_backtest().folds[0].of("all history", "advancement")
    assert f" {figures.log_loss:.4f} | {figures.rates_log_loss:.4f} |" in lines[2]


def test_the_verdict_in_words():
    """What each choice comes to is said, and at last what to train with."""
    first, *_, last = verdict_lines(small_backtest())
    assert first.startswith("The next step: the last 20 days less all history, log loss +0.")
    assert first.endswith(": not better by more than its error")
    assert last == "train with all history"


def test_the_report(tmp_path):
    """The folder has the page, the figures and the plot that the page shows."""
    page = write_backtest(small_backtest(), tmp_path / "report").read_text()
    folder = tmp_path / "report"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("backtest.json", "backtest.md", "backtest.png"),
    ]
    assert "(backtest.png)" in page
    assert table(small_backtest(), "purchase") in page
    assert (folder / "backtest.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads((folder / "backtest.json").read_text())
    assert told == json.loads(json.dumps(as_dict(small_backtest())))
    assert (told["chosen"], len(told["folds"])) == ("all history", 3)
