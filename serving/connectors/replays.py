"""Requests that were taken already: whoever took one down cannot send it again."""

from __future__ import annotations

import hashlib
from typing import Final

import sqlalchemy as sa

from features.store.database import Database, insert_into
from features.store.schema import seen_requests
from serving.connectors.connector import Call, Signed

__all__ = ["SeenRequests", "request_hash"]

_KEPT_US: Final = 24 * 3600 * 1_000_000
"""One that was signed longer ago is too old; where no time is signed, its events are known."""


def request_hash(name: str, signed: Signed, call: Call) -> str:
    """What is the same only for the same request to the same connector."""
    found = hashlib.sha256()
    for part in (
        name.encode(),
        signed.signature.encode(),
        str(signed.signed_at).encode(),
        call.body,
    ):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


class SeenRequests:
    """The requests that a database has seen, for a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holds(self, request: str) -> bool:
        """Whether a request was taken."""
        wanted = sa.select(seen_requests.c.at).where(seen_requests.c.hash == request)
        with self._database.reading() as connection:
            return connection.scalar(wanted) is not None

    def add(self, request: str, as_of: int) -> None:
        """Remember a request, and forget those of more than a day before; `at` in microseconds."""
        insert = insert_into(self._database.engine, seen_requests).on_conflict_do_nothing()
        old = sa.delete(seen_requests).where(seen_requests.c.at < as_of - _KEPT_US)
        with self._database.writing() as connection:
            connection.execute(old)
            connection.execute(insert, {"hash": request, "at": as_of})
