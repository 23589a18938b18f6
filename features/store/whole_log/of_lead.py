"""The events of one lead, whichever of its ids is asked about, and what differs once more is known.

A question about one lead goes by the places where its events are noted, and looks through those of
no other.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from features.events.of_lead import Row
from features.store.changes import LastScore
from features.store.database import Database, Prepared
from features.store.identities.members import known_since, members_of
from features.store.places import places_of, sent_under
from features.store.schema import events as _events
from features.store.schema import identities as _identities
from features.store.schema import opt_outs as _opt_outs
from features.store.schema import scores as _scores
from features.store.whole_log.tables import objects_of

__all__ = ["LeadRows", "Stamp", "StampedRows"]

Stamp = tuple[object, ...]
"""What differs whenever something else is known of a lead."""


class StampedRows(NamedTuple):
    """The events of one lead, with what they say of a score that is found of them.

    Parameters
    ----------
    lead : what it is called.
    last : of the score that is stored; None where none is.
    """

    stamp: Stamp
    lead: str
    rows: list[Row]
    last: LastScore | None


class LeadRows:
    """Reads the events of one lead, in time order, as `features.events.of_lead` takes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = _rows_of_lead(database.engine.dialect.name)
        self._of_lead = Prepared.of(rows, database.engine)
        self._stamped = Prepared.of(rows.add_columns(_last_of_lead()), database.engine)
        self._stamp = Prepared.of(_stamp_of_lead(database.engine.dialect.name), database.engine)

    def read(self, id_: str) -> tuple[str, list[Row]]:
        """The lead that an id belongs to, and its events.

        What is known of one lead under several ids was known of it when these were known to be one;
        the id that the lead began with is the lead. (Before, the others were somebody else.)
        """
        return _lead_and_rows(id_, self._found(id_))

    def read_stamped(self, id_: str) -> StampedRows | None:
        """As `read`, with the stamp of what was read; None where that is None."""
        found = [] if "\0" in id_ else self._stamped.all(self._database, lead=id_)
        if not found or found[0][_IS_OUT]:
            return None
        leads, _, _, _, known, _, joined, *_ = zip(*found, strict=True)
        as_of, _, cause = (found[0][-1] or "").partition(" ")
        return StampedRows(
            (leads[0], len(found), max(known), max(joined)),
            *_lead_and_rows(id_, found),
            LastScore(cause, int(as_of)) if as_of else None,
        )

    def within(self, connection: sa.Connection, id_: str) -> list[Row]:
        """The events, as a transaction that is under way sees them."""
        return _lead_and_rows(id_, self._of_lead.within(connection, lead=id_))[1]

    def stamp(self, id_: str) -> Stamp | None:
        """What differs whenever something else is known of the lead that an id belongs to.

        None of a lead of which nothing is known, or which must not be profiled.
        """
        if "\0" in id_:
            return None
        ((lead, count, *rest, is_out),) = self._stamp.all(self._database, lead=id_)
        return None if is_out or not count else (lead, count, *rest)

    def _found(self, id_: str) -> list[tuple[Any, ...]]:
        return [] if "\0" in id_ else self._of_lead.all(self._database, lead=id_)


def _lead_and_rows(id_: str, rows: list[tuple[Any, ...]]) -> tuple[str, list[Row]]:
    """What the lead of an id is called, and its events, from what was selected of it."""
    if not rows:
        return id_, []
    leads, sent_ids, names, occurred, known, texts, joined, *_ = zip(*rows, strict=True)
    if joined.count(0) != len(joined):
        known = known_since(sent_ids, occurred, known, joined)
    return leads[0], list(zip(names, occurred, known, objects_of(texts), strict=True))


_IS_OUT: Final = 7
"""The column of a row that says whether its lead has opted out."""
_ALONE: Final = sa.literal_column("0", sa.BigInteger)  # since when an id alone is the lead


def _rows_of_lead(dialect: str) -> sa.Select[tuple[str, str, str, int, int, str, int, int]]:
    """The events of a lead, with what it is called, the id that each came under, if it is out.

    The last is how many of its ids have opted out, in each row the same.
    """
    # By the events and not by the ids: to join the two, SQLite goes through all of both.
    wanted = sa.select(
        sa.func.coalesce(_identities.c.lead_id, _events.c.lead_id),
        _events.c.lead_id,
        _events.c.name,
        _events.c.occurred_at,
        _events.c.known_at,
        _events.c.properties,
        sa.func.coalesce(_identities.c.joined_at, _ALONE),
        _out_of_lead(),
    ).select_from(_events.outerjoin(_identities, _identities.c.id == _events.c.lead_id))
    its_own = sent_under(dialect, sa.select(members_of().c.id))
    in_order = wanted.order_by(_events.c.occurred_at, _events.c.lead_id, _events.c.message_id)
    return in_order.where(its_own)


def _last_of_lead() -> sa.ScalarSelect[str]:
    """`as_of` and `cause` of the score of a lead, a blank between: both are found in one look."""
    named = sa.bindparam("lead", type_=sa.Text)
    of = sa.select(_identities.c.lead_id).where(_identities.c.id == named).scalar_subquery()
    blank = sa.literal_column("' '", sa.Text)
    both = sa.cast(_scores.c.as_of, sa.Text).concat(blank).concat(_scores.c.cause)
    return sa.select(both).where(_scores.c.lead_id == sa.func.coalesce(of, named)).scalar_subquery()


def _stamp_of_lead(dialect: str) -> sa.Select[Any, int, Any, Any, int]:
    own = places_of(dialect, sa.select(members_of().c.id))
    return sa.select(
        sa.func.max(sa.func.coalesce(_identities.c.lead_id, own.c.lead_id)),
        sa.func.count(own.c.lead_id),
        sa.func.max(own.c.known_at),
        sa.func.max(sa.func.coalesce(_identities.c.joined_at, _ALONE)),
        _out_of_lead(),
    ).select_from(own.outerjoin(_identities, _identities.c.id == own.c.lead_id))


def _out_of_lead() -> sa.ScalarSelect[int]:
    """How many ids of a lead have opted out."""
    members = members_of()
    out = members.join(_opt_outs, _opt_outs.c.id == members.c.id)
    return sa.select(sa.func.count()).select_from(out).scalar_subquery()
