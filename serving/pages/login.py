"""Logging in to the pages with a key, and out again.

The session's cookie is SameSite=Lax, so that a link to a lead in a mail or a CRM still works; no
other site can post a form with it. Both forms here are refused from another site besides, for a
login is something that others could force on somebody, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from serving.edge.access import access_of
from serving.edge.errors import KeyNeeded, NotAllowed, TooManyRequests
from serving.edge.sessions import SESSION_SECONDS, is_https, session_cookie
from serving.pages.rendering import html

__all__ = ["own_path", "router"]

_MOST_FORM_BYTES: Final = 8 * 1024
_OWN_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]{0,2000}")

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 in the address
    """The form, or the page that it leads to for whoever needs none."""
    target = own_path(next)
    if await _is_in(request):
        return RedirectResponse(target, 303)
    return html("login.html", {"next": target, "mistake": ""})


@router.post("/login")
async def login(request: Request) -> Response:
    """Start a session with a key that may read."""
    _check_same_site(request)
    form = await _form(request)
    target = own_path(form.get("next", "/"))
    access = access_of(request)
    if await access.is_open():
        return RedirectResponse(target, 303)
    seconds = access.logins.wait(request.client.host if request.client else "")
    if seconds:
        raise TooManyRequests("There were too many attempts to log in; wait a moment.", seconds)
    asker = await access.by_key(form.get("key", "").strip())
    if asker is None:
        return _again(target, "This key is not known here, or was revoked.")
    if not asker.may("read"):
        return _again(target, "This key may not read, so it opens no pages.")
    token = await run_in_threadpool(lambda: access.sessions.start(asker.key_id, as_of=access.now()))
    answer = RedirectResponse(target, 303, {"Cache-Control": "no-store"})
    answer.set_cookie(
        session_cookie(request),
        token,
        max_age=SESSION_SECONDS,
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session, here and in the store."""
    _check_same_site(request)
    name = session_cookie(request)
    token = request.cookies.get(name)
    if token:
        await run_in_threadpool(access_of(request).sessions.end, token)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(name, secure=is_https(request), httponly=True, samesite="lax")
    return answer


def own_path(text: str) -> str:
    """An address to go on to, if it is a path of ours; otherwise the first page."""
    return text if _OWN_PATH.fullmatch(text) else "/"


def _again(target: str, mistake: str) -> Response:
    return html("login.html", {"next": target, "mistake": mistake}, 403)


async def _is_in(request: Request) -> bool:
    """Whether the pages are open to whoever asks; NotAllowed where no key could help."""
    try:
        asker = await access_of(request).asker(request, is_page=True)
    except KeyNeeded:
        return False
    return asker.may("read")


def _check_same_site(request: Request) -> None:
    """NotAllowed unless a form of our own was sent.

    Browsers say where a form stood: `Sec-Fetch-Site` where the connection is safe, `Origin` always.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
        is_ours = urlsplit(origin).netloc.lower() == host.lower() != ""
    else:
        is_ours = site == "same-origin"
    if not is_ours:
        raise NotAllowed("This form was not sent from a page of Rung.")


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of a small form; HTTPException 413 where it is a large one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM_BYTES:
            raise HTTPException(413, "This form is too large.")
    return dict(parse_qsl(body.decode("utf-8", "replace")))
