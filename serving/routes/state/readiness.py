"""Route: what of the ladder the log has, as it was found last."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import UnknownReport
from features.store.kept.reports import Reports
from models.judging.readiness import Readiness
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer
from serving.edge.problems import documented
from serving.edge.schemas import StrictRequest, Text
from serving.process.counted import when_made
from serving.process.served import OnLadder, Served
from serving.process.service import Service

__all__ = ["router"]

router = APIRouter(
    prefix="/v1",
    tags=["queue"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)


class ReadinessQuery(StrictRequest):
    """The query of the readiness."""

    ladder: Text | None = None


@router.get(
    "/readiness",
    summary="What of the ladder the log has",
    responses={200: {"model": Readiness}, **documented(404, 422, 503)},
)
async def readiness(
    query: Annotated[ReadinessQuery, Query()], service: Served, on_ladder: OnLadder
) -> Response:
    """What can be learned at each step, what the next level takes and when it will be there.

    The newest that was found: it is looked at once a day (`RUNG_READINESS_SECONDS`).
    """
    on_ladder(query.ladder)
    return await run_in_threadpool(_answer, service)


def _answer(service: Service) -> Response:
    name = service.ladder.name
    report = Reports(service.store.database).newest("readiness", name)
    if report is None:
        when = when_made(service, "readiness", service.settings.readiness_seconds)
        raise UnknownReport(
            f"What of the ladder {name!r} the log has was not looked at yet: {when}"
        )
    return json_answer(dict(report.body), {"Cache-Control": "private, max-age=0"})
