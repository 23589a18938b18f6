"""What stands around every page: where one can go, how fresh what is shown is, who looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from features.clock import rfc3339
from serving.edge.access.access import Asker
from serving.edge.problems import Problem
from serving.pages.common.rendering import html, rendered
from serving.process.service import Service

__all__ = [
    "Freshness",
    "PageReader",
    "freshness",
    "page",
    "problem_page",
    "reader_of",
    "refused",
    "why_no_model",
]

_LIVE_US: Final = 15 * 60_000_000
"""News of so short a time ago is live."""
_IN_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    HTTPStatus.NOT_FOUND.description: (
        "There is no such page",
        "Nothing stands at this address. Perhaps it was not copied as a whole.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED.description: (
        "That cannot be done here",
        "Go back, and try it again from the page.",
    ),
}
"""What the protocol says where no page does: title and sentence for somebody who reads pages."""


@dataclass(frozen=True, slots=True)
class PageReader:
    """Who looks at a page.

    Parameters
    ----------
    name : of the key, which is what claims and notes go by.
    may_act, may_set : whether actions may be done, and whether settings may be changed.
    has_session : whether there is something to log out of.
    """

    name: str
    may_act: bool
    may_set: bool
    has_session: bool


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the scores are: in words, since when, and whether that is as it should be.

    Parameters
    ----------
    text : what stands before the time; all there is to say where `at` is "".
    at : RFC 3339, UTC.
    """

    text: str
    at: str
    is_stale: bool = False


def reader_of(asker: Asker) -> PageReader:
    """A caller as the pages know it."""
    return PageReader(asker.name, asker.may("decide"), asker.may("admin"), asker.has_session)


def why_no_model(service: Service, asker: Asker) -> str:
    """Why there is no model: to who runs Rung as it is, to others nothing of the machine."""
    why = service.scorer.why_not or service.problem
    return why if asker.may("admin") or not why else "whoever runs Rung finds out why under Models"


def freshness(service: Service) -> Freshness:
    """How fresh the scores are."""
    if service.scorer.bundle is None:
        return Freshness("No model", "", is_stale=True)
    now = service.clock()
    last_news = service.store.scores.last_news_at()
    if service.failure:
        stopped = service.store.scores.last_scored_at()
        at = "" if stopped is None else rfc3339(stopped)
        return Freshness("Scores stopped at" if at else "Scores have stopped", at, is_stale=True)
    if last_news is not None and now - last_news < _LIVE_US:
        return Freshness("Live", "")
    if last_news is not None:
        return Freshness("Last news", rfc3339(last_news))
    # All was scored once, and nothing has come since: that is not called live.
    return Freshness("No news yet" if service.run else "Waiting for scores", "")


def page(
    request: Request,
    service: Service,
    asker: Asker,
    template: str,
    values: dict[str, Any],
    status: int = 200,
) -> Response:
    """A page with all that stands around it, as an answer."""
    around = {
        "reader": reader_of(asker),
        "fresh": freshness(service),
        "query": request.query_params.get("q", ""),
    }
    return html(request, template, around | values, status)


def refused(
    request: Request, service: Service, asker: Asker, back: str, why: str, status: int = 409
) -> Response:
    """What answers a form that could not be done: why, and the way back.

    A page that asked by script shows it where it stands, beside what was asked for.
    """
    values = {"why": why, "back": back}
    if request.headers.get("hx-request"):
        made = html(request, "said.html", values)
        told = {"HX-Retarget": "#said", "HX-Reswap": "outerHTML", "HX-Reselect": "#said"}
        made.headers.update(told)
        return made
    return page(request, service, asker, "refused.html", values, status)


def problem_page(request: Request, problem: Problem) -> str:
    """A problem as a page."""
    title, detail = _IN_WORDS.get(problem.detail, (problem.title, problem.detail))
    problem = replace(problem, title=title, detail=detail)
    request_id = request.scope["state"]["request_id"]
    around = {"reader": None, "fresh": None, "query": ""}
    return rendered("problem.html", around | {"problem": problem, "request_id": request_id})
