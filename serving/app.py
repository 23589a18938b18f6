"""The composition root of the service: settings in, an ASGI app out.

uvicorn serving.app:create_app --factory
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import metadata
from typing import Final

from fastapi import FastAPI

from serving import (
    health,
    middleware,
    pages,
    personalizer,
    problems,
    queue,
    recommendations,
    scores,
)
from serving.background import keep_scored
from serving.logs import log_to_stderr
from serving.service import Service
from serving.settings import Settings

__all__ = ["create_app"]

_DESCRIPTION: Final = (
    "Scores leads on a commitment ladder: the chance of the next small step, an interval, and"
    " reasons that add up to it; and recommends the one small step to offer next. Errors are"
    " `application/problem+json` (RFC 9457). Ignore members of answers that you do not know;"
    " unknown members of requests are refused."
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service. Without settings those of the environment are read.

    Raises
    ------
    SettingsError : the environment holds settings that cannot be used.
    """
    settings = settings or Settings.from_environment(os.environ)
    log_to_stderr(settings.log_level)
    app = FastAPI(
        title="Rung",
        version=_version(),
        description=_DESCRIPTION,
        lifespan=_lifespan(settings),
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
    )
    for part in (scores, recommendations, queue, personalizer, health, pages):
        app.include_router(part.router)
    pages.install(app)
    problems.install(app, pages.problem_page)
    middleware.install(app)
    app.openapi = partial(problems.openapi, app)  # type: ignore[method-assign]
    return app


def _lifespan(
    settings: Settings,
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service.open(settings)
        scoring = asyncio.create_task(keep_scored(service))
        try:
            yield
        finally:
            service.stopping.set()
            scoring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await scoring
            service.close()

    return lifespan


def _version() -> str:
    try:
        return metadata.version("rung")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
