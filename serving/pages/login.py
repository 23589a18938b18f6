"""Logging in to the pages with a key, and out again.

Both forms are refused from another site, for a login is something that others could force on
somebody, too.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from serving.edge.access.needs import access_of, not_its_ladder
from serving.edge.access.sessions import is_https, keep_session, session_cookie
from serving.edge.errors import KeyNeeded, TooManyRequests
from serving.edge.rate_limit import address_of
from serving.pages.common.forms import check_same_site, form_of, own_path
from serving.pages.common.rendering import html

__all__ = ["router"]


_AROUND: Final = {"reader": None, "fresh": None, "query": ""}
"""There is nobody yet who could go anywhere."""

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 in the address
    """The form, or the page that it leads to for whoever needs none."""
    target = own_path(next)
    if await _is_in(request):
        return RedirectResponse(target, 303)
    return html(request, "login.html", _AROUND | {"next": target, "mistake": ""})


@router.post("/login")
async def login(request: Request) -> Response:
    """Start a session with a key that may read."""
    form = await form_of(request)
    target = own_path(form.get("next", "/"))
    access = access_of(request)
    if await access.is_open():
        return RedirectResponse(target, 303)
    seconds = access.logins.wait(address_of(request))
    if seconds:
        raise TooManyRequests("There were too many attempts to log in; wait a moment.", seconds)
    asker = await access.by_key(form.get("key", "").strip())
    if asker is None:
        return _again(request, target, "This key is not known here, or was revoked.")
    if not asker.may("read"):
        return _again(request, target, "This key may not read, so it opens no pages.")
    if why := not_its_ladder(request, asker):
        return _again(request, target, why)
    token = await run_in_threadpool(lambda: access.sessions.start(asker.key_id, as_of=access.now()))
    answer = RedirectResponse(target, 303, {"Cache-Control": "no-store"})
    keep_session(request, answer, token)
    return answer


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session, here and in the store."""
    check_same_site(request)
    name = session_cookie(request)
    token = request.cookies.get(name)
    if token:
        await run_in_threadpool(access_of(request).sessions.end, token)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(name, secure=is_https(request), httponly=True, samesite="lax")
    return answer


def _again(request: Request, target: str, mistake: str) -> Response:
    return html(request, "login.html", _AROUND | {"next": target, "mistake": mistake}, 403)


async def _is_in(request: Request) -> bool:
    """Whether the pages are open to whoever asks; NotAllowed where no key could help."""
    try:
        asker = await access_of(request).asker(request, is_page=True)
    except KeyNeeded:
        return False
    return asker.may("read") and not not_its_ladder(request, asker)
