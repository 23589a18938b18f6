"""Style, scripts and pictures, each under a name with its hash: a browser keeps it for good."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["asset", "router"]

_HERE: Final = Path(__file__).parent.parent / "static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DIGITS: Final = 10

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Asset:
    name: str
    body: bytes
    zipped: bytes
    media_type: str


@lru_cache(maxsize=1)
def _assets() -> dict[str, _Asset]:
    """Every file of ours, by the name that is in the repository."""
    found = {}
    for path in sorted(_HERE.iterdir()):
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
        zipped = gzip.compress(body, 9, mtime=0)
        name = f"{path.stem}.{digest}{path.suffix}"
        found[path.name] = _Asset(name, body, zipped, _TYPES[path.suffix])
    return found


def asset(name: str) -> str:
    """The address of a file; another one as soon as what is in it changes."""
    return f"/static/{_assets()[name].name}"


@router.get("/static/{name}")
async def static_file(name: str, request: Request) -> Response:
    """A file, by its own name or by the one with its hash; the second may be kept for good."""
    assets = _assets()
    found = assets.get(name)
    by_hash = next((one for one in assets.values() if one.name == name), None)
    one = by_hash or found
    if one is None:
        raise HTTPException(404, f"There is no file {name[:80]!r} here.")
    kept = "public, max-age=31536000, immutable" if by_hash else "public, max-age=300"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(one.zipped, headers=headers, media_type=one.media_type)
    return Response(one.body, headers=headers, media_type=one.media_type)
