"""Routes: the score of one lead, and of up to a thousand."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.lead_events import Row
from serving.problems import documented
from serving.schemas import BatchAnswer, BatchRequest, LeadEvents, ScoreAnswer, ScoreQuery
from serving.scorer import Answer, NotFound, Scorer
from serving.service import Served, json_answer, json_body

__all__ = ["router"]


router = APIRouter(prefix="/v1", tags=["scores"])


@router.get(
    "/leads/{lead_id:path}/score",
    summary="The score of a lead",
    responses={200: {"model": ScoreAnswer}, **documented(304, 404, 422, 503)},
)
async def lead_score(
    lead_id: str,
    query: Annotated[ScoreQuery, Query()],
    service: Served,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Chance of the next step, interval, and reasons that add up to it; now or at an `as_of`.

    The `ETag` changes when the answer says something else of the lead. The two instants in it,
    `features_as_of` and `scored_at`, do not count: hence it is a weak one.
    """
    answer = service.scorer.score(lead_id, query.as_of)
    headers = {"ETag": _etag(answer), "Cache-Control": "private, max-age=0"}
    if if_none_match is not None and _matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return json_answer(answer, headers)


def _etag(answer: Answer) -> str:
    """Of everything that the answer says of the lead, and of the model that said it."""
    said = {**answer, "features_as_of": None, "scored_at": None}
    digest = blake2b(json.dumps(said, separators=(",", ":")).encode(), digest_size=12)
    return f'W/"{digest.hexdigest()}"'


def _matches(header: str, etag: str) -> bool:
    given = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in given or etag.removeprefix("W/") in given


@router.post(
    "/scores:batch",
    summary="The scores of up to 1,000 leads",
    dependencies=[Depends(json_body)],
    responses={200: {"model": BatchAnswer}, **documented(400, 413, 415, 422, 503)},
)
async def scores_of_batch(batch: BatchRequest, service: Served) -> Response:
    """A result for each lead, in order: `ok`, `no_score` or `not_found`.

    A lead is an id, or an object with its events: then the store is not asked, and nothing of it is
    kept.
    """
    return await run_in_threadpool(
        lambda: json_answer({"results": _results(service.scorer, batch)})
    )


def _results(scorer: Scorer, batch: BatchRequest) -> list[Answer | NotFound]:
    """The answers for the ids, and those for the leads with events, in the order asked for."""
    results: dict[int, Answer | NotFound] = {}
    ids = {at: lead for at, lead in enumerate(batch.leads) if isinstance(lead, str)}
    with_events = {at: lead for at, lead in enumerate(batch.leads) if isinstance(lead, LeadEvents)}
    if ids:
        results |= zip(ids, scorer.many(list(ids.values()), batch.as_of), strict=True)
    if with_events:
        leads = [(lead.lead_id, _rows(lead)) for lead in with_events.values()]
        results |= zip(with_events, scorer.stateless(leads, batch.as_of), strict=True)
    return [results[at] for at in range(len(batch.leads))]


def _rows(lead: LeadEvents) -> list[Row]:
    return [
        (
            event.name,
            event.occurred_at,
            event.occurred_at if event.known_at is None else event.known_at,
            event.properties,
        )
        for event in lead.events
    ]
