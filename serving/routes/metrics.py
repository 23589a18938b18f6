"""What Prometheus reads at /metrics: requests as they are measured, all else looked up when asked.

Each app has a registry of its own. What the database has to say is read at most every two seconds,
in a thread, and a scrape does not wait for it longer than five.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Request
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import Scope

from features.clock import seconds_since
from features.store.kept.meta import why_not_writable
from features.store.schema import deliveries, write_backs
from models.recalibrated import shift_of
from serving.edge.access.needs import needs
from serving.edge.logs import log_failure
from serving.edge.problems import documented
from serving.process.judged.drifting import ahead_of, queue_drift
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["METRICS", "Metrics", "install", "router"]

METRICS: Final[Mapping[str, str]] = {
    "rung_request_seconds": "Seconds from the head of a request to the end of its answer",
    "rung_events_total": "Events that could be read, by result: accepted (new) or duplicate",
    "rung_events_rejected_total": "Events that were refused, by reason",
    "rung_commit_seconds": "Commits of events, and the seconds that they took",
    "rung_events_waiting": "Events that wait for a commit",
    "rung_store_up": "1 where the store answered all questions of this scrape, else 0",
    "rung_store_writable": "0 where this process could not write the last time that it had to",
    "rung_marks_waiting": "Ids of leads with news that are not scored yet",
    "rung_marks_oldest_seconds": "For how long the oldest of that news has waited; 0 without any",
    "rung_freshness_seconds": "For how long the news that was scored last had waited",
    "rung_scoring_age_seconds": "Seconds since the last scoring of all leads began",
    "rung_scoring_seconds": "How long the last scoring of all leads took",
    "rung_scoring_leads": "How many leads it scored",
    "rung_lead_events_most": "Events of the lead that had the most at that scoring: a bot?",
    "rung_lead_ids_most": "Ids of the lead that had the most at that scoring",
    "rung_queue_leads": "Leads of the queue by the step before them, at the last such scoring",
    "rung_model_info": "1; the labels say which model serves, by which policy and ladder",
    "rung_recalibration_shift": "How far outcomes have moved typical log-odds since training",
    "rung_recalibration_outcomes": "How many outcomes say so",
    "rung_model_problem": "1 where the model that is to serve does not, or is not known, else 0",
    "rung_deliveries_waiting": "Notifications that an endpoint is still to get",
    "rung_deliveries_failed": "Notifications of 30 days that an endpoint did not get and will not",
    "rung_deliveries_overdue_seconds": "For how long the longest has been due; 0 where none is",
    "rung_delivery_attempts_total": "Attempts of this process to deliver, by outcome",
    "rung_write_backs_waiting": "Leads that a CRM is still to be told of",
    "rung_write_backs_failed": "Leads that a CRM was not told of and will not, for now",
    "rung_score_mean": "Mean chance of the next step of the queued leads, from 0 to 1",
    "rung_score_outside_ratio": "Share of queued leads whose chance the calibration never met",
    "rung_score_stability_index": "Population stability index of the queue's chances",
    "rung_signals_moved": "Signals before a step that are surely not what they were in training",
}
"""Every metric of ours, and what it tells; docs/deployment.md has the same with more words."""

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
_KEPT_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 5.0


# ------------------------------------------------------------------------------------- Instruments


class Metrics:
    """The metrics of one app."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(namespace="rung", registry=self._registry)
        self._seconds = Histogram(
            "rung_request_seconds",
            METRICS["rung_request_seconds"],
            ("method", "route", "status"),
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._stored: list[Metric] = []
        self._stored_at = float("-inf")

    def measure(self, scope: Scope, status: int | None, seconds: float) -> None:
        """Count a request.

        Parameters
        ----------
        status : of its answer; None where whoever asked did not wait for it.
        """
        route = getattr(scope.get("route"), "path_format", _OTHER)
        key = (scope["method"], route, (status or 0) // 100)
        observe = self._observers.get(key) or self._observer(*key)
        observe(seconds)

    def _observer(self, method: str, route: str, hundreds: int) -> Callable[[float], None]:
        """What takes the seconds of such requests; whoever asks cannot make labels of their own."""
        status = f"{hundreds}xx" if hundreds else "none"
        if method not in _METHODS:
            return self._seconds.labels(_OTHER, route, status).observe
        observe = self._seconds.labels(method, route, status).observe
        self._observers[method, route, hundreds] = observe
        return observe

    async def text(self, service: Service) -> bytes:
        """All metrics in Prometheus' text format."""
        stored = await self._of_store(service)
        return await asyncio.to_thread(self._written, service, stored)

    def _written(self, service: Service, stored: list[Metric]) -> bytes:
        own = (_without_created(metric) for metric in self._registry.collect())
        found, _ = _read(_OF_PROCESS, service)
        return generate_latest(_Found([*own, *found, *stored]))

    async def _of_store(self, service: Service) -> list[Metric]:
        """What the store says, or that it does not answer. One reading at a time is under way."""
        if time.monotonic() - self._stored_at < _KEPT_SECONDS:
            return self._stored
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._look(service))
        await asyncio.wait({self._reading}, timeout=_PATIENCE_SECONDS)
        return self._stored if self._reading.done() else [_gauge("rung_store_up", 0)]

    async def _look(self, service: Service) -> None:
        found, is_whole = await asyncio.to_thread(_read, _OF_STORE, service)
        self._stored = [_gauge("rung_store_up", is_whole), *found]
        self._stored_at = time.monotonic()


class _Found(Collector):
    """Metrics that were collected already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _without_created(metric: Metric) -> Metric:
    """Without the times at which the client library made its instruments."""
    metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
    return metric


# ------------------------------------------------------------------------------------------- Parts


MetricsOf = Callable[[Service], Iterable[Metric]]


def _read(parts: Iterable[MetricsOf], service: Service) -> tuple[list[Metric], bool]:
    """What parts have to say, and whether all could; one that fails leaves the others alone."""
    found: list[Metric] = []
    is_whole = True
    for part in parts:
        try:
            found += part(service)
        except Exception as error:  # the other metrics are wanted all the more
            log_failure("metrics cannot be read", error, part=part.__name__.strip("_"))
            is_whole = False
    return found, is_whole


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, METRICS[name], value=float(value))


def _gauges(name: str, label: str, values: Mapping[str, float]) -> Metric:
    """One gauge with a value for each of a label's."""
    family = GaugeMetricFamily(name, METRICS[name], labels=[label])
    for of, value in values.items():
        family.add_metric([of], float(value))
    return family


def _counts(name: str, label: str, values: Mapping[str, int]) -> Metric:
    """One counter with a value for each of a label's."""
    family = CounterMetricFamily(name, METRICS[name], labels=[label])
    for of, value in values.items():
        family.add_metric([of], float(value))
    return family


def _events(service: Service) -> Iterable[Metric]:
    ingest = service.group_commit
    results = {"accepted": ingest.accepted, "duplicate": ingest.duplicates}
    yield _counts("rung_events_total", "result", results)
    yield _counts("rung_events_rejected_total", "reason", dict(ingest.rejected))
    name = "rung_commit_seconds"
    yield SummaryMetricFamily(
        name, METRICS[name], count_value=ingest.commits, sum_value=ingest.seconds
    )
    yield _gauge("rung_events_waiting", ingest.waiting)
    yield _gauge("rung_store_writable", not service.store.database.trouble)


def _attempts(service: Service) -> Iterable[Metric]:
    yield _counts("rung_delivery_attempts_total", "outcome", dict(service.attempts))


def _scoring(service: Service) -> Iterable[Metric]:
    yield _gauge("rung_freshness_seconds", service.freshness)
    run = service.run
    if run is None:
        return
    yield _gauge("rung_scoring_age_seconds", _seconds_since(service, run.as_of))
    yield _gauge("rung_scoring_seconds", run.seconds)
    yield _gauge("rung_scoring_leads", run.leads)
    yield _gauge("rung_lead_events_most", run.most_events)
    yield _gauge("rung_lead_ids_most", run.most_ids)
    yield _gauges("rung_queue_leads", "step", run.by_step)


def _model(service: Service) -> Iterable[Metric]:
    yield _gauge("rung_model_problem", bool(service.problem))
    scorer = service.scorer
    if scorer.bundle is None:
        return
    model = scorer.model
    name = "rung_model_info"
    family = GaugeMetricFamily(name, METRICS[name], labels=["version", "policy", "ladder"])
    told = [model.bundle.version, model.adviser.policy_name, model.bundle.ladder.name]
    family.add_metric(told, 1.0)
    yield family
    name = "rung_recalibration_shift"
    family = GaugeMetricFamily(name, METRICS[name], labels=["goal"])
    for goal, move in model.track.moves_at(service.clock()).items():
        family.add_metric([goal], shift_of(model.track.bundle, goal, move))
    yield family
    yield _gauge("rung_recalibration_outcomes", model.bundle.outcomes)


def _drift(service: Service) -> Iterable[Metric]:
    drift = queue_drift(service)
    if drift is None:
        return
    yield _gauge("rung_score_mean", drift.mean)
    if drift.outside is not None:
        yield _gauge("rung_score_outside_ratio", drift.outside)
    if drift.stability is not None:
        yield _gauge("rung_score_stability_index", drift.stability)


_OF_PROCESS: Final[tuple[MetricsOf, ...]] = (_events, _attempts, _scoring, _model, _drift)


def _marks(service: Service) -> Iterable[Metric]:
    count, since = service.store.marks.waiting()
    yield _gauge("rung_marks_waiting", count)
    yield _gauge("rung_marks_oldest_seconds", _seconds_since(service, since))


def _deliveries(service: Service) -> Iterable[Metric]:
    due = deliveries.c.due_at
    waiting = sa.select(sa.func.count(), sa.func.min(due)).where(due.is_not(None))
    with service.store.database.reading() as connection:
        count, since = connection.execute(waiting).one()
    yield _gauge("rung_deliveries_waiting", count)
    yield _gauge("rung_deliveries_overdue_seconds", _seconds_since(service, since))


def _failed_deliveries(service: Service) -> Iterable[Metric]:
    failed = sa.select(sa.func.count()).where(
        deliveries.c.due_at.is_(None), deliveries.c.delivered_at.is_(None)
    )
    with service.store.database.reading() as connection:
        yield _gauge("rung_deliveries_failed", connection.scalar(failed) or 0)


def _write_backs(service: Service) -> Iterable[Metric]:
    given_up = sa.and_(write_backs.c.wanted.is_not(None), write_backs.c.due_at.is_(None))
    wanted = sa.select(
        write_backs.c.connector,
        sa.func.count(write_backs.c.due_at).label("waiting"),
        sa.func.sum(sa.case((given_up, 1), else_=0)).label("failed"),
    ).group_by(write_backs.c.connector)
    with service.store.database.reading() as connection:
        rows = connection.execute(wanted).all()
    waiting = {row.connector: row.waiting for row in rows}
    yield _gauges("rung_write_backs_waiting", "connector", waiting)
    failed = {row.connector: row.failed for row in rows}
    yield _gauges("rung_write_backs_failed", "connector", failed)


def _seconds_since(service: Service, since: int | None) -> float:
    """Seconds since an instant, 0 where there is none, or it is to come."""
    return 0.0 if since is None else seconds_since(since, service.scorer.clock())


def _writable(service: Service) -> Iterable[Metric]:
    """Whether it can be written again, where it could not; `rung_store_writable` tells it."""
    why_not_writable(service.store.database)
    return ()


def _signals(service: Service) -> Iterable[Metric]:
    ahead = ahead_of(service)
    if ahead is None:
        return
    moved = {goal.id: 0 for goal in service.ladder.goals}
    moved |= {one["step"]: len(one["signals"]) for one in ahead["moved"]}
    yield _gauges("rung_signals_moved", "step", moved)


_OF_STORE: Final[tuple[MetricsOf, ...]] = (
    _writable,
    _marks,
    _deliveries,
    _failed_deliveries,
    _write_backs,
    _signals,
)


# ------------------------------------------------------------------------------------------- Route

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    dependencies=[Depends(needs("read"))],
    responses={
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format 0.0.4"},
        **documented(),
    },
    response_class=Response,
)
async def scrape(request: Request, service: Served) -> Response:
    """How the service does; of requests and events, what this process has seen.

    Where the store is out of reach its gauges are absent, and `rung_store_up` is 0.
    """
    metrics = cast(Metrics, request.app.state.metrics)
    headers = {"Cache-Control": "no-store"}
    text = await metrics.text(service)
    return Response(text, headers=headers, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def install(app: FastAPI) -> Metrics:
    """Give an app metrics; whoever serves its requests calls `measure`."""
    metrics: Metrics = Metrics()
    app.state.metrics = metrics
    return metrics
