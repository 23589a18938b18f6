"""The composition root of the service: settings in, an ASGI app out.

uvicorn serving.app:create_app --factory
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import metadata
from typing import Final

from fastapi import FastAPI

from features.ladder_file import read_ladder
from serving import (
    cloudevents,
    events,
    health,
    leads,
    middleware,
    pages,
    personalizer,
    problems,
    queue,
    recommendations,
    scores,
    segment,
    webhooks,
)
from serving.access import Access
from serving.background import keep_current, keep_fresh, keep_scored
from serving.connectors import routes as connectors
from serving.connectors.configuration import read_connectors
from serving.logs import log_to_stderr
from serving.service import Service, now
from serving.settings import Settings
from serving.webhooks.delivery import keep_delivering
from serving.write_back.configuration import WriteBack, read_write_backs
from serving.write_back.worker import keep_writing

__all__ = ["create_app"]

_DESCRIPTION: Final = (
    "Scores leads on a commitment ladder: the chance of the next small step, an interval, and"
    " reasons that add up to it; and recommends the one small step to offer next. Errors are"
    " `application/problem+json` (RFC 9457). Ignore members of answers that you do not know;"
    " unknown members of requests are refused."
)


_WORK: Final = (keep_fresh, keep_scored, keep_current, keep_delivering, keep_writing)
"""What a process does beside answering, until it goes down."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service. Without settings those of the environment are read.

    Raises
    ------
    SettingsError, LadderError : settings, or the files that they name, that cannot be used.
    """
    settings = settings or Settings.from_environment(os.environ)
    ladder = read_ladder(settings.ladder) if settings.ladder else None
    switched_on = read_connectors(settings.connectors, os.environ, ladder)
    write_backs = (
        read_write_backs(settings.connectors, os.environ) if settings.connectors else ()
    )
    log_to_stderr(settings.log_level)
    app = FastAPI(
        title="Rung",
        version=_version(),
        description=_DESCRIPTION,
        lifespan=_lifespan(settings, write_backs),
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
    )
    for part in (
        segment,
        events,
        cloudevents,
        scores,
        recommendations,
        queue,
        personalizer,
        leads,
        webhooks,
        connectors,
        health,
        pages,
    ):
        app.include_router(part.router)
    app.state.connectors = switched_on
    pages.install(app)
    problems.install(app, pages.problem_page)
    middleware.install(app)
    app.openapi = partial(problems.openapi, app)  # type: ignore[method-assign]
    return app


def _lifespan(
    settings: Settings, write_backs: Sequence[WriteBack]
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service.open(settings, write_backs)
        access = app.state.access = Access(service.store.database, now, settings.rate_limit)
        await access.announce(settings.host)
        working = [asyncio.create_task(work(service)) for work in _WORK]
        try:
            yield
        finally:
            await service.ingest.close()
            service.stopping.set()
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            service.close()

    return lifespan


def _version() -> str:
    try:
        return metadata.version("rung")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
