"""The layout that a ladder's [import] table describes."""

from __future__ import annotations

from features.clock import microseconds
from features.events.formats.layout import Layout
from features.ladder.source import ImportColumns

__all__ = ["mapped_layout"]


def mapped_layout(columns: ImportColumns) -> Layout:
    """How a log is laid out that has such columns."""
    needed = [columns.lead, (columns.occurred_at,), *((columns.event,),) * bool(columns.event)]
    return Layout(
        name="import",
        title="what the [import] table describes",
        marks=tuple(needed),
        lead=tuple(dict.fromkeys((*columns.lead, *columns.anonymous_id))),
        anonymous=columns.anonymous_id,
        event=(columns.event,) if columns.event else (),
        always=columns.always,
        names=dict(columns.names),
        occurred_at=(columns.occurred_at,),
        unit=columns.unit,
        known_at=(columns.known_at,) if columns.known_at else (),
        known_unit=columns.unit,
        since=0 if columns.since is None else microseconds(columns.since),
        message_id=(columns.message_id,) if columns.message_id else (),
        kept=() if columns.properties else ("*",),
        renamed=columns.properties,
    )
