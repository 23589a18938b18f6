"""Templates: how a page is made of its values."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.responses import HTMLResponse, Response

from serving.pages import words
from serving.pages.todo import UNOFFERED

__all__ = ["HERE", "html", "rendered"]

HERE: Final = Path(__file__).parent


def html(template: str, values: dict[str, Any], status: int = 200) -> Response:
    """A page as an answer, which nobody keeps: most pages show leads."""
    return HTMLResponse(rendered(template, values), status, {"Cache-Control": "no-store"})


def rendered(template: str, values: dict[str, Any]) -> str:
    """A page as text."""
    return _templates().get_template(template).render(values)


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    """Everything is escaped that is not a template of ours; an absent name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "chance": words.chance,
        "points": words.points,
        "titled": words.titled,
        "shown": words.shown,
        "sentence": words.sentence,
        "initials": words.initials,
    }
    environment.globals |= {"likely": words.likely, "bands": words.BANDS, "unoffered": UNOFFERED}
    return environment
