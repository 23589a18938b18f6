"""Routes that clients for pages ask before they send: what is switched on, and by which key."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from features.clock import rfc3339
from serving.edge.access.needs import CheckedRoute, check_key, needs
from serving.edge.access.shown import key_of
from serving.edge.bodies import json_answer
from serving.edge.problems import documented
from serving.process.served import Served

__all__ = ["router"]

_PATIENT: Final[dict[str, dict[str, bool | int]]] = {
    "rateLimitConfig": {"maxRetryCount": 100},
    "backoffConfig": {"maxRetryCount": 100},
}
"""analytics.js throws an event away after ten tries, unless it is told otherwise."""
_PRIVATE: Final = {"Cache-Control": "private, max-age=0"}

_ASKED: Final = [Depends(needs("ingest", key_in_body=True))]

router = APIRouter(tags=["ingestion"], route_class=CheckedRoute)


class CountedAnswer(TypedDict):
    """What a client has counted of itself came in."""

    success: Literal[True]


class SegmentSource(TypedDict):
    """Where analytics.js sends what it is told, and how patiently."""

    apiKey: str
    apiHost: str
    protocol: str
    httpConfig: dict[str, dict[str, bool | int]]


class SegmentSettings(TypedDict):
    """What analytics.js is to do: send all it is told here, and measure and load nothing else."""

    integrations: dict[str, SegmentSource]
    metrics: dict[str, float]
    plan: dict[str, Any]


class RudderSourceItself(TypedDict):
    """The source: its key, and that it is on; nothing is counted, and nothing sent elsewhere."""

    id: str
    name: str
    writeKey: str
    enabled: bool
    workspaceId: str
    config: dict[str, dict[str, dict[str, bool]]]
    connections: list[dict[str, Any]]
    destinations: list[dict[str, Any]]
    dataplanes: dict[str, Any]


class RudderSource(TypedDict):
    """A source as RudderStack's clients know it, without destinations of its own."""

    source: RudderSourceItself
    updatedAt: str


@router.get(
    "/v1/projects/{key}/settings",
    summary="What Segment's analytics.js asks for first",
    dependencies=_ASKED,
    responses={200: {"model": SegmentSettings}, **documented(422, 503)},
)
async def segment_settings(key: str, request: Request) -> Response:
    """Where a page is to send its events, by the key in the address."""
    await check_key(request, key)
    own: SegmentSource = {
        "apiKey": key,
        "apiHost": f"{request.url.netloc}/v1",
        "protocol": request.url.scheme,
        "httpConfig": _PATIENT,
    }
    told = {"integrations": {"Segment.io": own}, "metrics": {"sampleRate": 0}, "plan": {}}
    return json_answer(told, _PRIVATE)


@router.get(
    "/sourceConfig/",
    summary="What RudderStack's clients ask for first",
    dependencies=_ASKED,
    responses={200: {"model": RudderSource}, **documented(422, 503)},
)
async def rudder_source(request: Request, service: Served) -> Response:
    """A source that is on and has no destinations; the key is in a header, or in the query."""
    key = key_of(request) or request.query_params.get("writeKey") or ""
    asker = await check_key(request, key)
    source: RudderSourceItself = {
        "id": asker.key_id or "rung",
        "name": asker.name,
        "writeKey": key,
        "enabled": True,
        "workspaceId": "rung",
        "config": {
            "statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}
        },
        "connections": [],
        "destinations": [],
        "dataplanes": {},
    }
    told = {"source": source, "updatedAt": rfc3339(service.clock())}
    return json_answer(told, _PRIVATE)


@router.post(
    "/v1/m",
    summary="Segment's analytics.js counts itself",
    responses={200: {"model": CountedAnswer}, **documented()},
)
async def count_client() -> Response:
    """Nothing is kept of it: what the client measures of itself says nothing of leads."""
    return json_answer({"success": True})
