"""The reference: a page of all routes and what they take and give, from the OpenAPI document.

It has no script and loads nothing from elsewhere. Who wants a document for a machine finds
/openapi.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from serving.pages.common.rendering import rendered

__all__ = ["Operation", "Shape", "TypePart", "operations_of", "router", "shapes_of"]

router = APIRouter(include_in_schema=False)

_SCHEMAS: Final = "#/components/schemas/"
_LIMITS: Final = (
    ("minimum", "from {}"),
    ("maximum", "to {}"),
    ("exclusiveMinimum", "above {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "up to {} characters"),
    ("minItems", "{} or more"),
    ("maxItems", "up to {}"),
)
_PLAIN_LIMITS: Final = (("minLength", 1), ("minItems", 1))
"""That something is there goes without saying."""
_PLAIN_ANSWER: Final = "Successful Response"
"""What the framework says where nobody says more."""


class TypePart(NamedTuple):
    """A part of what a value is called: words, or the name of a shape."""

    text: str
    is_shape: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a shape, or a parameter of a route (`place`: path, query or header)."""

    name: str
    type: tuple[TypePart, ...]
    is_needed: bool
    description: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """An object, or another value, of the document's schemas."""

    name: str
    description: str
    members: tuple[Member, ...]
    type: tuple[TypePart, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A route as it is described.

    Parameters
    ----------
    scope : what a key must be allowed to do; "" where none is needed.
    body : what is sent; empty where nothing is.
    answers : by status: what it means, and what it holds.
    """

    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: tuple[Member, ...]
    body: tuple[TypePart, ...]
    answers: tuple[tuple[str, str, tuple[TypePart, ...]], ...]


@router.get("/reference")
async def reference_page(request: Request) -> Response:
    """All routes, for people."""
    page = _page(request.app)
    return HTMLResponse(page, headers={"Cache-Control": "max-age=300"})


@lru_cache(maxsize=8)
def _page(app: FastAPI) -> str:
    document = app.openapi()
    told = operations_of(document)
    return rendered(
        "reference.html",
        {
            "reader": None,
            "fresh": None,
            "query": "",
            "description": document["info"]["description"],
            "version": document["info"]["version"],
            "tags": told,
            "sent": [
                (name, method["post"]["summary"], method["post"].get("description", ""))
                for name, method in document.get("webhooks", {}).items()
            ],
            "shapes": shapes_of(document),
        },
    )


def operations_of(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """The routes of an OpenAPI document by their tag, in its order."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            tag = next(iter(told.get("tags", ())), "service")
            found.setdefault(tag, []).append(_operation(path, method, told))
    return found


def _operation(path: str, method: str, told: Mapping[str, Any]) -> Operation:
    scopes = [scope for one in told.get("security", ()) for some in one.values() for scope in some]
    return Operation(
        id=told["operationId"],
        method=method.upper(),
        path=path,
        summary=told.get("summary", ""),
        description=told.get("description", ""),
        scope=", ".join(dict.fromkeys(scopes)),
        parameters=tuple(_parameter(one) for one in told.get("parameters", ())),
        body=_content(told.get("requestBody", {})),
        answers=tuple(
            (status, answer["description"].replace(_PLAIN_ANSWER, "The answer"), _content(answer))
            for status, answer in told.get("responses", {}).items()
        ),
    )


def _parameter(told: Mapping[str, Any]) -> Member:
    schema = told.get("schema", {})
    return Member(
        name=told["name"],
        type=tuple(_type(schema)),
        is_needed=told.get("required", False),
        description=told.get("description") or _described(schema),
        place=told["in"],
    )


def _content(told: Mapping[str, Any]) -> tuple[TypePart, ...]:
    """What a body holds, one after the other for each media type that says it differently."""
    kinds: dict[tuple[TypePart, ...], list[str]] = {}
    for kind, one in told.get("content", {}).items():
        kinds.setdefault(tuple(_type(one.get("schema", {}))), []).append(kind)
    parts: list[TypePart] = []
    for type_, names in kinds.items():
        parts += [*([TypePart("; ")] if parts else ()), *type_, TypePart(f" ({', '.join(names)})")]
    return tuple(parts)


def shapes_of(document: Mapping[str, Any]) -> list[Shape]:
    """The schemas of an OpenAPI document by their names."""
    schemas = document.get("components", {}).get("schemas", {})
    return [_shape(name, schemas[name]) for name in sorted(schemas)]


def _shape(name: str, schema: Mapping[str, Any]) -> Shape:
    needed = schema.get("required", ())
    members = tuple(
        Member(
            *(key, tuple(_type(one)), key in needed),
            _described(one),
        )
        for key, one in schema.get("properties", {}).items()
    )
    own = () if members else tuple(_type(schema))
    return Shape(name, schema.get("description", ""), members, own)


def _described(schema: Mapping[str, Any]) -> str:
    words = str(schema.get("description", ""))
    default = schema.get("default")
    if default is not None:
        words += f" Left out: {json.dumps(default, ensure_ascii=False)}."
    return words.strip()


def _type(schema: Mapping[str, Any]) -> Iterator[TypePart]:
    """What a value is, in words."""
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            for at, one in enumerate(schema[name]):
                yield from (TypePart(" or "),) if at else ()
                yield from _type(one)
            return
    if "$ref" in schema:
        yield TypePart(schema["$ref"].removeprefix(_SCHEMAS), is_shape=True)
        return
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        yield TypePart(", ".join(json.dumps(one, ensure_ascii=False) for one in values))
        return
    yield from _plain(schema)


def _plain(schema: Mapping[str, Any]) -> Iterator[TypePart]:
    kind, form = schema.get("type", "anything"), schema.get("format")
    if kind == "array":
        yield TypePart("list of ")
        yield from _type(schema.get("items", {}))
    elif kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        yield TypePart("object of ")
        yield from _type(schema["additionalProperties"])
    else:
        names = {"string": "text", "null": "null", "date-time": "time (RFC 3339)"}
        yield TypePart(names.get(form or kind, str(form or kind)))
    limits = [
        words.format(schema[key])
        for key, words in _LIMITS
        if key in schema and (key, schema[key]) not in _PLAIN_LIMITS
    ]
    if limits:
        yield TypePart(f" ({', '.join(limits)})")
