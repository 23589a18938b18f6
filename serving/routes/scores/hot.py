"""The hot path: the score of a lead, single calls and batches of calls, past the framework.

`HotPath` stands between the edge and the framework's routes. What is plain it answers itself, with
the functions and the error handlers that the routes have; what is unusual goes on to them. They
describe themselves, and are the oracle: `test_hot.py` asks both ways the same, and compares.

A request costs here what it asks for. The framework tries its routes one after the other and works
out anew, each time, what an endpoint takes: several times what a kept answer costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import OptedOut
from serving.edge.access.needs import DirectRoute, is_meant, needs
from serving.process.service import Service
from serving.scoring.answers import opted_out
from serving.scoring.kept_answers import CACHE_CONTROL, KeptAnswer, told

__all__ = ["HotPath", "score_answer", "score_told"]

_LEADS: Final = "/v1/leads/"
_SCORE: Final = "/score"
_READ: Final = needs("read")


# ----------------------------------------------------------------------- What is said of a score


async def score_told(
    service: Service,
    lead_id: str,
    as_of: int | None = None,
    horizon_days: Sequence[float] = (),
    *,
    by_current: bool = False,
) -> KeptAnswer:
    """What is said of a lead, now or at an instant; it raises as `Scorer.score` does.

    A file is read at once. A server may be frozen, or a table of it locked: it is waited for in a
    thread, or nobody else would be answered meanwhile, not even whether the process is alive.
    """
    if service.store.database.is_sqlite and as_of is None:
        return _told(service, lead_id, None, horizon_days)
    # A model that served then may have to be loaded.
    return await run_in_threadpool(
        _told, service, lead_id, as_of, horizon_days, by_current=by_current
    )


def _told(
    service: Service,
    lead_id: str,
    as_of: int | None,
    horizon_days: Sequence[float],
    *,
    by_current: bool = False,
) -> KeptAnswer:
    scorer = service.scorer
    try:
        if as_of is None and not horizon_days:
            return service.kept_scores.of(scorer, lead_id)
        return told(scorer.score(lead_id, as_of, horizon_days=horizon_days, by_current=by_current))
    except OptedOut:
        return told(opted_out(lead_id))


def score_answer(of: KeptAnswer, if_none_match: Sequence[str]) -> Response:
    """It as an answer; the short one where whoever asks has it already.

    Parameters
    ----------
    if_none_match : the lines of that header, which are one list (RFC 9110).
    """
    if if_none_match and _matches(",".join(if_none_match), of.etag):
        return Response(status_code=304, headers={"ETag": of.etag, "Cache-Control": CACHE_CONTROL})
    return _Whole(of)


class _Whole(Response):
    """A kept answer; its headers were made when it was."""

    def __init__(self, of: KeptAnswer) -> None:
        self.status_code, self.background = 200, None
        self.body, self.raw_headers = of.body, list(of.headers)


def _matches(header: str, etag: str) -> bool:
    given = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in given or etag.removeprefix("W/") in given


# --------------------------------------------------------------------------------- The short cut


class HotPath:
    """Answers what is asked most, where it is plain; the framework does all else.

    Parameters
    ----------
    of : the app that the service and the errors are of.
    score : routes, one of which is that of a lead's score.
    direct : routes; those of them that take the request and the service, and have no parameter in
        their address, are served here.
    """

    def __init__(
        self, app: ASGIApp, of: FastAPI, score: Sequence[BaseRoute], direct: Sequence[BaseRoute]
    ) -> None:
        self.app = app
        (self._score,) = (one for one in score if getattr(one, "path", "").startswith(_LEADS))
        self._direct = {
            one.path: one
            for one in direct
            if isinstance(one, DirectRoute) and one.methods == {"POST"} and "{" not in one.path
        }
        self._answered = ExceptionMiddleware(_answered, handlers=of.exception_handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the framework do it."""
        route = self._route(scope)
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        await self._answered(scope, receive, send)

    def _route(self, scope: Scope) -> BaseRoute | None:
        """The route whose request it is, where it is one of those here."""
        if scope["type"] != "http" or not _is_plain(scope):
            return None
        method, path = scope["method"], scope["path"]
        if method == "POST":
            return self._direct.get(path)
        is_score = path.startswith(_LEADS) and path.endswith(_SCORE, len(_LEADS))
        is_plain = method == "GET" and not scope["query_string"] and "\n" not in path
        return self._score if is_score and is_plain and is_meant(_SCORE, scope) else None


def _is_plain(scope: Scope) -> bool:
    """Whether no page of another site asks, nobody traces, and the server stands at the root."""
    if scope.get("root_path") or "fastapi.telemetry" in scope:
        return False
    return all(name != b"origin" for name, _ in scope["headers"])


async def _answered(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request of a route; what it raises has become a problem by the app's handlers."""
    request = Request(scope, receive, send)
    route = scope["route"]
    answer = await (route.answer(request) if type(route) is DirectRoute else _score(request))
    await answer(scope, receive, send)


async def _score(request: Request) -> Response:
    """The present score of a lead, as its route answers where nothing else is asked."""
    service: Service = request.app.state.service
    await _READ.asker(request)
    lead_id = request.scope["path"][len(_LEADS) : -len(_SCORE)]
    told = await score_told(service, lead_id)
    return score_answer(told, request.headers.getlist("if-none-match"))
