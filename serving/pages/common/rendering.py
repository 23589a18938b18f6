"""Templates: how a page is made of its values."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
from fastapi import Request
from starlette.responses import HTMLResponse, Response

from features.ladder.words import things
from models.judging.funnel.wording import in_100
from serving.edge.accepted import is_accepted
from serving.pages.common import words
from serving.pages.common.assets import asset
from serving.pages.common.moments import moment_in

__all__ = ["html", "rendered"]

_HERE: Final = Path(__file__).parent.parent / "templates"
_WORTH_ZIPPING: Final = 1024
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page may load: scripts of ours, and nothing of anybody else's."""


def html(request: Request, template: str, values: dict[str, Any], status: int = 200) -> Response:
    """A page as an answer, which nobody keeps: most pages show leads."""
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    body = rendered(template, values).encode("utf-8", "replace")
    if len(body) > _WORTH_ZIPPING and is_accepted(request.headers, "accept-encoding", "gzip"):
        body = gzip.compress(body, 4)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return HTMLResponse(body, status, headers)


def rendered(template: str, values: dict[str, Any]) -> str:
    """A page as text."""
    return _templates().get_template(template).render(values)


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    """Everything is escaped that is not a template of ours; an absent name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "brief": words.brief,
        "chance": words.chance,
        "count": words.count,
        "hours": words.hours,
        "in_100": in_100,
        "initials": words.initials,
        "moment": moment_in,
        "plain": words.plain,
        "points": words.points,
        "sentence": words.sentence,
        "shown": words.shown,
        "things": things,
        "titled": words.titled,
    }
    environment.globals |= {
        "asset": asset,
        "between": words.between,
        "likely": words.likely,
        "bands": words.BANDS,
    }
    return environment
