"""The composition root of the service: settings in, an ASGI app out.

uvicorn serving.app:create_app --factory
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib import metadata
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from features.clock import now
from features.ladder.file import read_ladder
from serving.connectors import errors as connector_errors
from serving.connectors import routes as connectors
from serving.connectors.configuration import read_connectors
from serving.connectors.received import ReceivedNotes
from serving.edge import middleware, problems
from serving.edge.access.access import Access
from serving.edge.logs import log, log_to_stderr
from serving.ingestion import cloudevents, own, posthog, segment
from serving.ingestion.browsers import routes as browsers
from serving.ingestion.browsers.sites import Sites, takes_events
from serving.ingestion.schemas import SHAPES
from serving.notifications import errors as notification_errors
from serving.notifications import routes as notifications
from serving.notifications.delivery import keep_delivering
from serving.notifications.schemas import NOTIFICATIONS, NotificationBody, described_webhooks
from serving.pages import files, login, reference
from serving.pages.common.frame import problem_page
from serving.pages.experiments import routes as experiments_page
from serving.pages.ladder import routes as ladder_page
from serving.pages.lead import routes as lead_page
from serving.pages.models import routes as models_page
from serving.pages.queue import routes as queue_page
from serving.pages.settings import routes as settings_page
from serving.pages.settings.keys import routes as keys_page
from serving.pages.settings.offers import routes as offers_page
from serving.pages.settings.privacy import routes as privacy_page
from serving.pages.settings.webhooks import routes as webhooks_page
from serving.process.background import keep_current, keep_fresh, keep_informed, keep_scored
from serving.process.memory import settle
from serving.process.service import Service
from serving.routes import (
    finding,
    leads,
    metrics,
    recommendations,
)
from serving.routes.exports import routes as exports
from serving.routes.offers import routes as offers
from serving.routes.personalizer import routes as personalizer
from serving.routes.queue import accounts
from serving.routes.queue import routes as queue
from serving.routes.scores import routes as scores
from serving.routes.scores.hot import HotPath
from serving.routes.state import experiments, funnel, health, readiness
from serving.settings import Settings
from serving.write_back.configuration import WriteBack, read_write_backs
from serving.write_back.worker import keep_writing

__all__ = ["create_app"]

_DESCRIPTION: Final = (
    "Scores leads on a commitment ladder: the chance of the next small step, an interval, and"
    " reasons that add up to it; and recommends the one small step to offer next. Errors are"
    " `application/problem+json` (RFC 9457), on Personalizer's addresses as it has them. Ignore"
    " members of answers that you do not know; unknown members of requests are"
    " refused."
)


_PARTS: Final = (
    segment,
    own,
    cloudevents,
    posthog,
    browsers,
    scores,
    exports,
    recommendations,
    personalizer,
    queue,
    readiness,
    funnel,
    experiments,
    accounts,
    offers,
    finding,
    leads,
    notifications,
    connectors,
    health,
    metrics,
    files,
    queue_page,
    lead_page,
    ladder_page,
    settings_page,
    offers_page,
    keys_page,
    privacy_page,
    webhooks_page,
    experiments_page,
    models_page,
    reference,
    login,
)
"""What has routes, in the order of the description: what comes in, the API, the pages."""
_WORK: Final = {
    "inside": (keep_fresh, keep_scored, keep_current, keep_delivering, keep_writing),
    "elsewhere": (keep_informed, keep_current, keep_delivering, keep_writing),
}
"""What a process does beside answering, until it goes down, by where scoring takes place."""
_END_SECONDS: Final = 12.0
"""For so long it may end what it is at: deliveries under way have ten seconds."""
_TURN_SECONDS: Final = 0.0005
"""For so long a thread may compute while another one waits; Python has ten times as long. While one
reads requests another writes to the disk, and wants to go on whenever the disk is done."""


def create_app(settings: Settings | None = None, *, clock: Callable[[], int] = now) -> FastAPI:
    """The service. Without settings those of the environment are read.

    Parameters
    ----------
    clock : the present in microseconds since the epoch, for everything that the service does: a
        test can let half a year pass in a minute.

    Raises
    ------
    SettingsError, LadderError : settings, or the files that they name, that cannot be used.
    """
    settings = settings or Settings.from_environment(os.environ)
    ladder = read_ladder(settings.ladder) if settings.ladder else None
    switched_on = read_connectors(settings.connectors, os.environ, ladder)
    write_backs = read_write_backs(settings.connectors, os.environ) if settings.connectors else ()
    log_to_stderr(settings.log_level)
    app = FastAPI(
        title="Rung",
        version=_version(),
        description=_DESCRIPTION,
        lifespan=_lifespan(settings, write_backs, clock),
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=problems.operation_id,
        telemetry=_telemetry(),
    )
    for part in _PARTS:
        app.include_router(part.router)
    app.include_router(segment.beacons)
    app.add_middleware(Sites, is_open=takes_events)
    app.add_middleware(HotPath, of=app, score=scores.router.routes, direct=segment.router.routes)
    app.state.connectors = switched_on
    kinds = {**connector_errors.KINDS, **notification_errors.KINDS}
    problems.install(app, problem_page, kinds)
    middleware.install(app, metrics.install(app).measure)
    app.openapi = partial(  # type: ignore[method-assign]
        problems.openapi,
        app,
        described_webhooks(),
        (NotificationBody, *NOTIFICATIONS.values(), *SHAPES),
    )
    return app


def _lifespan(
    settings: Settings, write_backs: Sequence[WriteBack], clock: Callable[[], int]
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service.open(settings, write_backs, clock)
        _settle()
        sys.setswitchinterval(_TURN_SECONDS)
        app.state.received = ReceivedNotes(service.store.database)
        access = app.state.access = Access(
            service.store.database,
            clock,
            settings.rate_limit,
            browser_rate=settings.browser_rate_limit,
        )
        await access.announce(settings.host)
        working = [
            asyncio.create_task(work(service), name=work.__name__)
            for work in _WORK[settings.scoring]
        ]
        try:
            yield
        finally:
            service.stopping.set()
            for task in working:
                task.cancel()
            await service.group_commit.close()
            await _ended(working)
            service.close()

    return lifespan


async def _ended(working: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the work of a process; what does not end in time is left, and its leases run out."""
    done, left = await asyncio.wait(working, timeout=_END_SECONDS)
    await asyncio.gather(*done, return_exceptions=True)
    if left:
        log("background work does not end", logging.ERROR, work=[task.get_name() for task in left])


_settle: Final = cache(settle)
"""Once a process, however many apps it makes."""


def _telemetry() -> TelemetryConfig:
    """What the framework tells OpenTelemetry: nothing where nobody is there to listen.

    It would look for a listener at each request, which takes a tenth of a score that is kept.
    Whoever listens has loaded the SDK before there is an app.
    """
    is_heard = "opentelemetry.sdk" in sys.modules
    return {} if is_heard else {"tracing": False, "metrics": False, "logs": False}


def _version() -> str:
    try:
        return metadata.version("rung")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
