"""The keys that callers show: made, listed, revoked and loaded.

A key is `rung_<id>_<secret>`. The secret has 256 random bits, so that nobody finds it by trying,
and a plain SHA-256 of it is kept: a slow hash protects words that people choose, and would only
cost time at every request here. The key itself is shown once, when it is made.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from features.clock import rfc3339
from features.errors import StoreAway, did_you_mean
from features.store.database import Database
from features.store.schema import api_keys, sessions
from serving.edge.errors import InvalidKey, UnknownKey

__all__ = ["SCOPES", "AwaitedKeys", "Key", "Keys", "parts_of", "secret_hash"]

SCOPES: Final = {
    "ingest": "send events, and nothing else",
    "read": "read scores, the queue, leads and decisions; see the pages",
    "decide": "ask for recommendations, report exposures and outcomes",
    "admin": "all of these, webhooks, erasure and identities",
}
"""What a key may do."""

_PATIENCE_SECONDS: Final = 2.0
"""For so long the store is waited for: one that stands still says nothing, and ends nothing."""
_ID: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH: Final = 12
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_LADDER: Final = re.compile(r"[^\x00-\x1f\x7f]{0,200}")
_PORTS: Final = {"http": 80, "https": 443}
_SOURCE: Final = re.compile(r"(?!rung-)[A-Za-z0-9._-]{0,32}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept.

    Parameters
    ----------
    hash : SHA-256 of the secret, in hexadecimal digits.
    scopes : of `SCOPES`.
    source : message ids are unique within it; keys may share one. "" for none.
    ladder : the name of the only ladder that it may ask about; "" for any.
    origins : of sites whose pages may use it, sorted; "*" for every site. A key with any is public.
    created_at, revoked_at : microseconds since the epoch, UTC.
    """

    id: str
    name: str
    hash: str
    scopes: frozenset[str]
    source: str
    created_at: int
    revoked_at: int | None
    ladder: str = ""
    origins: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What may be shown of it."""
        return {
            "id": self.id,
            "name": self.name,
            "scopes": [scope for scope in SCOPES if scope in self.scopes],
            "source": self.source,
            "ladder": self.ladder,
            "origins": list(self.origins),
            "created_at": rfc3339(self.created_at),
            "revoked_at": None if self.revoked_at is None else rfc3339(self.revoked_at),
        }


class Keys:
    """The keys of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        source: str = "",
        ladder: str = "",
        origins: Iterable[str] = (),
        *,
        as_of: int,
    ) -> tuple[Key, str]:
        """A new key, and its text, which nobody can find out again.

        Raises
        ------
        InvalidKey : a name that is none, no scope or an unknown one, a source or a ladder with odd
            characters, an origin that is none, or one for a key that may do more than send events.
        """
        wanted = frozenset(scopes)
        _check(name, wanted, source)
        sites = tuple(sorted({_origin(one) for one in origins}))
        if sites and wanted != {"ingest"}:
            raise InvalidKey(
                "a key for pages is public, so it may send events and nothing else; its one scope"
                " is ingest"
            )
        if not _LADDER.fullmatch(ladder):
            raise InvalidKey(
                f"{ladder!r} is no name of a ladder; write it as the ladder's file does"
            )
        key_id = "".join(secrets.choice(_ID) for _ in range(_ID_LENGTH))
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        hash_ = secret_hash(secret).hex()
        key = Key(key_id, name, hash_, wanted, source, as_of, None, ladder, sites)
        with self._database.writing() as connection:
            connection.execute(sa.insert(api_keys), _row(key))
        return key, f"rung_{key_id}_{secret}"

    def all(self) -> list[Key]:
        """Every key that was ever made, the oldest first."""
        order = api_keys.c.created_at, api_keys.c.id
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(sa.select(api_keys).order_by(*order))]

    def find(self, key_id: str) -> Key:
        """The key with an id; UnknownKey where there is none."""
        with self._database.reading() as connection:
            found = connection.execute(_by_id(key_id)).first()
        if found is None:
            raise UnknownKey.named(key_id, [key.id for key in self.all()])
        return _key(found)

    def revoke(self, key_id: str, *, as_of: int) -> Key:
        """Take a key back, for good, and end its sessions; again, it changes nothing.

        Raises
        ------
        UnknownKey : there is no such key.
        """
        own = api_keys.c.id == key_id
        with self._database.writing() as connection:
            is_valid = api_keys.c.revoked_at.is_(None)
            connection.execute(sa.update(api_keys).where(own, is_valid).values(revoked_at=as_of))
            connection.execute(sa.delete(sessions).where(sessions.c.key_id == key_id))
        return self.find(key_id)


def secret_hash(secret: str) -> bytes:
    """What is kept of a secret: 32 bytes."""
    return sha256(secret.encode()).digest()


def parts_of(text: str) -> tuple[str, str]:
    """Id and secret of a key's text; two empty ones where it has not the form of a key."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return (key_id, secret) if prefix == "rung" else ("", "")


def _check(name: str, scopes: frozenset[str], source: str) -> None:
    if not _NAME.fullmatch(name) or not name.strip():
        raise InvalidKey(f"{name!r} is no name; write 1 to 200 characters, such as 'website'")
    if not scopes:
        raise InvalidKey(f"a key needs a scope; there are {', '.join(SCOPES)}")
    for scope in sorted(scopes - set(SCOPES)):
        hint = did_you_mean(scope, SCOPES) or f"; there are {', '.join(SCOPES)}"
        raise InvalidKey(f"there is no scope {scope!r}{hint}")
    if not _SOURCE.fullmatch(source):
        raise InvalidKey(
            f"{source!r} is no source; write up to 32 letters, digits, dots, underscores and"
            " hyphens, such as 'web'; 'rung-' is kept for Rung's own"
        )


def _origin(text: str) -> str:
    """An origin as browsers write it: scheme and host in lower case, no port where it is usual."""
    if text == "*":
        return text
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # a port beyond all ports, a name that is none
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/"):
        raise InvalidKey(
            f"{text!r} is no origin; write scheme and host of a site, such as"
            " https://www.example.com, or * for every site"
        )
    if parts.query or parts.fragment or parts.username is not None:
        raise InvalidKey(f"{text!r} is more than an origin; write {parts.scheme}://{host}")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port in (None, _PORTS[parts.scheme]) else f":{port}")


def _by_id(key_id: str) -> sa.Select[Any]:
    return sa.select(api_keys).where(api_keys.c.id == key_id)


def _row(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "hash": key.hash,
        "scopes": " ".join(scope for scope in SCOPES if scope in key.scopes),
        "source": key.source,
        "ladder": key.ladder,
        "origins": " ".join(key.origins),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def _key(row: sa.Row[Any]) -> Key:
    found = row._mapping
    scopes, origins = frozenset(found["scopes"].split()), tuple(found["origins"].split())
    return Key(**{**found, "scopes": scopes, "origins": origins})


class AwaitedKeys:
    """The keys of a store for those who must not wait for as long as it stands still.

    They are read once at a time: each reading would hold a thread for as long as that lasts.

    Parameters
    ----------
    clock : seconds, never going back.
    """

    def __init__(self, keys: Keys, clock: Callable[[], float]) -> None:
        self._keys, self._clock = keys, clock
        self._reading: asyncio.Future[list[Key]] | None = None
        self._asked_at = float("-inf")

    async def all(self) -> list[Key]:
        """All keys; StoreAway where the store does not tell them within some seconds."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(run_in_threadpool(self._keys.all))
            self._reading.add_done_callback(_seen)
            self._asked_at = self._clock()
        left = _PATIENCE_SECONDS - (self._clock() - self._asked_at)
        await asyncio.wait({self._reading}, timeout=max(left, 0.0))
        if not self._reading.done():
            raise StoreAway("the keys cannot be read: the store does not answer")
        return self._reading.result()


def _seen(reading: asyncio.Future[list[Key]]) -> None:
    """Whoever has waited no longer does not ask what it failed with."""
    if not reading.cancelled():
        reading.exception()
