"""A store that was filled by an import, or before its ladder identified anybody, joined and named.

What arrives tells who it is as it comes. What was there before is read once, some ids at a time:
its traits, and ids that are addresses themselves, as vendors' webhooks were kept under.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.events.properties import parse_object
from features.ladder.field_names import means_mail
from features.ladder.ladder import Identity
from features.store.database import in_parts
from features.store.events import EventStore
from features.store.identities.identification import Identification, links_between
from features.store.identities.rule import CLAIM, Link
from features.store.identities.turns import ErasedSince, check_no_erasure
from features.store.kept.meta import set_meta
from features.store.people.names import note_words
from features.store.places import ROW, ids_beyond, places_of, sent_under
from features.store.privacy.suppressions import hold_off_erasures
from features.store.schema import JOINED, NAMED, events, identity_links, meta

__all__ = ["is_joined", "is_named", "join_stored", "name_stored"]

_PART: Final = 500
_NAMES: Final = 5000
"""Events whose traits are read at once."""


def is_joined(store: EventStore, identity: Identity) -> bool:
    """Whether all that is stored has been joined by what a ladder identifies by."""
    wanted = sa.select(meta.c.value).where(meta.c.key == JOINED)
    with store.database.reading() as connection:
        return connection.scalar(wanted) == _told(identity)


def _told(identity: Identity) -> str:
    """What is joined by; which of it is read as addresses is a part of that."""
    addresses = [name for name in identity.identify_by if means_mail(name)]
    return json.dumps([list(identity.identify_by), list(identity.shared_mailboxes), addresses])


def join_stored(
    store: EventStore,
    identification: Identification,
    identity: Identity,
    traits_event: str,
    clock: Callable[[], int],
    is_wanted: Callable[[], bool] = lambda: True,
) -> int | None:
    """Join the ids of all events by what their traits tell; how many leads changed.

    Done anew it changes nothing, so one that was broken off begins again. None where it was.

    Parameters
    ----------
    traits_event : what the event is called that holds traits.
    clock : the present in microseconds since the epoch.
    is_wanted : is asked between parts.
    """
    changed = 0
    for ids in _ids(store):
        if not is_wanted():
            return None
        with store.database.writing() as connection:
            hold_off_erasures(connection)
            links = list(_links(connection, ids, identification, traits_event))
            moved = store.link(connection, links) if links else set()
            store.marks.put(connection, dict.fromkeys(moved, clock()), secrets.token_hex(8))
        changed += len(moved)
    with store.database.writing() as connection:
        set_meta(connection, JOINED, _told(identity))
    return changed


def _ids(store: EventStore) -> Iterator[Sequence[str]]:
    """All ids that events were sent under, some at a time."""
    last: str | None = None
    while True:
        with store.database.reading() as connection:
            ids = ids_beyond(connection, last, _PART)
        if not ids:
            return
        yield ids
        last = ids[-1]


def _links(
    connection: sa.Connection,
    ids: Sequence[str],
    identification: Identification,
    traits_event: str,
) -> Iterator[Link]:
    anonymous = _claimed(connection, ids)
    for sent_id, told, occurred_at, known_at in _tellings(
        connection, ids, identification, traits_event
    ):
        for link in links_between(sent_id, told, is_anonymous=sent_id in anonymous):
            yield Link(*link, occurred_at, known_at)


def _claimed(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Those of some ids that are anonymous: somebody claimed them."""
    found: set[str] = set()
    for part in in_parts(ids):
        wanted = sa.select(identity_links.c.source).where(
            identity_links.c.kind == CLAIM, identity_links.c.source.in_(part)
        )
        found |= set(connection.scalars(wanted))
    return found


def _tellings(
    connection: sa.Connection,
    ids: Sequence[str],
    identification: Identification,
    traits_event: str,
) -> Iterator[tuple[str, Iterable[str], int, int]]:
    """Ids with what is told of who they are, and when that happened and was known."""
    columns = (events.c.lead_id, events.c.occurred_at, events.c.known_at, events.c.properties)
    for part in in_parts(ids):
        some = sent_under(connection.dialect.name, part)
        traits = sa.select(*columns).where(some, events.c.name == traits_event)
        for sent_id, occurred_at, known_at, text in connection.execute(traits):
            told = identification.of_traits(parse_object(text) or {})
            yield sent_id, told, occurred_at, known_at
        addresses = {one: of for one in part if (of := identification.of_mail(one)) is not None}
        own = places_of(connection.dialect.name, list(addresses)).c
        first = sa.select(own.lead_id, sa.func.min(own.occurred_at), sa.func.min(own.known_at))
        for sent_id, occurred_at, known_at in connection.execute(first.group_by(own.lead_id)):
            yield sent_id, (addresses[sent_id],), occurred_at, known_at


# ------------------------------------------------------------------------------------------ Names


def is_named(store: EventStore, traits_event: str) -> bool:
    """Whether leads can be found by all traits that are stored."""
    wanted = sa.select(meta.c.value).where(meta.c.key == NAMED)
    with store.database.reading() as connection:
        return connection.scalar(wanted) == traits_event


def name_stored(
    store: EventStore, traits_event: str, is_wanted: Callable[[], bool] = lambda: True
) -> int | None:
    """Let leads be found by the traits that are stored; of how many events, None if broken off.

    Parameters
    ----------
    is_wanted : is asked between parts.
    """
    columns = [events.c[name] for name in ("lead_id", "occurred_at", "message_id")]
    # By what events are kept by, so that each is looked at once; words have no order.
    key = [ROW] if store.database.is_sqlite else columns
    last: tuple[Any, ...] = (-(2**63),) if store.database.is_sqlite else ("", -(2**62), "")
    count = 0
    while is_wanted():
        wanted = (
            sa.select(*columns, events.c.properties, *key)
            .where(events.c.name == traits_event)
            .where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last)))
            .order_by(*key)
            .limit(_NAMES)
        )
        erased = store.identities.erased_now()
        with store.database.reading() as connection:  # of events without traits there may be many
            rows = list(connection.execute(wanted))
        told = [(row[2], row[0], traits_event, row[1], row[1], row[3]) for row in rows]
        try:
            with store.database.writing() as connection:
                hold_off_erasures(connection)
                check_no_erasure(connection, erased)
                note_words(connection, told, traits_event)
                if len(rows) < _NAMES:
                    set_meta(connection, NAMED, traits_event)
        except ErasedSince:
            continue  # those of whoever is gone are not in what is read anew
        count += len(rows)
        if len(rows) < _NAMES:
            return count
        last = tuple(rows[-1][-len(key) :])
    return None
