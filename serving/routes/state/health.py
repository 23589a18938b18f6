"""Routes for whoever runs the service: whether it is alive, and can answer."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import said_at
from features.errors import StoreAway
from features.store.kept.meta import why_not_writable
from serving.edge.bodies import json_answer
from serving.edge.logs import log
from serving.edge.problems import Problem, documented, respond
from serving.process.served import Served
from serving.process.service import Service
from serving.routes.schemas import AliveAnswer, ReadyAnswer

__all__ = ["router"]

router = APIRouter(tags=["health"])
_NO_STORE = {"Cache-Control": "no-store"}
_PATIENCE_SECONDS: Final = 5.0
"""For so long the store is waited for; whoever asks whether to send requests waits for no more."""
_Checks = tuple[dict[str, str], dict[str, str]]
"""What is there and what is missing, by part."""


@router.get("/healthz", summary="Alive", responses={200: {"model": AliveAnswer}, **documented()})
async def alive() -> Response:
    """The process answers. It says nothing of the store or the model."""
    return json_answer({"status": "alive"}, _NO_STORE)


@router.get(
    "/readyz",
    summary="Ready",
    responses={200: {"model": ReadyAnswer}, **documented(503)},
)
async def ready(request: Request, service: Served) -> Response:
    """Store, model and queue are there; otherwise 503 and what is missing."""
    present, missing = await _checked(request, service)
    if not missing:
        return json_answer({"status": "ready", "checks": present}, _NO_STORE)
    detail = "; ".join(f"{part}: {what}" for part, what in missing.items())
    problem = Problem(
        "not-ready",
        503,
        "Not ready",
        detail,
        retryable=True,
        headers={"Retry-After": "5"},
        more={"checks": {**present, **missing}, "missing": sorted(missing)},
    )
    return respond(request, problem)


async def _checked(request: Request, service: Service) -> _Checks:
    """What a look finds that is under way, or is taken now; a store that stands still is missing.

    One look at a time: each would hold a thread for as long as that lasts.
    """
    state = request.app.state
    looking = cast("asyncio.Task[_Checks] | None", getattr(state, "looking", None))
    if looking is None or looking.done():
        looking = state.looking = asyncio.create_task(run_in_threadpool(_checks, service))
    await asyncio.wait({looking}, timeout=_PATIENCE_SECONDS)
    if looking.done():
        return looking.result()
    log("store out of reach", why=f"it does not answer within {_PATIENCE_SECONDS:g} seconds")
    return {}, {"store": "out of reach; the cause is in the log"}


def _checks(service: Service) -> _Checks:
    """What is there and what is missing, by part."""
    present: dict[str, str] = {}
    missing: dict[str, str] = {}
    try:
        service.store.queue.listed(1)
        why_not = why_not_writable(service.store.database)
    except StoreAway as error:
        log("store out of reach", why=str(error))
        missing["store"] = "out of reach; the cause is in the log"
    else:
        if why_not:
            log("store cannot be written", why=why_not)
            missing["store"] = "reads, and cannot be written now; the cause is in the log"
        else:
            present["store"] = "reachable"
    bundle, run = service.scorer.bundle, service.run
    if bundle is None:
        missing["model"] = f"none yet: {service.scorer.why_not}"
    else:
        present["model"] = f"{bundle.version}, warm"
        present["ladder"] = (
            service.ladder_problem or f"{bundle.ladder.name}, with the offers of now"
        )
    if run is not None:
        present["queue"] = f"{run.queued} of {run.leads} leads, scored {said_at(run.as_of)}"
    else:
        missing["queue"] = service.failure or "not scored yet"
    return present, missing
