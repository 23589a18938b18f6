"""The offers: listed, edited, paused, retired, taken up again, put back as they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from features.ladder.ladder import OfferVersion
from serving.edge.access.access import Asker
from serving.edge.parameters import check_step
from serving.edge.schemas import PathId
from serving.pages.common.forms import form_of
from serving.pages.settings.offers.changes import said_of_version, versions_shown
from serving.pages.settings.offers.changing import (
    Refusal,
    add_offer,
    call_off_plan,
    edit_offer,
    restore_offer,
    set_state,
)
from serving.pages.settings.offers.form import OfferForm
from serving.pages.settings.offers.listing import (
    OfferState,
    catalogue,
    offers_by_step,
    state_counts,
    state_words,
)
from serving.pages.settings.offers.showing import (
    HOME,
    new_offer_shown,
    offer_path,
    offer_shown,
    told_offer,
)
from serving.pages.settings.sections import Looker, Said, Setter, section
from serving.pages.settings.tables import AsFile, csv_answer
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_MOST_FORM_BYTES: Final = 64 * 1024
_WRONG: Final = Said("What will not do is marked below.", lead="Not kept.", is_bad=True)

_File = Annotated[AsFile | None, Query(alias="format")]

router = APIRouter(include_in_schema=False)


# ------------------------------------------------------------------------------------ what is shown


@router.get(HOME)
async def offers_settings(
    request: Request,
    service: Served,
    asker: Looker,
    state: OfferState | None = None,
    step: str | None = None,
    done: str | None = None,
    format_: _File = None,
) -> Response:
    """Every offer, by its step, with its state and what is known of it."""
    check_step(service.ladder, step)
    if format_ == "csv":
        return await run_in_threadpool(lambda: _list_file(service, state, step))
    return await run_in_threadpool(
        lambda: section(
            request,
            service,
            asker,
            "offers",
            _list(service, asker, state, step),
            said=_said(service, done),
        )
    )


@router.get("/settings/new-offer")
async def new_offer_settings(
    request: Request, service: Served, asker: Setter, step: str | None = None
) -> Response:
    """The form of an offer that is to come."""
    check_step(service.ladder, step)
    form = OfferForm({"step": step or service.ladder.steps[0].id, "role": "ask"})
    return await run_in_threadpool(lambda: _new(request, service, asker, form))


@router.get(HOME + "/{offer_id}")
async def offer_settings(
    request: Request,
    offer_id: PathId,
    service: Served,
    asker: Looker,
    done: str | None = None,
    format_: _File = None,
) -> Response:
    """An offer: its form, what can be done with it, and its versions."""
    if format_ == "csv":
        return await run_in_threadpool(lambda: _versions_file(service, offer_id))
    return await run_in_threadpool(
        lambda: _one(request, service, asker, offer_id, said=_said(service, done))
    )


def _list(
    service: Service, asker: Asker, state: OfferState | None, step: str | None
) -> dict[str, Any]:
    told = catalogue(service)
    counts = state_counts([one for one in told if step in (None, one["step"])])
    of_step = {"step": step} if step else {}
    chosen = of_step | ({"state": state} if state else {})
    states = [
        (state_words(one)[0], counts.get(one, 0), _address(**of_step, state=one), state == one)
        for one in get_args(OfferState)
    ]
    return {
        "groups": offers_by_step(service, state, step),
        "filters": [("All", sum(counts.values()), _address(**of_step), state is None), *states],
        "steps": [
            ("", "Every step", _address(**({"state": state} if state else {}))),
            *(
                (one.id, one.title, _address(**{**chosen, "step": one.id}))
                for one in service.ladder.goals
            ),
        ],
        "state": state or "",
        "step": step or "",
        "everything": _address(),
        "file_address": _address(**chosen, format="csv"),
        "may_change": _may_change(service, asker),
        "no_model": service.scorer.bundle is None,
    }


def _may_change(service: Service, asker: Asker) -> bool:
    return asker.may("admin") and service.scorer.bundle is not None


def _address(**query: str) -> str:
    return f"{HOME}?{urlencode(query)}" if query else HOME


def _said(service: Service, done: str | None) -> Said | None:
    """What the version that an address names has changed: `id.number`."""
    offer_id, _, number = (done or "").rpartition(".")
    is_one = offer_id and number.isascii() and number.isdecimal() and len(number) < 10
    return said_of_version(service, offer_id, int(number)) if is_one else None


def _new(request: Request, service: Service, asker: Asker, form: OfferForm) -> Response:
    is_wrong = bool(form.wrong or form.general)
    return section(
        request,
        service,
        asker,
        "offers",
        new_offer_shown(service, form) | {"may_change": _may_change(service, asker)},
        template="new_offer",
        said=_WRONG if is_wrong else None,
        status=422 if is_wrong else 200,
    )


def _one(
    request: Request,
    service: Service,
    asker: Asker,
    offer_id: str,
    *,
    form: OfferForm | None = None,
    said: Said | None = None,
    status: int = 200,
) -> Response:
    values = offer_shown(service, offer_id, form)
    values["may_change"] = _may_change(service, asker)
    return section(
        request, service, asker, "offers", values, template="offer", said=said, status=status
    )


def _list_file(service: Service, state: OfferState | None, step: str | None) -> Response:
    header = ("step", "title", "state", "what", "known", "version", "changed at", "by", "id")
    rows = [
        (
            *(group.title, row.title, row.state, row.facts, row.known, row.version),
            *(row.changed.iso if row.changed else None, row.by, row.id),
        )
        for group in offers_by_step(service, state, step)
        for row in group.rows
    ]
    return csv_answer("offers", header, rows)


def _versions_file(service: Service, offer_id: str) -> Response:
    told_offer(service, offer_id)
    header = ("version", "holds from", "made at", "by", "state", "changed", "holds now")
    rows = [
        (
            *(one.number, one.from_at.iso if one.from_at else None),
            *(one.made_at.iso if one.made_at else None, one.by, one.status, one.changed),
            one.is_now,
        )
        for one in versions_shown(service, offer_id)
    ]
    return csv_answer("offer-versions", header, rows)


# ---------------------------------------------------------------------------------- what is changed


@router.post("/settings/new-offer")
async def add_offer_settings(request: Request, service: Served, asker: Setter) -> Response:
    """Add an offer, or show the form again with what is wrong."""
    given = await form_of(request, _MOST_FORM_BYTES)

    def answer() -> Response:
        found = add_offer(service, given, asker.name)
        if isinstance(found, Refusal):
            return _new(request, service, asker, found.form)
        return _to(found, offer_path(found.offer_id))

    return await run_in_threadpool(answer)


@router.post(HOME + "/{offer_id}")
async def edit_offer_settings(
    request: Request, offer_id: PathId, service: Served, asker: Setter
) -> Response:
    """Keep another version of an offer, or show the form again with what is wrong."""
    given = await form_of(request, _MOST_FORM_BYTES)
    return await _changed(request, service, asker, offer_id, partial(edit_offer, given=given))


@router.post(HOME + "/{offer_id}/status")
async def set_offer_settings(
    request: Request, offer_id: PathId, service: Served, asker: Setter
) -> Response:
    """Pause an offer, retire it, or take it up again."""
    given = await form_of(request)

    def answer() -> Response:
        found = set_state(service, offer_id, given, asker.name)
        if isinstance(found, OfferVersion) and given.get("back") == "list":
            return _to(found, _address(**_kept_filters(given)))
        return _after(request, service, asker, offer_id, found)

    return await run_in_threadpool(answer)


@router.post(HOME + "/{offer_id}/restore")
async def restore_offer_settings(
    request: Request, offer_id: PathId, service: Served, asker: Setter
) -> Response:
    """Put an offer back as a former version had it."""
    given = await form_of(request)
    return await _changed(request, service, asker, offer_id, partial(restore_offer, given=given))


@router.post(HOME + "/{offer_id}/call-off")
async def call_off_offer_settings(
    request: Request, offer_id: PathId, service: Served, asker: Setter
) -> Response:
    """Call off what is planned for an offer from an instant on."""
    given = await form_of(request)
    return await _changed(request, service, asker, offer_id, partial(call_off_plan, given=given))


async def _changed(
    request: Request,
    service: Service,
    asker: Asker,
    offer_id: str,
    change: Callable[..., OfferVersion | Refusal],
) -> Response:
    """What a change of an offer comes to: to the offer, or the page with what is wrong."""

    def answer() -> Response:
        found = change(service, offer_id, by=asker.name)
        return _after(request, service, asker, offer_id, found)

    return await run_in_threadpool(answer)


def _after(
    request: Request, service: Service, asker: Asker, offer_id: str, found: OfferVersion | Refusal
) -> Response:
    """To the offer with what was changed; the page with the form where nothing was."""
    if isinstance(found, OfferVersion):
        return _to(found, offer_path(offer_id))
    stale = Said(found.stale, lead="Somebody else has changed this offer meanwhile.", is_bad=True)
    said, status = (stale, 409) if found.stale else (_WRONG, 422)
    return _one(request, service, asker, offer_id, form=found.form, said=said, status=status)


def _to(made: OfferVersion, address: str) -> Response:
    joint = "&" if "?" in address else "?"
    done = urlencode({"done": f"{made.offer_id}.{made.version}"})
    return RedirectResponse(f"{address}{joint}{done}", 303)


def _kept_filters(given: Any) -> dict[str, str]:
    return {name: given[name] for name in ("state", "step") if given.get(name)}
