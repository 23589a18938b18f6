"""The webhooks: only who may change settings sees where notifications go, and changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from features.clock import instant, microseconds
from features.errors import TimeError
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.errors import ChangedMeanwhile
from serving.edge.schemas import PathId
from serving.notifications.addresses import AddressRule
from serving.notifications.endpoints import DeliveryState, Endpoint
from serving.pages.common.forms import form_of
from serving.pages.settings.sections import Looker, Said, Setter, closed, section
from serving.pages.settings.tables import AsFile, csv_answer
from serving.pages.settings.webhooks.endpoints import (
    DELIVERY_WORDS,
    EndpointForm,
    after_of,
    deliveries_shown,
    endpoint_shown,
    endpoints_of,
    endpoints_shown,
    form_of_endpoint,
    read_endpoint_form,
)
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_HOME: Final = "/settings/webhooks"
_A_PAGE: Final = 25
_MOST_IN_A_FILE: Final = 10_000
_SETS: Final = [Depends(needs("admin", is_page=True))]
_WRONG: Final = Said("What will not do is marked below.", lead="Not kept.", is_bad=True)
_MEANWHILE: Final = Said(
    "Somebody else has changed it since you opened this page. What you wrote is still in the form:"
    " save it again to have it instead.",
    lead="Not kept.",
    is_bad=True,
)

_File = Annotated[AsFile | None, Query(alias="format")]

router = APIRouter(include_in_schema=False)


# ------------------------------------------------------------------------------------ what is shown


@router.get(_HOME)
async def webhooks_settings(
    request: Request,
    service: Served,
    asker: Looker,
    done: str = "",
    format_: _File = None,
) -> Response:
    """Every endpoint, how it stands, and the form of a new one."""
    if not asker.may("admin"):
        return await closed(request, service, asker, "webhooks", as_file=format_ is not None)
    if format_ == "csv":
        return await run_in_threadpool(lambda: _list_file(service))
    removed = Said("Nothing more is sent there.", lead="Removed.")
    said = removed if done == "removed" else None
    return await run_in_threadpool(
        lambda: _list(request, service, asker, EndpointForm(), said=said)
    )


@router.get(_HOME + "/{endpoint_id}")
async def webhook_settings(
    request: Request,
    endpoint_id: PathId,
    service: Served,
    asker: Looker,
    done: str = "",
    state: DeliveryState | None = None,
    after: Annotated[str, Query(max_length=2000)] = "",
    format_: _File = None,
) -> Response:
    """An endpoint: how it stands, its form, and its deliveries."""
    if not asker.may("admin"):
        return await closed(request, service, asker, "webhooks", as_file=format_ is not None)

    def answer() -> Response:
        if format_ == "csv":
            return _deliveries_file(service, endpoint_id, state)
        one = endpoints_of(service).one(endpoint_id)
        form = form_of_endpoint(one)
        return _one(
            request,
            service,
            asker,
            one,
            form,
            said=_said(one, done),
            listed=(state, after),
        )

    return await run_in_threadpool(answer)


@router.get(_HOME + "/{endpoint_id}/remove")
async def remove_webhook_page(
    request: Request, endpoint_id: PathId, service: Served, asker: Setter
) -> Response:
    """What follows from removing an endpoint, and the button that does."""

    def answer() -> Response:
        values = {"one": endpoint_shown(service, endpoint_id), "path": _path(endpoint_id)}
        return section(request, service, asker, "webhooks", values, template="remove_webhook")

    return await run_in_threadpool(answer)


def _list(
    request: Request,
    service: Service,
    asker: Asker,
    form: EndpointForm,
    *,
    said: Said | None = None,
    status: int = 200,
) -> Response:
    values = {"endpoints": endpoints_shown(service), "form": form}
    return section(request, service, asker, "webhooks", values, said=said, status=status)


def _one(
    request: Request,
    service: Service,
    asker: Asker,
    one: Endpoint,
    form: EndpointForm,
    *,
    said: Said | None = None,
    listed: tuple[DeliveryState | None, str] = (None, ""),
    status: int = 200,
) -> Response:
    state, after = listed
    path = _path(one.id)
    deliveries, cursor = deliveries_shown(service, one.id, _A_PAGE, state, after_of(after))
    chosen = {"state": state} if state else {}
    values = {
        "one": endpoint_shown(service, one.id),
        "path": path,
        "form": form,
        "seen": form_of_endpoint(one).mark,
        "deliveries": deliveries,
        "filters": [
            ("All", path, state is None),
            *(
                (DELIVERY_WORDS[each][0], f"{path}?state={each}", each == state)
                for each in get_args(DeliveryState)
            ),
        ],
        "state": state or "",
        "first": f"{path}?{urlencode(chosen)}" if after else "",
        "older": f"{path}?{urlencode({**chosen, 'after': cursor})}" if cursor else "",
        "file_address": f"{path}?{urlencode({**chosen, 'format': 'csv'})}",
    }
    return section(
        request, service, asker, "webhooks", values, template="webhook", said=said, status=status
    )


def _path(endpoint_id: str) -> str:
    return f"{_HOME}/{quote(endpoint_id, safe='')}"


def _said(one: Endpoint, done: str) -> Said | None:
    """What was done just now, where it is so still; `replayed.3` says how many."""
    done, _, digits = done.partition(".")
    count = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else 0
    turned = ("on" if one.disabled_at is None else "off") == done
    path = _path(one.id)
    if done == "on" and turned:
        sentence = "What was missed meanwhile is sent when you ask for it below."
        return Said(sentence, "Switched on.", "", "Switch it off", f"{path}/off")
    if done == "off" and turned:
        sentence = "Nothing is sent there, and what waited was given up."
        return Said(sentence, "Switched off.", "", "Switch it on again", f"{path}/on")
    told = {
        "changed": Said("It holds for what is sent from now on.", "Changed."),
        "tested": Said("Below you see what comes of it; load the page again.", "A test is sent."),
        "replayed": Said(
            f"{count:,} {'notification is' if count == 1 else 'notifications are'} on the way.",
            "Sent again:",
        ),
    }
    return told.get(done)


def _list_file(service: Service) -> Response:
    header = (
        *("address", "description", "state", "why off", "wants", "last delivered"),
        *("delivered", "waiting", "given up", "id"),
    )
    rows = [
        (
            *(one.url, one.description, one.state[0], one.why, "; ".join(one.wants)),
            *(one.delivered_at.iso if one.delivered_at else None, one.tally.delivered),
            *(one.tally.waiting, one.tally.failed, one.id),
        )
        for one in endpoints_shown(service)
    ]
    return csv_answer("webhooks", header, rows)


def _deliveries_file(service: Service, endpoint_id: str, state: DeliveryState | None) -> Response:
    header = ("made at", "what", "lead", "state", "attempts", "delivered at", "why", "id")
    found, _ = deliveries_shown(service, endpoint_id, _MOST_IN_A_FILE, state, None)
    rows = [
        (
            *(one.made_at.iso if one.made_at else None, one.what, one.lead_id, one.state),
            *(one.attempts, one.delivered_at.iso if one.delivered_at else None),
            *(one.error, one.id),
        )
        for one in found
    ]
    return csv_answer("deliveries", header, rows)


# ---------------------------------------------------------------------------------- what is changed


@router.post(_HOME)
async def add_webhook_settings(request: Request, service: Served, asker: Setter) -> Response:
    """Make an endpoint. The answer is the page that shows its secret, as no address may."""
    given = await form_of(request)

    def answer() -> Response:
        endpoints = endpoints_of(service)
        form = read_endpoint_form(given, _rule(service), endpoints.all())
        if form.wrong:
            return _list(request, service, asker, form, said=_WRONG, status=422)
        made, secret = endpoints.add(
            form.url, form.description, sorted(form.types), sorted(form.include)
        )
        return _secret(request, service, asker, made, secret, is_new=True)

    return await run_in_threadpool(answer)


@router.post(_HOME + "/{endpoint_id}")
async def change_webhook_settings(
    request: Request, endpoint_id: PathId, service: Served, asker: Setter
) -> Response:
    """Change where an endpoint is and what it wants."""
    given = await form_of(request)

    def answer() -> Response:
        endpoints = endpoints_of(service)
        one = endpoints.one(endpoint_id)
        form = read_endpoint_form(given, _rule(service), ())
        if form.wrong:
            return _one(request, service, asker, one, form, said=_WRONG, status=422)
        try:
            endpoints.change(
                endpoint_id,
                url=form.url,
                description=form.description,
                types=sorted(form.types),
                include=sorted(form.include),
                check=lambda held: _check_seen(held, given.get("seen")),
            )
        except ChangedMeanwhile:
            one = endpoints.one(endpoint_id)
            return _one(request, service, asker, one, form, said=_MEANWHILE, status=409)
        return _to(endpoint_id, "changed")

    return await run_in_threadpool(answer)


def _check_seen(held: Endpoint, seen: str | None) -> None:
    """ChangedMeanwhile where an endpoint is another than when its form was made."""
    if seen != form_of_endpoint(held).mark:
        raise ChangedMeanwhile(f"{held.id} is not what was looked at")


@router.post(_HOME + "/{endpoint_id}/rotate")
async def rotate_webhook_settings(
    request: Request, endpoint_id: PathId, service: Served, asker: Setter
) -> Response:
    """Give an endpoint another secret, and show it this once."""
    await form_of(request)

    def answer() -> Response:
        one, secret = endpoints_of(service).rotate(endpoint_id)
        return _secret(request, service, asker, one, secret, is_new=False)

    return await run_in_threadpool(answer)


@router.post(_HOME + "/{endpoint_id}/test", dependencies=_SETS)
async def test_webhook_settings(request: Request, endpoint_id: PathId, service: Served) -> Response:
    """Send a test to an endpoint."""
    await form_of(request)
    await run_in_threadpool(lambda: endpoints_of(service).test(endpoint_id))
    return _to(endpoint_id, "tested")


@router.post(_HOME + "/{endpoint_id}/replay", dependencies=_SETS)
async def replay_webhook_settings(
    request: Request, endpoint_id: PathId, service: Served
) -> Response:
    """Send the ticked notifications again, or all that failed or were missed for some days."""
    given = await form_of(request)
    ids = [name.removeprefix("send:") for name in given if name.startswith("send:")]

    def answer() -> Response:
        endpoints = endpoints_of(service)
        if "since" in given:
            count = endpoints.replay_since(endpoint_id, _since(given))
        else:
            count = len(endpoints.replay(endpoint_id, ids))
        return _to(endpoint_id, f"replayed.{count}")

    return await run_in_threadpool(answer)


def _since(given: Mapping[str, str]) -> int:
    """The beginning of a day, UTC."""
    text = given["since"].strip()
    try:
        return microseconds(instant(text[:10]))
    except TimeError as error:
        raise HTTPException(422, "Since which day? Write it as 2027-03-01.") from error


@router.post(_HOME + "/{endpoint_id}/{switch}", dependencies=_SETS)
async def switch_webhook_settings(
    request: Request, endpoint_id: PathId, switch: Literal["on", "off", "remove"], service: Served
) -> Response:
    """Switch an endpoint on or off, or remove it."""
    await form_of(request)

    def answer() -> Response:
        endpoints = endpoints_of(service)
        if switch == "remove":
            endpoints.remove(endpoint_id)
            return RedirectResponse(f"{_HOME}?done=removed", 303)
        endpoints.change(endpoint_id, enabled=switch == "on")
        return _to(endpoint_id, switch)

    return await run_in_threadpool(answer)


def _secret(
    request: Request,
    service: Service,
    asker: Asker,
    one: Endpoint,
    secret: str,
    *,
    is_new: bool,
) -> Response:
    values: dict[str, Any] = {
        "secret": secret,
        "is_new": is_new,
        "url": one.url,
        "path": _path(one.id),
    }
    return section(request, service, asker, "webhooks", values, template="webhook_secret")


def _to(endpoint_id: str, done: str) -> Response:
    return RedirectResponse(f"{_path(endpoint_id)}?{urlencode({'done': done})}", 303)


def _rule(service: Service) -> AddressRule:
    return AddressRule(service.settings.webhook_private == "allow")
