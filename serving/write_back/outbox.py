"""What CRMs are to be told: kept in the transaction that stores the scores, and shared out.

A row is a lead and a CRM. Who tells has a lease on it, so that one process at a time does; one that
dies leaves the row to the next when its lease is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from features.clock import SKEW_US, is_over
from features.store.database import Database, insert_into, over
from features.store.identities.parting import NO_RECORD
from features.store.kept.scores import StoredScore
from features.store.privacy.opt_outs import opted_out_of
from features.store.schema import write_backs
from serving.write_back.configuration import LEAD_ID, WriteBack
from serving.write_back.external_ids import external_ids
from serving.write_back.rules import (
    DAY,
    SECOND,
    Fields,
    Outcome,
    Record,
    RecordState,
    after_call,
    after_score,
    fields_of,
)

__all__ = ["LEASE", "Outbox", "Queued", "scored"]

LEASE: Final = 600 * SECOND
"""How long a process has records for itself at most, in microseconds."""
_IDS: Final = 500
"""How many leads one statement names."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A lead and a CRM, as kept."""

    lead_id: str
    external_id: str
    state: RecordState
    leased_until: int = 0


_COLUMNS: Final = (
    write_backs.c.lead_id,
    write_backs.c.external_id,
    write_backs.c.wanted,
    write_backs.c.written,
    write_backs.c.due_at,
    write_backs.c.attempts,
    write_backs.c.leased_until,
)


def _row(found: Any) -> _Row:
    state = RecordState(_fields(found.written), _fields(found.wanted), found.due_at, found.attempts)
    return _Row(found.lead_id, found.external_id, state, found.leased_until)


def _fields(text: str | None) -> Fields | None:
    return None if text is None else Fields.read(text)


def _text(fields: Fields | None) -> str | None:
    return None if fields is None else fields.text()


def _of(target: WriteBack) -> sa.ColumnElement[bool]:
    return write_backs.c.connector == target.connector


def _locked(connection: sa.Connection, target: WriteBack, leads: Sequence[str]) -> dict[str, _Row]:
    """The rows of some leads, which nobody else changes before the transaction ends."""
    wanted = sa.select(*_COLUMNS).where(_of(target), write_backs.c.lead_id.in_(leads))
    wanted = wanted.order_by(write_backs.c.lead_id).with_for_update()  # all lock in this order
    return {found.lead_id: _row(found) for found in connection.execute(wanted)}


def _update(
    connection: sa.Connection, target: WriteBack, changes: Sequence[dict[str, object]]
) -> None:
    """Change rows; each change has `lead` and the columns to set, the same ones in all of them."""
    if changes:
        columns = [name for name in changes[0] if name != "lead"]
        statement = (
            sa.update(write_backs)
            .where(_of(target), write_backs.c.lead_id == sa.bindparam("lead"))
            .values({name: sa.bindparam(f"new_{name}") for name in columns})
        )
        given = [
            {name if name == "lead" else f"new_{name}": value for name, value in change.items()}
            for change in changes
        ]
        connection.execute(statement, given)


# --------------------------------------------------------------------------------- scores come in


@dataclass(frozen=True, slots=True)
class Queued:
    """How many tellings wait because of some scores, and how many leads no CRM can be told of."""

    told: int = 0
    without_id: int = 0


def scored(
    connection: sa.Connection,
    rows: Sequence[StoredScore],
    configuration: Sequence[WriteBack],
    traits_event: str = "identify",
) -> Queued:
    """Let CRMs be told of the scores that have changed in a way that matters.

    It is a part of the caller's transaction, the one that stores the scores.

    Parameters
    ----------
    rows : new scores, one a lead.
    traits_event : the name of the events that carry traits.
    """
    ordered = sorted(rows, key=lambda row: row.lead_id)
    told = without_id = 0
    for target in configuration:
        for at in range(0, len(ordered), _IDS):
            queued = _queue(connection, ordered[at : at + _IDS], target, traits_event)
            told, without_id = told + queued.told, without_id + queued.without_id
    return Queued(told, without_id)


def _queue(
    connection: sa.Connection, scores: Sequence[StoredScore], target: WriteBack, traits_event: str
) -> Queued:
    former = _locked(connection, target, [score.lead_id for score in scores])
    changed = _changed(scores, former, target)
    begun = [lead for lead, state in changed.items() if _begins(state, former.get(lead))]
    ids = external_ids(connection, begun, target, traits_event)
    unknown = {lead for lead in begun if lead not in ids}
    after = [
        _identified(lead, state, former.get(lead), ids.get(lead))
        for lead, state in changed.items()
        if lead not in unknown
    ]
    _forget(connection, target, sorted(unknown & former.keys()))
    _insert(connection, target, [row for row in after if row.lead_id not in former])
    _update(connection, target, [_wanted(row) for row in after if row.lead_id in former])
    return Queued(len(begun) - len(unknown), len(unknown))


def _changed(
    scores: Sequence[StoredScore], former: Mapping[str, _Row], target: WriteBack
) -> dict[str, RecordState]:
    """The leads whose row is to say something else, with what it is to say."""
    changed = {}
    for score in scores:
        held = former.get(score.lead_id)
        if held is not None and held.external_id == NO_RECORD:
            # Its record may have what the CRM was told of several: it is told, whatever that is.
            now = fields_of(score)
            changed[score.lead_id] = RecordState(wanted=now, due_at=score.scored_at)
            continue
        state = RecordState() if held is None else held.state
        after = after_score(state, fields_of(score), target.deadband, score.scored_at)
        if after is not None and after != state:
            changed[score.lead_id] = after
    return changed


def _begins(state: RecordState, former: _Row | None) -> bool:
    """Whether a row did not wait before, and does now."""
    return state.due_at is not None and (former is None or former.state.due_at is None)


def _identified(
    lead_id: str, state: RecordState, former: _Row | None, external_id: str | None
) -> _Row:
    """The row of a lead. Of a record that is another one than before, nothing is known yet.

    Parameters
    ----------
    external_id : None where it has waited before, and was not looked up again.
    """
    if former is None:
        return _Row(lead_id, external_id or NO_RECORD, state)
    if external_id in (None, former.external_id):
        return replace(former, state=state)
    return _Row(lead_id, external_id or NO_RECORD, replace(state, written=None, attempts=0))


def _wanted(row: _Row) -> dict[str, object]:
    return {
        "lead": row.lead_id,
        "external_id": row.external_id,
        "wanted": _text(row.state.wanted),
        "written": _text(row.state.written),
        "due_at": row.state.due_at,
        "attempts": row.state.attempts,
        "leased_until": row.leased_until,
    }


def _forget(connection: sa.Connection, target: WriteBack, leads: Sequence[str]) -> None:
    """Drop the rows of leads that no record of the CRM is theirs any more, by what they told."""
    if leads:
        gone = sa.delete(write_backs).where(_of(target), write_backs.c.lead_id.in_(leads))
        connection.execute(gone)


def _insert(connection: sa.Connection, target: WriteBack, rows: Sequence[_Row]) -> None:
    """Keep new rows; where another process was first, what it keeps is as new."""
    if not rows:
        return
    values = [
        {
            "connector": target.connector,
            "lead_id": row.lead_id,
            "external_id": row.external_id,
            "wanted": _text(row.state.wanted),
            "due_at": row.state.due_at,
            "leased_until": 0,
            "attempts": 0,
        }
        for row in rows
    ]
    connection.execute(insert_into(connection.engine, write_backs).on_conflict_do_nothing(), values)


# -------------------------------------------------------------------------------- CRMs are told


class Outbox:
    """Shares out what CRMs are to be told, and keeps what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, target: WriteBack, most: int, now: int, until: int) -> list[Record]:
        """The records that wait longest to be told; while the lease lasts they are the caller's.

        Of leads with one and the same external id, the one that was scored last is told of, and
        none while another process tells of one of them. Of who has opted out nothing is told, nor
        of an id that has become theirs since it was scored.

        Parameters
        ----------
        now, until : microseconds since the epoch; `until` at most LEASE later.
        """
        with self._database.reading() as connection:
            if connection.scalar(_due(target, now, 1)) is None:
                return []
        with self._database.writing() as connection:
            wanted = _due(target, now, most).with_for_update(skip_locked=True)
            rows = [_row(found) for found in connection.execute(wanted)]
            rows = _profiled(connection, target, rows)
            if target.id != LEAD_ID:
                rows = _alone(connection, target, rows, now)
            _update(
                connection,
                target,
                [
                    {
                        "lead": row.lead_id,
                        "leased_until": until,
                        "attempts": row.state.attempts + 1,
                    }
                    for row in rows
                ],
            )
        return [
            Record(row.lead_id, row.external_id, row.state.wanted, until)
            for row in rows
            if row.state.wanted is not None
        ]

    def record(self, target: WriteBack, told: Sequence[tuple[Record, Outcome]], now: int) -> None:
        """Keep what came of telling a CRM of records; those with a lease that was lost are left."""
        with self._database.writing() as connection:
            held = self._held(connection, target, [record for record, _ in told])
            written, others = [], []
            for record, outcome in told:
                if record.lead_id not in held:
                    continue
                former = held[record.lead_id].state
                state = after_call(former, record.fields, outcome, target.deadband, now)
                change = _wanted(replace(held[record.lead_id], state=state, leased_until=0))
                change["error"] = outcome.error or None
                if outcome.kind == "written":
                    written.append({**change, "written_at": now})
                else:
                    others.append(change)
            _update(connection, target, written)
            _update(connection, target, others)

    def release(self, target: WriteBack, records: Sequence[Record]) -> None:
        """Give records back of which the CRM was not told."""
        with self._database.writing() as connection:
            held = self._held(connection, target, records)
            _update(
                connection,
                target,
                [
                    {
                        "lead": row.lead_id,
                        "leased_until": 0,
                        "attempts": row.state.attempts - 1,
                    }
                    for row in held.values()
                ],
            )

    def _held(
        self, connection: sa.Connection, target: WriteBack, records: Iterable[Record]
    ) -> dict[str, _Row]:
        """The rows that the caller still has the lease on."""
        lease_of = {record.lead_id: record.leased_until for record in records}
        rows = _locked(connection, target, list(lease_of))
        return {lead: row for lead, row in rows.items() if row.leased_until == lease_of[lead]}


def _due(target: WriteBack, now: int, most: int) -> sa.Select[Any]:
    due, lease = write_backs.c.due_at, write_backs.c.leased_until
    # What has not failed waits for nothing: a clock that was ahead has scored it.
    is_put_off = sa.and_(write_backs.c.error.is_(None), due > now + SKEW_US)
    is_due = sa.or_(over(due, now, DAY), is_put_off)
    return (
        sa.select(*_COLUMNS)
        .where(_of(target), is_due, over(lease, now, LEASE))
        .order_by(write_backs.c.due_at, write_backs.c.lead_id)
        .limit(most)
    )


def _profiled(connection: sa.Connection, target: WriteBack, rows: Sequence[_Row]) -> list[_Row]:
    """Those rows whose lead has not opted out, by whom their id belongs to; no other is due."""
    out = opted_out_of(connection, [row.lead_id for row in rows])
    silent: list[dict[str, object]] = [
        {"lead": one, "wanted": None, "due_at": None} for one in sorted(out)
    ]
    _update(connection, target, silent)
    return [row for row in rows if row.lead_id not in out]


def _alone(
    connection: sa.Connection, target: WriteBack, rows: Sequence[_Row], now: int
) -> list[_Row]:
    """Those rows whose record nobody tells of now, and no other lead says anything newer of."""
    ids = sorted({row.external_id for row in rows})
    same = sa.select(*_COLUMNS).where(_of(target), write_backs.c.external_id.in_(ids))
    of_record: dict[str, list[_Row]] = defaultdict(list)
    for found in connection.execute(same):
        of_record[found.external_id].append(_row(found))
    free = {
        found.lead_id
        for found in connection.execute(same.with_for_update(skip_locked=True))
        if is_over(found.leased_until, now, LEASE)
    }
    alone: list[_Row] = []
    outdated: list[_Row] = []
    for row in rows:
        others = of_record[row.external_id]
        if any(other.lead_id not in free for other in others):
            continue  # another process is at it
        newest = max(others, key=_age)
        (alone if newest.lead_id == row.lead_id else outdated).append(row)
    _update(
        connection,
        target,
        [
            {"lead": row.lead_id, "due_at": None, "error": "another lead has the same id"}
            for row in outdated
        ],
    )
    return alone


def _age(row: _Row) -> tuple[int, str]:
    """Sorts rows by when their lead was scored; first those of which nothing is told or known."""
    known = (row.state.wanted, row.state.written)
    return max((fields.scored_at for fields in known if fields), default=0), row.lead_id
