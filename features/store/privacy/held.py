"""What is held of a lead: who it is in short, and every row in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from features.clock import rfc3339
from features.store.database import in_parts
from features.store.privacy.opt_outs import OptOut
from features.store.privacy.rows import (
    NAMING,
    Document,
    document_of,
    held_ids,
    naming,
    rfc3339_if_any,
    rows_of,
)
from features.store.schema import (
    deliveries,
    endpoints,
    events,
    identity_links,
    notifications,
    opt_outs,
)

__all__ = ["Held", "Lead"]


@dataclass(frozen=True, slots=True)
class Lead:
    """Who a lead is.

    Parameters
    ----------
    ids : its ids, sorted.
    links : what was told of its ids, the first first, undone links too.
    opt_out : the earliest of any of its ids; None where it may be profiled.
    first_seen, last_seen : when its first and its last event happened, in microseconds since the
        epoch; None without events.
    events : how many there are.
    """

    lead_id: str
    ids: tuple[str, ...]
    links: tuple[Document, ...]
    opt_out: OptOut | None
    first_seen: int | None
    last_seen: int | None
    events: int

    @classmethod
    def read(cls, connection: sa.Connection, id_: str) -> Lead:
        """The lead that an id belongs to; UnknownLead where nothing is held of it."""
        name, ids = held_ids(connection, id_)
        links = rows_of(connection, identity_links, ids)
        out = [OptOut(*row.values()) for row in rows_of(connection, opt_outs, ids)]
        first, last, count = _seen(connection, ids)
        return cls(
            lead_id=name,
            ids=tuple(ids),
            links=tuple(sorted(links, key=lambda link: int(link["occurred_at"]))),
            opt_out=min(out, key=lambda one: one.opted_out_at, default=None),
            first_seen=first,
            last_seen=last,
            events=count,
        )

    def as_dict(self) -> Document:
        """The same for JSON."""
        return {
            "lead_id": self.lead_id,
            "subjects": list(self.ids),
            "links": [document_of(identity_links, link) for link in self.links],
            "opted_out": self.opt_out is not None,
            "opt_out": None if self.opt_out is None else _told(self.opt_out),
            "first_seen": rfc3339_if_any(self.first_seen),
            "last_seen": rfc3339_if_any(self.last_seen),
            "events": self.events,
        }


def _told(out: OptOut) -> Document:
    return {"subject": out.id, "at": rfc3339(out.opted_out_at), "reason": out.reason}


def _seen(connection: sa.Connection, ids: Sequence[str]) -> tuple[int | None, int | None, int]:
    """When the first and the last event of some ids happened, and how many there are."""
    occurred_at = events.c.occurred_at
    firsts: list[int] = []
    lasts: list[int] = []
    total = 0
    for part in in_parts(ids):
        wanted = sa.select(sa.func.min(occurred_at), sa.func.max(occurred_at), sa.func.count())
        first, last, count = connection.execute(wanted.where(naming(events, part))).one()
        if count:
            firsts.append(first)
            lasts.append(last)
            total += count
    return min(firsts, default=None), max(lasts, default=None), total


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is kept of a lead: rows as they are in the database.

    Parameters
    ----------
    ids : all ids of the lead, sorted.
    rows : by table; events by time, all else by its key. A notification has its `deliveries`.
    """

    lead_id: str
    ids: tuple[str, ...]
    rows: Mapping[sa.Table, list[Document]]

    @classmethod
    def read(cls, connection: sa.Connection, id_: str) -> Held:
        """Of the lead that an id belongs to; UnknownLead where nothing is held of it."""
        name, ids = held_ids(connection, id_)
        rows = {table: rows_of(connection, table, ids) for table in NAMING}
        _add_deliveries(connection, rows[notifications])
        rows[events].sort(key=lambda row: (row["occurred_at"], row["message_id"]))
        return cls(name, tuple(ids), rows)

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
