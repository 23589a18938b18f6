"""The log and the ladder that a verb reads: what is refused, and what is left out."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.rung.scene import done, jsonl, message, page, refused


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
