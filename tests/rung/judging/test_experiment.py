"""`rung experiment`: begun, listed, judged, ended; from a store and from a file."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rung
from features.ladder.file import read_ladder
from features.offers.assignments import Assignment, assignment_event
from features.store.events import EventStore

B2B = read_ladder("b2b")
STEP = B2B.steps[1].id
OFFERS = [offer.id for offer in B2B.offers_of(STEP)]
START = ["tools", "--kind", "offer", "--step", STEP, "--arm", f"a=0.5:{OFFERS[0]}"]


@pytest.fixture
def url(events_file, tmp_path, capsys):
    made = f"sqlite:///{tmp_path / 'rung.db'}"
    assert rung.main(["import", str(events_file), "--store", made, "--ladder", "b2b"]) == 0
    capsys.readouterr()
    return made


def run(verb: str, *words: str) -> int:
    return rung.main(["experiment", verb, *map(str, words), "--ladder", "b2b"])


def put(url: str, count: int) -> None:
    """Put leads of a store into the arms, at their first events."""
    with EventStore.open(url) as store:
        for at, lead in enumerate(store.lead_ids()[:count]):
            arm = "ab"[at % 2]
            when = store.events_of(lead)[0][1]
            told = Assignment("tools", arm, 0.5)
            store.append_new([assignment_event(told, lead, B2B, when)])


def test_from_the_beginning_to_the_end(url, tmp_path, capsys):
    assert run("list", "--store", url) == 0
    assert "no experiment on the ladder b2b" in capsys.readouterr().out
    assert run("start", *START, "--arm", f"b=0.5:{OFFERS[1]}", "--store", url) == 0
    assert capsys.readouterr().out == "tools: running\n"
    assert run("list", "--store", url) == 0
    assert "tools: tools, offer, a 50 %, b 50 %; running since" in capsys.readouterr().out
    put(url, 60)
    out = tmp_path / "out"
    assert run("judge", url, "--out", out) == 0
    said = capsys.readouterr().out
    assert "of 60 leads" in said
    assert "The lot: The arms have the leads that the lot gives them." in said
    page = (out / "tools" / "experiment.md").read_text()
    assert "course.png" in page
    assert (out / "tools" / "course.png").stat().st_size > 5000
    assert run("show", "tools", "--store", url) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == json.loads((out / "tools" / "experiment.json").read_text())
    assert run("stop", "tools", "--roll-out", "b", "--store", url) == 0
    assert capsys.readouterr().out == "tools: stopped, b is rolled out\n"
    with EventStore.open(url) as store:
        statuses = {one.offer_id: one.status for one in store.offers.versions("b2b")}
    assert statuses == {OFFERS[0]: "paused"}
    assert run("archive", "tools", "--store", url) == 0
    assert run("judge", url, "--json") == 0
    assert capsys.readouterr().out.endswith("[]\n")


def test_a_file_tells_of_its_experiments(tmp_path, capsys):
    """Their arms and shares stand in the events; which arm is the control is said."""
    events = [
        assignment_event(Assignment("tools", "ab"[at % 2], 0.5), f"l{at}", B2B, 10**15 + at)
        for at in range(10)
    ]
    rows = [
        {
            "message_id": one.message_id,
            "lead_id": one.lead_id,
            "name": one.name,
            "occurred_at": "2026-01-01T00:00:00Z",
            "rung_record": json.loads(one.properties)["rung_record"],
        }
        for one in events
    ]
    path = tmp_path / "events.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert run("judge", path, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [(arm["id"], arm["leads"]) for arm in found["arms"]] == [("a", 5), ("b", 5)]
    assert run("judge", path, "--control", "b", "--json") == 0
    (other,) = json.loads(capsys.readouterr().out)
    assert [arm["is_control"] for arm in other["arms"]] == [False, True]
    assert run("judge", path, "--only", "tool") == 1
    assert "did you mean 'tools'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arm", "b=half"], "write its id, = and its share"),
        (["--arm", "b"], "write its id, = and its share"),
        (["--arm", "b=0.6"], "sum to 1.1"),
        ([], "it has 1 arms: write 2 to 10"),
        (["--arm", "b=0.5:nothing"], "no active offer of"),
    ],
)
def test_what_cannot_be_tried_is_said(url, capsys, words, said):
    assert run("start", *START, *words, "--store", url) == 1
    assert said in capsys.readouterr().err


def test_no_experiment_at_all(events_file, url, capsys):
    assert run("judge", events_file) == 0
    assert "no experiment: nothing says" in capsys.readouterr().out
    assert run("judge", url) == 0
    assert "no experiment: nothing says" in capsys.readouterr().out
    assert run("stop", "tools", "--store", url) == 1
    assert "no experiment 'tools' here" in capsys.readouterr().err
