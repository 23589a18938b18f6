"""Style, scripts and pictures of the pages, as answers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.edge.accepted import is_accepted
from serving.pages.common.assets import found

__all__ = ["router"]

_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_A_WHILE: Final = "public, max-age=300"

router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
async def static_file(name: str, request: Request) -> Response:
    """A file, by its own name or by the one with its hash; the second may be kept for good."""
    held = found(name)
    if held is None:
        raise HTTPException(404, f"There is no file {name[:80]!r} here.")
    one, by_hash = held
    headers = {"Cache-Control": _FOR_GOOD if by_hash else _A_WHILE, "Vary": "Accept-Encoding"}
    body = one.body
    if is_accepted(request.headers, "accept-encoding", "gzip"):
        body, headers["Content-Encoding"] = one.zipped, "gzip"
    return Response(body, headers=headers, media_type=one.media_type)
