"""Routes: what is tried on leads by lot, and the arm of a lead."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.ladder.controls import Arm, Experiment
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import IDS_BYTES, JsonBody, json_answer, json_body
from serving.edge.problems import documented
from serving.edge.schemas import EachOnce, NewLeadId, StrictRequest, Text
from serving.process.served import AskedBy, Served
from serving.process.service import Service
from serving.recommending.experiments import (
    AssignmentAnswer,
    ExperimentAnswer,
    ExperimentWithReport,
    assign,
    end_experiment,
    experiment_told,
    experiments_told,
    start_experiment,
)

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["experiments"], route_class=CheckedRoute)

_Id = Annotated[str, Path(description="The experiment's id.", max_length=200)]
_NOT_KEPT = {"Cache-Control": "private, max-age=0"}
_ADMIN = [Depends(needs("admin")), Depends(json_body)]


class ArmRequest(StrictRequest):
    """An arm of an experiment."""

    id: Text
    share: float = Field(
        gt=0, lt=1, strict=True, description="Of the leads; those of all arms sum to 1."
    )
    offers: Annotated[list[Text], EachOnce] = Field(
        [],
        max_length=50,
        json_schema_extra={"uniqueItems": True},
        description="Of the kind `offer`: what the leads of this arm are asked.",
    )
    policy: Text | None = Field(
        None,
        description="Of the kind `policy`: what chooses for them, such as `careful`, or"
        " `careful:no_value`, which lacks a factor; `no_ask` and `usual` leave them alone. Left"
        " out: the policy that serves.",
    )


class ExperimentRequest(StrictRequest):
    """An experiment that is to begin. It can be ended, and never changed."""

    id: Text
    kind: Literal["offer", "policy", "ladder", "content", "framing", "channel", "hour"] = Field(
        description="What differs. `offer` and `policy` are done by Rung; the others by the tool"
        " that asks for the arms of leads."
    )
    arms: list[ArmRequest] = Field(min_length=2, max_length=10)
    control: Text = Field(description="The arm that the others are compared with.")
    step: Text | None = Field(None, description="Leads that come to this step; left out: all.")
    title: Text | None = None


class ExperimentEndRequest(StrictRequest):
    """That an experiment is over."""

    verdict: Text | None = Field(None, description="What was decided, in words.")
    roll_out: Text | None = Field(
        None, description="An arm: offers that only other arms have are paused."
    )


class AssignmentRequest(StrictRequest):
    """The lead whose arm is asked for, by any of its ids; it need not be known yet."""

    lead_id: NewLeadId


class ExperimentsAnswer(BaseModel):
    """The experiments of the ladder, in the order in which they began."""

    data: list[ExperimentAnswer]


@router.get(
    "/experiments",
    summary="What is tried on leads by lot",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": ExperimentsAnswer}, **documented(422, 503)},
)
async def list_experiments(service: Served) -> Response:
    """All experiments but those that were put away; the standing controls of the ladder first."""
    return await run_in_threadpool(
        lambda: json_answer({"data": experiments_told(service.store, service.ladder)}, _NOT_KEPT)
    )


@router.get(
    "/experiments/{experiment_id}",
    summary="An experiment, and what it has shown",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": ExperimentWithReport}, **documented(404, 422, 503)},
)
async def get_experiment(experiment_id: _Id, service: Served) -> Response:
    """With the newest report (`RUNG_EXPERIMENTS_SECONDS`): intervals that hold at every look."""
    return await run_in_threadpool(lambda: _told(service, experiment_id))


@router.post(
    "/experiments",
    status_code=201,
    summary="Begin an experiment",
    dependencies=[Depends(needs("admin")), Depends(JsonBody(IDS_BYTES))],
    responses={
        201: {"model": ExperimentWithReport},
        **documented(400, 409, 413, 415, 422, 503, most=IDS_BYTES),
    },
)
async def post_experiment(body: ExperimentRequest, service: Served, asked_by: AskedBy) -> Response:
    """Leads are put into its arms by lot from now on, each once and for good."""
    experiment = Experiment(
        id=body.id,
        kind=body.kind,
        arms=tuple(
            Arm(arm.id, arm.share, tuple(arm.offers), arm.policy or "") for arm in body.arms
        ),
        control=body.control,
        step=body.step or "",
        title=body.title or "",
    )

    def start() -> Response:
        now = service.clock()
        start_experiment(service.store, service.ladder, experiment, now=now, by=asked_by)
        service.refresh()
        return _told(service, experiment.id, status=201)

    return await run_in_threadpool(start)


@router.post(
    "/experiments/{experiment_id}/stop",
    summary="End an experiment",
    dependencies=_ADMIN,
    responses={
        200: {"model": ExperimentWithReport},
        **documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def stop_experiment(
    experiment_id: _Id, body: ExperimentEndRequest, service: Served, asked_by: AskedBy
) -> Response:
    """Nobody is put into it any more, and its arms mean nothing from now on."""

    def end() -> Response:
        end_experiment(
            service.store,
            service.ladder,
            experiment_id,
            now=service.clock(),
            by=asked_by,
            verdict=body.verdict or "",
            roll_out=body.roll_out,
        )
        service.refresh()
        return _told(service, experiment_id)

    return await run_in_threadpool(end)


@router.post(
    "/experiments/{experiment_id}/archive",
    summary="Put an ended experiment away",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": ExperimentWithReport}, **documented(404, 409, 422, 503)},
)
async def archive_experiment(experiment_id: _Id, service: Served) -> Response:
    """It is listed and judged no more; its id stays taken."""

    def away() -> Response:
        service.store.experiments.archive(service.ladder.name, experiment_id)
        return _told(service, experiment_id)

    return await run_in_threadpool(away)


@router.post(
    "/experiments/{experiment_id}/assignments",
    summary="The arm of a lead",
    dependencies=[Depends(needs("decide")), Depends(json_body)],
    responses={
        200: {"model": AssignmentAnswer},
        **documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def post_assignment(experiment_id: _Id, body: AssignmentRequest, service: Served) -> Response:
    """The arm that the lead is in, and stays in: drawn now where it is in none, and kept."""
    return await run_in_threadpool(
        lambda: json_answer(
            assign(
                service.store,
                service.scorer.privacy,
                service.ladder,
                experiment_id,
                body.lead_id,
                service.clock(),
            )
        )
    )


def _told(service: Service, id_: str, status: int = 200) -> Response:
    return json_answer(experiment_told(service.store, service.ladder, id_), _NOT_KEPT, status)
