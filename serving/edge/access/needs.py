"""What a route needs of whoever asks, and the routes that look before they read.

`dependencies=[Depends(needs("read"))]` says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote, unquote

from fastapi import Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from serving.edge.accepted import is_accepted
from serving.edge.access.access import NO_KEY, WRONG_KEY, Access, Asker
from serving.edge.access.keys import SCOPES
from serving.edge.access.shown import key_of
from serving.edge.bodies import ONE_BYTES, JsonBody, JsonRequest
from serving.edge.errors import KeyNeeded, NotAllowed
from serving.edge.parameters import QueryOfRoute

__all__ = [
    "CheckedRoute",
    "DirectRoute",
    "Needs",
    "access_of",
    "check_key",
    "is_meant",
    "needed",
    "needs",
    "not_its_ladder",
]


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency that lets on whoever has a scope. A route may take its `Asker`.

    Whoever may do more than send events must be one who may ask about the ladder that is served:
    that is looked at here, so that no route can forget it.
    """

    scope: str
    is_page: bool = False
    key_in_body: bool = False

    async def __call__(self, request: Request) -> Asker | None:
        """Who asks; an error where they may not, None where the key is in the body."""
        return await self.asker(request)

    async def asker(self, request: Request) -> Asker | None:
        """Who asks; an error where they may not, None where the key is in the body."""
        state = request.scope["state"]
        asker: Asker | None = state.get("asker")
        if asker is None:
            asker = state["asker"] = await self._found(request)
        if asker is not None and not asker.may(self.scope):
            raise NotAllowed(f"This needs a key with the scope {self.scope}; {_named(asker)}.")
        if asker is not None and self.scope != "ingest" and (why := not_its_ladder(request, asker)):
            raise NotAllowed(why)
        return asker

    async def _found(self, request: Request) -> Asker | None:
        access = access_of(request)
        if self.key_in_body and key_of(request) is None and not await access.is_open():
            return None
        try:
            return await access.asker(request, is_page=self.is_page)
        except KeyNeeded:
            if self.is_page and is_accepted(request.headers, "accept", "text/html"):
                raise HTTPException(303, "Log in first.", {"Location": _login(request)}) from None
            raise


@lru_cache
def needs(scope: str, *, is_page: bool = False, key_in_body: bool = False) -> Needs:
    """A dependency: whoever asks must have a scope; `Asker` says who it is.

    Parameters
    ----------
    scope : one of `serving.edge.access.keys.SCOPES`.
    is_page : a session will do as well, and a browser without one is sent to the login.
    key_in_body : a request without a key goes on; the route must call `check_key`.
    """
    if scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}")
    return Needs(scope, is_page, key_in_body)


def not_its_ladder(request: Request, asker: Asker) -> str:
    """Why a key may not ask about what is served; "" where it is for this ladder, or for any."""
    if not asker.ladder:
        return ""
    service = request.app.state.service
    served = repr(service.ladder.name) if service.held_back is None else "another one"
    why = f"This key asks about the ladder {asker.ladder!r} alone; {served} is served here."
    return "" if repr(asker.ladder) == served else why


async def check_key(request: Request, key: str | None) -> Asker:
    """Who asks, by the key in a body, which can do nothing but send events.

    Where the request had a key in its headers, that one counts and the body's is not looked at.

    Raises
    ------
    KeyNeeded, NotAllowed, TooManyRequests : it may not be.
    """
    access = access_of(request)
    state = request.scope["state"]
    asker: Asker | None = state.get("asker")
    if asker is not None:
        return asker
    if await access.is_open():
        return await access.asker(request)
    asker = await access.by_key(key) if key else None
    if asker is None:
        raise KeyNeeded(WRONG_KEY if key else NO_KEY)
    if not asker.may("ingest"):
        raise NotAllowed(f"This needs a key with the scope ingest; {_named(asker)}.")
    access.count(asker, request)
    state["asker"] = asker
    return asker


def is_meant(path: str, scope: Scope) -> bool:
    """Whether the last words of a route's path stand in an address as parts of their own.

    An id may hold slashes, and a caller who writes them as %2F says what is of the id: in
    `/v1/leads/x%2Fscore` there is no `/score`.
    """
    sent: bytes = scope.get("raw_path") or b""
    if b"%2F" not in sent and b"%2f" not in sent:
        return True
    own = path.rpartition("}")[2].split("/")[1:]
    parts = sent.partition(b"?")[0].split(b"/")
    return not own or [unquote(part.decode("latin-1")) for part in parts[-len(own) :]] == own


class CheckedRoute(APIRoute):
    """A route that asks who it is before it reads a body: `APIRouter(route_class=CheckedRoute)`.

    It reads as much as its `serving.edge.bodies.JsonBody` says. What nobody reads stands in no
    query of a route of ours, and nothing twice. Clients of others, and pages, add what they like.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is its own; an id that ends as its address does is none of it."""
        found = super().matches(scope)
        return found if is_meant(self.path, scope) else (Match.NONE, {})

    def get_route_handler(self) -> Callable[[Request], Any]:
        """The route, after the check."""
        answer = super().get_route_handler()
        wanted = _needs_of(self)
        most = next((one.most for one in _calls_of(self) if isinstance(one, JsonBody)), ONE_BYTES)
        is_ours = self.path.startswith("/v1/") and all(one.scope != "ingest" for one in wanted)
        query = QueryOfRoute.of(self.dependant) if is_ours else None

        async def checked(request: Request) -> Response:
            for need in wanted:
                await need.asker(request)
            if query is not None and request.scope["query_string"]:
                query.check(request.query_params)
            return await answer(JsonRequest(request, most))

        return checked


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request and the service, and reads all else by itself.

    Nothing is worked out for it from its signature, which is a third of what a small request costs.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """The route, after the check."""
        self._wanted = _needs_of(self)
        return self.answer

    async def answer(self, request: Request) -> Response:
        """What the endpoint answers to whoever may ask."""
        for need in self._wanted:
            await need.asker(request)
        return cast(Response, await self.endpoint(request, request.app.state.service))


def needed(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str, list[Needs]]]:
    """Every route: its path, its method, and all that it needs; nothing where it does not say."""
    for route in iter_route_contexts(routes):
        for method in sorted(route.methods or ()):
            yield route.path_format or route.path or "", method, _needs_of(route)


def _needs_of(route: object) -> list[Needs]:
    return [call for call in _calls_of(route) if isinstance(call, Needs)]


def _calls_of(route: object) -> list[object]:
    dependant = getattr(route, "dependant", None)
    return [one.call for one in dependant.dependencies] if dependant else []


def _named(asker: Asker) -> str:
    scopes = ", ".join(scope for scope in SCOPES if scope in asker.scopes)
    return f"{asker.name!r} has {scopes}"


def access_of(request: Request) -> Access:
    """The access of the running service."""
    return cast(Access, request.app.state.access)


def _login(request: Request) -> str:
    """The address of the login, which leads back to the page."""
    path = request.scope["path"]
    query = request.scope["query_string"].decode("latin-1")
    target = quote(path) + (f"?{query}" if query else "")
    return f"/login?next={quote(target, safe='/')}"
