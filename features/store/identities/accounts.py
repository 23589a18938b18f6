"""Which account a lead belongs to: the company that it was last told of, by any of its ids.

An event with a `group_id` tells it, as calls of Segment's `group` have it, and others by their
context; the name of a company is the one that a `group` call told last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from features.events.junk_ids import is_junk
from features.events.values import TextRule
from features.store.database import in_parts, insert_for, is_storable
from features.store.schema import account_members, identities

__all__ = ["ACCOUNT_ID", "GROUP_ID", "account_in", "account_of", "accounts_of", "note_accounts"]

GROUP_ID: Final = "group_id"
_GROUP: Final = "group"
_QUOTED: Final = f'"{GROUP_ID}"'
ACCOUNT_ID: Final = TextRule(1024)

_Row = Sequence[Any]
"""As `Event`: a message id, an id of a lead, a name, two instants, the text of properties."""


def note_accounts(connection: sa.Connection, rows: Iterable[_Row]) -> None:
    """Keep what events tell of accounts; of one id the latest stands, whenever it arrives.

    Of several at one instant it is the one whose id is the last. So does the latest name stand,
    beside the company that it is of: it may come before, or after, what tells that the id belongs
    there.
    """
    belongs: dict[str, tuple[int, str]] = {}
    named: dict[str, tuple[int, str, str]] = {}
    for _, sent_id, name, occurred_at, _, properties in rows:
        if _QUOTED not in properties:  # most events: read no further
            continue
        account, title = account_in(name, json.loads(properties))
        if not account:
            continue
        told = (occurred_at, account)
        belongs[sent_id] = max(belongs.get(sent_id, told), told)
        if title:
            called = (occurred_at, account, title)
            named[sent_id] = max(named.get(sent_id, called), called)
    if belongs:
        connection.execute(
            _keeping(connection.dialect.name),
            # In one order: two writers never wait for each other.
            [_columns(one, belongs[one], named.get(one)) for one in sorted(belongs)],
        )


def _columns(
    id_: str, belongs: tuple[int, str], named: tuple[int, str, str] | None
) -> dict[str, object]:
    told_at, account = belongs
    named_at, named_id, name = named or (None, None, "")
    return {
        "id": id_,
        "account_id": account,
        "told_at": told_at,
        "name": name,
        "named_id": named_id,
        "named_at": named_at,
    }


@cache
def _keeping(dialect: str) -> sa.Executable:
    """Made once for each kind of database: making it takes longer than running it."""
    insert = insert_for(dialect, account_members)
    new, held = insert.excluded, account_members.c
    bytewise = "C" if dialect == "postgresql" else "BINARY"  # as texts are compared above

    def is_later(*columns: str) -> sa.ColumnElement[bool]:
        first, *texts = columns
        one, other = (
            sa.tuple_(each[first], *(each[text].collate(bytewise) for text in texts))
            for each in (held, new)
        )
        return one < other

    belongs, named = ("told_at", "account_id"), ("named_at", "named_id", "name")
    later = is_later(*belongs)
    is_named = sa.and_(new.named_at.is_not(None), sa.or_(held.named_at.is_(None), is_later(*named)))
    return insert.on_conflict_do_update(
        index_elements=["id"],
        set_={
            column: sa.case((when, new[column]), else_=held[column])
            for columns, when in ((belongs, later), (named, is_named))
            for column in columns
        },
        where=sa.or_(later, is_named),
    )


def account_in(event: str, properties: object) -> tuple[str, str]:
    """The account that an event names, and what a group call calls it; "" for none."""
    if not isinstance(properties, dict):
        return "", ""
    account = account_of(properties.get(GROUP_ID))
    return account, _text(properties.get("name")) if account and event == _GROUP else ""


def account_of(group_id: object) -> str:
    """The account that a group's id names; "" where it names none.

    What programs write for nobody would make one company of strangers, for good.
    """
    account = _text(group_id)
    return account if ACCOUNT_ID.accepts(account) and not is_junk(account) else ""


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > ACCOUNT_ID.longest or not is_storable(value):
        return ""
    return value.strip()


def accounts_of(connection: sa.Connection, leads: Iterable[str]) -> dict[str, str]:
    """The account of each of some leads that has one."""
    if connection.scalar(sa.select(account_members.c.id).limit(1)) is None:
        return {}
    latest: dict[str, tuple[int, str]] = {}
    for some in in_parts(sorted(leads)):
        own = _MEMBERS.where(account_members.c.id.in_(some))
        others = _OTHERS.where(identities.c.lead_id.in_(some))
        for lead, account, at in [*connection.execute(own), *connection.execute(others)]:
            latest[lead] = max(latest.get(lead, (at, account)), (at, account))
    return {lead: account for lead, (_, account) in latest.items()}


_MEMBERS: Final = sa.select(
    account_members.c.id, account_members.c.account_id, account_members.c.told_at
)
_OTHERS: Final = sa.select(
    identities.c.lead_id, account_members.c.account_id, account_members.c.told_at
).join(account_members, account_members.c.id == identities.c.id)
