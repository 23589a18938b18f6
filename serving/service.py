"""What one process of the service holds, and how a route gets at it."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, cast

import numpy as np
from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from features.errors import BundleError, PolicyError
from features.event_log import EventLog
from features.lead_events import Row, log_of_rows
from features.store import EventStore
from models.bundle import Bundle, load_bundle
from models.served_policy import DEFAULT, read_served
from serving.advice import advice_for
from serving.logs import log
from serving.recommender import Recommender
from serving.scorer import Model, Scorer
from serving.settings import Settings

__all__ = ["Run", "Served", "Service", "json_answer", "json_body", "now"]


def now() -> int:
    """The present in microseconds since the epoch: the one place where the clock is read."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Run:
    """One scoring of all leads.

    Parameters
    ----------
    as_of : microseconds since the epoch.
    leads, queued : how many were scored, and how many of them stand in the queue.
    by_step : how many queued leads have each step before them, by step id.
    """

    as_of: int
    seconds: float
    leads: int
    queued: int
    by_step: dict[str, int]


@dataclass(slots=True)
class Service:
    """The parts of a running service. `run` is None until all leads were scored once."""

    settings: Settings
    store: EventStore
    scorer: Scorer
    recommender: Recommender
    run: Run | None = None
    failure: str = ""
    """Why the last scoring of all leads came to nothing; "" where it did not."""
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Open the store and load the bundle, warm; a bundle that is not there can come later."""
        store = EventStore.open(settings.database_url)
        scorer = Scorer(store, None, now)
        service = cls(settings, store, scorer, Recommender(scorer))
        service.load()
        return service

    def load(self) -> None:
        """Load the bundle of the settings, and warm it; the log says where that is not possible."""
        try:
            bundle = load_bundle(self.settings.bundle)
        except BundleError as error:
            if str(error) != self.scorer.why_not:
                log("no bundle", why=str(error))
            self._serve(Scorer(self.store, None, now, str(error)))
            return
        started = time.perf_counter()
        policy = _policy(self.settings, bundle)
        warm(bundle, policy)
        self._serve(Scorer(self.store, bundle, now, policy=policy))
        log(
            "bundle loaded",
            version=bundle.version,
            ladder=bundle.ladder.name,
            policy=policy,
            warm_seconds=round(time.perf_counter() - started, 3),
        )

    def _serve(self, scorer: Scorer) -> None:
        self.scorer, self.recommender = scorer, Recommender(scorer)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def _policy(settings: Settings, bundle: Bundle) -> str:
    """The name of the policy to serve a bundle with; the rules where a promoted one cannot be."""
    try:
        return read_served(settings.bundle, bundle)
    except (BundleError, PolicyError) as error:
        log("promoted policy unusable, the rules serve", logging.ERROR, why=str(error))
        return DEFAULT


def warm(bundle: Bundle, policy: str = DEFAULT) -> None:
    """Compile the fold, touch the boosters and the policy, for one lead and for many."""
    model = Model.of(bundle, policy)
    columns = model.compiled.columns
    row: Row = ("warm", 0, 0, {})
    advice_for(model, "warm", [row], as_of=1)
    alone = log_of_rows("warm", [row], columns)
    times = np.zeros(2, dtype=np.int64)
    many = EventLog.from_columns(["a", "b"], ["warm"] * 2, times, columns=columns)
    for events in (alone, many):
        leads = np.arange(len(events.leads))
        model.estimate(events, leads, as_of=1).details(0)


async def _served(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_served)]
"""The service, as a parameter of a route."""


async def json_body(request: Request) -> None:
    """Refuse a body that is not labelled as JSON, or holds what is no text."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415, "Send the body as Content-Type: application/json.")
    body = await request.body()
    if b"\\ud" in body.lower():  # it may be half of a surrogate pair, which no database takes
        try:
            json.dumps(json.loads(body), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise HTTPException(400, "The body holds half of a surrogate pair.") from error


def json_answer(
    value: object, headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """JSON as it is: what we made ourselves is not checked again on its way out."""
    body = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(body, status, headers, media_type="application/json")
