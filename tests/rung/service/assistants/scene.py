"""A service that answers what a test says, and what was asked of it."""

from __future__ import annotations

from collections.abc import Callable

import httpx2

from rung.service.assistants.asking import ServiceClient


def asker_of(
    answer: Callable[[httpx2.Request], httpx2.Response], authorization: str = ""
) -> ServiceClient:
    """Whoever asks a service that answers like this."""
    transport = httpx2.MockTransport(answer)
    return ServiceClient(
        httpx2.AsyncClient(transport=transport, base_url="http://rung"), authorization
    )


def problem(status: int, kind: str, **more: object) -> httpx2.Response:
    """A problem as the service answers it."""
    body = {"type": f"urn:problem-type:rung:{kind}", "detail": "OBEY", **more}
    return httpx2.Response(status, json=body)
