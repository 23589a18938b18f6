"""`rung cluster`: what a call that cannot be understood is told."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pandas as pd
import pytest

from features import threads
from rung.cluster import session
from tests.rung.cluster.scene import Here, bits, together
from tests.rung.scene import call, done, message


@pytest.fixture
def here(monkeypatch):
    """Whatever master is named, this process does the work."""
    monkeypatch.setattr(threads, "_allowed", threads._allowed)

    @contextmanager
    def cluster(master, settings):
        assert (master, settings) == ("spark://somewhere:7077", {"spark.cores.max": "4"})
        yield Here()

    monkeypatch.setattr(session, "spark_cluster", cluster)
    return "--master", "spark://somewhere:7077", "--conf", "spark.cores.max=4"


def test_from_a_log_to_scores(here, events_file, bundle_folder, end, tmp_path, monkeypatch):
    """The verbs take each other's folders, and what the verbs of one machine take."""
    monkeypatch.chdir(tmp_path)
    said = done("cluster", "import", events_file, "--partitions", 6, "--out", "parts", *here)
    assert "300 leads in parts" in said.out
    at = ("--as-of", end)
    done("cluster", "snapshot", "parts", "--ladder", "b2b", *at, "--out", "signals", *here)
    done("features", "parts", "--ladder", "b2b", *at, "--out", "signals.parquet")
    assert bits(together(tmp_path / "signals")) == bits(pd.read_parquet("signals.parquet"))
    words = ("--bundle", bundle_folder, *at)
    said = done("cluster", "score", "parts", *words, "--out", "scores", *here, "--json")
    assert said.json["leads"] == len(together(tmp_path / "scores"))
    days = ("--horizon-days", 30, "--horizon-days", 7)
    said = done("cluster", "score", "parts", *words, *days, "--out", "soon", *here)
    sums = [together(tmp_path / "soon")[f"purchase_within_{count}_days"].sum() for count in (7, 30)]
    assert f"{sums[0]:,.1f} within 7 days, {sums[1]:,.1f} within 30 days" in said.out
    refused = message("cluster", "score", "parts", *words, "--horizon-days", 91, "--out", "no")
    assert "at most 90 days" in refused
    drawn = ("--ladder", "b2b", "--most-points", 300, "--look-back", 90, "--until", end)
    said = done("cluster", "examples", "parts", *drawn, "--out", "points", *here, "--json")
    assert 100 < said.json["points"] == len(together(tmp_path / "points")) < 400


@pytest.mark.parametrize("verb", ["snapshot", "score"])
def test_old_news_is_noted(here, parts, bundle_folder, simulation, tmp_path, verb):
    """The newest event of all parts is so old that leads look quiet, as `rung score` says."""
    by = ("--ladder", "b2b") if verb == "snapshot" else ("--bundle", bundle_folder)
    asked = ("cluster", verb, parts.folder, *by, "--json", *here)
    late = (simulation.end + timedelta(days=40)).isoformat()
    said = done(*asked, "--as-of", late, "--out", tmp_path / "late")
    assert "40 days before" in said.err
    said = done(*asked, "--as-of", simulation.end.isoformat(), "--out", tmp_path / "out")
    assert said.json["leads"] == 300
    assert "note:" not in said.err


@pytest.mark.parametrize("setting", ["memory=8g", "spark.executor.memory"])
def test_a_setting_that_is_none(setting, tmp_path):
    """A setting of Spark has a name and a value."""
    words = ("snapshot", tmp_path, "--ladder", "b2b", "--as-of", "2026-01-01T00:00:00Z")
    said = call("cluster", *words, "--out", tmp_path / "out", "--conf", setting)
    assert said.code == 2
    assert "must be a setting such as spark.executor.memory=8g" in said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--conf", "spark.cores.max=4"), "--conf is for Apache Spark: say where"),
        (("--master", "local[1]", "--processes", "2"), "--processes are of this machine"),
    ],
)
def test_options_that_do_not_go_together(words, why, parts, tmp_path):
    """What would have no effect is said, and nothing is begun."""
    at = ("--as-of", "2026-01-01T00:00:00Z", "--out", tmp_path / "out")
    assert why in message("cluster", "snapshot", parts.folder, "--ladder", "b2b", *at, *words)
    assert not (tmp_path / "out").exists()


def test_without_a_cluster(events_file, end, tmp_path, monkeypatch):
    """Processes of this machine do it, and say how far they are."""
    monkeypatch.chdir(tmp_path)
    said = done("cluster", "import", events_file, "--partitions", 3, "--out", "parts")
    assert "files are read: 1 of 1" in said.err
    assert "parts are written: 3 of 3" in said.err
    at = ("--ladder", "b2b", "--as-of", end)
    done("cluster", "snapshot", "parts", *at, "--out", "signals", "--processes", "2")
    done("features", events_file, *at, "--out", "one.parquet")
    assert bits(together(tmp_path / "signals")) == bits(pd.read_parquet("one.parquet"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.parquet", "parts", "signals"]


@pytest.mark.parametrize("verb", ["snapshot", "examples"])
def test_a_folder_without_parts(verb, tmp_path):
    """Before Spark is started it is looked whether there is something to work on."""
    at = ("--as-of", "2026-01-01T00:00:00Z") if verb == "snapshot" else ()
    said = message("cluster", verb, tmp_path, "--ladder", "b2b", *at, "--out", tmp_path / "out")
    assert "no _MANIFEST of `rung cluster import` there" in said
