"""What is held of a lead: who it is in short, and every row in full; whole, or a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from features.clock import rfc3339
from features.store.database import in_parts
from features.store.privacy.opt_outs import OptOut
from features.store.privacy.pages import (
    RowKey,
    count_of,
    held_lead,
    ids_after,
    key_of,
    order_of,
    page_of,
    span_of,
)
from features.store.privacy.rows import NAMING, Document, document_of, rfc3339_if_any
from features.store.schema import (
    deliveries,
    endpoints,
    events,
    identity_links,
    notifications,
    opt_outs,
)

__all__ = ["AfterLists", "AfterRows", "Held", "Lead"]

AfterLists = tuple[RowKey | None, RowKey | None]
"""The last id and the last link that were shown; None where all of them were."""
AfterRows = tuple[str, RowKey]
"""The last row that was shown, with its table; all rows of the tables before that one were."""
_IDS: Final = "subjects"
_LISTS: Final[Mapping[str, sa.Table | None]] = {_IDS: None, **{one.name: one for one in NAMING}}
"""What an export lists, in this order: ids, and the rows of tables."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Who a lead is.

    Parameters
    ----------
    ids : its ids, sorted, or a page of them.
    links : what was told of its ids, the first first, undone links too; or a page of them.
    id_count, link_count : how many there are in all.
    after : where ids and links go on; None where these are the last ones.
    opt_out : the earliest of any of its ids; None where it may be profiled.
    first_seen, last_seen : when its first and its last event happened, in microseconds since the
        epoch; None without events.
    events : how many there are.
    """

    lead_id: str
    ids: tuple[str, ...]
    links: tuple[Document, ...]
    id_count: int
    link_count: int
    after: AfterLists | None
    opt_out: OptOut | None
    first_seen: int | None
    last_seen: int | None
    events: int

    @classmethod
    def read(
        cls,
        connection: sa.Connection,
        id_: str,
        limit: int | None = None,
        after: AfterLists | None = None,
    ) -> Lead:
        """The lead that an id belongs to; UnknownLead where nothing is held of it.

        Parameters
        ----------
        limit : so many ids at most, and so many links.
        after : those that come after some that were shown.
        """
        lead = held_lead(connection, id_)
        id_key, link_key = after or ((), ())
        ids, links = [], []
        if id_key is not None:
            ids = ids_after(connection, lead, _one_more(limit), id_key or None)
        if link_key is not None:
            links = page_of(
                connection, identity_links, lead, limit=_one_more(limit), beyond=link_key or None
            )
        going_on: AfterLists = (
            [ids[limit - 1]] if limit and len(ids) > limit else None,
            _key(identity_links, links[limit - 1]) if limit and len(links) > limit else None,
        )
        out = page_of(connection, opt_outs, lead, ("at", "id"), limit=1)
        first, last, count = span_of(connection, lead)
        return cls(
            lead_id=lead,
            ids=tuple(ids[:limit]),
            links=tuple(links[:limit]),
            id_count=count_of(connection, None, lead),
            link_count=count_of(connection, identity_links, lead),
            after=going_on if any(going_on) else None,
            opt_out=OptOut(*out[0].values()) if out else None,
            first_seen=first,
            last_seen=last,
            events=count,
        )

    def as_dict(self) -> Document:
        """The same for JSON, but for `after`."""
        return {
            "lead_id": self.lead_id,
            "subjects": list(self.ids),
            "links": [document_of(identity_links, link) for link in self.links],
            "totals": {"subjects": self.id_count, "links": self.link_count},
            "opted_out": self.opt_out is not None,
            "opt_out": None if self.opt_out is None else _told(self.opt_out),
            "first_seen": rfc3339_if_any(self.first_seen),
            "last_seen": rfc3339_if_any(self.last_seen),
            "events": self.events,
        }


def _one_more(limit: int | None) -> int | None:
    return None if limit is None else limit + 1


def _key(table: sa.Table | None, row: Document) -> RowKey:
    return [row["id"]] if table is None else key_of(table, row, order_of(table))


def _rows(
    connection: sa.Connection, name: str, lead: str, limit: int | None, beyond: RowKey | None
) -> list[Document]:
    table = _LISTS[name]
    if table is None:
        return [{"id": one} for one in ids_after(connection, lead, limit, beyond)]
    return page_of(connection, table, lead, limit=limit, beyond=beyond)


def _told(out: OptOut) -> Document:
    return {"subject": out.id, "at": rfc3339(out.opted_out_at), "reason": out.reason}


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is kept of a lead, or a page of it: rows as they are in the database.

    Parameters
    ----------
    ids : the ids of the lead, sorted.
    rows : by table; events by time, all else by its key. A notification has its `deliveries`.
    counts : how many ids and rows there are in all, by the name of the table.
    after : where the page after this one begins; None where there is none.
    """

    lead_id: str
    ids: tuple[str, ...]
    rows: Mapping[sa.Table, list[Document]]
    counts: Mapping[str, int]
    after: AfterRows | None = None

    @classmethod
    def read(
        cls,
        connection: sa.Connection,
        id_: str,
        limit: int | None = None,
        after: AfterRows | None = None,
    ) -> Held:
        """Of the lead that an id belongs to; UnknownLead where nothing is held of it.

        Parameters
        ----------
        limit : so many ids and rows at most, of all tables together.
        after : those that come after some that were shown.
        """
        lead = held_lead(connection, id_)
        counts = {name: count_of(connection, table, lead) for name, table in _LISTS.items()}
        shown: dict[str, list[Document]] = {name: [] for name in _LISTS}
        begin, beyond = after or (_IDS, [])
        going_on: AfterRows | None = None
        for name in list(_LISTS)[list(_LISTS).index(begin) :]:
            left = None if limit is None else limit - sum(map(len, shown.values()))
            if left == 0 and counts[name]:
                going_on = (name, [])
                break
            found = _rows(connection, name, lead, _one_more(left), beyond or None)
            shown[name], beyond = found[:left], []
            if len(found) > len(shown[name]):
                going_on = (name, _key(_LISTS[name], shown[name][-1]))
                break
        ids = tuple(row["id"] for row in shown.pop(_IDS))
        rows = {table: shown[table.name] for table in NAMING}
        _add_deliveries(connection, rows[notifications])
        return cls(lead, ids, rows, counts, going_on)

    def exported(self, exported_at: int) -> Document:
        """The same as a JSON object; decisions, exposures and outcomes are events.

        Parameters
        ----------
        exported_at : now, in microseconds since the epoch.
        """
        told = {
            table.name: [document_of(table, row) for row in rows]
            for table, rows in self.rows.items()
        }
        for row in told[events.name]:
            row["subject"] = row.pop("lead_id")
        return {
            "lead_id": self.lead_id,
            "exported_at": rfc3339(exported_at),
            "subjects": list(self.ids),
            **told,
            "totals": dict(self.counts),
        }


def _add_deliveries(connection: sa.Connection, rows: Sequence[Document]) -> None:
    """Put to each notification where it was sent, or is to be sent."""
    by_id: dict[str, list[Document]] = {row["id"]: [] for row in rows}
    wanted = sa.select(deliveries, endpoints.c.description).select_from(
        deliveries.outerjoin(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
    )
    for part in in_parts(sorted(by_id)):
        of_part = wanted.where(deliveries.c.notification_id.in_(part))
        for row in connection.execute(of_part.order_by(deliveries.c.endpoint_id)).mappings():
            delivery = document_of(deliveries, dict(row))
            by_id[delivery.pop("notification_id")].append(delivery)
    for notice in rows:
        notice["deliveries"] = by_id[notice["id"]]
