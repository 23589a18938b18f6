"""Routes: where notifications go, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import rfc3339
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import IDS_BYTES, JsonBody, json_answer, json_body
from serving.edge.conditions.asked_again import AskedAgain, key_of_another
from serving.edge.conditions.unchanged import IfUnchanged, Unchanged, tag_of, tagged_answer
from serving.edge.parameters import NEXT_PAGE, next_page, no_cursor, packed, unpacked
from serving.edge.problems import documented
from serving.edge.schemas import PathId
from serving.notifications.addresses import AddressRule
from serving.notifications.bodies import body_of
from serving.notifications.endpoints import AfterDelivery, Delivery, Endpoint, Endpoints
from serving.notifications.errors import ForbiddenAddress
from serving.notifications.schemas import (
    ChangeRequest,
    DeliveriesAnswer,
    DeliveriesQuery,
    EndpointAnswer,
    EndpointRequest,
    EndpointsAnswer,
    ReplayAnswer,
    ReplayRequest,
    SecretAnswer,
    SentAnswer,
)
from serving.process.served import Served

__all__ = ["router"]

_Id = Annotated[PathId, Path(max_length=100, description="As the creation gave it.")]

router = APIRouter(
    prefix="/v1/webhooks",
    tags=["notifications"],
    route_class=CheckedRoute,
    dependencies=[Depends(needs("admin"))],
)


async def _endpoints(service: Served) -> Endpoints:
    return Endpoints(service.store.database, service.clock)


_Endpoints = Annotated[Endpoints, Depends(_endpoints)]


@router.post(
    "",
    status_code=201,
    summary="Have notifications sent to an address",
    dependencies=[Depends(json_body)],
    responses={201: {"model": SecretAnswer}, **documented(400, 413, 415, 422, 503)},
)
async def create_webhook(
    body: EndpointRequest, service: Served, endpoints: _Endpoints, again: AskedAgain
) -> Response:
    """Make an endpoint. The answer shows its secret.

    No later answer does, but that to the same request with the same `Idempotency-Key`.
    """
    url, named = _allowed(service, body.url), again.id_of("endpoint") if again else None
    held, secret = await run_in_threadpool(
        lambda: endpoints.add(url, body.description, body.types, body.include, named=named)
    )
    wanted = url, body.description, tuple(body.types), tuple(body.include)
    if (held.url, held.description, held.types, held.include) != wanted:
        raise key_of_another()
    headers = {
        "Location": f"/v1/webhooks/{held.id}",
        "ETag": tag_of(_shown(held)),
        "Cache-Control": "no-store",
    }
    return json_answer(_with_secret(held, secret), headers, status=201)


@router.get(
    "",
    summary="Where notifications go",
    responses={200: {"model": EndpointsAnswer}, **documented(422, 503)},
)
async def list_webhooks(endpoints: _Endpoints) -> Response:
    """Every endpoint, the oldest first, without its secret."""
    found = await run_in_threadpool(endpoints.all)
    return json_answer({"data": [_shown(endpoint) for endpoint in found]})


@router.get(
    "/{endpoint_id}",
    summary="One endpoint",
    responses={200: {"model": EndpointAnswer}, **documented(304, 404, 422, 503)},
)
async def webhook(request: Request, endpoint_id: _Id, endpoints: _Endpoints) -> Response:
    """An endpoint, without its secret. Its `ETag` is for `If-Match`, when it is changed."""
    shown = _shown(await run_in_threadpool(endpoints.one, endpoint_id))
    return tagged_answer(request, shown, _NOT_KEPT)


@router.patch(
    "/{endpoint_id}",
    summary="Change an endpoint",
    dependencies=[Depends(json_body)],
    responses={200: {"model": EndpointAnswer}, **documented(400, 404, 412, 413, 415, 422, 503)},
)
async def change_webhook(
    endpoint_id: _Id,
    body: ChangeRequest,
    service: Served,
    endpoints: _Endpoints,
    wanted: IfUnchanged,
) -> Response:
    """Change what is given. `"enabled": true` lets an endpoint have notifications again.

    With `If-Match` nothing is changed where it is not as it was looked at any more.
    """
    given = body.model_dump()
    if body.url is not None:
        given["url"] = _allowed(service, body.url)
    changed = await run_in_threadpool(
        lambda: endpoints.change(endpoint_id, **given, check=_check_of(wanted))
    )
    shown = _shown(changed)
    return json_answer(shown, {"ETag": tag_of(shown), **_NOT_KEPT})


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    summary="Remove an endpoint",
    responses=documented(404, 412, 422, 503),
)
async def remove_webhook(endpoint_id: _Id, endpoints: _Endpoints, wanted: IfUnchanged) -> Response:
    """Send nothing more there, and forget what was sent."""
    await run_in_threadpool(lambda: endpoints.remove(endpoint_id, check=_check_of(wanted)))
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/rotate",
    summary="Give an endpoint another secret",
    responses={200: {"model": SecretAnswer}, **documented(404, 409, 412, 422, 503)},
)
async def rotate_webhook(
    endpoint_id: _Id, endpoints: _Endpoints, again: AskedAgain, wanted: IfUnchanged
) -> Response:
    """The answer shows the new secret. For 24 hours the former one signs too.

    The same request with the same `Idempotency-Key` is answered with the same secret, and a 409
    once it was rotated again. With `If-Match` nothing is changed where the endpoint is not as it
    was looked at any more.
    """
    named = again.id_of("rotation", endpoint_id) if again else None
    rotated = await run_in_threadpool(
        lambda: endpoints.rotate(endpoint_id, named=named, check=_check_of(wanted))
    )
    return json_answer(_with_secret(*rotated), {"Cache-Control": "no-store"})


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    summary="Send a test",
    responses={202: {"model": SentAnswer}, **documented(404, 409, 422, 503)},
)
async def test_webhook(endpoint_id: _Id, endpoints: _Endpoints, again: AskedAgain) -> Response:
    """Send a `webhook.test` to this endpoint alone; its deliveries say what came of it."""
    named = again.id_of("test", endpoint_id) if again else None
    id_ = await run_in_threadpool(lambda: endpoints.test(endpoint_id, named=named))
    return json_answer({"notification_id": id_}, status=202)


@router.get(
    "/{endpoint_id}/deliveries",
    summary="What became of notifications",
    responses={200: {"model": DeliveriesAnswer, "headers": NEXT_PAGE}, **documented(404, 422, 503)},
)
async def list_deliveries(
    endpoint_id: _Id, query: Annotated[DeliveriesQuery, Query()], endpoints: _Endpoints
) -> Response:
    """A page of deliveries, the latest notification first.

    Follow `next_cursor`, or the `Link` header, until it is null.
    """
    after = _after(query.cursor)
    found = await run_in_threadpool(
        endpoints.deliveries, endpoint_id, query.limit + 1, query.state, after
    )
    page = found[: query.limit]
    cursor = _cursor(page[-1]) if len(found) > query.limit else None
    headers = {**_NOT_KEPT}
    if cursor is not None:
        asked = {"limit": query.limit, "cursor": cursor, "state": query.state}
        headers |= next_page(f"/v1/webhooks/{endpoint_id}/deliveries", asked)
    data = [_delivery(delivery) for delivery in page]
    return json_answer({"data": data, "next_cursor": cursor}, headers)


@router.post(
    "/{endpoint_id}/replay",
    status_code=202,
    summary="Send notifications again",
    dependencies=[Depends(JsonBody(IDS_BYTES))],
    responses={
        202: {"model": ReplayAnswer},
        **documented(400, 404, 409, 413, 415, 422, 503, most=IDS_BYTES),
    },
)
async def replay_deliveries(
    endpoint_id: _Id, body: ReplayRequest, endpoints: _Endpoints
) -> Response:
    """Send some notifications again, or all that failed, or were missed, since an instant."""
    if body.since is not None:
        count = await run_in_threadpool(endpoints.replay_since, endpoint_id, body.since)
        return json_answer({"replayed": count, "unknown": []}, status=202)
    ids = body.notification_ids or []
    known = await run_in_threadpool(endpoints.replay, endpoint_id, ids)
    unknown = sorted(set(ids) - set(known))
    return json_answer({"replayed": len(known), "unknown": unknown}, status=202)


# ------------------------------------------------------------------------------------------- Shapes


def _allowed(service: Served, url: str) -> str:
    """The URL in its normal form; RequestValidationError where nothing may be sent there."""
    rule = AddressRule(service.settings.webhook_private == "allow")
    try:
        return str(rule.url(url))
    except ForbiddenAddress as error:
        raise RequestValidationError(
            [{"type": "forbidden_address", "loc": ("body", "url"), "msg": str(error)}]
        ) from error


_NOT_KEPT: Final = {"Cache-Control": "private, max-age=0"}


def _check_of(wanted: Unchanged) -> Callable[[Endpoint], None]:
    """What holds of an endpoint as it is told, or ChangedMeanwhile."""
    return lambda endpoint: wanted.check(_shown(endpoint))


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "types": list(endpoint.types),
        "include": list(endpoint.include),
        "enabled": endpoint.disabled_at is None,
        "disabled_at": _time(endpoint.disabled_at),
        "disabled_why": endpoint.disabled_why,
        "created_at": rfc3339(endpoint.created_at),
        "former_secret_until": _time(endpoint.former_until),
    }


def _with_secret(endpoint: Endpoint, secret: str) -> dict[str, Any]:
    return {**_shown(endpoint), "secret": secret}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "notification_id": delivery.notification_id,
        "webhook_id": delivery.webhook_id,
        "type": delivery.type,
        "lead_id": delivery.lead_id,
        "created_at": rfc3339(delivery.created_at),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_attempt_at": _time(delivery.attempted_at),
        "next_attempt_at": _time(delivery.due_at),
        "delivered_at": _time(delivery.delivered_at),
        "status": delivery.status,
        "error": delivery.error,
        "body": json.loads(
            body_of(
                delivery.type,
                delivery.lead_id,
                delivery.created_at,
                delivery.data,
                delivery.extra,
            )
        ),
    }


def _time(as_of: int | None) -> str | None:
    return None if as_of is None else rfc3339(as_of)


def _cursor(last: Delivery) -> str:
    """A place in the list as an opaque text."""
    return packed([last.created_at, last.notification_id])


def _after(cursor: str | None) -> AfterDelivery | None:
    """The reverse of `_cursor`; RequestValidationError where it is none of ours."""
    if cursor is None:
        return None
    match unpacked(cursor):
        case [int(at), str(id_)] if at >= 0:
            return at, id_
    raise no_cursor("these deliveries")
