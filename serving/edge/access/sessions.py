"""Sessions of people who look at the pages: a random token in a cookie, its hash in the store."""

from __future__ import annotations

import secrets
from typing import Final

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from features.clock import SKEW_US
from features.store.database import Database
from features.store.schema import api_keys, sessions
from serving.edge.access.keys import secret_hash

__all__ = ["SESSION_SECONDS", "Sessions", "is_https", "keep_session", "session_cookie"]

SESSION_SECONDS: Final = 12 * 60 * 60
_SESSION_US: Final = SESSION_SECONDS * 1_000_000
_TOKEN_BYTES: Final = 32


class Sessions:
    """The sessions of a database; each ends with its key, at its logout, or after twelve hours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, key_id: str, *, as_of: int) -> str:
        """The token of a new session; what has expired by then is cleared away.

        Parameters
        ----------
        as_of : the present in microseconds since the epoch.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        row = {
            "hash": secret_hash(token).hex(),
            "key_id": key_id,
            "created_at": as_of,
            "expires_at": as_of + _SESSION_US,
        }
        with self._database.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= as_of))
            connection.execute(sa.insert(sessions), row)
        return token

    def key_of(self, token: str, *, as_of: int) -> str | None:
        """The id of the key that a session was started with; None where the session is over."""
        wanted = (
            sa.select(sessions.c.key_id)
            .join(api_keys, api_keys.c.id == sessions.c.key_id)
            .where(sessions.c.hash == secret_hash(token).hex(), sessions.c.expires_at > as_of)
            .where(api_keys.c.revoked_at.is_(None))
            # One that lasts longer was begun by a clock that was ahead.
            .where(sessions.c.expires_at <= as_of + _SESSION_US + SKEW_US)
        )
        with self._database.reading() as connection:
            return connection.scalar(wanted)

    def end(self, token: str) -> None:
        """Log out."""
        own = sessions.c.hash == secret_hash(token).hex()
        with self._database.writing() as connection:
            connection.execute(sa.delete(sessions).where(own))


def is_https(request: Request) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy that uvicorn trusts."""
    return bool(request.scope["scheme"] == "https")


def session_cookie(request: Request) -> str:
    """The name of the cookie; over TLS no other host and no plain connection can set it."""
    return "__Host-rung" if is_https(request) else "rung_session"


def keep_session(request: Request, answer: Response, token: str) -> None:
    """Let the browser keep a session with an answer; no script can read it."""
    answer.set_cookie(
        session_cookie(request),
        token,
        max_age=SESSION_SECONDS,
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )
