"""Routes: what to offer a lead next, and what became of that. All of them wait for the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import DecidedForAnother, OptedOut, TimeError
from models.offers.eligibility import Asked
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import IDS_BYTES, JsonBody, json_answer, json_body
from serving.edge.conditions.asked_again import AskedAgain, key_of_another
from serving.edge.parameters import wrong_body
from serving.edge.problems import documented
from serving.process.served import OnLadder, Served
from serving.recommending.answers import (
    DecisionAnswer,
    ExposureAnswer,
    OutcomeAnswer,
    RecommendationAnswer,
    UnaskedAnswer,
)
from serving.recommending.recommender import Recommender
from serving.recommending.told import unasked_lead
from serving.routes.decision_schemas import (
    OutcomeRequest,
    RecommendationRequest,
    RecommendationsAnswer,
    RecommendationsRequest,
)
from serving.routes.offers.named import pointing_at_offers

__all__ = ["router"]

_DecisionId = Annotated[str, Path(description="As the recommendation gave it.")]
_OF_OFFERS: Final = JsonBody(IDS_BYTES)
"""A request may name the offers among which it is decided, and those to leave out."""

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=CheckedRoute)


@router.post(
    "/recommendations",
    summary="What to offer a lead next",
    dependencies=[Depends(needs("decide")), Depends(_OF_OFFERS)],
    responses={
        200: {"model": RecommendationAnswer | UnaskedAnswer},
        **documented(400, 404, 409, 413, 415, 422, 503, most=IDS_BYTES),
    },
)
async def recommend(
    body: RecommendationRequest, service: Served, on_ladder: OnLadder, again: AskedAgain
) -> Response:
    """One eligible offer, or none, drawn with known probabilities, tailored, and kept.

    It counts as shown to the lead at once, unless `defer_exposure` is true. With a `decision_id` of
    your own, or an `Idempotency-Key`, the call can be repeated: the same gives the same answer. For
    a lead that has opted out of profiling nothing is decided: the answer has the status
    `opted_out`.
    """
    on_ladder(body.ladder)
    named = body.decision_id
    if named is None and again:
        named = again.id_of("decision")

    def decide(asked: Asked) -> Any:
        try:
            return service.recommender.recommend(
                body.lead_id, asked, named, defer_exposure=body.defer_exposure
            )
        except OptedOut:
            return unasked_lead(body.lead_id)
        except DecidedForAnother as error:
            if named == body.decision_id:
                raise
            raise key_of_another() from error  # who never saw that id is not told of it

    return await _decided(service.recommender, body, decide)


@router.post(
    "/recommendations:batch",
    summary="What to offer each of up to 200 leads next",
    dependencies=[Depends(needs("decide")), Depends(_OF_OFFERS)],
    responses={
        200: {"model": RecommendationsAnswer},
        **documented(400, 404, 413, 415, 422, 503, most=IDS_BYTES),
    },
)
async def recommend_batch(
    body: RecommendationsRequest, service: Served, on_ladder: OnLadder, again: AskedAgain
) -> Response:
    """A decision for each lead, in order, `not_found` or `opted_out`. Each is one of its own."""
    on_ladder(body.ladder)
    wanted = enumerate(body.lead_ids)
    ids = [again.id_of("decision", str(at), lead) for at, lead in wanted] if again else None

    def decide(asked: Asked) -> Any:
        many = service.recommender.many(
            body.lead_ids, asked, ids, defer_exposure=body.defer_exposure
        )
        return {"results": many}

    return await _decided(service.recommender, body, decide)


@router.post(
    "/decisions/{decision_id:path}/exposure",
    summary="The lead has seen it",
    dependencies=[Depends(needs("decide"))],
    responses={200: {"model": ExposureAnswer}, **documented(404, 409, 422, 503)},
)
async def report_exposure(decision_id: _DecisionId, service: Served) -> Response:
    """Store that a deferred decision reached its lead; again, it changes nothing.

    Where a limit of the ladder would not allow the offer by now it is a 409 with the `reason` that
    a recommendation would give: do not extend it, and ask for another.
    """
    return await run_in_threadpool(lambda: json_answer(service.recommender.expose(decision_id)))


@router.post(
    "/decisions/{decision_id:path}/outcome",
    summary="What came of it",
    dependencies=[Depends(needs("decide")), Depends(json_body)],
    responses={
        200: {"model": OutcomeAnswer},
        **documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def report_outcome(
    decision_id: _DecisionId, body: OutcomeRequest, service: Served
) -> Response:
    """Store what came of a decision, from 0 to 1. The first report stays; another value is a 409.

    Nothing reported by the end of the window is an outcome of 0. What happened later is stored,
    marked `late`, and not counted.
    """

    def report() -> Response:
        try:
            return json_answer(
                service.recommender.outcome(decision_id, body.value, body.kind, body.occurred_at)
            )
        except TimeError as error:
            raise wrong_body([(("occurred_at",), "time", str(error))]) from error

    return await run_in_threadpool(report)


@router.get(
    "/decisions/{decision_id:path}",
    summary="A decision, and what became of it",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": DecisionAnswer}, **documented(404, 409, 422, 503)},
)
async def decision(decision_id: _DecisionId, service: Served) -> Response:
    """The decision as it was told, whether it was exposed since, and its outcome so far.

    Of a lead that has opted out of profiling since it is a 409.
    """
    headers = {"Cache-Control": "private, max-age=0"}
    return await run_in_threadpool(
        lambda: json_answer(service.recommender.decision(decision_id), headers)
    )


# ------------------------------------------------------------------------------------------ Bodies


async def _decided(
    recommender: Recommender,
    body: RecommendationRequest | RecommendationsRequest,
    decide: Callable[[Asked], Any],
) -> Response:
    """The answer of a decision that a body restricts; an unknown offer in it is pointed at."""
    candidates = body.candidate_offers
    asked = Asked(
        channel=body.channel,
        candidates=None if candidates is None else frozenset(candidates),
        exclude=frozenset(body.exclude),
    )
    named = {"candidate_offers": candidates or [], "exclude": body.exclude}
    places = [((part, at), one) for part, ids in named.items() for at, one in enumerate(ids)]
    return await run_in_threadpool(
        lambda: json_answer(pointing_at_offers(recommender.scorer, places, lambda: decide(asked)))
    )
