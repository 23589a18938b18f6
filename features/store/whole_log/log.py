"""The log of what a store holds: events by lead in time order, with the columns a ladder reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from features.events.log import EventLog, LogColumns, encode
from features.events.table import EventTable
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.signals.table import ladder_columns
from features.store.identities.members import Members
from features.store.privacy.opt_outs import opted_out_ids
from features.store.schema import events
from features.store.whole_log.tables import events_where, table_of, table_of_ids

__all__ = [
    "dated_after",
    "log_by_lead",
    "log_of_all",
    "log_of_some",
]


def log_of_all(
    connection: sa.Connection,
    ladder: Ladder,
    known_until: int | None = None,
    now: int | None = None,
    *,
    everybody: bool = False,
) -> EventLog:
    """All events known by `known_until`, in microseconds since the epoch, or ever.

    Leads that opted out of profiling are left out, unless `everybody` is only to be counted, and so
    are events dated after `now`.
    """
    wanted = events_where()
    if known_until is not None:
        wanted = wanted.where(events.c.known_at <= known_until)
    if now is not None:
        wanted = wanted.where(~dated_after(now))
    out = frozenset() if everybody else opted_out_ids(connection)
    columns = LogColumns(*ladder_columns(ladder))
    members = Members.read(connection)
    log = log_by_lead(table_of(connection, [wanted], columns, out), members, columns)
    return log if known_until is None else log.known_by(known_until)


def dated_after(now: int) -> sa.ColumnElement[bool]:
    """Whether an event happens, or becomes known, only after an instant."""
    return (events.c.occurred_at > now) | (events.c.known_at > now)


def log_of_some(connection: sa.Connection, lead_ids: Sequence[str], ladder: Ladder) -> EventLog:
    """The events of some leads.

    Whichever of its ids a lead is asked for by, the log has it under the one it is called by.
    """
    asked = sorted(set(lead_ids))
    members = Members.read_some(connection, asked)
    columns = LogColumns(*ladder_columns(ladder))
    table = table_of_ids(connection, sorted({*asked, *members.lead}), columns)
    return log_by_lead(table, members, columns)


def log_by_lead(table: EventTable, members: Members, columns: LogColumns) -> EventLog:
    """The log of events that were read by id: ids that share a lead are one."""
    if members.lead and len(table):
        code, ids = encode(table.lead_id)
        leads = pa.array([members.lead.get(one, one) for one in ids], pa.string())
        since = np.array([members.since.get(one, NONE) for one in ids], dtype=np.int64)
        known_at = np.maximum(table.known_at, since[code])
        table = replace(table, lead_id=leads.take(pa.array(code)), known_at=known_at)
    return table.log(columns)
