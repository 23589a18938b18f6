"""Forms of the pages: none is taken that another site sent, and none that is very large.

The session's cookie is SameSite=Lax, so that a link to a lead in a mail or a CRM still works; no
other site can post a form with it. Where a form stood, browsers say besides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException

from serving.edge.access.shown import is_of_host
from serving.edge.errors import NotAllowed

__all__ = ["check_same_site", "form_of", "own_path"]

_OWN_PATH: Final = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]{0,2000}")
_MOST_FORM_BYTES: Final = 8 * 1024


def check_same_site(request: Request) -> None:
    """NotAllowed unless a form of our own was sent.

    Browsers say where a form stood: `Sec-Fetch-Site` where the connection is safe, `Origin` always.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
        is_ours = is_of_host(origin, host)
    else:
        is_ours = site == "same-origin"
    if not is_ours:
        raise NotAllowed("This form was not sent from a page of Rung.")


async def form_of(request: Request, most_bytes: int = _MOST_FORM_BYTES) -> Mapping[str, str]:
    """The fields of a form of our own.

    Raises
    ------
    NotAllowed : it stood on another site.
    HTTPException : 413, where it is a large one.
    """
    check_same_site(request)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise HTTPException(413, "This form is too large.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def own_path(text: str) -> str:
    """An address to go on to, if it is a path of ours; otherwise the first page."""
    return text if _OWN_PATH.fullmatch(text) else "/"
