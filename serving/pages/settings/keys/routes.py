"""The keys: only who may change settings sees them, makes them and takes them back."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from serving.edge.access.access import Asker
from serving.edge.access.keys import Key
from serving.edge.access.needs import access_of, needs
from serving.edge.access.sessions import keep_session
from serving.edge.errors import UnknownKey
from serving.edge.schemas import PathId
from serving.pages.common.forms import form_of
from serving.pages.settings.keys.making import (
    RIGHTS,
    KeyForm,
    keys_shown,
    last_setter,
    make_key,
    read_key_form,
    rights_words,
)
from serving.pages.settings.sections import Looker, Said, Setter, closed, section
from serving.pages.settings.tables import AsFile, csv_answer
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_HOME: Final = "/settings/keys"
_FIRST: Final = frozenset({"admin"})
"""What the first key may do: who makes it goes on with it."""

router = APIRouter(include_in_schema=False)


@router.get(_HOME)
async def keys_settings(
    request: Request,
    service: Served,
    asker: Looker,
    revoked: str | None = None,
    format_: Annotated[AsFile | None, Query(alias="format")] = None,
) -> Response:
    """Every key: its name, what it may do, since when."""
    if not asker.may("admin"):
        return await closed(request, service, asker, "keys", as_file=format_ is not None)
    if format_ == "csv":
        return await run_in_threadpool(lambda: _file(request))
    return await run_in_threadpool(
        lambda: _page(request, service, asker, KeyForm(), _said_revoked(request, revoked))
    )


@router.post(_HOME)
async def make_key_settings(request: Request, service: Served, asker: Setter) -> Response:
    """Make a key. The answer is the page that shows it, as no address may."""
    form = read_key_form(await form_of(request))
    access, is_first = access_of(request), not asker.key_id
    if is_first:
        form = KeyForm(form.name, _FIRST)

    def answer() -> Response:
        made = make_key(access.keys, form, service.clock())
        if isinstance(made, KeyForm):
            return _page(request, service, asker, made, _WRONG, 422)
        key, text = made
        access.forget()
        now_is = Asker(key.id, key.name, key.scopes, has_session=True) if is_first else asker
        shown = section(
            request, service, now_is, "keys", _made(key, text, is_first), template="made_key"
        )
        if is_first:
            keep_session(request, shown, access.sessions.start(key.id, as_of=access.now()))
        return shown

    return await run_in_threadpool(answer)


@router.get(_HOME + "/{key_id}/revoke")
async def revoke_key_page(
    request: Request, key_id: PathId, service: Served, asker: Setter
) -> Response:
    """What follows from revoking a key, and the button that does."""
    keys = access_of(request).keys

    def answer() -> Response:
        key = keys.find(key_id)
        values = {
            "key": keys_shown([key], asker, service.clock())[0],
            "is_last": "admin" in key.scopes and last_setter(keys.all(), key_id),
        }
        return section(request, service, asker, "keys", values, template="revoke_key")

    return await run_in_threadpool(answer)


@router.post(_HOME + "/{key_id}/revoke", dependencies=[Depends(needs("admin", is_page=True))])
async def revoke_key_settings(request: Request, key_id: PathId, service: Served) -> Response:
    """Take a key back, for good."""
    await form_of(request)
    access = access_of(request)

    def answer() -> Response:
        access.keys.revoke(key_id, as_of=service.clock())
        access.forget()
        return RedirectResponse(f"{_HOME}?revoked={key_id}", 303)

    return await run_in_threadpool(answer)


# ------------------------------------------------------------------------------------ what is shown

_WRONG: Final = Said("What will not do is marked below.", lead="No key was made.", is_bad=True)


def _page(
    request: Request,
    service: Service,
    asker: Asker,
    form: KeyForm,
    said: Said | None = None,
    status: int = 200,
) -> Response:
    shown = keys_shown(access_of(request).keys.all(), asker, service.clock())
    values = {
        "form": form,
        "valid": [one for one in shown if one.revoked_at is None],
        "revoked": [one for one in shown if one.revoked_at is not None],
        "rights": [(f"may-{scope}", *told, scope in form.scopes) for scope, told in RIGHTS.items()],
        "ladder": service.ladder.name,
        "host": request.url.netloc,
    }
    return section(request, service, asker, "keys", values, said=said, status=status)


def _made(key: Key, text: str, is_first: bool) -> dict[str, Any]:
    return {
        "name": key.name,
        "text": text,
        "rights": rights_words(key.scopes),
        "scopes": key.scopes,
        "is_first": is_first,
    }


def _said_revoked(request: Request, key_id: str | None) -> Said | None:
    """That a key was revoked, if it was."""
    try:
        key = access_of(request).keys.find(key_id) if key_id else None
    except UnknownKey:
        return None
    if key is None or key.revoked_at is None:
        return None
    return Said(
        "Whoever uses it is refused within five seconds, and it cannot be taken up again.",
        lead="Revoked:",
        title=key.name,
    )


def _file(request: Request) -> Response:
    header = ("name", "may", "source", "ladder", "pages of", "made at", "revoked at", "id")
    keys = [one.as_dict() for one in access_of(request).keys.all()]
    rows = [
        (
            *(one["name"], " ".join(one["scopes"]), one["source"], one["ladder"]),
            *(" ".join(one["origins"]), one["created_at"], one["revoked_at"], one["id"]),
        )
        for one in keys
    ]
    return csv_answer("keys", header, rows)
