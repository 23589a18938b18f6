"""Every error as application/problem+json (RFC 9457), from a table of error classes.

A problem has `type`, `title`, `status`, `detail` and `instance`, and beside them `request_id`,
`retryable` and, where single values are wrong, `errors` with a pointer into the request: an object
whose members are `path`, `query`, `header` and `body`. A browser gets the same as a page.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import compile_path

from features.errors import LimitReached, RungError
from serving.edge.accepted import is_accepted
from serving.edge.access.needs import needed
from serving.edge.access.shown import is_personalizer
from serving.edge.bodies import ONE_BYTES
from serving.edge.errors import TooManyRequests
from serving.edge.kinds import INTERNAL, KINDS, Kinds
from serving.edge.logs import log
from serving.edge.schemas import PersonalizerErrorAnswer, ProblemAnswer

__all__ = [
    "MOST_LISTED",
    "Problem",
    "documented",
    "install",
    "openapi",
    "operation_id",
    "respond",
    "unexpected",
]

MEDIA_TYPE: Final = "application/problem+json"
_IN_THE_LOG: Final = "The operator finds the cause in the log."
_RETRY_AFTER_SECONDS: Final = "30"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in words for the one who asked. `kind` ends the problem's type."""

    kind: str
    status: int
    title: str
    detail: str
    retryable: bool = False
    errors: tuple[dict[str, Any], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)
    """Further members of the answer."""

    @property
    def type(self) -> str:
        """A stable name; it says what kind of problem this is, and is no address."""
        return f"urn:problem-type:rung:{self.kind}"


_STATUS_KINDS: Final = {
    400: "malformed",
    404: "no-such-address",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}


def of_error(error: RungError, kinds: Kinds = KINDS) -> Problem:
    """The problem of an error that Rung raised on purpose."""
    kind = next((kinds[base] for base in type(error).__mro__ if base in kinds), INTERNAL)
    detail = str(error) if kind.shows_detail else _IN_THE_LOG
    retryable = kind.status in (429, 503)
    headers = _headers(error, kind.status)
    more: dict[str, object] = {}
    if isinstance(error, LimitReached):
        more = {"reason": error.reason, "text": error.text}
    return Problem(
        kind.kind, kind.status, kind.title, detail, retryable, headers=headers, more=more
    )


def _headers(error: RungError, status: int) -> dict[str, str]:
    """What tells a program when to ask again, and how."""
    if isinstance(error, TooManyRequests):
        seconds = str(math.ceil(error.seconds))
        return {"Retry-After": seconds, "X-RateLimit-Reset": seconds}
    if status == 401:  # no Basic, which a browser would ask its user for, and send from then on
        return {"WWW-Authenticate": 'Bearer realm="rung"'}
    return {"Retry-After": _RETRY_AFTER_SECONDS} if status == 503 else {}


def unexpected() -> Problem:
    """The problem of an error that nobody foresaw. It shows nothing of the inside."""
    detail = "The error is in the log under this request id."
    return Problem(INTERNAL.kind, 500, INTERNAL.title, detail)


def of_http(error: HTTPException) -> Problem:
    """The problem of a status that the framework, or a route, chose."""
    status = HTTPStatus(error.status_code)
    kind = _STATUS_KINDS.get(error.status_code, status.phrase.lower().replace(" ", "-"))
    detail = error.detail if error.detail != status.phrase else status.description
    retryable = error.status_code in (429, 502, 503, 504)
    headers = dict(error.headers or {})
    return Problem(kind, error.status_code, status.phrase, detail, retryable, headers=headers)


def of_validation(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """The problem of a request that does not have the form it should have."""
    found = list(errors)
    if any(error["type"] == "json_invalid" for error in found):
        return Problem("malformed", 400, "Bad Request", "The body is not JSON.")
    listed = tuple(
        {
            "pointer": _pointer(error["loc"]),
            "code": str(error["type"]),
            "detail": str(error["msg"]),
            **({"allowed": error["allowed"]} if error.get("allowed") else {}),
        }
        for error in found[:MOST_LISTED]
    )
    count = len(found)
    detail = f"{count} value{'s' if count != 1 else ''} will not do: "
    detail += "; ".join(f"{one['pointer']}: {one['detail']}" for one in listed[:3])
    return Problem("invalid-request", 422, "The request is not valid", detail, errors=listed)


MOST_LISTED: Final = 2500
"""As many as a request may have events; a small body can have a hundred times as many faults."""


def _pointer(location: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901); the <names> of alternatives are no members of the request."""
    parts = (str(part) for part in location)
    return "".join(
        "/" + part.replace("~", "~0").replace("/", "~1")
        for part in parts
        if not (part.startswith("<") and part.endswith(">"))
    )


def respond(request: Request, problem: Problem) -> Response:
    """The answer: a page for a browser outside /v1, problem+json for everyone else."""
    page: Callable[[Request, Problem], str] | None = request.app.state.problem_page
    if page is not None and _wants_page(request):
        return HTMLResponse(page(request, problem), problem.status, dict(problem.headers))
    body = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        "request_id": request.scope["state"]["request_id"],
        "retryable": problem.retryable,
        **problem.more,
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    headers = {"Cache-Control": "no-store", **problem.headers}
    if is_personalizer(request.url.path):
        status = 400 if problem.status == 422 else problem.status
        told = {"error": _personalizer_error(problem)}
        return Response(json.dumps(told), status, headers, media_type="application/json")
    return Response(json.dumps(body), problem.status, headers, media_type=MEDIA_TYPE)


_PERSONALIZER_CODES: Final = {
    400: "BadRequest",
    403: "InvalidApiAccess",
    404: "ResourceNotFound",
    409: "OperationNotAllowed",
    413: "PayloadSizeExceeded",
    422: "BadRequest",
    500: "InternalServerError",
}
"""Personalizer's names; where it has none the status is the code, as on its gateway."""


def _personalizer_error(problem: Problem) -> dict[str, Any]:
    """A problem as clients of Azure Personalizer read errors."""
    code = _PERSONALIZER_CODES.get(problem.status, str(problem.status))
    error: dict[str, Any] = {"code": code, "message": problem.detail}
    if problem.errors:
        error["details"] = [
            {"code": code, "message": one["detail"], "target": one["pointer"]}
            for one in problem.errors
        ]
    return error


def _wants_page(request: Request) -> bool:
    return is_accepted(request.headers, "accept", "text/html") and not request.url.path.startswith(
        ("/v1/", "/healthz", "/readyz")
    )


def install(
    app: FastAPI,
    page: Callable[[Request, Problem], str] | None = None,
    kinds: Kinds = MappingProxyType({}),
) -> None:
    """Let the app answer every error as a problem.

    Parameters
    ----------
    page : shows a problem to a browser.
    kinds : of errors that rooms above this one raise.
    """
    app.state.problem_page = page
    known = app.state.problem_kinds = {**KINDS, **kinds}

    async def rung_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RungError)  # noqa: S101 the class it is registered for
        problem = of_error(error, known)
        if problem.detail == _IN_THE_LOG:
            log("refused", logging.ERROR, problem=problem.kind, why=str(error))
        return respond(request, problem)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 likewise
        problem = of_http(error)
        if problem.status == 405:  # the framework names the methods of the first route alone
            allow = ", ".join(sorted(_methods_at(app, request.scope["path"])))
            problem = replace(problem, headers={**problem.headers, "Allow": allow})
        return respond(request, problem)

    async def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 likewise
        return respond(request, of_validation(error.errors()))

    app.add_exception_handler(RungError, rung_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)


def _methods_at(app: FastAPI, path: str) -> set[str]:
    """All methods that an address is there for, whichever of the routes at it takes them.

    An id may hold slashes, so that `/v1/leads/x/score` could be the lead `x/score` as well: what
    is told is what the description gives the address, which is the route with most words of its
    own. Who reads that list to choose a method erases no lead by it. HEAD is wherever GET is
    (`serving.edge.middleware`).
    """
    found: dict[int, set[str]] = {}
    for route in iter_route_contexts(app.routes):
        if route.path is not None and compile_path(route.path)[0].match(path):
            own = len(_PARAMETER.sub("", route.path))
            found.setdefault(own, set()).update(route.methods or ())
    methods = found[max(found)] if found else set()
    return methods | {"HEAD"} if "GET" in methods else methods


_PARAMETER: Final = re.compile(r"\{[^}]*\}")


# ----------------------------------------------------------------------------------- Documentation

_MEANINGS: Final = {
    304: "Not changed since the `ETag` in `If-None-Match`",
    400: "The body is not JSON, or says a member twice",
    401: "No key, or one that is not known here",
    403: "The key may not do this, or there is none yet and you are on another machine",
    404: "There is nothing of this id",
    408: "The request came too slowly; send it in one go",
    409: "It is stored already and says otherwise, or a limit holds it back",
    410: "What it goes by, a cursor or a model, is no more",
    412: "It is not what `If-Match`, or `If-None-Match`, says",
    413: "The body is too large",
    415: "The body is not labelled as application/json",
    422: "A value of the request is not valid; `errors` points at each",
    429: "This key asks too often; see `Retry-After`",
    431: "The address and the headers are too long",
    500: "Something went wrong here",
    503: "Not now: no model, or the store is out of reach; see `Retry-After`",
}


def documented(*statuses: int, most: int = ONE_BYTES) -> dict[int | str, dict[str, Any]]:
    """The statuses as FastAPI's `responses`, with those of every route.

    Parameters
    ----------
    most : how many bytes a body may have, where 413 is one of the statuses.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    means = {**_MEANINGS, 413: f"{_MEANINGS[413]}: it may have {most // 1024:,} KiB, unpacked"}
    return {
        status: {"description": means[status]} | ({"content": content} if status > 399 else {})
        for status in (*statuses, *_OF_EVERY_ROUTE)
    }


_OF_CONNECTIONS: Final = (408, 431)
"""What is answered before any route is found (`serving.edge.connections`)."""
_OF_EVERY_ROUTE: Final = (*_OF_CONNECTIONS, 500)


def operation_id(route: APIRoute) -> str:
    """What clients that are generated call a route: getLeadScore, recommend, createWebhook."""
    first, *others = route.name.split("_")
    name = first + "".join(word.capitalize() for word in others)
    asks = "GET" in (route.methods or ())
    if not asks or first in _ASKING:
        return name
    return f"get{name[0].upper()}{name[1:]}"


_ASKING: Final = ("get", "find", "list", "export")
"""Verbs of routes that read."""


def openapi(
    app: FastAPI, webhooks: Mapping[str, Any], shapes: Iterable[type[BaseModel]]
) -> dict[str, Any]:
    """The description of the service; problems instead of the framework's own error bodies.

    Parameters
    ----------
    webhooks : what the service sends, as its description has them.
    shapes : those that it, and routes that read their bodies themselves, refer to by their names.
    """
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": "/", "description": "The service that this was asked of"}],
        )
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas |= _flat_schemas(ProblemAnswer, "Problem")
        for shape in shapes:
            schemas |= _flat_schemas(shape, shape.__name__)
        schema["webhooks"] = dict(webhooks)
        _describe_access(app, schema)
        schemas |= _flat_schemas(PersonalizerErrorAnswer, _PERSONALIZER)
        _describe_personalizer(schema)
        _describe_instants(schemas)
        app.openapi_schema = _without_twins(schema)
    return app.openapi_schema


_SIDES: Final = re.compile(r'-(?:Input|Output)"')


def _without_twins(schema: dict[str, Any]) -> dict[str, Any]:
    """A description in which what is asked and answered alike is one shape.

    The framework makes two, `-Input` and `-Output`, of each shape that stands on both sides. Where
    any two of them differ all are left as they are.
    """
    found: dict[str, set[str]] = {}
    for name, shape in schema["components"]["schemas"].items():
        base = _SIDES.sub('"', f'{name}"')
        found.setdefault(base, set()).add(_SIDES.sub('"', json.dumps(shape)))
    if any(len(told) > 1 for told in found.values()):
        return schema
    merged: dict[str, Any] = json.loads(_SIDES.sub('"', json.dumps(schema)))
    return merged


_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key: `rung_...`"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as user name"},
    "subscription": {"type": "apiKey", "in": "header", "name": "Ocp-Apim-Subscription-Key"},
}


def _describe_access(app: FastAPI, schema: dict[str, Any]) -> None:
    """Say of each route what a key must be allowed to do, and how it is refused."""
    schema["components"]["securitySchemes"] = _SCHEMES
    refusals = {str(status): of for status, of in documented(401, 403, 429).items()}
    for path, method, needs in needed(app.routes):
        operation = schema["paths"].get(path, {}).get(method.lower())
        if operation is None or not needs:
            continue
        scopes = [need.scope for need in needs]
        kinds = [kind for kind in _SCHEMES if kind != "subscription" or is_personalizer(path)]
        operation["security"] = [{kind: scopes} for kind in kinds]
        if any(need.key_in_body for need in needs):
            operation["security"].append({})
        operation["responses"] = dict(sorted((operation["responses"] | refusals).items()))


_PERSONALIZER: Final = "PersonalizerErrorAnswer"


def _describe_personalizer(schema: dict[str, Any]) -> None:
    """Say that the addresses of Personalizer answer errors in its shape, and 400 for 422.

    What is answered before an address is known is a problem there too.
    """
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_PERSONALIZER}"}}}
    for path, methods in schema["paths"].items():
        if not is_personalizer(path):
            continue
        for operation in methods.values():
            told = {
                "400" if status == "422" else status: {**response, "content": content}
                if int(status) > 399 and int(status) not in _OF_CONNECTIONS
                else response
                for status, response in sorted(operation["responses"].items(), reverse=True)
            }
            operation["responses"] = dict(sorted(told.items()))


_INSTANT: Final = re.compile(
    r"(\w+_)?(at|as_of|since|until)|timestamp|entered_(from|to)|last_active|(first|last)_seen"
)
"""What members are called that hold an instant."""


def _describe_instants(schemas: dict[str, Any]) -> None:
    """Say of each instant that is answered what form it has, so that clients read it as one."""
    for shape in schemas.values():
        for name, member in shape.get("properties", {}).items():
            for one in member.get("anyOf", [member]):
                if one.get("type") == "string" and _INSTANT.fullmatch(name):
                    one.setdefault("format", "date-time")


def _flat_schemas(model: type[BaseModel], name: str) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs", {})
    return {**parts, name: schema}
