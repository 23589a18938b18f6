"""Which account a lead belongs to: the company that it was last told of, by any of its ids.

An event with a `group_id` tells it, as calls of Segment's `group` have it, and others by their
context; the name of a company is the one that a `group` call told last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.events.junk_ids import is_junk
from features.events.values import TextRule
from features.store.database import in_parts, insert_into, is_storable
from features.store.schema import account_members, identities

__all__ = ["ACCOUNT_ID", "GROUP_ID", "account_in", "account_of", "accounts_of", "note_accounts"]

GROUP_ID: Final = "group_id"
_GROUP: Final = "group"
_QUOTED: Final = f'"{GROUP_ID}"'
ACCOUNT_ID: Final = TextRule(1024)

_Row = Sequence[Any]
"""As `Event`: a message id, an id of a lead, a name, two instants, the text of properties."""


def note_accounts(connection: sa.Connection, rows: Iterable[_Row]) -> None:
    """Keep what events tell of accounts; of one id the latest stands, whenever it arrives."""
    told: dict[str, dict[str, Any]] = {}
    for _, sent_id, name, occurred_at, _, properties in rows:
        if _QUOTED not in properties:  # most events: read no further
            continue
        account, title = account_in(name, json.loads(properties))
        if account and (sent_id not in told or told[sent_id]["told_at"] <= occurred_at):
            told[sent_id] = {
                "id": sent_id,
                "account_id": account,
                "name": title,
                "told_at": occurred_at,
            }
    if not told:
        return
    insert = insert_into(connection.engine, account_members)
    new = insert.excluded
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "account_id": new.account_id,
                # Another event of the same account that names none leaves the name as it is.
                "name": sa.case(
                    (new.name != "", new.name),
                    (account_members.c.account_id == new.account_id, account_members.c.name),
                    else_="",
                ),
                "told_at": new.told_at,
            },
            where=account_members.c.told_at <= new.told_at,
        ),
        [told[one] for one in sorted(told)],  # in one order: two writers never wait for each other
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
