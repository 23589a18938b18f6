"""Routes: the catalogue of offers, which changes while the model serves on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import LadderError, OfferConflict, UnknownOffer
from features.ladder.ladder import OfferVersion
from features.store.events import EventStore
from models.bundle import Bundle
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer, json_body
from serving.edge.conditions.unchanged import IfMade, IfUnchanged, Unchanged, tagged_answer
from serving.edge.errors import ChangedMeanwhile
from serving.edge.parameters import place_in, wrong_body
from serving.edge.problems import documented
from serving.process.served import AskedBy, Served
from serving.process.service import Service
from serving.recommending.catalogue import all_offers, one_offer
from serving.routes.offers.schemas import (
    OfferId,
    OfferRequest,
    OffersAnswer,
    StatusRequest,
    VersionsOfOffer,
)

__all__ = ["router"]

_Id = Annotated[OfferId, Path(description="The offer's id.")]

router = APIRouter(prefix="/v1", tags=["offers"], route_class=CheckedRoute)


@router.get(
    "/offers",
    summary="What can be offered",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": OffersAnswer}, **documented(422, 503)},
)
async def offers(service: Served) -> Response:
    """Every offer as it is now, paused and retired ones as well, with what was learned of it."""
    return await run_in_threadpool(
        lambda: json_answer({"data": all_offers(*_served(service))}, _NOT_KEPT)
    )


@router.get(
    "/offers/{offer_id}",
    summary="An offer, and all its versions",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": VersionsOfOffer}, **documented(304, 404, 422, 503)},
)
async def offer(request: Request, offer_id: _Id, service: Served) -> Response:
    """An offer as it is now, and every version that was made of it: when, by whom, from when.

    Its `ETag` is for `If-Match`, when it is edited.
    """
    return await run_in_threadpool(
        lambda: tagged_answer(request, _told(service, offer_id), _NOT_KEPT)
    )


@router.put(
    "/offers/{offer_id}",
    summary="Add an offer, or edit one",
    dependencies=[Depends(needs("admin")), Depends(json_body)],
    responses={
        200: {"model": VersionsOfOffer},
        **documented(400, 404, 412, 413, 415, 422, 503),
    },
)
async def put_offer(
    offer_id: _Id, body: OfferRequest, service: Served, asked_by: AskedBy, wanted: IfMade
) -> Response:
    """Another version of an offer, or the first one of a new offer; nothing is trained.

    What was learned stays with the id; a new offer starts from its attributes: effort, form, kind,
    channel. The body is read by the rules of the ladder file. With `If-Match` nothing is kept where
    the offer is not as it was looked at any more; with `If-None-Match: *` where there is one.
    """
    table = {"id": offer_id, **body.offer}
    if table["id"] != offer_id:
        raise wrong_body([(("offer", "id"), "offer", f"must be {offer_id!r}, as in the path")])

    def change() -> OfferVersion:
        seen = _seen(service, offer_id, wanted)
        try:
            return service.keep_offer(table, from_at=body.from_at, by=asked_by, seen=seen)
        except OfferConflict as error:
            raise ChangedMeanwhile(str(error)) from error

    return await run_in_threadpool(lambda: _changed(service, offer_id, change, body.offer))


@router.post(
    "/offers/{offer_id}/status",
    summary="Pause, resume or retire an offer",
    dependencies=[Depends(needs("admin")), Depends(json_body)],
    responses={
        200: {"model": VersionsOfOffer},
        **documented(400, 404, 412, 413, 415, 422, 503),
    },
)
async def set_status(
    offer_id: _Id, body: StatusRequest, service: Served, asked_by: AskedBy, wanted: IfUnchanged
) -> Response:
    """The offer as it is, `active`, `paused` or `retired`. What was learned of it stays.

    With `If-Match` nothing is kept where the offer is not as it was looked at any more.
    """

    def change() -> OfferVersion:
        seen = _seen(service, offer_id, wanted, must_be=True)
        try:
            return service.set_offer_status(
                offer_id, body.status, from_at=body.from_at, by=asked_by, seen=seen
            )
        except OfferConflict as error:
            raise ChangedMeanwhile(str(error)) from error

    return await run_in_threadpool(lambda: _changed(service, offer_id, change))


_NOT_KEPT: Final = {"Cache-Control": "private, max-age=0"}


def _changed(
    service: Service, offer_id: str, change: Callable[[], OfferVersion], sent: object = None
) -> Response:
    """Keep a version, serve it from now on, and tell the offer; faults are pointed at."""
    try:
        change()
    except LadderError as error:
        raise wrong_body(
            (("offer", *place_in(sent, one.path)), "offer", one.what) for one in error.mistakes
        ) from error
    return json_answer(_told(service, offer_id), _NOT_KEPT)


def _seen(
    service: Service, offer_id: str, wanted: Unchanged, *, must_be: bool = False
) -> int | None:
    """The version that was made last where it is as is wanted; None where any will do.

    Between this look and the change somebody else may come, and the version tells of it. Where it
    must be there, UnknownOffer where it is not.
    """
    if not wanted.asks:
        return None
    told: dict[str, Any] | None = None
    with nullcontext() if must_be else suppress(UnknownOffer):
        told = _told(service, offer_id)
    wanted.check(told)
    if wanted.must_be:
        return None
    made = told["versions"] if told else []
    return max((one["version"] for one in made), default=0)


def _told(service: Service, offer_id: str) -> dict[str, Any]:
    return one_offer(*_served(service), offer_id)


def _served(service: Service) -> tuple[Bundle, EventStore, int]:
    """What serves, where versions are kept, and the present; NoModel where nothing serves."""
    return service.scorer.model.bundle, service.store, service.clock()
