"""What one process of the service holds, and how a route gets at it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, cast

import numpy as np
from fastapi import Depends, Request
from starlette.responses import Response

from features.errors import BundleError
from features.event_log import EventLog
from features.lead_events import log_of_rows
from features.store import EventStore
from models.bundle import Bundle, load_bundle
from serving.logs import log
from serving.scorer import Model, Scorer
from serving.settings import Settings

__all__ = ["Run", "Served", "Service", "json_answer", "now"]


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
    run: Run | None = None
    failure: str = ""
    """Why the last scoring of all leads came to nothing; "" where it did not."""
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Open the store and load the bundle, warm; a bundle that is not there can come later."""
        store = EventStore.open(settings.database_url)
        service = cls(settings, store, Scorer(store, None, now))
        service.load()
        return service

    def load(self) -> None:
        """Load the bundle of the settings, and warm it; the log says where that is not possible."""
        try:
            bundle = load_bundle(self.settings.bundle)
        except BundleError as error:
            if str(error) != self.scorer.why_not:
                log("no bundle", why=str(error))
            self.scorer = Scorer(self.store, None, now, str(error))
            return
        started = time.perf_counter()
        warm(bundle)
        self.scorer = Scorer(self.store, bundle, now)
        seconds = round(time.perf_counter() - started, 3)
        log(
            "bundle loaded", version=bundle.version, ladder=bundle.ladder.name, warm_seconds=seconds
        )

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def warm(bundle: Bundle) -> None:
    """Compile the fold and touch the boosters, for one lead and for many."""
    model = Model.of(bundle)
    columns = model.compiled.columns
    alone = log_of_rows("warm", [("warm", 0, 0, {})], columns)
    times = np.zeros(2, dtype=np.int64)
    many = EventLog.from_columns(["a", "b"], ["warm"] * 2, times, columns=columns)
    for events in (alone, many):
        leads = np.arange(len(events.leads))
        model.estimate(events, leads, as_of=1).details(0)


async def _served(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_served)]
"""The service, as a parameter of a route."""


def json_answer(value: object, headers: dict[str, str] | None = None) -> Response:
    """JSON as it is: what we made ourselves is not checked again on its way out."""
    body = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(body, headers=headers, media_type="application/json")
