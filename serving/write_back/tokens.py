"""Access tokens that Microsoft gives an application (OAuth client credentials), until they end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import httpx2

from serving.write_back.calls import CallFailed, CallRefused, ask, bearer
from serving.write_back.configuration import WriteBack

__all__ = ["let_in"]

T = TypeVar("T")

_EARLY: Final = 120.0
"""Seconds before its end at which a token is used no more."""
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class _Token:
    """A token, and when on the loop's clock it is used no more."""

    text: str = field(repr=False)
    until: float


_TOKENS: Final[WeakKeyDictionary[httpx2.AsyncClient, dict[WriteBack, _Token]]] = WeakKeyDictionary()


async def let_in(
    client: httpx2.AsyncClient, target: WriteBack, call: Callable[[dict[str, str]], Awaitable[T]]
) -> T:
    """What a call answers that is given the headers of a token; a token refused is renewed once."""
    kept = _TOKENS.setdefault(client, {})
    token = kept.get(target)
    if token is None or token.until <= asyncio.get_running_loop().time():
        token = kept[target] = await _renewed(client, target)
    try:
        return await call(bearer(token.text))
    except CallFailed as failure:
        if failure.status != _UNAUTHORIZED:
            raise
        del kept[target]
    token = kept[target] = await _renewed(client, target)
    try:
        return await call(bearer(token.text))
    except CallFailed as failure:
        if failure.status == _UNAUTHORIZED:
            del kept[target]
        raise


async def _renewed(client: httpx2.AsyncClient, target: WriteBack) -> _Token:
    asked_at = asyncio.get_running_loop().time()
    try:
        answer = await ask(
            client,
            "POST",
            f"{target.login_url}/{target.tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": target.user,
                "client_secret": target.password,
                "scope": f"{target.base_url}/.default",
            },
        )
    except CallRefused as refusal:  # a 400 says that the application or its secret is unknown
        raise CallFailed(f"no token: {refusal}", is_locked_out=True) from refusal
    seconds = float(answer["expires_in"])
    return _Token(str(answer["access_token"]), asked_at + max(0.0, seconds - _EARLY))
