"""Processes of this machine: the same answers, whatever happens to one of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from features.clock import microseconds
from features.errors import EventsError
from features.events.formats.files import row_groups
from features.events.formats.import_report import ImportReport
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.reading import read_events
from features.threads import processors
from models.bundle import load_bundle
from rung.cluster import importing
from rung.cluster.examples import Drawing, write_examples
from rung.cluster.folds import SharedBundle, score, write_snapshots
from rung.cluster.importing import Importing, import_events
from rung.cluster.parts import PartFolder
from rung.cluster.processes import ProcessCluster
from rung.cluster.tasks import ClusterFailed, Regrouping
from tests.rung.cluster.scene import Here, bits, together
from tests.rung.cluster.sent import (
    WITHIN_S,
    die,
    die_once,
    find_no_room,
    gather,
    named,
    refuse_odd,
    split,
)
from training.pipeline import fingerprint


def silent(_: str) -> None:
    """Whatever is told."""


def two(told: Callable[[str], None] = silent) -> ProcessCluster:
    return ProcessCluster(2, told)


# ----------------------------------------------------------------------------------------- tasks


def test_answers_come_in_order():
    """Whichever is done first, and all that an answer has."""
    told: list[str] = []
    with two(told.append) as cluster:
        answers = cluster.each(5, named, "work")
        assert cluster.each(0, named, "nothing") == []
    assert [(one.number, one.told["is"]) for one in answers] == [(n, n * n) for n in range(5)]
    tables = [one.table for one in answers if one.table is not None]
    assert [table["at"].to_pylist() for table in tables] == [[n] for n in range(5)]
    assert told[-1] == "work: 5 of 5"


def test_pieces_come_in_order(tmp_path):
    """By who handed them on, and in the order in which it did; nothing is left behind."""
    with two() as cluster:
        first, second = cluster.regrouped(
            Regrouping(11, split, gather, 5, tmp_path / "pieces", ("a", "b"))
        )
    assert [one.told for one in first] == [{"handed": 12}] * 11
    assert [one.number for one in second] == [0, 1, 2]  # nobody has anything for the others
    expected = [f"{number}.{place} " for number in range(11) for place in range(1, 12, 3)]
    assert second[1].told["got"] == "".join(expected)
    assert list(tmp_path.iterdir()) == []


def test_the_first_refusal_is_said():
    """Of several tasks that are refused, the first by number."""
    with two() as cluster, pytest.raises(EventsError, match=r"task 1$"):
        cluster.each(6, refuse_odd, "work")


def test_a_full_disk_is_said():
    """It is not tried again, and says which file there was no room for."""
    with two() as cluster, pytest.raises(OSError, match="No space left on device: 'part-0'"):
        cluster.each(1, find_no_room, "work")


def test_a_killed_process_costs_time_alone(tmp_path):
    """What it was at is done by another; the rest as well."""
    with two() as cluster:
        answers = cluster.each(4, partial(die_once, tmp_path / "died"), "work")
    assert [one.told["is"] for one in answers] == [0, 1, 2, 3]
    assert (tmp_path / "died").exists()


def test_killed_again_and_again():
    """Then it is given up, with a word on what may help."""
    what = "take fewer --processes, or import into more --partitions"
    with two() as cluster, pytest.raises(ClusterFailed, match=what):
        cluster.each(2, die, "work")


# -------------------------------------------------------------------------- of a command, stopped

RUNNING = """
import sys, time
from functools import partial
from pathlib import Path
from rung.cluster.processes import ProcessCluster
from tests.rung.cluster.sent import slow
if __name__ == "__main__":
    with ProcessCluster(2, lambda _: None) as cluster:
        cluster.each(2, partial(slow, Path(sys.argv[1])), "work")
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nobody_is_left_behind(how, tmp_path):
    """Where the command is stopped, or killed, its processes end at once."""
    script = tmp_path / "running.py"
    script.write_text(RUNNING)
    (tmp_path / "pids").mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, script, tmp_path / "pids"]
    run = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        pids = wait_for(lambda: [int(one.name) for one in (tmp_path / "pids").iterdir()], 2)
        run.send_signal(how)
        assert run.wait(WITHIN_S / 3) != 0
        wait_for(lambda: [one for one in pids if not is_running(one)], 2)
    finally:
        run.kill()
        run.wait()


def wait_for(found: Callable[[], list[int]], count: int) -> list[int]:
    ends = time.monotonic() + WITHIN_S / 2
    while len(those := found()) < count:
        assert time.monotonic() < ends
        time.sleep(0.05)
    return those


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ----------------------------------------------------------------------------------- all verbs


def test_the_same_as_here(events_file, simulation, bundle_folder, b2b, tmp_path):
    """Import, signals, scores and training set of several processes are those of one."""
    present = microseconds(simulation.end) + 1
    served = SharedBundle(bundle_folder, load_bundle(bundle_folder).hash)

    def all_of(cluster, folder):
        import_events(cluster, events_file, folder / "parts", 5, Importing())
        parts = PartFolder.of_events(folder / "parts")
        write_snapshots(cluster, parts, b2b, simulation.end, present, folder / "signals")
        score(cluster, parts, served, simulation.end, present, folder / "scores")
        drawing = Drawing(None, 7, 400)
        write_examples(cluster, parts, b2b, drawing, present, folder / "examples")

    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    with two() as cluster:
        all_of(cluster, tmp_path / "there")
    all_of(Here(), tmp_path / "here")
    there, here = tmp_path / "there", tmp_path / "here"
    for kind in ("parts", "signals", "examples"):
        found = {path.name: path.read_bytes() for path in (there / kind).iterdir()}
        assert found == {path.name: path.read_bytes() for path in (here / kind).iterdir()}
    scored = [together(of / "scores").drop(columns="scored_at") for of in (there, here)]
    assert bits(scored[0]) == bits(scored[1])


def test_a_file_that_is_read_in_tables(events_file, tmp_path, monkeypatch):
    """How many rows of a file are in memory at once has no effect."""
    one, _ = import_events(Here(), events_file, tmp_path / "one", 3, Importing())
    monkeypatch.setattr(importing, "_ROWS", 500)
    many, _ = import_events(Here(), events_file, tmp_path / "many", 3, Importing())
    assert many == one
    found = {path.name: path.read_bytes() for path in (tmp_path / "many").iterdir()}
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}


@pytest.mark.parametrize("groups", [1, 70, 100_000])
def test_a_large_file_is_several_tasks(events_file, b2b, tmp_path, monkeypatch, groups):
    """Row groups of a Parquet file are read apart; rows, rejects and their lines are the same."""
    rows = pd.read_parquet(events_file).head(300)
    rows.loc[rows.index % 40 == 7, "name"] = None
    big, small = tmp_path / "big.parquet", tmp_path / "small.parquet"
    rows.to_parquet(small, index=False)
    rows.to_parquet(big, index=False, row_group_size=groups)
    monkeypatch.setattr(importing, "_STRETCH", 100)
    assert len(row_groups(big, 100)) == {1: 3, 70: 3, 100_000: 1}[groups]

    def report_of(file: Path) -> tuple[ImportReport, list[dict[str, object]]]:
        rejects, out = tmp_path / "rejects.jsonl", tmp_path / "parts"
        report, _ = import_events(Here(), file, out, 3, Importing(rejects=rejects))
        return report, [json.loads(line) for line in rejects.read_text().splitlines()]

    (one, bad), (many, also_bad) = report_of(small), report_of(big)
    assert one.rows == 300
    assert one.accepted < 300
    assert [row["line"] for row in also_bad] == [row["line"] for row in bad]
    told = replace(many, examples={}), replace(one, examples={})
    assert told[0] == told[1]
    assert fingerprint(log_of(tmp_path / "parts", b2b)) == fingerprint(log_of(small, b2b))


def log_of(source: Path, ladder: Ladder) -> EventLog:
    return read_events(source, ladder)[0]


def test_a_large_export_is_one_task(tmp_path, monkeypatch):
    """Its rows say something of each other, so whoever reads one reads them all, once."""
    calls = [
        {
            "type": "identify",
            "userId": f"user-{at % 7}",
            "messageId": f"m-{at}",
            "timestamp": f"2026-03-{1 + at // 30:02}T10:{at % 60:02}:00Z",
            "traits": {"plan": "a" if at < 30 else "b"},
        }
        for at in range(60)
    ]
    pd.DataFrame(calls).to_parquet(tmp_path / "calls.parquet", index=False, row_group_size=10)
    one, leads = import_events(Here(), tmp_path / "calls.parquet", tmp_path / "a", 2, Importing())
    monkeypatch.setattr(importing, "_STRETCH", 10)
    many, _ = import_events(Here(), tmp_path / "calls.parquet", tmp_path / "b", 2, Importing())
    assert leads == 7
    assert many == one
    found = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}


def test_a_process_each():
    """Without a number there is a process a processor."""
    assert ProcessCluster(None, silent)._count == processors()
