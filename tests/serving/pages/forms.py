"""A person's browser as a test speaks for it: forms of our own pages, and keys."""

from __future__ import annotations

import re
from html import unescape
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.serving.callers import bearer, make

__all__ = ["as_reader", "said_by", "sent", "text_of"]

_OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


def sent(
    client: TestClient,
    address: str,
    headers: Any = MappingProxyType({}),
    **fields: Any,
) -> Any:
    """The answer to a form of our own."""
    return client.post(address, data=fields, headers=_OURS | dict(headers), follow_redirects=False)


def text_of(client: TestClient, address: str, headers: dict[str, str] | None = None) -> str:
    """What a page says, in one line; it must be there."""
    answer = client.get(address, headers={"Accept": "text/html"} | (headers or {}))
    assert answer.status_code == 200, answer.text
    return said_by(answer.text)


def said_by(page: str) -> str:
    """The text of a page without its tags, in one line."""
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return re.sub(r"(?<=[(“]) | (?=[.,:;)”])", "", text)


def as_reader(client: TestClient, *scopes: str) -> dict[str, str]:
    """The headers of a new key with some scopes; from now on everybody needs one."""
    app = client.app
    assert isinstance(app, FastAPI)
    return bearer(make(app, *scopes))
