"""Routes: the score of one lead, and of up to a thousand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import WithJsonSchema
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import MOST_BODY_BYTES, JsonBody, json_answer
from serving.edge.problems import documented
from serving.ingestion.lookup import erased_of_mail, leads_of_mail
from serving.ingestion.values import rules_of
from serving.process.served import OnLadder, Served
from serving.process.service import Service
from serving.routes.schemas import (
    BatchAnswer,
    BatchRequest,
    LeadByMail,
    LeadEvents,
    ScoreQuery,
)
from serving.routes.scores.checking import checked_leads
from serving.routes.scores.hot import score_answer, score_told
from serving.routes.scores.sent_leads import rows_sent
from serving.scoring.answers import OptedOutAnswer, ScoreAnswer, ScoreOrNot

__all__ = ["router"]

_Tags = Annotated[
    tuple[str, ...], WithJsonSchema({"type": "string", "title": "If-None-Match"}), Header()
]
"""A list of tags, in however many lines it comes; to clients it is a text."""

router = APIRouter(
    prefix="/v1",
    tags=["scores"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)


@router.get(
    "/leads/{lead_id:path}/score",
    summary="The score of a lead",
    responses={200: {"model": ScoreAnswer | OptedOutAnswer}, **documented(304, 404, 410, 422, 503)},
)
async def lead_score(
    lead_id: str,
    query: Annotated[ScoreQuery, Query()],
    service: Served,
    on_ladder: OnLadder,
    if_none_match: _Tags = (),
) -> Response:
    """Chance of the next step, interval, and reasons that add up to it; now or at an `as_of`.

    The `ETag` changes when the answer says something else of the lead. The two instants in it,
    `features_as_of` and `scored_at`, do not count: hence it is a weak one. A lead that has opted
    out of profiling has the status `opted_out`, and nothing is computed of it.
    """
    on_ladder(query.ladder)
    told = await score_told(
        service, lead_id, query.as_of, query.horizon_days, by_current=query.model == "current"
    )
    return score_answer(told, if_none_match)


@router.post(
    "/scores:batch",
    summary="The scores of up to 1,000 leads",
    dependencies=[Depends(JsonBody(MOST_BODY_BYTES))],
    responses={
        200: {"model": BatchAnswer},
        **documented(400, 404, 410, 413, 415, 422, 503, most=MOST_BODY_BYTES),
    },
)
async def score_batch(batch: BatchRequest, service: Served, on_ladder: OnLadder) -> Response:
    """A result for each lead, in order: `ok`, `no_score`, `not_found` or `opted_out`.

    A lead is an id, an object with its `email`, or one with its events: then the store is asked for
    nothing but whether it has opted out, and nothing of it is kept. Its events are held to what
    events are held to that are sent to be kept. An address that is nobody's, or
    several leads', is `not_found`.
    """
    on_ladder(batch.ladder)
    return await run_in_threadpool(lambda: json_answer({"results": _results(service, batch)}))


def _results(service: Service, batch: BatchRequest) -> list[ScoreOrNot]:
    """The answers for stored leads, and those for the leads with events, in the order asked for."""
    scorer, asked = service.scorer, checked_leads(batch.leads)
    results: dict[int, ScoreOrNot] = {}
    ids = {at: lead for at, lead in enumerate(asked) if isinstance(lead, str)}
    addresses = {lead.email for lead in asked if isinstance(lead, LeadByMail)}
    leads = {
        address: leads_of_mail(service, address) or erased_of_mail(service, address)[:1]
        for address in addresses
    }
    ids |= {
        at: leads[lead.email][0] if len(leads[lead.email]) == 1 else lead.email
        for at, lead in enumerate(asked)
        if isinstance(lead, LeadByMail)
    }
    with_events = {at: lead for at, lead in enumerate(asked) if isinstance(lead, LeadEvents)}
    told = rows_sent(with_events, rules_of(service.ladder))
    asked_of = batch.as_of, batch.horizon_days
    by_current = batch.model == "current"
    if ids:
        found = scorer.many(list(ids.values()), *asked_of, by_current=by_current)
        results |= zip(ids, found, strict=True)
    if with_events:
        found = scorer.stateless(told, *asked_of, by_current=by_current)
        results |= zip(with_events, found, strict=True)
    return [results[at] for at in range(len(asked))]
