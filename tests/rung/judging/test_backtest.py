"""`rung backtest`: folds over a log's later part, from the command line."""

from __future__ import annotations

import pytest

from tests.rung.scene import call, done, message


@pytest.fixture(scope="module")
def small_file(simulation, tmp_path_factory):
    leads = sorted(simulation.events["lead_id"].unique())[::4]
    file = tmp_path_factory.mktemp("backtest") / "events.parquet"
    some = simulation.events[simulation.events["lead_id"].isin(leads)]
    some.to_parquet(file, index=False)
    return file


def test_a_backtest(small_file, tmp_path):
    """Folds and choices are told as JSON and written down; progress names each."""
    report = tmp_path / "report"
    said = done(
        *("backtest", small_file, "--ladder", "b2b", "--folds", 2, "--look-back", "60"),
        *("--report", report),
    )
    assert "fold 1 of 2, trained until " in said.err
    assert "fold 2 of 2, trained until " in said.err
    assert said.out.startswith("The next step\n| judged from |")
    assert "\ntrain with " in said.out
    assert (report / "backtest.md").exists()


def test_a_log_that_is_too_short(small_file):
    """The message says how long the log is."""
    said = message("backtest", small_file, "--ladder", "b2b", "--folds", 900)
    assert "the log is too short for 900 folds: it goes from " in said


@pytest.mark.parametrize("days", ["0", "-3", "soon", "nan", "100000"])
def test_days_are_days(small_file, days):
    """A look-back that is no number of days is refused before anything is read."""
    said = call("backtest", small_file, "--ladder", "b2b", f"--look-back={days}")
    assert said.code == 2
    assert "must be a number of days above 0 and below 100000" in said.err
