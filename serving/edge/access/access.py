"""Who is asking: keys, sessions of the pages, and this machine alone.

While no key was ever made the service answers this machine alone; from the first key on everyone
needs one. What a route needs of them is said in `serving.edge.access.needs`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from features.errors import StoreAway
from features.store.database import Database
from serving.edge.access.keys import SCOPES, AwaitedKeys, Key, Keys, parts_of, secret_hash
from serving.edge.access.sessions import Sessions, session_cookie
from serving.edge.access.shown import is_loopback, is_loopback_name, is_of_host, key_of, origin_of
from serving.edge.errors import KeyNeeded, NotAllowed, TooManyRequests
from serving.edge.logs import log
from serving.edge.rate_limit import RateLimit, address_of

__all__ = [
    "HERE",
    "NO_KEY",
    "WRONG_KEY",
    "Access",
    "Asker",
]

NO_KEY: Final = "Send a key as `Authorization: Bearer rung_...`; `rung key create` makes one."
WRONG_KEY: Final = "This key is not known here, or was revoked."

_KNOWN_SECONDS: Final = 5.0
"""For so long a key that was revoked may still be accepted."""
_UNKNOWN_SECONDS: Final = 1.0
"""For so long a key that has just been made may be refused."""
_HELD_SECONDS: Final = 600.0
"""For so long the keys that are known hold while the store is away."""
_RETRY_SECONDS: Final = 2.0
_LOGINS_A_SECOND: Final = 0.2
_LOGINS_AT_ONCE: Final = 10.0
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
            raise KeyNeeded(WRONG_KEY if text else NO_KEY)
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
