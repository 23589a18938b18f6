"""Metrics: what a scrape says, that it says so whatever fails, and what it costs."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from features.clock import now
from features.errors import StoreError
from features.store.schema import deliveries, write_backs
from models.judging.served import AHEAD
from models.scores import venn_abers
from serving.app import create_app
from serving.notifications.attempt import Answer
from serving.notifications.delivery import _outcome
from serving.process.service import Service
from serving.routes import metrics
from serving.routes.metrics import METRICS, Metrics
from serving.scoring.batch.rescoring import Run
from serving.scoring.drift import LEVELS, drift_of
from serving.settings import Settings
from tests.serving.callers import Clock, bearer, client_of, make, running
from tests.serving.conftest import service_of
from tests.serving.process.judged.scene import keep

DOCS = Path(__file__).resolve().parents[3] / "docs" / "deployment.md"
PROCESS = "rung_process_"
NAMED = re.compile(r"\brung_\w+")


def samples(client: TestClient, **more) -> dict[str, float]:
    """What a scrape says, by `name{label="value",...}` with the labels in order."""
    answer = client.get("/metrics", **more)
    assert answer.status_code == 200, answer.text
    return parsed(answer.text)


def parsed(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f'{name}="{of}"' for name, of in sorted(one.labels.items()))
            found[one.name + (f"{{{labels}}}" if labels else "")] = one.value
    return found


def families(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def fresh(client: TestClient) -> Metrics:
    """The metrics of an app, which remember nothing of the store."""
    app = client.app
    assert isinstance(app, FastAPI)
    found = app.state.metrics
    assert isinstance(found, Metrics)
    found._stored_at = float("-inf")
    return found


@pytest.fixture
def alone(tmp_path) -> Iterator[TestClient]:
    """A service on an empty store, without a model and without a key."""
    with running(tmp_path, Clock()) as app:
        yield client_of(app)


# ---------------------------------------------------------------------------------- What there is


def test_every_metric_is_documented():
    """docs/deployment.md has a row for each metric of ours, and for no other."""
    rows = set(re.findall(r"^\| `(rung_\w+)`", DOCS.read_text(), re.MULTILINE))
    assert {row for row in rows if not row.startswith(PROCESS)} == set(METRICS)


def test_alerts_are_about_metrics_that_there_are():
    """The rules of docs/deployment.md can be read, and name metrics and labels of ours."""
    yaml = pytest.importorskip("yaml")  # MLflow brings it
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    scraped, (group,) = yaml.safe_load(blocks[0]), yaml.safe_load(blocks[1])["groups"]
    assert scraped["scrape_configs"][0]["job_name"] == "rung"
    suffixes = re.compile(r"_(count|sum|bucket)$")
    names = {suffixes.sub("", one) for r in group["rules"] for one in NAMED.findall(r["expr"])}
    assert len(group["rules"]) > 10
    assert {one for one in names if not one.startswith(PROCESS)} <= set(METRICS)


def test_every_metric_of_the_process_is_documented(client):
    """So has it for each metric of the process."""
    found = {one for one in families(client.get("/metrics").text) if one.startswith(PROCESS)}
    assert found
    assert [one for one in found if f"| `{one}`" not in DOCS.read_text()] == []


def test_a_scrape_of_a_whole_service(client, service):
    """All metrics are there but the index, which sixty leads are too few for; nothing else is."""
    moved = {"moved": [{"step": "value", "signals": [{}, {}]}], "goals": [], "note": ""}
    keep(service, AHEAD, moved, service.scorer.model.bundle.hash)
    fresh(client)
    text = client.get("/metrics").text
    ours = {one for one in families(text) if not one.startswith(PROCESS)}
    assert ours == set(METRICS) - {"rung_score_stability_index"}
    found = parsed(text)
    model = service.scorer.model
    labels = f'ladder="b2b",policy="careful",version="{model.bundle.version}"'
    assert found[f"rung_model_info{{{labels}}}"] == 1.0
    assert found["rung_model_problem"] == 0.0
    assert found["rung_store_up"] == 1.0
    steps = {goal.id: f'rung_signals_moved{{step="{goal.id}"}}' for goal in service.ladder.goals}
    assert {id_: found[name] for id_, name in steps.items()} == dict.fromkeys(steps, 0) | {
        "value": 2
    }
    assert found["rung_scoring_leads"] == service.run.leads
    assert found["rung_lead_events_most"] == service.run.most_events > 1
    assert found["rung_lead_ids_most"] == service.run.most_ids >= 1
    queued = {name: of for name, of in found.items() if name.startswith("rung_queue_leads")}
    assert queued == {f'rung_queue_leads{{step="{s}"}}': n for s, n in service.run.by_step.items()}
    assert 0 < found["rung_score_mean"] < 1
    scored_at = min(score.scored_at for score in service.store.queue.listed(1000))
    age = (service.clock() - scored_at) / 1e6
    assert found["rung_scoring_age_seconds"] == pytest.approx(age, abs=60)


@pytest.mark.parametrize("ahead", [86_377, 3600, 10**9])
def test_no_age_is_negative(url, folder, ahead):
    """What a clock that was ahead has scored, marked or put off is of no age."""
    service = Service.open(Settings(url, folder / "fitted"), clock=now)
    later = now() + ahead * 1_000_000
    service.run = Run(later, 1.0, 1, 1, {}, service.scorer.model.bundle.hash)
    with service.store.database.writing() as connection:
        service.store.marks.put(connection, {"ann": later}, "m")
    told = [*metrics._scoring(service), *metrics._marks(service), *metrics._deliveries(service)]
    service.close()
    values = {one.name: one.samples[0].value for one in told if one.samples}
    assert values["rung_scoring_age_seconds"] == 0.0
    assert values["rung_marks_oldest_seconds"] == 0.0
    assert min(values.values()) >= 0.0


def test_text_format(alone):
    """It is Prometheus' plain text, is not kept by caches, and has no time of making."""
    answer = alone.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "_created" not in answer.text


def test_without_a_model(alone):
    """A service without a model has no figures of one, and says that it should have one."""
    found = samples(alone)
    assert found["rung_model_problem"] == 1.0
    assert not [name for name in found if name.startswith(("rung_model_info", "rung_scor"))]


def test_needs_a_key_that_reads(tmp_path):
    """Once there is a key, metrics are for those that may read."""
    with running(tmp_path, Clock()) as app:
        keys = {scope: make(app, scope) for scope in ("read", "ingest", "admin")}
        client = client_of(app)
        assert client.get("/metrics").status_code == 401
        status = {s: client.get("/metrics", headers=bearer(k)).status_code for s, k in keys.items()}
    assert status == {"read": 200, "ingest": 403, "admin": 200}


# ---------------------------------------------------------------------------------------- Requests


def count_of(method: str, route: str, status: str) -> str:
    return f'rung_request_seconds_count{{method="{method}",route="{route}",status="{status}"}}'


def test_requests_by_template(alone):
    """Requests are counted by the route's template and the class of the answer's status."""
    for lead in ("a", "b/c", "%C3%A9"):
        alone.get(f"/v1/leads/{lead}/score")
    alone.get("/healthz")
    alone.post("/v1/events", json={"events": 1})
    found = samples(alone)
    assert found[count_of("GET", "/v1/leads/{lead_id}/score", "5xx")] == 3
    assert found[count_of("GET", "/healthz", "2xx")] == 1
    assert found[count_of("POST", "/v1/events", "4xx")] == 1
    assert found[count_of("GET", "/healthz", "2xx").replace("count", "sum")] > 0


def test_callers_make_no_labels(alone):
    """Whatever addresses and methods somebody makes up, they are counted together."""
    for number in range(30):
        alone.get(f"/made-up-{number}")
        alone.request(f"MADE{number}", "/")
        alone.request(f"MADE{number}", f"/made-up-{number}")
    text = alone.get("/metrics").text
    assert re.search(r"made-up|MADE", text) is None
    found = parsed(text)
    assert found[count_of("GET", "other", "4xx")] == 30
    others = [name for name in found if 'method="other"' in name and "_count" in name]
    assert sum(found[name] for name in others) == 60
    assert len(others) <= 2
    observers = alone.app.state.metrics._observers
    assert len(observers) <= 3


def test_no_answer():
    """A request that nobody waited for is counted as one without a status."""
    found = Metrics()
    found.measure({"method": "GET"}, None, 0.5)
    family = next(iter(found._seconds.collect()))
    assert {one.labels["status"] for one in family.samples} == {"none"}


def test_apps_count_for_themselves(tmp_path):
    """Two apps in one process share no metric."""
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        with running(folder, Clock()) as app:
            client = client_of(app)
            client.get("/healthz")
            assert samples(client)[count_of("GET", "/healthz", "2xx")] == 1


@pytest.mark.slow
def test_measuring_costs_little():
    """To count a request takes less than three microseconds."""
    found, route = Metrics(), SimpleNamespace(path_format="/v1/leads/{lead_id}/score")
    scope = {"method": "GET", "route": route}
    found.measure(scope, 200, 0.001)
    best = float("inf")
    for _ in range(50):
        started = time.thread_time()
        for _ in range(1000):
            found.measure(scope, 200, 0.001)
        best = min(best, (time.thread_time() - started) / 1000)
    assert best < 3e-6


# ------------------------------------------------------------------------------------------ Events


def event(message_id: str, **more) -> dict[str, object]:
    base = {"message_id": message_id, "lead_id": "ann", "name": "page_viewed"}
    return {**base, "occurred_at": "2026-03-01T10:00:00Z", **more}


def test_events_by_what_became_of_them(alone):
    """Accepted, duplicate and refused events are counted, singles and batches alike."""
    batch = [event("1"), event("2"), event("2"), event("3", occurred_at="never"), event("4", x=1)]
    answer = alone.post("/v1/events", json={"events": batch}).json()
    alone.post("/v1/events", json={"events": [event("1")]})
    single = alone.post("/v1/track", json={"userId": "ann", "event": "", "messageId": "5"})
    assert single.status_code == 422
    found = samples(alone)
    assert found['rung_events_total{result="accepted"}'] == answer["accepted"] == 2
    assert found['rung_events_total{result="duplicate"}'] == answer["duplicates"] + 1 == 2
    refused = {name: of for name, of in found.items() if name.startswith("rung_events_rejected")}
    assert refused.pop('rung_events_rejected_total{reason="invalid_time"}') == 1
    assert refused.pop('rung_events_rejected_total{reason="unknown_member"}') == 1
    assert sum(refused.values()) == 1
    assert found["rung_commit_seconds_count"] == 2
    assert found["rung_commit_seconds_sum"] > 0
    assert found["rung_events_waiting"] == 0


def test_a_cloud_event_in_headers_is_counted(alone):
    """An event in the binary mode that is refused is counted once."""
    headers = {"ce-specversion": "0.3", "ce-id": "1", "ce-source": "/a", "ce-type": "b"}
    assert alone.post("/v1/cloudevents", headers=headers).status_code == 422
    assert samples(alone)['rung_events_rejected_total{reason="unknown_version"}'] == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(204), "delivered"),
        (Answer(503, "answered 503"), "throttled"),
        (Answer(429, "answered 429"), "throttled"),
        (Answer(404, "answered 404"), "refused"),
        (Answer(301, "answered 301"), "refused"),
        (Answer(None, "no answer"), "unanswered"),
    ],
)
def test_outcomes_of_deliveries(answer, outcome):
    """An attempt to deliver counts by what came back."""
    assert _outcome(answer) == outcome


# --------------------------------------------------------------------------------------- The store


def asked(store, clock_us: int = 1_000_000_000) -> SimpleNamespace:
    """What a part of the metrics asks of a service."""
    scorer = SimpleNamespace(clock=lambda: clock_us)
    return SimpleNamespace(store=store, scorer=scorer)


def told(part, service) -> dict[str, float]:
    return {
        one.name + "".join(one.labels.values()): one.value
        for family in part(service)
        for one in family.samples
    }


def test_marks(store):
    """News that waits is counted, and is as old as the oldest of it."""
    assert told(metrics._marks, asked(store)) == {
        "rung_marks_waiting": 0,
        "rung_marks_oldest_seconds": 0,
    }
    with store.database.writing() as connection:
        store.marks.put(connection, {"a": 990_000_000, "b": 997_000_000}, "m")
    assert told(metrics._marks, asked(store)) == {
        "rung_marks_waiting": 2,
        "rung_marks_oldest_seconds": 10,
    }


def test_deliveries(store):
    """Deliveries that wait and those that failed are counted; what is due later is not overdue."""

    def row(name, **more):
        base = {"endpoint_id": "e", "attempts": 0, "leased_until": 0, "due_at": None}
        return {"notification_id": name, "delivered_at": None, **base, **more}

    rows = [
        row("done", delivered_at=5),
        row("failed"),
        row("late", due_at=970_000_000),
        row("next", due_at=1_500_000_000),
    ]
    with store.database.writing() as connection:
        connection.execute(sa.insert(deliveries), rows[3:])
    assert told(metrics._deliveries, asked(store))["rung_deliveries_overdue_seconds"] == 0
    with store.database.writing() as connection:
        connection.execute(sa.insert(deliveries), rows[:3])
    assert told(metrics._deliveries, asked(store)) == {
        "rung_deliveries_waiting": 2,
        "rung_deliveries_overdue_seconds": 30,
    }
    assert told(metrics._failed_deliveries, asked(store)) == {"rung_deliveries_failed": 1}


def test_write_backs(store):
    """What each CRM is to be told, and what it was not, is counted."""

    def row(lead, connector, wanted, due_at):
        base = {"external_id": lead, "leased_until": 0, "attempts": 0}
        return {"connector": connector, "lead_id": lead, "wanted": wanted, "due_at": due_at, **base}

    rows = [
        row("a", "hubspot", "{}", 1),
        row("b", "hubspot", "{}", None),
        row("c", "hubspot", None, None),
        row("a", "mautic", "{}", 1),
    ]
    assert told(metrics._write_backs, asked(store)) == {}
    with store.database.writing() as connection:
        connection.execute(sa.insert(write_backs), rows)
    assert told(metrics._write_backs, asked(store)) == {
        "rung_write_backs_waitinghubspot": 1,
        "rung_write_backs_waitingmautic": 1,
        "rung_write_backs_failedhubspot": 1,
        "rung_write_backs_failedmautic": 0,
    }


@pytest.mark.parametrize("error", [StoreError("gone"), RuntimeError("odd"), sa.exc.DBAPIError])
def test_one_part_fails(alone, monkeypatch, error):
    """Where one question fails its metrics are absent, the store is down, and all else is told."""
    if isinstance(error, type):
        error = error("SELECT", {}, Exception("odd"))

    def fail():
        raise error

    monkeypatch.setattr(service_of(alone).store.marks, "waiting", fail)
    fresh(alone)
    found = samples(alone)
    assert found["rung_store_up"] == 0
    assert "rung_marks_waiting" not in found
    assert {"rung_deliveries_waiting", "rung_events_waiting", "rung_model_problem"} <= set(found)


def test_a_store_that_does_not_answer(bare, monkeypatch):
    """A scrape does not wait for it, and however many come, one reading is under way."""
    asked_for, answers = [], threading.Event()

    def wait():
        asked_for.append(1)
        answers.wait(30)
        return 3, None

    monkeypatch.setattr(metrics, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(service_of(bare).store.marks, "waiting", wait)
    fresh(bare)
    for _ in range(3):
        found = samples(bare)
        assert found["rung_store_up"] == 0
        assert "rung_marks_waiting" not in found
        assert "rung_events_waiting" in found
    assert len(asked_for) == 1
    answers.set()
    monkeypatch.setattr(metrics, "_PATIENCE_SECONDS", 30.0)
    assert samples(bare)["rung_marks_waiting"] == 3


def test_kept_for_two_seconds(alone, monkeypatch):
    """Scrapes that follow each other ask the database once; after two seconds they ask again."""
    marks, numbers = service_of(alone).store.marks, count(1)
    monkeypatch.setattr(marks, "waiting", lambda: (next(numbers), None))
    found = fresh(alone)
    assert [samples(alone)["rung_marks_waiting"] for _ in range(3)] == [1, 1, 1]
    found._stored_at -= 2.0
    assert samples(alone)["rung_marks_waiting"] == 2


# ------------------------------------------------------------------------------------------- Drift

GRID = np.linspace(0.1, 0.9, LEVELS)


def test_levels_are_those_of_a_calibrator():
    """A calibrator without ties has a grid of as many levels."""
    assert venn_abers._GRID == LEVELS


def test_no_drift():
    """Chances spread as the calibration's give an index near nothing, and none lie outside."""
    found = drift_of(np.linspace(0.1, 0.9, 5000), GRID)
    assert found.stability == pytest.approx(0.0, abs=1e-4)
    assert found.outside == 0.0
    assert found.mean == pytest.approx(0.5)


def test_chance_alone():
    """The index that sampling alone gives is about nine over the leads."""
    rng = np.random.default_rng(1)
    found = [drift_of(rng.uniform(0.1, 0.9, 900), GRID).stability for _ in range(200)]
    assert np.mean([one or 0.0 for one in found]) == pytest.approx(0.01, rel=0.2)


def test_the_index_is_its_definition():
    """All leads in the lowest tenth: the index is what its formula gives, half leads added."""
    counts = np.array([1000.5] + [0.5] * 9)
    shares = counts / 1005
    expected = sum((share - 0.1) * np.log(share / 0.1) for share in shares)
    assert drift_of(np.full(1000, 0.1), GRID).stability == pytest.approx(expected)


@given(st.floats(-0.3, 0.3), st.integers(100, 400))
def test_the_index_is_never_negative(shift, count):
    """However the chances lie, the index is a distance."""
    served = np.clip(np.linspace(0.1, 0.9, count) + shift, 0, 1)
    assert (drift_of(served, GRID).stability or 0.0) >= 0


def test_a_shift_is_seen():
    """The further the chances have moved, the greater the index, and more lie outside."""
    even = np.linspace(0.1, 0.9, 2000)
    found = [drift_of(np.clip(even + shift, 0, 1), GRID) for shift in (0.0, 0.05, 0.1, 0.2)]
    indices = [one.stability or 0.0 for one in found]
    assert indices == sorted(indices)
    assert indices[-1] > 0.25
    assert found[-1].outside == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("served", "grid"),
    [
        (np.full(1000, 0.5), GRID[:-1]),
        (np.full(99, 0.5), GRID),
        (np.full(1000, 0.5), np.empty(0)),
    ],
)
def test_what_cannot_be_compared(served, grid):
    """With ties lost, too few leads or no model there is no index rather than a wrong one."""
    found = drift_of(served, grid)
    assert found.stability is None
    assert found.mean == 0.5
    assert (found.outside is None) is (len(grid) == 0)


def test_no_drift_of_another_model(service):
    """While the queue is still that of a former model, nothing is said of drift."""
    assert told(metrics._drift, service)
    other = SimpleNamespace(scorer=service.scorer, run=SimpleNamespace(bundle="another"))
    assert told(metrics._drift, other) == {}


def test_index_of_a_service(service):
    """With leads enough, a service tells the index."""
    bundle = service.scorer.bundle
    ranking = SimpleNamespace(probabilities=np.linspace(0.1, 0.9, 500))
    grid = SimpleNamespace(calibrator=SimpleNamespace(grid=GRID))
    fake = SimpleNamespace(identity=bundle.identity, advancement=grid)
    scorer = SimpleNamespace(bundle=fake, ranking=ranking)
    run = SimpleNamespace(bundle=bundle.identity)
    found = told(metrics._drift, SimpleNamespace(scorer=scorer, run=run))
    assert found["rung_score_stability_index"] == pytest.approx(0.0, abs=1e-2)


def test_described(tmp_path):
    """The description names the route, and what a key needs for it."""
    app = create_app(Settings(f"sqlite:///{tmp_path / 'a.db'}"))
    operation = app.openapi()["paths"]["/metrics"]["get"]
    assert operation["security"][0] == {"bearer": ["read"]}
    assert "text/plain" in operation["responses"]["200"]["content"]
