"""Who may ask: keys, their scopes, and where the service listens."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import sqlalchemy as sa

from features.ladder.words import things
from features.store.database import Database
from features.store.schema import events
from serving.doctor.finding import Finding, fine, note, wrong
from serving.edge.access.keys import SCOPES, Key, Keys

__all__ = ["is_this_machine", "keys"]


def keys(database: Database, host: str, *, is_whole: bool = True) -> Iterator[Finding]:
    """Whether those who should ask can.

    Parameters
    ----------
    host : where the service listens.
    is_whole : look for events of each key as well, which can take as long as there are many.
    """
    made = Keys(database).all()
    valid = [key for key in made if key.revoked_at is None]
    if not made:
        yield _none(host)
    elif not valid:
        why = "nobody can ask anything, this machine neither"
        yield wrong("keys", "all are revoked", why, "rung key create NAME --scope read")
    else:
        yield fine("keys", f"{things(len(valid), 'key')} in use")
        yield from _scopes(valid)
        if is_whole:
            yield from _silent(database, valid)


def _none(host: str) -> Finding:
    if is_this_machine(host):
        why = "the service answers this machine alone; a proxy on it may look like this machine"
        return note("keys", "none", why, "rung key create NAME --scope read")
    return wrong(
        "keys",
        f"none, though it listens on {host}",
        "requests from elsewhere are refused, so listening there is of no use",
        "rung key create NAME --scope read, or RUNG_HOST=127.0.0.1",
    )


def _scopes(valid: list[Key]) -> Iterator[Finding]:
    """What no key may do. Whoever may do all is counted, but better has a smaller key."""
    held = frozenset().union(*(key.scopes for key in valid))
    for scope, may in SCOPES.items():
        if scope not in held and "admin" not in held:
            yield note(
                "keys",
                f"none has the scope {scope}",
                f"{scope} means: {may}",
                f"rung key create NAME --scope {scope}, if somebody is to",
            )


def _silent(database: Database, valid: list[Key]) -> Iterator[Finding]:
    """Keys that send events under a source of their own, and never sent any."""
    for key in valid:
        if key.source and "ingest" in key.scopes and not _has_sent(database, key.source):
            yield note(
                "keys",
                f"{key.name!r} ({key.id}) has never sent an event as {key.source!r}",
                "a key that nobody uses is one more to lose",
                f"use it, or rung key revoke {key.id}",
            )


def _has_sent(database: Database, source: str) -> bool:
    """Whether there is an event of a source: their message ids begin with it."""
    its = events.c.message_id.startswith(f"{source}/", autoescape=True)
    found = sa.select(events.c.message_id).where(its).limit(1)
    with database.reading() as connection:
        return connection.scalar(found) is not None


def is_this_machine(host: str) -> bool:
    """Whether a host is a name of this machine that others cannot reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
