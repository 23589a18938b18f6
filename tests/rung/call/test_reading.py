"""The log and the ladder that a verb reads: what is refused, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.store.migrations import LATEST
from tests.features.store.migrations.older import held, is_noted, older, some_events
from tests.rung.scene import done, jsonl, message, page, refused

ROOT = Path(__file__).parents[3]


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


@pytest.mark.parametrize(
    "verb",
    [
        "funnel --ladder b2b --store",
        "readiness --ladder b2b --store",
        "experiment list --ladder b2b --store",
        "experiment judge --ladder b2b --store",
        "lead export ann --store",
        "lead erase ann --store",
        "key list --store",
        "key create website --scope ingest --store",
        "tables {folder}/out --ladder b2b --store",
        "features --ladder b2b --as-of 2026-01-01 --out {folder}/signals.csv",
        "train --ladder b2b --out {folder}/bundle",
        "retrain --ladder b2b --champion {folder}/bundle",
        "import --store sqlite:///{folder}/other.db",
    ],
)
def test_a_store_of_an_older_version(verb, tmp_path):
    """Whoever looks at it, or changes a row, does not take it from a service that is as old."""
    path = tmp_path / "rung.db"
    rows = older(path, some_events(10), "0016")
    said = refused(*verb.format(folder=tmp_path).split(), f"sqlite:///{path}")
    assert f"has schema 0016, this version of Rung needs {LATEST}" in " ".join(said.split())
    assert held(path) == rows
    assert not is_noted(path)


def test_only_who_starts_or_imports_brings_a_store_up_to_date():
    """Every other verb says what is to become of one of an older version: it stays."""
    found = {
        path.name: line.strip()
        for path in (ROOT / "rung").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if "EventStore.open(" in line and "when_older=keep_as_it_is" not in line
    }
    assert list(found) == ["logs.py"]
    assert "when_older=keep_while_served(now())" in found["logs.py"]
