"""Who was erased and must not come back: keyed hashes of the ids, and nothing that can be read.

The key is made with the first suppression and stays in the store. Whoever has the whole store can
ask whether some id is suppressed, as the service does; nobody can list who is.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import sqlalchemy as sa

from features.errors import UnknownLead
from features.store.database import Database, in_parts, insert_into
from features.store.schema import meta, suppressions

__all__ = [
    "Suppressions",
    "any_suppressed",
    "hold_off_erasures",
    "is_any_suppressed",
    "suppress",
    "suppressed_among",
    "unsuppress",
    "wait_for_arrivals",
]

_KEY: Final = "suppression_key"
_KEY_BYTES: Final = 32
_HELD_KEY: Final = sa.select(meta.c.value).where(meta.c.key == _KEY)
_ANY: Final = sa.select(suppressions.c.hash).limit(1)
_HASH_BYTES: Final = 16
_KNOWN_SECONDS: Final = 5.0
"""For so long a process answers from what it knows, as it does for keys."""


def _hash(key: bytes, id_: str) -> str:
    text = id_.encode("utf-8", "surrogatepass")  # whatever is asked about has a hash
    return blake2b(text, digest_size=_HASH_BYTES, key=key).hexdigest()


def _key(connection: sa.Connection) -> bytes | None:
    held = connection.scalar(_HELD_KEY)
    return None if held is None else bytes.fromhex(held)


# -------------------------------------------------------------------------------- in a transaction


def wait_for_arrivals(connection: sa.Connection) -> None:
    """Wait for those who have looked already and still store; who looks later sees what is new.

    SQLite has one writer in any case.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {suppressions.name} IN ACCESS EXCLUSIVE MODE")


def hold_off_erasures(connection: sa.Connection) -> None:
    """Until the end of the transaction nobody is erased; what is read from now on is there still.

    Whoever stores what others have stored asks before it reads or locks anything: those who look
    who is suppressed among some ids have done so already, and any number may at once.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {suppressions.name} IN ACCESS SHARE MODE")


def suppress(connection: sa.Connection, ids: Iterable[str], erasure: str, at: int) -> None:
    """Keep that events of some ids are not to be stored any more.

    Parameters
    ----------
    erasure : the id of the erasure that they belong to; all of them come back together.
    at : now, in microseconds since the epoch.
    """
    made = {"key": _KEY, "value": secrets.token_hex(_KEY_BYTES)}
    connection.execute(insert_into(connection.engine, meta).on_conflict_do_nothing(), made)
    key = bytes.fromhex(connection.execute(_HELD_KEY).scalar_one())
    insert = insert_into(connection.engine, suppressions).on_conflict_do_nothing()
    rows = [{"hash": _hash(key, one), "erasure": erasure, "at": at} for one in sorted(ids)]
    connection.execute(insert, rows)


def unsuppress(connection: sa.Connection, id_: str) -> int:
    """Let events of an id, and of all that were erased with it, be stored again; how many ids.

    Raises
    ------
    UnknownLead : it is not suppressed.
    """
    key = _key(connection)
    if key is not None:
        wanted = sa.select(suppressions.c.erasure).where(suppressions.c.hash == _hash(key, id_))
        erasure = connection.scalar(wanted)
        if erasure is not None:
            together = sa.delete(suppressions).where(suppressions.c.erasure == erasure)
            return connection.execute(together).rowcount
    raise UnknownLead(f"lead {id_!r} is not suppressed")


def any_suppressed() -> sa.Exists:
    """Whether anybody is suppressed."""
    return sa.exists(sa.select(suppressions.c.hash))


def is_any_suppressed(connection: sa.Connection) -> bool:
    """Whether anybody is suppressed, which is asked first: in most stores nobody is."""
    return connection.scalar(_ANY) is not None


def suppressed_among(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Those of some ids that are suppressed."""
    if not is_any_suppressed(connection):
        return set()
    key = _key(connection)
    if key is None:
        return set()
    by_hash = {_hash(key, one): one for one in ids}
    found: set[str] = set()
    for part in in_parts(sorted(by_hash)):
        wanted = sa.select(suppressions.c.hash).where(suppressions.c.hash.in_(part))
        found |= {by_hash[one] for one in connection.scalars(wanted)}
    return found


# ---------------------------------------------------------------------------------- in the process


class Suppressions:
    """What a process knows of those who are suppressed, for telling whoever sends their events.

    It may be some seconds old. What is stored is decided within the transaction that stores.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key: bytes | None = None
        self._hashes: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    @property
    def is_stale(self) -> bool:
        """Whether it is time to read anew."""
        return time.monotonic() - self._read_at > _KNOWN_SECONDS

    def refresh(self) -> None:
        """Read all hashes."""
        with self._database.reading() as connection:
            hashes = frozenset(connection.scalars(sa.select(suppressions.c.hash)))
            self._key, self._hashes = _key(connection) if hashes else None, hashes
        self._read_at = time.monotonic()

    def forget(self) -> None:
        """Read anew: some were added or taken away."""
        self._read_at = float("-inf")

    def among(self, ids: Iterable[str]) -> set[str]:
        """Those of some ids that are known to be suppressed."""
        key = self._key
        return set() if key is None else {one for one in ids if _hash(key, one) in self._hashes}
