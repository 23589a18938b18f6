"""Who is asking, and whether they may: keys, sessions of the pages, and this machine alone.

A route says what it needs: `dependencies=[Depends(needs("read"))]`. While no key was ever made the
service answers this machine alone; from the first key on everyone needs one.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from features.errors import StoreAway
from features.store.database import Database
from serving.edge.bodies import JsonRequest
from serving.edge.errors import KeyNeeded, NotAllowed, TooManyRequests
from serving.edge.keys import SCOPES, AwaitedKeys, Key, Keys, parts_of, secret_hash
from serving.edge.logs import log
from serving.edge.parameters import (
    is_loopback,
    is_loopback_name,
    is_of_host,
    key_of,
    origin_of,
)
from serving.edge.rate_limit import RateLimit, address_of
from serving.edge.sessions import Sessions, session_cookie

__all__ = [
    "HERE",
    "Access",
    "Asker",
    "CheckedRoute",
    "DirectRoute",
    "Needs",
    "access_of",
    "check_key",
    "needed",
    "needs",
    "not_its_ladder",
]

_KNOWN_SECONDS: Final = 5.0
"""For so long a key that was revoked may still be accepted."""
_UNKNOWN_SECONDS: Final = 1.0
"""For so long a key that has just been made may be refused."""
_HELD_SECONDS: Final = 600.0
"""For so long the keys that are known hold while the store is away."""
_RETRY_SECONDS: Final = 2.0
_FORWARDED: Final = frozenset(
    b"forwarded via x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip".split()
)
_MAKE_ONE: Final = "make one with `rung key create NAME --scope read --store URL`"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Parameters
    ----------
    key_id : "" for this machine while there is no key.
    source : that of the key; message ids are unique within it. "" for none.
    ladder : the only ladder that it may ask about; "" for any.
    has_session : whether it is someone who logged in to the pages.
    origins : of sites whose pages may use the key; "*" for every site.
    """

    key_id: str
    name: str
    scopes: frozenset[str]
    source: str = ""
    ladder: str = ""
    has_session: bool = False
    origins: tuple[str, ...] = ()

    def may_be_of(self, origin: str) -> bool:
        """Whether pages of a site may use the key."""
        return origin in self.origins or "*" in self.origins

    def may(self, scope: str) -> bool:
        """Whether a scope, or admin, which includes all, is among the scopes."""
        return scope in self.scopes or "admin" in self.scopes


HERE: Final = Asker("", "this machine", frozenset(SCOPES))
"""Whoever asks on this machine while there is no key."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The keys that hold; `is_open` where none was ever made."""

    is_open: bool
    askers: dict[str, tuple[bytes, Asker | None]]
    loaded_at: float
    """When they were loaded, in seconds of the clock."""

    @classmethod
    def of(cls, keys: list[Key], at: float) -> _Known:
        """The valid ones of all keys."""
        valid = [key for key in keys if key.revoked_at is None]
        askers: dict[str, tuple[bytes, Asker | None]] = {
            key.id: (bytes.fromhex(key.hash), _asker(key)) for key in valid
        }
        return cls(not keys, askers, at)

    def serves(self, origin: str) -> bool:
        """Whether pages of a site may use any of the keys."""
        return any(
            asker is not None and asker.may_be_of(origin) for _, asker in self.askers.values()
        )

    def asker(self, text: str) -> Asker | None:
        """Whose key a text is; an unknown id takes as long as a wrong secret."""
        key_id, secret = parts_of(text)
        hash_, asker = self.askers.get(key_id, _NOBODY)
        return asker if hmac.compare_digest(secret_hash(secret), hash_) else None


def _asker(key: Key) -> Asker:
    return Asker(key.id, key.name, key.scopes, key.source, key.ladder, origins=key.origins)


_NOBODY: Final[tuple[bytes, Asker | None]] = (bytes(32), None)


class Access:
    """Decides for one process who may ask. It keeps the keys in memory for a few seconds.

    Parameters
    ----------
    now : the present in microseconds since the epoch, UTC.
    rate : requests a second that each key may make; 0 for no limit.
    clock : seconds, never going back.
    browser_rate : requests a second that each address may make with keys for pages; 0 as above.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], int],
        rate: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        browser_rate: float = 0.0,
    ) -> None:
        self.now = now
        self.keys = Keys(database)
        self._read = AwaitedKeys(self.keys, clock)
        self.sessions = Sessions(database)
        self.logins = RateLimit(_LOGINS_A_SECOND, _LOGINS_AT_ONCE, clock)
        self._limit = RateLimit(rate, clock=clock)
        self._browsers = RateLimit(browser_rate, clock=clock)
        self._clock = clock
        self._known = _Known(False, {}, float("-inf"))
        self._failed_at = float("-inf")
        self._loading = asyncio.Lock()

    async def asker(self, request: Request, *, is_page: bool = False) -> Asker:
        """Who asks; KeyNeeded, NotAllowed or TooManyRequests where nobody may."""
        known = self._recent(_KNOWN_SECONDS) or await self._loaded(_KNOWN_SECONDS)
        if known.is_open:
            _check_here(request)
            return HERE
        text = key_of(request)
        asker = known.asker(text) if text else None
        if asker is None:
            asker = await self._searched(request, text, is_page=is_page)
        self.count(asker, request)
        return asker

    async def _searched(self, request: Request, text: str | None, *, is_page: bool) -> Asker:
        """Who asks, where the keys in memory do not say; KeyNeeded where it is nobody."""
        if text is not None:
            asker = await self.by_key(text)
        else:
            asker = await self._by_session(request) if is_page else None
        if asker is None:
            raise KeyNeeded(_NO_KEY if text is None else _WRONG_KEY)
        return asker

    async def by_key(self, text: str) -> Asker | None:
        """Whose key a text is; None where it is nobody's, or no longer."""
        known = self._recent(_KNOWN_SECONDS) or await self._loaded(_KNOWN_SECONDS)
        asker = known.asker(text)
        if asker is None and not self._recent(_UNKNOWN_SECONDS):
            asker = (await self._loaded(_UNKNOWN_SECONDS, must_be_new=True)).asker(text)
        return asker

    async def is_open(self) -> bool:
        """Whether no key was ever made."""
        return (self._recent(_KNOWN_SECONDS) or await self._loaded(_KNOWN_SECONDS)).is_open

    def forget(self) -> None:
        """Read the keys anew for the next request: one was made or revoked here."""
        self._known = replace(self._known, loaded_at=float("-inf"))

    async def announce(self, host: str) -> None:
        """Say in the log whom the service answers; `host` is where it is meant to listen."""
        at = self._clock()  # and wait for the keys as for the rest of the store: nobody asks yet
        try:
            self._known = _Known.of(await run_in_threadpool(self.keys.all), at)
        except StoreAway as error:  # no reason not to start: each request asks anew
            log("keys are not read yet", logging.WARNING, why=str(error))
            return
        if not self._known.is_open:
            log("keys are needed")
        elif host == "localhost" or is_loopback(host):
            log("no key: answers this machine alone", remedy=_MAKE_ONE)
        else:
            why = f"no key: requests from elsewhere are refused, though it listens on {host}"
            log(why, logging.WARNING, remedy=_MAKE_ONE)

    async def is_allowed(self, origin: str) -> bool:
        """Whether pages of a site may use any key that holds."""
        known = self._recent(_KNOWN_SECONDS) or await self._loaded(_KNOWN_SECONDS)
        if not known.is_open and not known.serves(origin) and not self._recent(_UNKNOWN_SECONDS):
            known = await self._loaded(_UNKNOWN_SECONDS, must_be_new=True)
        return known.serves(origin)

    def count(self, asker: Asker, request: Request) -> None:
        """Take a request from those that a key may make now.

        Raises
        ------
        NotAllowed : it comes from a page of a site that the key is not for.
        TooManyRequests : the key, or somebody's browser with it, has none left.
        """
        self._check_site(asker, request)
        seconds = self._limit.wait(asker.key_id)
        if seconds:
            raise TooManyRequests(
                f"This key may make {self._limit.rate:g} requests a second.", seconds
            )

    def _check_site(self, asker: Asker, request: Request) -> None:
        origin = origin_of(request)
        if origin is not None and not asker.has_session and not asker.may_be_of(origin):
            raise NotAllowed(
                f"Pages of {origin} may not use this key; `rung key create NAME --scope ingest"
                f" --origin {origin}` makes one that they may."
            )
        if asker.origins:
            seconds = self._browsers.wait(address_of(request))
            if seconds:
                raise TooManyRequests(
                    f"A browser may make {self._browsers.rate:g} requests a second.", seconds
                )

    async def _by_session(self, request: Request) -> Asker | None:
        token = request.cookies.get(session_cookie(request))
        if not token:
            return None
        key_id = await run_in_threadpool(lambda: self.sessions.key_of(token, as_of=self.now()))
        _, asker = self._known.askers.get(key_id or "", _NOBODY)
        return replace(asker, has_session=True) if asker else None

    def _recent(self, seconds: float) -> _Known | None:
        """The keys in memory, None where they are older than so many seconds."""
        return self._known if self._clock() - self._known.loaded_at < seconds else None

    async def _loaded(self, seconds: float, *, must_be_new: bool = False) -> _Known:
        """The keys as they were at most so many seconds ago; who comes at once waits for one.

        While the store is away those known so far hold, for ten minutes at most: whoever looks
        after it must be able to. A key that is not among them may have been made since, so that of
        it, where they `must_be_new`, nothing can be said.

        Raises
        ------
        StoreAway : they cannot be read, and those in memory are too old.
        """
        async with self._loading:
            now = self._clock()
            if now - self._known.loaded_at < seconds:
                return self._known
            is_held = now - self._known.loaded_at < _HELD_SECONDS and not must_be_new
            if now - self._failed_at < _RETRY_SECONDS:
                if is_held:
                    return self._known
                raise StoreAway("the keys cannot be read: the store is out of reach")
            try:
                keys = await self._read.all()
            except StoreAway:
                self._failed_at = self._clock()
                if not is_held:
                    raise
                return self._known
            self._known = _Known.of(keys, now)
            return self._known


_LOGINS_A_SECOND: Final = 0.2
_LOGINS_AT_ONCE: Final = 10.0
_NO_KEY: Final = "Send a key as `Authorization: Bearer rung_...`; `rung key create` makes one."
_WRONG_KEY: Final = "This key is not known here, or was revoked."


def access_of(request: Request) -> Access:
    """The access of the running service."""
    return cast(Access, request.app.state.access)


# --------------------------------------------------------------------------------------- Dependency


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
            if self.is_page and "text/html" in request.headers.get("accept", ""):
                raise HTTPException(303, "Log in first.", {"Location": _login(request)}) from None
            raise


@lru_cache
def needs(scope: str, *, is_page: bool = False, key_in_body: bool = False) -> Needs:
    """A dependency: whoever asks must have a scope; `Asker` says who it is.

    Parameters
    ----------
    scope : one of `serving.edge.keys.SCOPES`.
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
        raise KeyNeeded(_WRONG_KEY if key else _NO_KEY)
    if not asker.may("ingest"):
        raise NotAllowed(f"This needs a key with the scope ingest; {_named(asker)}.")
    access.count(asker, request)
    state["asker"] = asker
    return asker


class CheckedRoute(APIRoute):
    """A route that asks who it is before it reads a body: `APIRouter(route_class=CheckedRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """The route, after the check."""
        answer = super().get_route_handler()
        wanted = _needs_of(self)

        async def checked(request: Request) -> Response:
            for need in wanted:
                await need.asker(request)
            return await answer(JsonRequest(request.scope, request.receive, request._send))

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
    dependant = getattr(route, "dependant", None)
    calls = [one.call for one in dependant.dependencies] if dependant else []
    return [call for call in calls if isinstance(call, Needs)]


def _named(asker: Asker) -> str:
    scopes = ", ".join(scope for scope in SCOPES if scope in asker.scopes)
    return f"{asker.name!r} has {scopes}"


# ----------------------------------------------------------------------------------- Where from


def _check_here(request: Request) -> None:
    """NotAllowed where a request comes from elsewhere, or from a page of another site."""
    client: tuple[str, int] | None = request.scope.get("client")
    if not is_loopback(client[0] if client else ""):
        raise NotAllowed(f"There is no key yet: Rung answers its own machine alone; {_MAKE_ONE}.")
    given = dict(reversed(request.scope["headers"]))  # the first one of a name counts
    if not _FORWARDED.isdisjoint(given):
        raise NotAllowed(
            "There is no key yet, so Rung answers its own machine alone, and nobody through a"
            f" proxy; {_MAKE_ONE}."
        )
    host = given.get(b"host", b"").decode("latin-1")
    if not is_loopback_name(host):
        raise NotAllowed(
            f"There is no key yet, so Rung answers as localhost alone, not as {host!r};"
            f" {_MAKE_ONE}."
        )
    origin = given.get(b"origin")
    if origin is not None and not is_of_host(origin.decode("latin-1"), host):
        raise NotAllowed(f"There is no key yet, so no other site may ask; {_MAKE_ONE}.")


def _login(request: Request) -> str:
    """The address of the login, which leads back to the page."""
    path = request.scope["path"]
    query = request.scope["query_string"].decode("latin-1")
    target = quote(path) + (f"?{query}" if query else "")
    return f"/login?next={quote(target, safe='/')}"
