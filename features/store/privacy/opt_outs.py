"""Who must not be profiled: ids that were opted out, and all that belong to the same lead."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from features.errors import OptedOut
from features.events.values import names_a_lead
from features.ladder.action import NOTED
from features.ladder.ladder import EventNames
from features.store.changes import note_gone
from features.store.database import in_parts, insert_into, is_storable
from features.store.identities.members import leads_of
from features.store.identities.turns import change_leads, hold_leads
from features.store.places import sent_under
from features.store.privacy.rows import held_ids, storable_ids
from features.store.schema import (
    deliveries,
    events,
    identities,
    notifications,
    opt_outs,
    scores,
    stale,
    write_backs,
)

__all__ = [
    "NO_NEWS",
    "OptOut",
    "check_not_out",
    "opt_in",
    "opt_out",
    "opt_out_of_one",
    "opted_out_asking",
    "opted_out_count",
    "opted_out_ids",
    "opted_out_leads",
    "opted_out_of",
    "opted_out_since",
    "withheld",
]

NO_NEWS: Final = "opted in "
"""What the mark of a lead begins with that may be profiled again, and of which nothing is new."""


class OptOut(NamedTuple):
    """That a lead must not be profiled.

    Parameters
    ----------
    id : the one that it was said of.
    opted_out_at : since when, in microseconds since the epoch.
    reason : in the words of whoever noted it.
    """

    id: str
    opted_out_at: int
    reason: str


# ---------------------------------------------------------------------------------- what is changed


def opt_out(connection: sa.Connection, ids: Iterable[str], opted_out_at: int, reason: str) -> None:
    """Keep that the leads of some ids are out; whoever is out already stays so since then.

    Their scores go, what a CRM is to be told of them, and what notifications include.

    Parameters
    ----------
    opted_out_at : now, in microseconds since the epoch.

    Raises
    ------
    UnknownLead : an id of which nothing is held, and under which nothing can come.
    """
    change_leads(connection)  # who scores them is done, and whoever comes sees that they are out
    ids = list(ids)
    for one in ids:
        if not names_a_lead(one):
            held_ids(connection, one)  # older ones may be there, and have the same right
    all_ids = _all_ids(connection, ids)
    insert = insert_into(connection.engine, opt_outs).on_conflict_do_nothing()
    rows = [{"id": one, "at": opted_out_at, "reason": reason} for one in all_ids]
    if rows:
        connection.execute(insert, rows)
    for part in in_parts(all_ids):
        untold = sa.update(write_backs).where(write_backs.c.lead_id.in_(part))
        connection.execute(untold.values(wanted=None, due_at=None))
        notices = sa.select(notifications.c.id).where(notifications.c.lead_id.in_(part))
        bare = sa.update(deliveries).where(deliveries.c.notification_id.in_(notices))
        connection.execute(bare.values(extra="{}"))  # none are read again either
        taken = sa.delete(scores).where(scores.c.lead_id.in_(part)).returning(scores.c.lead_id)
        note_gone(connection, list(connection.scalars(taken)))


def opt_in(connection: sa.Connection, ids: Iterable[str], opted_in_at: int) -> None:
    """Take back the opt-outs of the leads of some ids; UnknownLead for one that no store holds.

    Whoever was out waits to be scored: nothing else would say so before all leads are.

    Parameters
    ----------
    opted_in_at : now, in microseconds since the epoch.
    """
    back: list[str] = []
    for part in in_parts(_all_ids(connection, ids)):
        taken = sa.delete(opt_outs).where(opt_outs.c.id.in_(part)).returning(opt_outs.c.id)
        back += connection.scalars(taken)
    if back:
        insert = insert_into(connection.engine, stale)
        mark = insert.on_conflict_do_update(
            index_elements=[stale.c.sent_id],
            set_={"mark": insert.excluded.mark, "since": insert.excluded.since},
        )
        row = {"mark": f"{NO_NEWS}{secrets.token_hex(8)}", "since": opted_in_at, "leased_until": 0}
        connection.execute(mark, [{"sent_id": one, **row} for one in sorted(back)])


def _all_ids(connection: sa.Connection, ids: Iterable[str]) -> list[str]:
    return sorted({one for some in ids for one in storable_ids(connection, some)[1]})


# ------------------------------------------------------------------------------------- what is read


def withheld(names: EventNames) -> frozenset[str]:
    """The events of a lead that opted out that nobody is shown: what was decided of it, and notes.

    They stay in the log, and in what the person itself is given.
    """
    return frozenset((names.decision, names.exposure, names.outcome, names.assignment, NOTED))


def opted_out_ids(connection: sa.Connection) -> frozenset[str]:
    """Every id of every lead that opted out."""
    leads = sa.select(identities.c.lead_id).where(identities.c.id.in_(sa.select(opt_outs.c.id)))
    same = sa.select(identities.c.id).where(identities.c.lead_id.in_(leads))
    return frozenset([*connection.scalars(sa.select(opt_outs.c.id)), *connection.scalars(same)])


def opted_out_leads(connection: sa.Connection) -> frozenset[str]:
    """What the leads are called that opted out."""
    return frozenset(connection.scalars(_LEADS))


def opted_out_count(connection: sa.Connection) -> int:
    """How many leads opted out."""
    count = sa.select(sa.func.count(sa.distinct(_LEAD))).select_from(_MEMBERS)
    return int(connection.scalar(count) or 0)


def opted_out_asking(connection: sa.Connection, asked: str, after: int) -> list[str]:
    """What the leads are called that opted out and have asked something since, sorted.

    Parameters
    ----------
    asked : what the event of a question is called.
    after : microseconds since the epoch.
    """
    found: set[str] = set()
    for part in in_parts(sorted(opted_out_ids(connection))):
        is_theirs = sent_under(connection.dialect.name, part, after)
        wanted = sa.select(events.c.lead_id).where(is_theirs, events.c.name == asked)
        found |= set(connection.scalars(wanted))
    return sorted(set(leads_of(connection, sorted(found)).values()))


def opted_out_since(connection: sa.Connection) -> dict[str, int]:
    """What the leads are called that opted out, and since when, in microseconds."""
    since = sa.select(_LEAD.label("lead_id"), sa.func.min(opt_outs.c.at)).select_from(_MEMBERS)
    return {row[0]: row[1] for row in connection.execute(since.group_by(_LEAD))}


_LEAD: Final = sa.func.coalesce(identities.c.lead_id, opt_outs.c.id)
_MEMBERS: Final = opt_outs.outerjoin(identities, identities.c.id == opt_outs.c.id)
_LEADS: Final = sa.select(_LEAD).select_from(_MEMBERS)


def opted_out_of(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Those of some ids whose lead is opted out."""
    found: set[str] = set()
    if connection.scalar(sa.select(opt_outs.c.id).limit(1)) is None:
        return found
    for part in in_parts(sorted({one for one in ids if is_storable(one)})):
        leads = leads_of(connection, part)
        out = set(connection.scalars(_OUT_AMONG, {"leads": sorted({*leads.values()})}))
        found |= {one for one, lead in leads.items() if lead in out}
    return found


def check_not_out(connection: sa.Connection, lead_id: str) -> None:
    """OptedOut where the lead of an id is; nor does it opt out before the transaction ends."""
    hold_leads(connection)
    if opted_out_of(connection, [lead_id]):
        raise OptedOut.named(lead_id)


_AMONG: Final[sa.BindParameter[Iterable[str]]] = sa.bindparam("leads", expanding=True)
_OUT_AMONG: Final = sa.union(  # each by an index, however many have opted out
    sa.select(opt_outs.c.id).where(opt_outs.c.id.in_(_AMONG)),
    sa.select(identities.c.lead_id)
    .join(opt_outs, opt_outs.c.id == identities.c.id)
    .where(identities.c.lead_id.in_(_AMONG)),
)
"""Those of some leads that are opted out, by themselves or by another id."""


def opt_out_of_one() -> sa.Select[Any]:
    """The opt-outs of any id of the lead that the id `asked` belongs to."""
    asked = sa.bindparam("asked", type_=sa.Text)
    lead = sa.select(identities.c.lead_id).where(identities.c.id == asked).scalar_subquery()
    members = sa.select(identities.c.id).where(identities.c.lead_id == lead)
    its_own = sa.or_(opt_outs.c.id == asked, opt_outs.c.id.in_(members))
    return sa.select(opt_outs.c.id).where(its_own)
