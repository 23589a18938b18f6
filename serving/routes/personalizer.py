"""Routes that speak as Azure Personalizer 1.0 did, so that its clients go on working.

Actions are offers of the ladder, by id; the lead is named in the context. A rank event is a
decision like any other, and its reward an outcome. Errors are ours: problem+json.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import DecisionConflict, OptedOut
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.edge.access import CheckedRoute, needs
from serving.edge.bodies import json_answer, json_body
from serving.edge.parameters import wrong_body
from serving.edge.problems import documented
from serving.process.served import Served
from serving.recommending.answers import RecommendationAnswer
from serving.recommending.recommender import Recommender
from serving.routes.decision_schemas import RankAnswer, RankRequest, RewardRequest
from serving.routes.offers.named import pointing_at_offers

__all__ = ["router"]

_EventId = Annotated[str, Path(alias="eventId", description="As the rank call gave it.")]
_NO_LEAD = (
    'no object of contextFeatures names the lead; add {"lead_id": "..."}, a text of 1 to 1024'
    " characters"
)

router = APIRouter(
    prefix="/personalizer/v1.0",
    tags=["personalizer"],
    dependencies=[Depends(needs("decide"))],
    route_class=CheckedRoute,
)


@router.post(
    "/rank",
    status_code=201,
    summary="Rank actions, as Personalizer did",
    dependencies=[Depends(json_body)],
    responses={201: {"model": RankAnswer}, **documented(400, 404, 409, 413, 415, 422, 503)},
)
async def rank(body: RankRequest, service: Served) -> Response:
    """Choose among actions that are offers of the ladder, for the lead that the context names.

    `nurture` and `no_ask` are always among the options, sent or not: as `rewardActionId` they mean
    that nothing is to be asked. An action that is not eligible has the probability 0. A lead that
    has opted out of profiling gets `no_ask`, and no event is kept.
    """
    return await run_in_threadpool(
        lambda: json_answer(_ranked(service.recommender, body), status=201)
    )


def _ranked(recommender: Recommender, body: RankRequest) -> RankAnswer:
    lead_id = _lead_id(body.contextFeatures or [])
    if lead_id is None:
        raise wrong_body([(("contextFeatures",), "lead", _NO_LEAD)])
    ids = [action.id for action in body.actions]
    excluded = body.excludedActions or []
    asked = Asked(candidates=_offers(ids), exclude=_offers(excluded))
    places = [(("actions", at, "id"), one) for at, one in enumerate(ids)]
    more = [(("excludedActions", at), one) for at, one in enumerate(excluded)]
    try:
        answer = pointing_at_offers(
            recommender.scorer,
            [(place, one) for place, one in [*places, *more] if one not in _ALWAYS],
            lambda: recommender.recommend(
                lead_id, asked, body.eventId, defer_exposure=bool(body.deferActivation)
            ),
        )
    except OptedOut:
        return _unasked(ids, body.eventId)
    return _rank_line(answer, ids)


def _unasked(ids: list[str], event_id: str | None) -> RankAnswer:
    """Nothing is asked of a lead that has opted out of profiling, and no event is kept."""
    chances = dict.fromkeys([NO_ASK, *ids], 0.0) | {NO_ASK: 1.0}
    return {
        "ranking": [{"id": one, "probability": chance} for one, chance in chances.items()],
        "eventId": event_id or uuid.uuid4().hex,
        "rewardActionId": NO_ASK,
    }


_ALWAYS = (NURTURE, NO_ASK)


def _offers(ids: Iterable[str]) -> frozenset[str]:
    """The ids that stand for offers; nurture and no ask are options whoever asks."""
    return frozenset(ids) - frozenset(_ALWAYS)


def _rank_line(answer: RecommendationAnswer, ids: list[str]) -> RankAnswer:
    """All options as they were ranked, then the actions that could not be chosen."""
    chances = {one["offer_id"]: one["propensity"] for one in answer["ranking"]}
    chances |= {one: 0.0 for one in ids if one not in chances}
    return {
        "ranking": [{"id": one, "probability": chance} for one, chance in chances.items()],
        "eventId": answer["decision_id"],
        "rewardActionId": answer["offer"]["id"],
    }


def _lead_id(context: Iterable[Any]) -> str | None:
    """The lead that a context names, in one of its objects or one level below; None without."""
    objects = [one for one in context if isinstance(one, dict)]
    nested = [value for one in objects for value in one.values() if isinstance(value, dict)]
    for one in (*objects, *nested):
        lead_id = one.get("lead_id")
        if isinstance(lead_id, str) and 0 < len(lead_id) <= 1024 and "\0" not in lead_id:
            return lead_id
    return None


@router.post(
    "/events/{eventId:path}/reward",
    status_code=204,
    summary="Reward a rank event",
    dependencies=[Depends(json_body)],
    responses=documented(400, 404, 413, 415, 422, 503),
)
async def reward(event_id: _EventId, body: RewardRequest, service: Served) -> Response:
    """The outcome of a rank event, from 0 to 1. The first stays; later ones change nothing."""
    return await run_in_threadpool(lambda: _rewarded(service.recommender, event_id, body.value))


def _rewarded(recommender: Recommender, event_id: str, value: float) -> Response:
    with suppress(DecisionConflict):  # Personalizer keeps the first as well, and says nothing
        recommender.outcome(event_id, value, "reward")
    return Response(status_code=204)


@router.post(
    "/events/{eventId:path}/activate",
    status_code=204,
    summary="Activate a rank event",
    responses=documented(404, 409, 422, 503),
)
async def activate(event_id: _EventId, service: Served) -> Response:
    """The lead has seen what a deferred rank event chose; 409 where a limit forbids it by now."""
    await run_in_threadpool(service.recommender.expose, event_id)
    return Response(status_code=204)
