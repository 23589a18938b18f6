"""Spark itself: a master and two workers on this machine, one of which is killed on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.many_leads.standalone import Spark, Standalone, found_spark, standalone
from features import threads
from features.clock import microseconds
from features.errors import EventsError
from features.reading import read_events
from models.bundle import load_bundle
from rung.cluster import session
from rung.cluster.importing import Importing, import_events
from rung.cluster.session import NoSpark, spark_cluster
from rung.cluster.tasks import Done
from tests.rung.cluster.scene import Here, bits, examples_of, together
from tests.rung.scene import done

SPARK, WHY = found_spark()
DRIVER = "tests.rung.cluster.driver"
WITHIN_S = 300.0


@pytest.fixture(scope="module")
def spark() -> Spark:
    if SPARK is None:
        pytest.skip(WHY)
    return SPARK


@pytest.fixture
def running(spark, tmp_path) -> Iterator[Standalone]:
    with standalone(spark, tmp_path) as found:
        yield found


def started(spark: Spark, asked: dict[str, object], log: Path) -> subprocess.Popen[bytes]:
    command = [spark.python, "-m", DRIVER, json.dumps(asked, default=str)]
    with log.open("wb") as out:
        return subprocess.Popen(
            command, env=spark.environment, stdout=out, stderr=subprocess.STDOUT
        )


def wait_for(is_there: Callable[[], object], driver: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + WITHIN_S
    while not is_there():
        assert driver.poll() is None, log.read_text(errors="replace")[-4000:]
        assert time.monotonic() < ends, log.read_text(errors="replace")[-4000:]
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_worker(
    spark, running, events_file, simulation, bundle_folder, b2b, tmp_path, monkeypatch
):
    """Import, signals, scores and training set are those of one machine, though a worker dies."""
    monkeypatch.setattr(threads, "_allowed", threads._allowed)
    monkeypatch.chdir(tmp_path)
    at = ("--as-of", simulation.end.isoformat())
    ladder = ("--ladder", "b2b")
    log = tmp_path / "driver.log"
    asked = {
        "master": running.url,
        "settings": spark.settings,
        "root": tmp_path,
        "events": events_file,
        "bundle": bundle_folder,
        "hash": load_bundle(bundle_folder).hash,
        "as_of": simulation.end.isoformat(),
        "present": microseconds(simulation.end) + 1,
    }
    driver = started(spark, asked, log)
    try:
        # What it has handed to others is gone with it: those tasks are done again elsewhere.
        wait_for(lambda: list(tmp_path.glob(".*.parts/.staging/settled-*")), driver, log)
        running.workers[0].kill()
        wait_for(lambda: (tmp_path / "examples/_MANIFEST").exists(), driver, log)
        assert driver.wait(WITHIN_S) == 0
        assert "Removing worker" in (tmp_path / "master.log").read_text()
    finally:
        driver.kill()
        driver.wait()

    import_events(Here(), events_file, tmp_path / "here", 6, Importing())
    assert contents(tmp_path / "parts") == contents(tmp_path / "here")
    done("features", events_file, *ladder, *at, "--out", "signals.parquet")
    assert bits(together(tmp_path / "signals")) == bits(pd.read_parquet("signals.parquet"))
    done("score", events_file, "--bundle", bundle_folder, *at, "--out", "scores.parquet")
    scored, one = together(tmp_path / "scores"), pd.read_parquet("scores.parquet")
    assert bits(scored.drop(columns="scored_at")) == bits(one.drop(columns="scored_at"))
    whole, _ = read_events(events_file, b2b)
    until = whole.judged_until(None)
    examples_of(whole, b2b, until=until, seed=7, most=500).to_parquet("examples.parquet")
    assert bits(together(tmp_path / "examples")) == bits(pd.read_parquet("examples.parquet"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_what_is_refused_is_said_once(spark, tmp_path):
    """A file that cannot be read fails the job at once, with the words of one machine."""
    (tmp_path / "log.parquet").write_bytes(b"no parquet")
    out = tmp_path / "parts"
    settings = [f"--conf={name}={value}" for name, value in spark.settings.items()]
    verb = ("cluster", "import", tmp_path / "log.parquet", "--out", out, "--master", "local[1]")
    command = [spark.python, "-m", "rung", *map(str, verb), *settings]
    said = subprocess.run(command, env=spark.environment, capture_output=True, text=True)
    assert said.returncode == 1
    (line,) = [line for line in said.stderr.splitlines() if line.startswith("rung: ")]
    assert "log.parquet: not readable as Parquet" in line
    assert "Traceback" not in said.stderr
    assert not out.exists()


def test_without_pyspark(monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "py4j", None)
    with (
        pytest.raises(NoSpark, match=r"pip install 'rung\[spark\]'"),
        spark_cluster("local[1]", {}),
    ):
        pass


def test_a_number_that_fails_first_is_said():
    """Of several tasks that are refused the first by number is told, whichever ran first."""
    rows = [session._encoded(at, refusing(at)) for at in (2, 1)]
    with pytest.raises(EventsError, match="task 1"):
        session._decoded(sorted(rows))


def refusing(at: int) -> Callable[[], Done]:
    def work() -> Done:
        raise NoSpark(f"task {at}")

    return work
