"""Routes that speak as Azure Personalizer 1.0 and 1.1 did, so that its clients go on working.

Actions that are offers of the ladder are decided on as everywhere: a rank event of the lead that
the context names is a decision, its reward an outcome. All other actions are the caller's own, and
are learned by their features. What is answered is one of the actions that were sent. Errors have
Personalizer's shape.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import DecisionConflict, NothingEligible, OptedOut, UnknownDecision
from features.events.junk_ids import is_junk
from models.actions.choosing import EXPLORED
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import FEATURES_BYTES, JsonBody, json_answer, json_body
from serving.edge.parameters import Place, wrong_body
from serving.edge.problems import documented
from serving.edge.schemas import PathId, lead_fault
from serving.process.served import Served
from serving.process.service import Service
from serving.recommending.ranker import DAYS_KEPT, LEARN_US, REWARD_WAIT_US, Action, Slot
from serving.routes.personalizer.schemas import (
    ActionRequest,
    MultiSlotRankAnswer,
    MultiSlotRankRequest,
    MultiSlotRewardRequest,
    RankAnswer,
    RankRequest,
    RewardRequest,
    ServiceConfiguration,
)

__all__ = ["router"]

_EventId = Annotated[PathId, Path(alias="eventId", description="As the rank call gave it.")]
_WAYS_OUT = (NURTURE, NO_ASK)
_NO_LEAD = (
    "actions that are offers of the ladder are decided on for a lead, and no object of"
    ' contextFeatures names one; add {"lead_id": "..."}, a text of 1 to 256 characters'
)


async def _version(
    version: Annotated[str, Path(pattern=r"^v1\.[01](-preview\.[0-9]+)?$", examples=["v1.0"])],
) -> None:
    """Of the version nothing depends; one that Personalizer never had is refused."""
    del version


router = APIRouter(
    prefix="/personalizer/{version}",
    tags=["personalizer"],
    dependencies=[Depends(needs("decide")), Depends(_version)],
    route_class=CheckedRoute,
)


async def _loop(request: Request) -> str:
    """What learns together: what comes with keys of one source."""
    asker = request.scope["state"].get("asker")
    return str(asker.source) if asker else ""


_Loop = Annotated[str, Depends(_loop)]
_OF_ACTIONS: Final = JsonBody(FEATURES_BYTES)


# ------------------------------------------------------------------------------------- One choice


@router.post(
    "/rank",
    status_code=201,
    summary="Rank actions, as Personalizer did",
    dependencies=[Depends(_OF_ACTIONS)],
    responses={
        201: {"model": RankAnswer},
        **documented(400, 404, 409, 413, 415, 422, 503, most=FEATURES_BYTES),
    },
)
async def rank(body: RankRequest, service: Served, loop: _Loop) -> Response:
    """Choose one of the actions that are sent.

    Offers of the ladder, with `nurture` and `no_ask` if they are sent as well, are decided on for
    the lead that the context names; where none of them may be offered the answer is a 409 that says
    why. All other actions are chosen among by their features and those of the context.
    """
    return await run_in_threadpool(lambda: json_answer(_ranked(service, loop, body), status=201))


def _ranked(service: Service, loop: str, body: RankRequest) -> RankAnswer:
    excluded = frozenset(body.excludedActions or ())
    _check_left([one.id for one in body.actions], [excluded])
    if _are_offers(service, body.actions):
        return _offered(service, loop, body, excluded)
    event = service.ranker.rank(
        *(loop, body.eventId, _lead_id(body.contextFeatures or ())),
        *(body.contextFeatures or (), _actions(body.actions), [Slot("", excluded=excluded)]),
        defer=bool(body.deferActivation),
    )[0]
    return {
        "ranking": [{"id": one.id, "probability": one.probability} for one in event.actions],
        "eventId": event.event_id,
        "rewardActionId": event.chosen,
    }


def _are_offers(service: Service, actions: Iterable[ActionRequest]) -> bool:
    """Whether actions are offers of the ladder, or ways to ask nothing; an error where some are."""
    known = service.offer_ids | {*_WAYS_OUT}
    places = [(("actions", at, "id"), one.id) for at, one in enumerate(actions)]
    if not any(id_ in known for _, id_ in places):
        return False
    strangers = [(place, id_) for place, id_ in places if id_ not in known]
    if strangers:
        raise wrong_body(
            (
                place,
                "mixed_actions",
                f"{id_!r} is no offer of the ladder, and others of the actions are, or are"
                " nurture or no_ask; send offers alone, which its limits hold for, or none",
            )
            for place, id_ in strangers
        )
    return True


def _offered(
    service: Service, loop: str, body: RankRequest, excluded: frozenset[str]
) -> RankAnswer:
    lead_id = _needed_lead_id(body.contextFeatures or ())
    if body.eventId is not None:  # one that is about others already would get its reward
        service.ranker.check_not_own(loop, body.eventId)
    ids = [one.id for one in body.actions]
    only = frozenset(ids) - excluded
    asked = Asked(candidates=only - {*_WAYS_OUT}, only=only)
    try:
        answer = service.recommender.recommend(
            *(lead_id, asked, body.eventId),
            defer_exposure=bool(body.deferActivation),
            may_be_new=True,
        )
    except OptedOut as error:
        if NO_ASK not in only:
            out = dict.fromkeys(ids, "is for a lead that has opted out")
            raise NothingEligible(out) from error
        return _unasked(ids, body.eventId)
    chances = {one["offer_id"]: one["propensity"] for one in answer["ranking"]}
    ids.sort(key=lambda one: -chances.get(one, 0.0))
    return {
        "ranking": [{"id": one, "probability": chances.get(one, 0.0)} for one in ids],
        "eventId": answer["decision_id"],
        "rewardActionId": answer["offer"]["id"],
    }


def _unasked(ids: list[str], event_id: str | None) -> RankAnswer:
    """Nothing is asked of a lead that has opted out of profiling, and no event is kept."""
    ids.sort(key=lambda one: one != NO_ASK)
    return {
        "ranking": [{"id": one, "probability": float(one == NO_ASK)} for one in ids],
        "eventId": event_id or uuid.uuid4().hex,
        "rewardActionId": NO_ASK,
    }


@router.post(
    "/events/{eventId:path}/reward",
    status_code=204,
    summary="Reward a rank event",
    dependencies=[Depends(json_body)],
    responses=documented(400, 404, 413, 415, 422, 503),
)
async def reward(event_id: _EventId, body: RewardRequest, service: Served, loop: _Loop) -> Response:
    """What came of a rank event. The first report stays; later ones change nothing."""
    return await run_in_threadpool(lambda: _rewarded(service, loop, event_id, body.value))


def _rewarded(service: Service, loop: str, event_id: str, value: float) -> Response:
    if not service.ranker.reward(loop, event_id, {"": value}):
        if value < 0.0:
            raise wrong_body([(("value",), "reward", "the outcome of an offer is from 0 to 1")])
        with suppress(DecisionConflict):  # Personalizer keeps the first as well, and says nothing
            service.recommender.outcome(event_id, value, "reward")
    return Response(status_code=204)


@router.post(
    "/events/{eventId:path}/activate",
    status_code=204,
    summary="Activate a rank event",
    responses=documented(404, 409, 422, 503),
)
async def activate(event_id: _EventId, service: Served, loop: _Loop) -> Response:
    """What a deferred rank event chose is shown; 409 where a limit forbids that by now."""

    def exposed() -> None:
        if not service.ranker.expose(loop, event_id):
            service.recommender.expose(event_id)

    await run_in_threadpool(exposed)
    return Response(status_code=204)


# ----------------------------------------------------------------------------------- Several slots


@router.post(
    "/multislot/rank",
    status_code=201,
    summary="Choose an action for each slot",
    dependencies=[Depends(_OF_ACTIONS)],
    responses={
        201: {"model": MultiSlotRankAnswer},
        **documented(400, 409, 413, 415, 422, 503, most=FEATURES_BYTES),
    },
)
async def rank_slots(body: MultiSlotRankRequest, service: Served, loop: _Loop) -> Response:
    """Choose one of the caller's own actions for each slot; none is shown twice.

    Offers of the ladder are refused here: one lead is asked for one thing at a time.
    """
    return await run_in_threadpool(lambda: json_answer(_slots(service, loop, body), status=201))


def _slots(service: Service, loop: str, body: MultiSlotRankRequest) -> MultiSlotRankAnswer:
    _check_left(
        [one.id for one in body.actions],
        [frozenset(slot.excludedActions or ()) for slot in body.slots],
    )
    if _are_offers(service, body.actions):
        detail = "an offer of the ladder: a lead is asked for one thing at a time; use rank"
        raise wrong_body([(("actions",), "offers", detail)])
    _check_baselines(body)
    slots = [
        Slot(
            *(one.id, one.features or (), frozenset(one.excludedActions or ())),
            one.baselineAction,
        )
        for one in body.slots
    ]
    event = service.ranker.rank(
        *(loop, body.eventId, _lead_id(body.contextFeatures or ())),
        *(body.contextFeatures or (), _actions(body.actions), slots),
        defer=bool(body.deferActivation),
    )
    return {
        "slots": [{"id": one.slot, "rewardActionId": one.chosen} for one in event],
        "eventId": event[0].event_id,
    }


@router.post(
    "/multislot/events/{eventId:path}/reward",
    status_code=204,
    summary="Reward slots of an event",
    dependencies=[Depends(json_body)],
    responses=documented(400, 404, 413, 415, 422, 503),
)
async def reward_slots(
    event_id: _EventId, body: MultiSlotRewardRequest, service: Served, loop: _Loop
) -> Response:
    """What came of some slots. The first report of each stays; later ones change nothing."""
    rewards = {one.slotId: one.value for one in reversed(body.reward)}
    await run_in_threadpool(
        lambda: _known(event_id, service.ranker.reward(loop, event_id, rewards))
    )
    return Response(status_code=204)


@router.post(
    "/multislot/events/{eventId:path}/activate",
    status_code=204,
    summary="Activate an event of several slots",
    responses=documented(404, 422, 503),
)
async def activate_slots(event_id: _EventId, service: Served, loop: _Loop) -> Response:
    """What a deferred event chose is shown, in all its slots."""
    await run_in_threadpool(lambda: _known(event_id, service.ranker.expose(loop, event_id)))
    return Response(status_code=204)


# -------------------------------------------------------------------------------- How it is learned


@router.get(
    "/configurations/service",
    summary="How it is learned, in Personalizer's words",
    responses=documented(422),
)
async def service_configuration() -> ServiceConfiguration:
    """Fixed: nothing of it can be set."""
    return {
        "rewardWaitTime": f"PT{REWARD_WAIT_US // 60_000_000}M",
        "defaultReward": 0.0,
        "rewardAggregation": "earliest",
        "explorationPercentage": EXPLORED,
        "modelExportFrequency": f"PT{LEARN_US // 60_000_000}M",
        "logMirrorEnabled": False,
        "logRetentionDays": DAYS_KEPT,
        "learningMode": "Online",
    }


# ------------------------------------------------------------------------------------ What was sent


def _actions(actions: Iterable[ActionRequest]) -> list[Action]:
    return [Action(one.id, one.features or ()) for one in actions]


def _known(event_id: str, is_known: bool) -> None:
    if not is_known:
        raise UnknownDecision(f"there is no event {event_id!r}")


def _check_left(ids: list[str], excluded: list[frozenset[str]]) -> None:
    """An error where exclusions may leave a slot without an action."""
    for at, out in enumerate(excluded):
        # Slots before it take one action each, which may all be among those that it could show.
        if len(set(ids) - out) <= at:
            detail = (
                f"{len(ids)} actions, of which {len(out & set(ids))} are excluded there, leave"
                f" nothing for slot {at + 1}"
                if len(excluded) > 1
                else "all of them are excluded"
            )
            raise wrong_body([(("actions",), "too_few", detail)])


def _lead_id(context: Sequence[Any]) -> str | None:
    """The lead that a context names, in one of its objects or one level below; None without.

    Whoever is not logged in may have an id that stands for nobody: it names none.
    RequestValidationError for one that no lead can have.
    """
    return _named(context)[0]


def _needed_lead_id(context: Sequence[Any]) -> str:
    """The lead that a context names; RequestValidationError where it names none."""
    lead_id, junk = _named(context)
    if lead_id is None:
        raise wrong_body(junk[:1] or [(("contextFeatures",), "lead", _NO_LEAD)])
    return lead_id


def _check_baselines(body: MultiSlotRankRequest) -> None:
    """An error for a slot that is to show, without advice, what was not sent."""
    ids = {one.id for one in body.actions}
    strangers = [
        (
            (*("slots", at), "baselineAction"),
            "action",
            f"{one.baselineAction!r} is no action of these",
        )
        for at, one in enumerate(body.slots)
        if one.baselineAction is not None and one.baselineAction not in ids
    ]
    if strangers:
        raise wrong_body(strangers)


def _named(context: Sequence[Any]) -> tuple[str | None, list[tuple[Place, str, str]]]:
    """The first lead that is named, and what is wrong with the ids of nobody before it."""
    objects: list[tuple[Place, dict[Any, Any]]] = [
        (("contextFeatures", at), one) for at, one in enumerate(context) if isinstance(one, dict)
    ]
    nested = [
        ((*place, name), value)
        for place, one in objects
        for name, value in one.items()
        if isinstance(value, dict)
    ]
    junk: list[tuple[Place, str, str]] = []
    for place, one in (*objects, *nested):
        lead_id = one.get("lead_id")
        if not isinstance(lead_id, str) or not lead_id:
            continue
        fault = lead_fault(lead_id)
        if fault is None:
            return lead_id, junk
        junk.append(((*place, "lead_id"), *fault))
        if not is_junk(lead_id):
            raise wrong_body(junk[-1:])
    return None, junk
