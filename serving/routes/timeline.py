"""Pages of what is kept of a lead: the entries of a timeline, and where a next page begins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, cast

import sqlalchemy as sa

from features.events.of_lead import Row
from features.ladder.ladder import Ladder
from features.offers.history import completed_by
from features.signals.protected import without_protected
from features.store.database import Database
from features.store.privacy.held import AfterLists, AfterRows
from features.store.privacy.opt_outs import opted_out_of, withheld
from features.store.privacy.pages import count_of, held_lead, order_of, page_of, rows_in
from features.store.privacy.rows import NAMING, Document, document_of
from features.store.schema import events, identity_links, notifications, scores
from serving.edge.parameters import no_cursor, packed, unpacked
from serving.routes.exports.kept_rows import ScoreOfTimeline
from serving.routes.lead_schemas import (
    EventEntry,
    EventKind,
    NotificationEntry,
    ScoreEntry,
    TimelineEntry,
    TimelineItem,
)
from serving.scoring.answers import StepAnswer

__all__ = [
    "EntryPlace",
    "TimelinePage",
    "after_lists",
    "after_rows",
    "cursor_of",
    "entry_place",
    "timeline_page",
]

EntryPlace = tuple[int, int, str]
"""When something happened, in microseconds; what it is, of several at once; its id."""
_KINDS: Final = (
    (events, ("occurred_at", "message_id")),
    (notifications, ("created_at", "id")),
    (scores, ("as_of", "lead_id")),
)
"""What a timeline shows, by the second number of an `EntryPlace`, and the other two of it."""
_KEYS: Final[dict[str, list[type]]] = {
    "subjects": [str],
    **{table.name: [table.c[key].type.python_type for key in order_of(table)] for table in NAMING},
}
"""What the keys of the lists of an export are made of."""


class TimelinePage(NamedTuple):
    """Some entries, the newest first; how many there are in all; where the next page begins."""

    items: list[TimelineItem]
    total: int
    after: EntryPlace | None


def timeline_page(
    database: Database, ladder: Ladder, lead_id: str, limit: int, before: EntryPlace | None
) -> TimelinePage:
    """The entries of a lead's timeline before a place; UnknownLead where nothing is held of it.

    Of whoever opted out of profiling it has what happened, and nothing that was decided about them.
    """
    with database.reading() as connection:
        lead = held_lead(connection, lead_id)
        shown = _shown(ladder, opted_out=bool(opted_out_of(connection, [lead])))
        found: list[tuple[EntryPlace, Document]] = []
        for rank, (table, order) in enumerate(_KINDS):
            if table not in shown:
                continue
            rows = page_of(
                connection,
                table,
                lead,
                order,
                limit=limit + 1,
                beyond=_key_before(before, rank),
                newest_first=True,
                which=shown[table],
            )
            found += (((row[order[0]], rank, row[order[1]]), row) for row in rows)
        found.sort(key=lambda entry: entry[0], reverse=True)
        page, rest = found[:limit], found[limit:]
        has_events = any(rank == 0 for (_, rank, _), _ in page)
        completed = _completed(connection, lead, ladder) if has_events else {}
        total = sum(count_of(connection, table, lead, which) for table, which in shown.items())
    made = _makers(ladder, completed)
    items = [made[place[1]](row) for place, row in page]
    return TimelinePage(items, total, page[-1][0] if rest else None)


def _shown(ladder: Ladder, *, opted_out: bool) -> Mapping[sa.Table, sa.ColumnElement[bool] | None]:
    """The tables whose rows are entries, and which of their rows; None for all of them."""
    if not opted_out:
        return dict.fromkeys(table for table, _ in _KINDS)
    return {events: events.c.name.not_in(sorted(withheld(ladder.events)))}


def _key_before(before: EntryPlace | None, rank: int) -> list[Any] | None:
    """The key in a table before which its entries stand before a place."""
    if before is None:
        return None
    at, of_rank, id_ = before
    if rank == of_rank:
        return [at, id_]
    return [at + 1] if rank < of_rank else [at]


def _completed(connection: sa.Connection, lead: str, ladder: Ladder) -> dict[str, list[StepAnswer]]:
    """The steps that each event was the first to complete, in each round, by message id."""
    columns, titles = events.c, {goal.id: goal.title for goal in ladder.goals}
    rules = [rule for goal in ladder.goals for rule in goal.complete_when]
    names = {rule.event for rule in (*rules, *ladder.restart_on)}
    order = (columns.known_at, columns.occurred_at, columns.message_id)
    wanted = (columns.message_id, columns.name, columns.occurred_at, columns.known_at)
    which = columns.name.in_(sorted(names))
    ids: list[str] = []
    rows: list[Row] = []
    with rows_in(connection, (*wanted, columns.properties), lead, which, order) as found:
        for row in found:
            ids.append(row.message_id)
            rows.append((row.name, row.occurred_at, row.known_at, json.loads(row.properties)))
    last = max((known for _, _, known, _ in rows), default=0)
    return {
        id_: [{"id": rung, "title": titles[rung]} for rung in rungs]
        for id_, rungs in zip(ids, completed_by(rows, ladder, last), strict=True)
        if rungs
    }


# ------------------------------------------------------------------------------------------ Entries


def _makers(
    ladder: Ladder, completed: dict[str, list[StepAnswer]]
) -> Sequence[Callable[[Document], TimelineItem]]:
    """What makes an entry of a row, for each of `_KINDS`."""
    kinds: dict[str, EventKind] = {
        ladder.events.decision: "decision",
        ladder.events.exposure: "exposure",
        ladder.events.outcome: "outcome",
    }
    return partial(_of_event, ladder, kinds, completed), _of_notification, _of_score


def _of_event(
    ladder: Ladder,
    kinds: dict[str, EventKind],
    completed: dict[str, list[StepAnswer]],
    row: Document,
) -> EventEntry:
    told = document_of(events, row)
    return {
        "kind": kinds.get(row["name"], "event"),
        "id": told["message_id"],
        "name": told["name"],
        "occurred_at": told["occurred_at"],
        "known_at": told["known_at"],
        "subject": told["lead_id"],
        "completes": completed.get(row["message_id"], []),
        "data": without_protected(ladder, told["properties"]),
    }


def _of_notification(row: Document) -> NotificationEntry:
    told = document_of(notifications, row)
    at = told["created_at"]
    made = _made_by_rung(row, told["id"], told["type"], at)
    return {**made, "kind": "notification", "data": told["data"]}


def _of_score(row: Document) -> ScoreEntry:
    told = document_of(scores, row)
    told |= told.pop("reasons") or {}
    made = _made_by_rung(row, None, "score", told["as_of"])
    return {**made, "kind": "score", "data": cast("ScoreOfTimeline", told)}


def _made_by_rung(row: Document, id_: str | None, name: str, at: str) -> TimelineEntry:
    """What Rung did: known when it happened."""
    return {
        "id": id_,
        "name": name,
        "occurred_at": at,
        "known_at": at,
        "subject": row["lead_id"],
        "completes": [],
    }


# ------------------------------------------------------------------------------------------ Cursors


def cursor_of(place: Sequence[Any] | None) -> str | None:
    """Where a next page begins, as an opaque text; None where there is none."""
    return None if place is None else packed(place)


def entry_place(cursor: str | None) -> EntryPlace | None:
    """A place in a timeline; RequestValidationError where it is none."""
    if cursor is None:
        return None
    place = unpacked(cursor)
    if _is_key(place, [int, int, str]):
        return place[0], place[1], place[2]
    raise no_cursor("a timeline")


def after_lists(cursor: str | None) -> AfterLists | None:
    """A place in the ids and the links of a lead, likewise."""
    if cursor is None:
        return None
    match unpacked(cursor):
        case [ids, links] if (ids is None or _is_key(ids, _KEYS["subjects"])) and (
            links is None or _is_key(links, _KEYS[identity_links.name])
        ):
            return ids, links
    raise no_cursor("identities")


def after_rows(cursor: str | None) -> AfterRows | None:
    """A place in the rows of a lead, likewise."""
    if cursor is None:
        return None
    match unpacked(cursor):
        case [str(name), key] if name in _KEYS and (key == [] or _is_key(key, _KEYS[name])):
            return name, key
    raise no_cursor("an export")


def _is_key(key: object, kinds: Sequence[type]) -> bool:
    return type(key) is list and [type(value) for value in key] == kinds
