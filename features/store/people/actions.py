"""What people said to have done with leads: kept at once, written to the log when it is due.

Until then it can be undone, so that undoing never rewrites a log. The table stays: it says who did
what, and what was taken back.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from features.clock import instant_if_any, is_ahead, is_over
from features.errors import ActionConflict
from features.store.arrivals import Event
from features.store.database import Database, in_parts, is_storable, over
from features.store.identities.members import ids_of, leads_of
from features.store.people.hands import NOBODY, Hand, hand_of, handed, hands_of, one_by_one
from features.store.privacy.suppressions import hold_off_erasures, suppressed_among
from features.store.schema import actions

__all__ = ["UNDO_US", "Actions", "KeptAction", "after_action"]

UNDO_US: Final = 10_000_000
"""For so long what was done can be undone."""
_TWICE_US: Final = 2_000_000
"""Who presses a button again within so long has pressed it twice, and means it once."""
_AT_ONCE: Final = 500
_COLUMNS: Final = list(actions.c)

InsertEvents = Callable[[sa.Connection, Sequence[Event]], int]
MarkLeads = Callable[[sa.Connection, Mapping[str, int], str], None]


@dataclass(frozen=True, slots=True)
class KeptAction:
    """Something that somebody did with a lead. Instants are microseconds since the epoch, UTC.

    Parameters
    ----------
    lead_id : as the lead was called then.
    action, title : the id and the words of the button.
    events : what it writes, as names with their properties, in order.
    by, name : the id of the key that it was done with, and that key's name.
    due_at : when it is written to the log; until then it can be undone.
    undone_at, entered_at : when it was taken back, or written; None for not yet.
    """

    id: str
    lead_id: str
    ladder: str
    action: str
    title: str
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    by: str
    name: str
    done_at: int
    due_at: int
    undone_at: int | None = None
    entered_at: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is neither written yet nor taken back."""
        return self.undone_at is None and self.entered_at is None

    def rows(self, known_at: int) -> list[Event]:
        """What it writes to the log; each with a message id of its own, so that none comes twice.

        Parameters
        ----------
        known_at : when it is written. It happened when the button was pressed, or now, where the
            clock was ahead then.
        """
        done_at = known_at if is_ahead(self.done_at, known_at) else self.done_at
        return [
            Event(
                f"rung-action-{self.id}-{at}",
                self.lead_id,
                name,
                done_at + at,  # in this order
                max(known_at, done_at + at),
                json.dumps(properties, ensure_ascii=False, separators=(",", ":")),
            )
            for at, (name, properties) in enumerate(self.events)
        ]


class Actions:
    """The actions of a database.

    Parameters
    ----------
    insert : puts events into the log, those that are new.
    mark : lets leads be scored anew; takes when the news of each came, and any new text.
    """

    def __init__(self, database: Database, insert: InsertEvents, mark: MarkLeads) -> None:
        self._database = database
        self._insert = insert
        self._mark = mark

    def do(  # noqa: PLR0913 what is kept of an action, each by its name
        self,
        lead_id: str,
        ladder: str,
        action: str,
        title: str,
        events: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        by: str,
        name: str,
        now: int,
        of_anybody: bool = False,
        once: str = "",
    ) -> KeptAction:
        """Keep what somebody did; what they did the moment before again is the same.

        Parameters
        ----------
        of_anybody : also with a lead that somebody else works with.
        once : an id of the filled-in form, by which it is kept once, however late it is sent again:
            its answer may be lost. Filled in otherwise, or taken back meanwhile, it is another.

        Raises
        ------
        ActionConflict : somebody else works with the lead, or it was erased for good.
        """
        kept = KeptAction(
            id=uuid.uuid4().hex,
            lead_id=lead_id,
            ladder=ladder,
            action=action,
            title=title,
            events=tuple((event, dict(properties)) for event, properties in events),
            by=by,
            name=name,
            done_at=now,
            due_at=now + UNDO_US,
        )
        with self._database.writing() as connection:
            if not is_storable(lead_id) or suppressed_among(connection, {lead_id}):
                raise ActionConflict("this lead was erased: nothing more is kept of it")
            one_by_one(connection)
            owner = self._hand(connection, lead_id).owner_at(now)
            if owner not in ("", name) and not of_anybody:
                raise ActionConflict(f"{owner} works with this lead: ask them, or wait")
            if (twice := _of_before(connection, kept)) is not None:
                return twice
            if once:
                row = connection.execute(_by_id(once)).first()
                if row is not None and _is_again(connection, _action(row), kept):
                    return _action(row)
                kept = replace(kept, id=once) if row is None else kept
            connection.execute(sa.insert(actions), _row_of(kept))
        return kept

    def undo(self, id_: str, *, name: str, now: int, of_anybody: bool = False) -> KeptAction:
        """Take back what was done.

        Parameters
        ----------
        name : who takes it back. A lead is in the hands of a name, whatever key it comes with.
        of_anybody : whether it may be what somebody else did.

        Raises
        ------
        ActionConflict : there is no such action of theirs, or it is too late.
        """
        with self._database.writing() as connection:
            wanted = sa.select(*_COLUMNS).where(actions.c.id == id_).with_for_update()
            row = connection.execute(wanted).first() if is_storable(id_) else None
            if row is None or not (of_anybody or row.name == name):
                raise ActionConflict("there is nothing here that you have done and could undo")
            if row.undone_at is not None:
                return _action(row)
            if row.entered_at is not None or is_over(row.due_at, now, UNDO_US):
                raise ActionConflict(f"it is too late: “{row.title}” is in the log by now")
            own = sa.update(actions).where(actions.c.id == id_)
            connection.execute(own.values(undone_at=now))
        return self.get(id_)

    def get(self, id_: str) -> KeptAction:
        """One action; ActionConflict where there is none."""
        with self._database.reading() as connection:
            row = connection.execute(_by_id(id_)).first()
        if row is None:
            raise ActionConflict("there is no such action")
        return _action(row)

    def among(self, ids: Sequence[str]) -> set[str]:
        """Those of some ids that are of actions, whatever came of them."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for part in in_parts(list(ids)):
                found |= set(
                    connection.scalars(sa.select(actions.c.id).where(actions.c.id.in_(part)))
                )
        return found

    def enter(self, now: int) -> int:
        """Write to the log what is due; how many actions that were.

        An action and its mark in the table are one transaction, so that each is written once.
        """
        is_due = sa.and_(
            actions.c.entered_at.is_(None),
            actions.c.undone_at.is_(None),
            over(actions.c.due_at, now, UNDO_US),
        )
        wanted = sa.select(*_COLUMNS).where(is_due).order_by(actions.c.due_at).limit(_AT_ONCE)
        with self._database.reading() as connection:
            if connection.execute(wanted.limit(1)).first() is None:
                return 0
        with self._database.writing() as connection:
            hold_off_erasures(connection)  # an erasure waits for these rows, and has what we want
            due = [_action(row) for row in connection.execute(wanted.with_for_update())]
            out = suppressed_among(connection, {one.lead_id for one in due})
            kept = [one for one in due if one.lead_id not in out]
            self._insert(connection, [row for one in kept for row in one.rows(now)])
            since = {one.lead_id: now for one in kept}
            if since:
                self._mark(connection, since, secrets.token_hex(8))
            for part in in_parts([one.id for one in due]):
                own = sa.update(actions).where(actions.c.id.in_(part))
                connection.execute(own.values(entered_at=now))
        return len(due)

    def open(self) -> dict[str, list[KeptAction]]:
        """What is neither written yet nor taken back, by the lead of now, the oldest first."""
        is_open = sa.and_(actions.c.entered_at.is_(None), actions.c.undone_at.is_(None))
        wanted = sa.select(*_COLUMNS).where(is_open).order_by(actions.c.done_at)
        with self._database.reading() as connection:
            found = [_action(row) for row in connection.execute(wanted)]
            lead_of = leads_of(connection, [one.lead_id for one in found])
        by_lead: dict[str, list[KeptAction]] = {}
        for one in found:
            by_lead.setdefault(lead_of[one.lead_id], []).append(one)
        return by_lead

    def newest(self, limit: int) -> list[KeptAction]:
        """What was done last, the newest first."""
        wanted = sa.select(*_COLUMNS).order_by(actions.c.done_at.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_action(row) for row in connection.execute(wanted)]

    def owner_of(self, lead_id: str, now: int) -> str:
        """Who works with the lead that has an id, by the log and by what is not written yet.

        Parameters
        ----------
        now : microseconds since the epoch.

        Returns
        -------
        A name; "" for nobody.
        """
        with self._database.reading() as connection:
            return self._hand(connection, lead_id).owner_at(now)

    def hands_of(self, leads: Sequence[str]) -> dict[str, Hand]:
        """In whose hands some leads are, by the log and by what is not written yet.

        Parameters
        ----------
        leads : as they are called; of those that are not in the answer nothing was ever said.
        """
        with self._database.reading() as connection:
            found = hands_of(connection, leads)
        wanted = set(leads)
        for lead, done in self.open().items() if leads else ():
            for action in done if lead in wanted else ():
                found[lead] = after_action(found.get(lead, NOBODY), action)
        return found

    def _hand(self, connection: sa.Connection, lead_id: str) -> Hand:
        """In whose hands a lead is, by the log and by what is not written yet."""
        ids = ids_of(connection, lead_id)[1]
        is_open = sa.and_(
            actions.c.entered_at.is_(None),
            actions.c.undone_at.is_(None),
            actions.c.lead_id.in_(ids),
        )
        hand = hand_of(connection, ids)
        for row in connection.execute(sa.select(*_COLUMNS).where(is_open)):
            hand = after_action(hand, _action(row))
        return hand


def after_action(before: Hand, done: KeptAction) -> Hand:
    """In whose hands a lead is once an action is written."""
    after = before
    for event in done.rows(done.done_at):
        after = handed(after, event.name, event.occurred_at, json.loads(event.properties))
    return after


def _by_id(id_: str) -> sa.Select[Any]:
    return sa.select(*_COLUMNS).where(actions.c.id == id_)


def _is_again(connection: sa.Connection, one: KeptAction, again: KeptAction) -> bool:
    """Whether a form that was kept is sent again as it was."""
    return (
        one.undone_at is None
        and (one.by, one.action) == (again.by, again.action)
        and one.lead_id in ids_of(connection, again.lead_id)[1]
        and _says_the_same(one, again)
    )


def _of_before(connection: sa.Connection, kept: KeptAction) -> KeptAction | None:
    """The same of a moment before that is open still; None where there is none."""
    same = (actions.c.lead_id == kept.lead_id, actions.c.action == kept.action)
    open_ = (actions.c.undone_at.is_(None), actions.c.entered_at.is_(None))
    since = (actions.c.by == kept.by, actions.c.done_at > kept.done_at - _TWICE_US)
    wanted = sa.select(*_COLUMNS).where(*same, *open_, *since, actions.c.done_at <= kept.done_at)
    rows = connection.execute(wanted.order_by(actions.c.done_at.desc()))
    return next((one for one in map(_action, rows) if _says_the_same(one, kept)), None)


def _says_the_same(one: KeptAction, other: KeptAction) -> bool:
    """Whether two actions write the same; until when may go by when each was done."""
    apart = other.done_at - one.done_at
    if [name for name, _ in one.events] != [name for name, _ in other.events]:
        return False
    return all(
        held.keys() == again.keys() and all(_is_alike(held[key], again[key], apart) for key in held)
        for (_, held), (_, again) in zip(one.events, other.events, strict=True)
    )


def _is_alike(one: object, other: object, apart: int) -> bool:
    first, second = instant_if_any(one), instant_if_any(other)
    if first is None or second is None:
        return one == other
    return any(abs(second - first - by) < _TWICE_US for by in (0, apart))


def _row_of(action: KeptAction) -> dict[str, object]:
    held = {name: getattr(action, name) for name in actions.c.keys()}  # noqa: SIM118 of a table
    return held | {"events": json.dumps(action.events, ensure_ascii=False)}


def _action(row: sa.Row[Any]) -> KeptAction:
    held = dict(row._mapping)
    events = tuple((name, properties) for name, properties in json.loads(held.pop("events")))
    return KeptAction(events=events, **held)
