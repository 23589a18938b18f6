"""Route: a page of the queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer
from serving.edge.parameters import NEXT_PAGE, After, after_of, check_step, cursor_of, next_page
from serving.edge.problems import documented
from serving.process.served import AskedBy, OnLadder, Served
from serving.routes.schemas import QueueAnswer, QueueQuery
from serving.scoring.queue import items, part_to_work
from serving.scoring.scorer import Scorer

__all__ = ["router"]

router = APIRouter(
    prefix="/v1",
    tags=["queue"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)


@router.get(
    "/queue",
    summary="Who to talk to next",
    responses={200: {"model": QueueAnswer, "headers": NEXT_PAGE}, **documented(404, 422, 503)},
)
async def queue(
    query: Annotated[QueueQuery, Query()], service: Served, on_ladder: OnLadder, asker: AskedBy
) -> Response:
    """A page of the queue. Follow `next_cursor`, or the `Link` header, until it is null.

    Leads that are put aside for now are left out.

    A cursor is a place in the order, not a copy of it: a lead that is scored anew between two pages
    may move across it.
    """
    on_ladder(query.ladder)
    check_step(service.scorer.ladder, query.step)
    after = after_of(query.cursor, query.order)
    return await run_in_threadpool(_answer, service.scorer, query, after, asker)


def _answer(scorer: Scorer, query: QueueQuery, after: After | None, asker: str) -> Response:
    part = part_to_work(
        *(scorer.store, query.limit, after, query.step, query.order, query.account),
        now=scorer.clock(),
        free_for=asker if query.hands == "free" else None,
    )
    cursor = None if part.after is None else cursor_of(part.after, query.order)
    headers = {"Cache-Control": "private, max-age=0"}
    if cursor is not None:
        asked: dict[str, object] = {"limit": query.limit, "cursor": cursor}
        asked |= {"step": query.step, "account": query.account, "ladder": query.ladder}
        if query.order != "work":
            asked["order"] = query.order
        if query.hands != "any":
            asked["hands"] = query.hands
        headers |= next_page("/v1/queue", asked)
    return json_answer({"data": items(scorer, part.scores), "next_cursor": cursor}, headers)
