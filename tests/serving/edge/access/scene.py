"""All routes, and how they are asked."""

from __future__ import annotations

import re

from serving.edge.access.needs import needed
from tests.serving.callers import bearer

OPEN = (
    *("/healthz", "/readyz", "/openapi.json", "/reference", "/static", "/login", "/logout"),
    *("/v1/connectors/", "/v1/m"),  # the signature is the credential; it keeps and tells nothing
)
"""Where paths begin that need no key."""


def guarded(app):
    """Path, method and needs of every route that is not open to all."""
    return [
        (path, method, needs_)
        for path, method, needs_ in needed(app.routes)
        if method != "HEAD" and not path.startswith(OPEN)
    ]


def ask(client, path, method, key=None, **more):
    """Ask as a browser would from a page of our own."""
    origin = str(client.base_url).rstrip("/")
    headers = {"Origin": origin, **(bearer(key) if key else {})}
    address = re.sub(r"{[^}]*}", "x", path)
    return client.request(method, address, headers={**headers, **more.pop("headers", {})}, **more)
