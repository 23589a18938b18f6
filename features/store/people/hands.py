"""In whose hands a lead is: who works with it, and until when nobody does.

It follows from events of the log, `features.ladder.action` names them, so a CRM may say it as well
as a button. Of those about one thing the latest to happen counts, whenever it arrives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from features.clock import LAST, microseconds
from features.events.readable import granted_of, owner_of, until_of
from features.ladder.action import CLAIMED, HANDS, RELEASED, SNOOZED
from features.store.connecting.locks import WHOSE
from features.store.database import Database, in_parts, insert_into
from features.store.identities.members import ids_of, leads_of
from features.store.schema import hands, identities

__all__ = ["NOBODY", "Hand", "Hands", "hand_of", "handed", "hands_of", "note_hands", "one_by_one"]

_FOR_GOOD: Final = microseconds(LAST)
"""Until when a lead is claimed that is claimed without an end."""
_Row = Sequence[Any]
"""As `Event`: a message id, an id of a lead, a name, two instants, the text of properties."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who works with a lead, and until when it is left alone. Instants are microseconds, UTC.

    Parameters
    ----------
    owner : a name; "" for nobody.
    claimed_at, claimed_until : when it was claimed, or released, and until when it is theirs.
    snoozed_at, snoozed_until : when it was put aside, and until when; None for `snoozed_until`:
        until it has done something again.
    snoozed_by : the name of whoever put it aside; "" where that was not said.
    """

    owner: str = ""
    claimed_at: int | None = None
    claimed_until: int | None = None
    snoozed_at: int | None = None
    snoozed_until: int | None = None
    snoozed_by: str = ""

    def owner_at(self, now: int) -> str:
        """Who works with it at an instant; "" for nobody."""
        is_claimed = self.claimed_until is not None and self.claimed_until > now
        return self.owner if is_claimed else ""

    def is_snoozed(self, now: int, last_active: int | None, asked_at: int | None) -> bool:
        """Whether nobody is to work with it at an instant.

        A question that came since ends it: whoever put the lead aside did not know of that.

        Parameters
        ----------
        last_active : when it did something last, as far as that was known then.
        asked_at : when its last question became known, if it waits for a reply.
        """
        if not self.was_snoozed(now) or self.was_asked_since(asked_at):
            return False
        if self.snoozed_until is not None or self.snoozed_at is None:
            return True
        return last_active is None or last_active <= self.snoozed_at

    def was_snoozed(self, now: int) -> bool:
        """Whether it was put aside, and the time that was said then is not over."""
        is_over = self.snoozed_until is not None and self.snoozed_until <= now
        return self.snoozed_at is not None and not is_over

    def was_asked_since(self, asked_at: int | None) -> bool:
        """Whether a question of a lead that waits for a reply came after it was put aside."""
        if self.snoozed_at is None or asked_at is None:
            return False
        return asked_at > self.snoozed_at


NOBODY: Final = Hand()


def handed(before: Hand, name: str, occurred_at: int, properties: Mapping[str, object]) -> Hand:
    """In whose hands a lead is after an event; the same where that says nothing of it, or is older.

    Events are taken in any order: each changes what happened before it alone.
    """
    if name == SNOOZED:
        if before.snoozed_at is not None and occurred_at < before.snoozed_at:
            return before
        until_back = granted_of(properties.get("until_back")) is True
        until = occurred_at if (said := until_of(properties)) is None else said
        snoozed_until = None if until_back else until
        by = owner_of(properties) or ""
        return replace(before, snoozed_at=occurred_at, snoozed_until=snoozed_until, snoozed_by=by)
    owner = owner_of(properties) if name == CLAIMED else ""
    # A claim of nobody is refused where events come in; one from before that says nothing.
    is_said = name in (CLAIMED, RELEASED) and owner is not None
    if not is_said or (before.claimed_at is not None and occurred_at < before.claimed_at):
        return before
    until = _FOR_GOOD if (said := until_of(properties)) is None else said
    claimed_until = until if owner else None
    return replace(before, owner=owner or "", claimed_at=occurred_at, claimed_until=claimed_until)


def note_hands(connection: sa.Connection, rows: Iterable[_Row]) -> None:
    """Keep what events say of hands; whenever they arrive."""
    told: dict[str, list[tuple[str, int, dict[str, object]]]] = {}
    for _, sent_id, name, occurred_at, _, properties in rows:
        if name in HANDS:
            told.setdefault(sent_id, []).append((name, occurred_at, json.loads(properties)))
    if not told:
        return
    one_by_one(connection)
    ids = sorted(told)
    found = {row.id: _hand(row) for row in _held(connection, ids, for_update=True)}
    insert = insert_into(connection.engine, hands)
    fields = [column.name for column in hands.c if not column.primary_key]
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["id"], set_={name: insert.excluded[name] for name in fields}
        ),
        [{"id": one} | _columns(found.get(one, NOBODY), told[one]) for one in ids],
    )


def one_by_one(connection: sa.Connection) -> None:
    """Until the end of the transaction nobody else changes hands: a lead is claimed by one alone.

    SQLite has one writer in any case.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WHOSE)))


def _columns(
    before: Hand, told: Sequence[tuple[str, int, Mapping[str, object]]]
) -> dict[str, object]:
    after = before
    for name, occurred_at, properties in told:
        after = handed(after, name, occurred_at, properties)
    return {
        "owner": after.owner,
        "claimed_at": after.claimed_at,
        "claimed_until": after.claimed_until,
        "snoozed_at": after.snoozed_at,
        "snoozed_until": after.snoozed_until,
        "snoozed_by": after.snoozed_by,
    }


def _held(
    connection: sa.Connection, ids: Sequence[str], *, for_update: bool = False
) -> list[sa.Row[Any]]:
    found: list[sa.Row[Any]] = []
    for part in in_parts(ids):
        wanted = sa.select(hands).where(hands.c.id.in_(part))
        found += connection.execute(wanted.with_for_update() if for_update else wanted)
    return found


def _hand(row: sa.Row[Any]) -> Hand:
    until = None if row.claimed_until is None else min(row.claimed_until, _FOR_GOOD)
    return Hand(row.owner, row.claimed_at, until, row.snoozed_at, row.snoozed_until, row.snoozed_by)


class Hands:
    """The hands of a database, by lead."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self, as_of: int) -> dict[str, Hand]:
        """Every lead that is claimed, or put aside, at an instant."""
        is_claimed = hands.c.claimed_until > as_of
        is_aside = sa.and_(
            hands.c.snoozed_at.is_not(None),
            sa.or_(hands.c.snoozed_until.is_(None), hands.c.snoozed_until > as_of),
        )
        wanted = sa.select(hands.c.id).where(sa.or_(is_claimed, is_aside))
        with self._database.reading() as connection:
            leads = set(leads_of(connection, connection.scalars(wanted)).values())
            # All ids of these: one that was let go of since may say so under another.
            lead_of = dict(zip(leads, leads, strict=True))
            for part in in_parts(sorted(leads)):
                own = sa.select(identities.c.id, identities.c.lead_id)
                found = connection.execute(own.where(identities.c.lead_id.in_(part)))
                lead_of |= {row.id: row.lead_id for row in found}
            rows = _held(connection, sorted(lead_of))
        return _by_lead((lead_of[row.id], _hand(row)) for row in rows)

    def of(self, id_: str) -> Hand:
        """In whose hands the lead of an id is, whenever that was said."""
        with self._database.reading() as connection:
            return hand_of(connection, ids_of(connection, id_)[1])


def hand_of(connection: sa.Connection, ids: Sequence[str]) -> Hand:
    """In whose hands the lead is that has all these ids, whenever that was said."""
    return _by_lead(("", _hand(row)) for row in _held(connection, ids)).get("", NOBODY)


def hands_of(connection: sa.Connection, leads: Sequence[str]) -> dict[str, Hand]:
    """In whose hands some leads are, whenever that was said under any of their ids, in one query.

    Parameters
    ----------
    leads : as they are called; of those that are not in the answer nothing was ever said.
    """
    found: list[tuple[str, Hand]] = []
    for part in in_parts(leads):
        own = sa.select(hands.c.id.label("lead_id"), hands).where(hands.c.id.in_(part))
        joined = hands.join(identities, identities.c.id == hands.c.id)
        others = sa.select(identities.c.lead_id, hands).select_from(joined)
        wanted = own.union_all(others.where(identities.c.lead_id.in_(part)))
        found += [(row.lead_id, _hand(row)) for row in connection.execute(wanted)]
    return _by_lead(found)


def _by_lead(held: Iterable[tuple[str, Hand]]) -> dict[str, Hand]:
    """Of several ids of a lead what was said last of each thing."""
    found: dict[str, Hand] = {}
    for lead, hand in held:
        before = found.get(lead, NOBODY)
        newer = hand if (hand.claimed_at or -1) >= (before.claimed_at or -1) else before
        aside = hand if (hand.snoozed_at or -1) >= (before.snoozed_at or -1) else before
        found[lead] = Hand(
            newer.owner,
            newer.claimed_at,
            newer.claimed_until,
            aside.snoozed_at,
            aside.snoozed_until,
            aside.snoozed_by,
        )
    return found
