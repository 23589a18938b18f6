"""The tables of a store: what its own functions say, in one order, whole, and nothing else."""

from __future__ import annotations

import csv
import json
import tracemalloc
from dataclasses import replace

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.clock import rfc3339, when
from features.errors import EventsError, UnknownLadder
from features.ladder.file import read_ladder
from features.offers.decisions import Decision, decision_event, decisions_of, message_id
from features.store.arrivals import Event
from features.store.events import EventStore
from features.store.privacy import Privacy
from models.bundle import load_bundle
from serving.routes.exports.formats import JSON
from serving.routes.exports.tables import KEYS, schemas_of, write_tables
from tests.serving import world
from tests.serving.routes.exports.scene import START, weeks


@pytest.fixture(scope="module")
def bundle(folder):
    return load_bundle(folder / "fitted")


@pytest.fixture
def made(store, bundle):
    return weeks(store, bundle)


def tables(made, folder):
    """The rows of each table that is written."""
    write_tables(folder, ".parquet", made.store.database, made.ladder)
    return {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in KEYS}


def as_json(rows):
    return orjson.loads(orjson.dumps(rows, option=JSON))


def test_tables(made, tmp_path):
    """Each table is what the functions of the store say row by row; no other lead is in any."""
    found = tables(made, tmp_path / "tables")
    assert found["scores"] == [row for _, row in sorted(made.scores().items())]
    _check_leads(made, found["leads"])
    _check_decisions(made, found["decisions"])
    goals = made.ladder.goals
    assert [(row["position"], row["step"]) for row in found["steps"]] == [
        (at, one.id) for at, one in enumerate(goals)
    ]
    assert [row["is_purchase"] for row in found["steps"]] == [False] * (len(goals) - 1) + [True]
    text = json.dumps({name: as_json(rows) for name, rows in found.items()})
    assert '"out"' not in text
    assert "erased" not in text
    assert "Almeida" not in text  # a family name, in the events of some leads
    for name, keys in KEYS.items():
        told = [tuple(row[key] for key in keys) for row in found[name]]
        assert len(told) == len(set(told)) > 0
        assert all(None not in one for one in told)


def _check_leads(made, rows):
    privacy, scores = Privacy(made.store.database), made.scores()
    for row in rows:
        lead = privacy.lead(row["lead_id"])
        score = scores.get(row["lead_id"], {})
        assert row == {
            "lead_id": lead.lead_id,
            "ids": [one for one in lead.ids if one != lead.lead_id],
            "events": lead.events,
            "first_event_at": when(lead.first_seen or 0),
            "last_event_at": when(lead.last_seen or 0),
            **{key: score.get(key) for key in ("ladder", "step", "position")},
        }
    assert [row["lead_id"] for row in rows] == [
        lead for lead in made.store.lead_ids() if not privacy.is_opted_out(lead)
    ]
    assert ["anonymous"] in [row["ids"] for row in rows]


def _check_decisions(made, rows):
    """As the log has them, and as the API tells them."""
    answers = made.told()
    assert {row["decision_id"] for row in rows} == set(answers)
    decided = {
        one.decision.decision_id: one
        for one in decisions_of(made.store.log(made.ladder), made.ladder)
    }
    assert set(decided) == set(answers)
    for row in as_json(rows):
        one, told = decided[row["decision_id"]], answers[row["decision_id"]]
        assert row["lead_id"] == one.decision.lead_id == made.store.lead_of(told["lead_id"])
        assert row["exposed_at"] == told["exposed_at"]
        assert row["exposed_at"] == (rfc3339(one.exposed_at) if one.exposed_at else None)
        outcome = told["outcome"] or {}
        kept = {f"outcome_{key}": outcome.get(key) for key in ("kind", "late")}
        kept |= {"outcome": outcome.get("value"), "outcome_at": outcome.get("occurred_at")}
        assert {key: row[key] for key in kept} == kept
        assert one.outcome == (None if row["outcome_late"] else row["outcome"])
        (chosen,) = (it for it in told["ranking"] if it["offer_id"] == told["offer"]["id"])
        step, framing = told["step"], told["offer"]["framing"]
        assert [row[key] for key in ("step", "offer_id", "propensity", "p_advance", "gain")] == [
            step and step["id"],
            told["offer"]["id"],
            told["probability_chosen"],
            chosen["p_advance"],
            chosen["gain"],
        ]
        assert row["framing"] == (framing and framing["id"])
        by_option = dict(zip(row["options"], row["propensities"], strict=True))
        assert by_option == {it["offer_id"]: it["propensity"] for it in told["ranking"]}
        assert (row["policy"], row["model_version"]) == (*told["policy"].values(),)
        same = ("ladder", "expires_at")
        assert [row[key] for key in same] == [told[key] for key in same]
        assert row["decided_at"] == told["as_of"]
    kinds = [
        (row["exposed_at"] is None, row["outcome"] is None, row["outcome_late"]) for row in rows
    ]
    assert {
        (True, True, None),
        (False, True, None),
        (False, False, False),
        (False, False, True),
    } <= {*kinds}


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ndjson"])
def test_again(made, tmp_path, suffix):
    """The same bytes, again and again; after news, the rows that the news is about."""
    folder, database = tmp_path / "tables", made.store.database
    (tmp_path / "tables").mkdir()
    (folder / "other").write_text("mine")

    def written():
        write_tables(folder, suffix, database, made.ladder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    first = written()
    assert first["other"] == b"mine"
    assert set(first) == {"other", *(f"{name}{suffix}" for name in KEYS)}
    assert written() == first
    decision = next(
        one for one, it in made.told().items() if it["exposed_at"] and not it["outcome"]
    )
    made.recommender.outcome(decision, 0.75)
    after = written()
    changed = {name for name in first if first[name] != after[name]}
    assert changed == {f"decisions{suffix}", f"leads{suffix}"}  # an outcome is an event as well
    if suffix == ".ndjson":
        for name in changed:
            pairs = zip(first[name].splitlines(), after[name].splitlines(), strict=True)
            assert sum(one != other for one, other in pairs) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_formats(made, tmp_path):
    """The same rows as Parquet, with the columns that are documented, as CSV and as JSON lines."""
    rows = {name: as_json(of) for name, of in tables(made, tmp_path).items()}
    for suffix in (".csv", ".ndjson"):
        counts = write_tables(tmp_path, suffix, made.store.database, made.ladder)
        assert counts == {name: len(of) for name, of in rows.items()}
    for name, schema in schemas_of(made.ladder).items():
        read = pq.read_schema(tmp_path / f"{name}.parquet")
        assert read.remove_metadata() == schema
        assert {one.type.tz for one in read if pa.types.is_timestamp(one.type)} <= {"UTC"}
        lines = (tmp_path / f"{name}.ndjson").read_text().splitlines()
        assert [json.loads(line) for line in lines] == rows[name]
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        assert [one[KEYS[name][-1]] for one in table] == [one[KEYS[name][-1]] for one in rows[name]]


def test_another_ladder(made, tmp_path):
    """The tables of a ladder that nobody is scored on are not written, nor is anything else."""
    with pytest.raises(UnknownLadder, match="b2c"):
        write_tables(tmp_path / "new", ".parquet", made.store.database, read_ladder("b2c"))
    assert list(tmp_path.glob("new*")) == []


def test_what_cannot_be_written(made, tmp_path):
    """An error on the way leaves all tables as they were: none is of another state."""
    before = tables(made, tmp_path / "tables")
    made.recommender.recommend("lead-01", decision_id="new")
    names = made.ladder.events
    broken = Event(message_id("x", "decision"), "zz", names.decision, START, START, "{}")
    made.store.append_events([broken])
    with pytest.raises(EventsError, match=r"'zz'.*no record of a decision"):
        tables(made, tmp_path / "tables")
    folder = tmp_path / "tables"
    assert {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in KEYS} == before
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_decision_that_was_made_elsewhere(store, tmp_path):
    """Without an answer it has what its record says; one under a foreign message id is nobody's.

    Nor is one that an experiment of others drew in it: what came of that is never reported.
    """
    ladder = read_ladder("b2b")
    decision = Decision(
        *("d", "ann", START, "", ("nurture", "no_ask"), (0.25, 0.75), "no_ask", "rules", "v"), START
    )
    known = decision_event(decision, ladder)
    foreign = decision_event(replace(decision, decision_id="e"), ladder)
    others = decision_event(replace(decision, decision_id="o", policy="experiment:mail"), ladder)
    by_message = [foreign._replace(message_id=one) for one in ("mine", "rung-decision-0")]
    store.append_events([known, *by_message, others])
    write_tables(tmp_path, ".parquet", store.database, ladder)
    (row,) = pq.read_table(tmp_path / "decisions.parquet").to_pylist()
    assert (row["decision_id"], row["propensity"], row["p_advance"]) == ("d", 0.75, None)
    assert (row["step"], row["ladder"], row["exposed_at"]) == (None, "b2b", None)


def test_nothing_yet(store, tmp_path):
    """An empty store has empty tables, with all their columns."""
    ladder = read_ladder("b2b")
    counts = write_tables(tmp_path, ".parquet", store.database, ladder)
    assert counts == {"steps": len(ladder.goals), "leads": 0, "scores": 0, "decisions": 0}
    for name, schema in schemas_of(ladder).items():
        assert pq.read_schema(tmp_path / f"{name}.parquet").names == schema.names


@pytest.mark.slow
def test_memory(tmp_path):
    """Three times as many decisions take no more memory: they are never held all at once."""
    ladder = read_ladder("b2b")

    def peak(count):
        with EventStore.open(tmp_path / f"{count}.db") as store:
            for start in range(0, count, 1000):
                store.append_events(_decided(ladder, at) for at in range(start, start + 1000))
            tracemalloc.start()
            counts = write_tables(tmp_path / "t", ".parquet", store.database, ladder)
            held = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert counts["decisions"] == counts["leads"] == count
        return held

    peak(1000)
    few, many = peak(3000), peak(9000)
    assert many < 1.25 * few


def _decided(ladder, number):
    decision = Decision(
        f"d{number}",
        *(f"lead-{number}", START + number, "", ("no_ask",), (1.0,), "no_ask", "rules", "v"),
        START + world.HOUR_US,
    )
    return decision_event(decision, ladder, {"text": "x" * 500})
