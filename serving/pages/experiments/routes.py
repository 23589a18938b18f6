"""Experiments: which way works, how sure that is, when one may stop, what may choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from features.errors import BundleError, ExperimentConflict, ExperimentError
from models.gate import GateError
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.pages.common.downloads import CsvTable, csv_answer, named_table
from serving.pages.common.forms import form_of
from serving.pages.common.frame import page
from serving.pages.common.moments import shown_at
from serving.pages.experiments.begin import (
    MOST_WAYS,
    BeginForm,
    blank_form,
    choices,
    filled_form,
    mistakes_in,
)
from serving.pages.experiments.gate import gate_part
from serving.pages.experiments.naming import KINDS
from serving.pages.experiments.offers import offers_look, offers_of, untried, worded_offers
from serving.pages.experiments.tables import (
    course_table,
    gate_table,
    goals_table,
    offers_table,
    words_table,
)
from serving.pages.experiments.told import TrialCard, card_of
from serving.process.judged.policies import let_serve, withdraw
from serving.process.served import Served
from serving.process.service import Service
from serving.recommending.experiments import (
    end_experiment,
    experiment_told,
    experiments_told,
    start_experiment,
)

__all__ = ["router"]

_LIST: Final = "/experiments"
_Reads = Annotated[Asker, Depends(needs("read", is_page=True))]
_Sets = Annotated[Asker, Depends(needs("admin", is_page=True))]

router = APIRouter(include_in_schema=False)


@router.get("/experiments")
async def experiments_page(request: Request, service: Served, asker: _Reads) -> Response:
    """All experiments, each offer by lot, and whether another policy may serve."""
    table = named_table(request, ("experiments", "offers", "words", "gate"))
    if table is not None:
        return await run_in_threadpool(lambda: csv_answer(table, _table(service, table)))
    return await run_in_threadpool(lambda: _listed(request, service, asker))


@router.get("/experiments/-/begin")
async def begin_page(
    request: Request,
    service: Served,
    asker: _Sets,
    kind: str = "",
    step: str = "",
    ways: str = "",
) -> Response:
    """The form that begins one."""
    form = blank_form(service.ladder, kind, step, ways)
    return await run_in_threadpool(lambda: _begin(request, service, asker, form))


@router.post("/experiments")
async def begin(request: Request, service: Served, asker: _Sets) -> Response:
    """Begin one, and go on to its page; what is wrong is told on the form."""
    form = filled_form(service.ladder, await form_of(request))
    return await run_in_threadpool(lambda: _begun(request, service, asker, form))


@router.post("/experiments/-/policy")
async def change_policy(request: Request, service: Served, asker: _Sets) -> Response:
    """Let the policy that passed its gate choose, or the careful one again."""
    form = await form_of(request)

    def change() -> None:
        if form.get("do") == "serve":
            let_serve(service, form.get("policy", ""), asker.name)
        else:
            withdraw(service, asker.name)

    return await run_in_threadpool(lambda: _done(request, service, asker, change, f"{_LIST}#gate"))


@router.get("/experiments/{experiment_id}")
async def experiment_page(
    request: Request, experiment_id: str, service: Served, asker: _Reads
) -> Response:
    """One experiment with all that it has shown."""
    table = named_table(request, ("goals", "course"))
    return await run_in_threadpool(lambda: _one(request, service, asker, experiment_id, table))


@router.post("/experiments/{experiment_id}/stop")
async def stop(request: Request, experiment_id: str, service: Served, asker: _Sets) -> Response:
    """End one, in words, and perhaps with one way for all."""
    form = await form_of(request)

    def end() -> None:
        end_experiment(
            service.store,
            service.ladder,
            experiment_id,
            now=service.clock(),
            by=asker.name,
            verdict=form.get("verdict", "").strip(),
            roll_out=form.get("roll_out") or None,
        )
        service.refresh()

    return await run_in_threadpool(lambda: _done(request, service, asker, end, _of(experiment_id)))


@router.post("/experiments/{experiment_id}/archive")
async def archive(request: Request, experiment_id: str, service: Served, asker: _Sets) -> Response:
    """Put an ended one away."""
    await form_of(request)

    def away() -> None:
        service.store.experiments.archive(service.ladder.name, experiment_id)

    return await run_in_threadpool(lambda: _done(request, service, asker, away, _LIST))


# ------------------------------------------------------------------------------------------- pages


def _listed(
    request: Request, service: Service, asker: Asker, mistakes: tuple[str, ...] = ()
) -> Response:
    cards, offers = _cards(service), offers_look(service)
    ladder = service.ladder
    away = service.store.experiments.of(ladder.name, "archived")
    values = {
        "ladder": ladder,
        "mistakes": mistakes,
        "standing": [card for card in cards if card.state == "standing"],
        "running": [card for card in cards if card.state == "running"],
        "ended": [card for card in cards if card.state == "stopped"],
        "away": [card_of(experiment_told(service.store, ladder, one.id), ladder) for one in away],
        "left_alone": ladder.controls.none,
        "offers_look": offers,
        "offers_at": shown_at(offers.as_of) if offers.body else None,
        "offers": offers_of(offers, ladder),
        "untried": untried(offers, ladder),
        "worded": worded_offers(offers, ladder),
        "gate": gate_part(service),
        "looks_off": not service.settings.experiments_seconds,
        "failure": service.failure,
    }
    template = "experiments/list.html"
    return page(request, service, asker, template, values, 409 if mistakes else 200)


def _cards(service: Service) -> list[TrialCard]:
    ladder = service.ladder
    return [
        card_of(experiment_told(service.store, ladder, one["id"]), ladder)
        for one in experiments_told(service.store, ladder)
    ]


def _one(
    request: Request,
    service: Service,
    asker: Asker,
    experiment_id: str,
    table: str | None = None,
    mistakes: tuple[str, ...] = (),
) -> Response:
    told = experiment_told(service.store, service.ladder, experiment_id)
    card = card_of(told, service.ladder)
    if table is not None:
        found = goals_table([card]) if table == "goals" else course_table(card)
        return csv_answer(f"{card.id}-{table}", found)
    values = {
        "card": card,
        "mistakes": mistakes,
        "keeps": [
            (arm["id"], name)
            for arm, (name, _) in zip(told["arms"], card.arms, strict=True)
            if told["kind"] == "offer" and arm["offers"]
        ],
        "looks_off": not service.settings.experiments_seconds,
        "asks_for_arms": not told["is_ours"],
    }
    template = "experiments/one.html"
    return page(request, service, asker, template, values, 409 if mistakes else 200)


def _table(service: Service, name: str) -> CsvTable:
    if name == "offers":
        return offers_table(offers_of(offers_look(service), service.ladder))
    if name == "words":
        return words_table(worded_offers(offers_look(service), service.ladder))
    return gate_table(gate_part(service)) if name == "gate" else goals_table(_cards(service))


def _begin(
    request: Request, service: Service, asker: Asker, form: BeginForm, status: int = 200
) -> Response:
    values: dict[str, Any] = {
        "form": form,
        "kinds": KINDS,
        "most_ways": MOST_WAYS,
        "step_title": next(
            (goal.title for goal in service.ladder.goals if goal.id == form.step), ""
        ),
        **choices(form, service.ladder),
    }
    return page(request, service, asker, "experiments/begin.html", values, status)


def _begun(request: Request, service: Service, asker: Asker, form: BeginForm) -> Response:
    ladder, store = service.ladder, service.store
    kept = store.experiments.of(ladder.name)
    mistakes = mistakes_in(form, ladder, [one for one in kept if one.state == "running"])
    if not form.kind:
        mistakes.append("Choose first what is to differ.")
    if not mistakes:
        experiment = form.experiment([one.id for one in kept])
        try:
            start_experiment(store, ladder, experiment, now=service.clock(), by=asker.name)
        except (ExperimentError, ExperimentConflict) as error:
            mistakes.append(str(error))
        else:
            service.refresh()
            return RedirectResponse(_of(experiment.id), 303)
    return _begin(request, service, asker, replace(form, mistakes=tuple(mistakes)), 422)


def _done(
    request: Request, service: Service, asker: Asker, change: Callable[[], None], back: str
) -> Response:
    """Do something and go back; where it cannot be done the page says why."""
    try:
        change()
    except (BundleError, ExperimentConflict, ExperimentError, GateError) as error:
        said = (str(error),)
        if not back.startswith(f"{_LIST}/"):
            return _listed(request, service, asker, said)
        own = unquote(back.removeprefix(f"{_LIST}/"))
        return _one(request, service, asker, own, mistakes=said)
    return RedirectResponse(back, 303)


def _of(experiment_id: str) -> str:
    return f"{_LIST}/{quote(experiment_id, safe='')}"
