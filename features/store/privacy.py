"""What a person may ask of those who keep data about them: to see it, not to be profiled, to go.

An id stands for all ids of its lead. Which columns name a lead is
said once, in `NAMING`: what is shown and what is erased cannot differ.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from features.clock import rfc3339
from features.errors import UnknownLead
from features.store.database import Database, Prepared, insert_into
from features.store.opt_outs import opted_out_leads
from features.store.schema import (
    deliveries,
    endpoints,
    erasures,
    events,
    identities,
    identity_links,
    notifications,
    opt_outs,
    scores,
    stale,
    trainings,
    write_backs,
)

__all__ = [
    "NAMING",
    "Document",
    "Erasure",
    "Held",
    "Lead",
    "OptOut",
    "Privacy",
    "Training",
    "document_of",
    "not_to_be_scored",
]

NAMING: Final[Mapping[sa.Table, tuple[str, ...]]] = {
    events: ("lead_id",),
    scores: ("lead_id",),
    stale: ("subject",),
    notifications: ("lead_id",),
    write_backs: ("lead_id",),
    identities: ("id", "lead_id"),
    identity_links: ("source", "target"),
    opt_outs: ("id",),
}
"""Every table that holds something of a lead, and its columns that name it, by any of its ids."""
_IDS: Final = 400
"""How many ids one statement names."""
_JSON: Final = frozenset({"properties", "data", "reasons", "wanted", "written"})
_INTERNAL: Final = frozenset({"mark", "leased_until"})
"""Columns about the service's own work."""
_VERSION: Final = 12
"""How many letters of a bundle's hash are its version."""
_CLOCKS_DIFFER_US: Final = 5 * 60 * 1_000_000
_WIPE_MILLISECONDS: Final = 1000
"""For so long wiping a file waits for those who still read what it held; nobody writes then."""
_WIPE_PAUSES_SECONDS: Final = (0.01, 0.1, 0.5, 0.5, 0.0)
"""Between attempts: one fails at once where another connection is writing the file back."""
_BUSY_MILLISECONDS: Final = 30_000
"""As `features.store.database` has it."""

Document = dict[str, Any]
"""A row by its columns, or a JSON object."""


class OptOut(NamedTuple):
    """That a person must not be profiled.

    Parameters
    ----------
    subject : the id that it was said of.
    at : since when, in microseconds since the epoch.
    reason : in the words of whoever noted it.
    """

    subject: str
    at: int
    reason: str


class Training(NamedTuple):
    """A bundle that was trained on what a store held.

    Parameters
    ----------
    bundle : its hash.
    ladder : the name of the ladder.
    until : it saw what was known by then, in microseconds since the epoch.
    trained_at : likewise; None where that is not known.
    """

    bundle: str
    ladder: str
    until: int
    trained_at: int | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """Who a lead is.

    Parameters
    ----------
    subjects : its ids, sorted.
    links : what was told of its ids, the first first, undone links too.
    opt_out : the earliest of any of its ids; None where it may be profiled.
    first_seen, last_seen : when its first and its last event happened, in microseconds since the
        epoch; None without events.
    events : how many there are.
    """

    lead_id: str
    subjects: tuple[str, ...]
    links: tuple[Document, ...]
    opt_out: OptOut | None
    first_seen: int | None
    last_seen: int | None
    events: int

    def as_dict(self) -> Document:
        """The same for JSON."""
        out = self.opt_out
        return {
            "lead_id": self.lead_id,
            "subjects": list(self.subjects),
            "links": [document_of(identity_links, link) for link in self.links],
            "opted_out": out is not None,
            "opt_out": None if out is None else out._asdict() | {"at": rfc3339(out.at)},
            "first_seen": _when(self.first_seen),
            "last_seen": _when(self.last_seen),
            "events": self.events,
        }


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is kept of a lead: rows as they are in the database.

    Parameters
    ----------
    rows : by table; events by time, all else by its key. A notification has its `deliveries`.
    """

    lead_id: str
    subjects: tuple[str, ...]
    rows: Mapping[sa.Table, list[Document]]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased; it names nobody.

    Parameters
    ----------
    at : microseconds since the epoch.
    subjects, events : how many there were.
    models : those that may have been trained on the events, the latest first.
    is_wiped : whether no byte of it is left in the files of an SQLite database; False for
        PostgreSQL, which gives the place to other rows in time.
    """

    id: str
    at: int
    subjects: int
    events: int
    models: tuple[Training, ...]
    is_wiped: bool = False

    def as_dict(self, serving: str = "") -> Document:
        """The same for JSON; `serving` is the hash of the bundle that serves."""
        return {
            "erasure_id": self.id,
            "erased_at": rfc3339(self.at),
            "subjects": self.subjects,
            "events": self.events,
            "models": [
                {
                    "version": model.bundle[:_VERSION],
                    "ladder": model.ladder,
                    "until": rfc3339(model.until),
                    "trained_at": _when(model.trained_at),
                    "serves": model.bundle == serving,
                }
                for model in self.models
            ],
            "is_wiped": self.is_wiped,
        }


class Privacy:
    """Opt-outs, what is held, erasures, and the models that were trained on it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_out = Prepared.of(_opt_out_of_one(), database.engine)

    # ----------------------------------------------------------------------------------- opting out

    def opt_out(self, ids: Iterable[str], at: int, reason: str = "") -> None:
        """Profile the persons of some ids no more, until `opt_in`.

        Their scores are gone when it returns, and a CRM is told nothing more of them. An id need
        not be known yet. Whoever is opted out already stays so since then.

        Parameters
        ----------
        at : now, in microseconds since the epoch.

        Raises
        ------
        UnknownLead : an id that no database can hold.
        """
        with self._database.writing() as connection:
            subjects = _subjects_of_all(connection, ids)
            insert = insert_into(connection.engine, opt_outs).on_conflict_do_nothing()
            rows = [{"id": one, "at": at, "reason": reason} for one in subjects]
            if rows:
                connection.execute(insert, rows)
            for part in _parts(subjects):
                untold = sa.update(write_backs).where(write_backs.c.lead_id.in_(part))
                connection.execute(untold.values(wanted=None, due_at=None))
                connection.execute(sa.delete(scores).where(scores.c.lead_id.in_(part)))

    def opt_in(self, ids: Iterable[str]) -> None:
        """The persons of some ids may be profiled again; UnknownLead as in `opt_out`."""
        with self._database.writing() as connection:
            for part in _parts(_subjects_of_all(connection, ids)):
                connection.execute(sa.delete(opt_outs).where(opt_outs.c.id.in_(part)))

    def is_opted_out(self, lead_id: str) -> bool:
        """Whether any id of the lead that an id belongs to has opted out."""
        return _is_storable(lead_id) and bool(
            self._is_out.all(self._database.engine, subject=lead_id)
        )

    def opted_out_of(self, lead_ids: Iterable[str]) -> set[str]:
        """Those of some ids whose lead is opted out."""
        found: set[str] = set()
        with self._database.reading() as connection:
            if connection.scalar(sa.select(opt_outs.c.id).limit(1)) is None:
                return found
            for part in _parts(sorted({one for one in lead_ids if _is_storable(one)})):
                leads = _leads_of(connection, part)
                out = set(connection.scalars(_opted_out_among(sorted({*leads.values()}))))
                found |= {one for one, lead in leads.items() if lead in out}
        return found

    # --------------------------------------------------------------------------------- what is held

    def lead(self, lead_id: str) -> Lead:
        """Who a lead is, by any of its ids; UnknownLead where nothing is held of it."""
        with self._database.reading() as connection:
            name, subjects = _held_lead(connection, lead_id)
            links = _rows(connection, identity_links, subjects)
            out = [OptOut(*row.values()) for row in _rows(connection, opt_outs, subjects)]
            first, last, count = _seen(connection, subjects)
        return Lead(
            lead_id=name,
            subjects=tuple(subjects),
            links=tuple(sorted(links, key=lambda link: int(link["occurred_at"]))),
            opt_out=min(out, key=lambda one: one.at, default=None),
            first_seen=first,
            last_seen=last,
            events=count,
        )

    def held(self, lead_id: str) -> Held:
        """Everything that is kept of a lead, by any id of it; UnknownLead where that is nothing."""
        with self._database.reading() as connection:
            name, subjects = _held_lead(connection, lead_id)
            rows = {table: _rows(connection, table, subjects) for table in NAMING}
            _add_deliveries(connection, rows[notifications])
        rows[events].sort(key=lambda row: (row["occurred_at"], row["message_id"]))
        return Held(name, tuple(subjects), rows)

    def export(self, lead_id: str, at: int) -> Document:
        """Everything that is kept of a lead, as a JSON object; UnknownLead where that is nothing.

        Decisions, exposures and outcomes are events.

        Parameters
        ----------
        at : now, in microseconds since the epoch.
        """
        held = self.held(lead_id)
        told = {
            table.name: [document_of(table, row) for row in rows]
            for table, rows in held.rows.items()
        }
        for row in told[events.name]:
            row["subject"] = row.pop("lead_id")
        return {
            "lead_id": held.lead_id,
            "exported_at": rfc3339(at),
            "subjects": list(held.subjects),
            **told,
        }

    # -------------------------------------------------------------------------------------- erasing

    def erase(self, lead_id: str, at: int, serving: Training | None = None) -> Erasure:
        """Erase everything that is kept of a lead, by any of its ids, its opt-out included.

        All in one transaction. That there was an erasure is kept, and nothing of whom.

        Parameters
        ----------
        at : now, in microseconds since the epoch.
        serving : the model that serves; it may have seen the lead wherever it was trained.

        Raises
        ------
        UnknownLead : nothing is kept of it.
        """
        with self._database.writing() as connection:
            if self._database.is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            _, subjects = _held_lead(connection, lead_id)
            models = _trained_on(connection, subjects, serving)
            count = _erase(connection, subjects)
            erasure = Erasure(uuid.uuid4().hex, at, len(subjects), count, tuple(models))
            hashes = json.dumps([model.bundle for model in models])
            row = {"id": erasure.id, "at": at, "events": count, "models": hashes}
            connection.execute(sa.insert(erasures), row)
        return replace(erasure, is_wiped=_wipe(self._database))

    def record_training(self, bundle: str, ladder: str, until: int, trained_at: int) -> None:
        """Keep that a bundle was trained on this store; see `Training`. Once is enough."""
        row = Training(bundle, ladder, until, trained_at)._asdict()
        with self._database.writing() as connection:
            insert = insert_into(connection.engine, trainings).on_conflict_do_nothing()
            connection.execute(insert, row)

    def models_trained_on(self, lead_id: str, serving: Training | None = None) -> list[Training]:
        """The models that may have been trained on a lead's events, the latest first; see `erase`.

        Raises
        ------
        UnknownLead : nothing is kept of it.
        """
        with self._database.reading() as connection:
            _, subjects = _held_lead(connection, lead_id)
            return _trained_on(connection, subjects, serving)


def not_to_be_scored(connection: sa.Connection, leads: Sequence[str], as_of: int) -> set[str]:
    """Those of some leads whose scores must not be kept: opted out, or erased meanwhile.

    It is a part of the transaction that would keep them.

    Parameters
    ----------
    as_of : when their events were read, or before, in microseconds since the epoch.
    """
    found = set(opted_out_leads(connection)) & set(leads)
    last = connection.scalar(sa.select(sa.func.max(erasures.c.at)))
    if last is not None and last >= as_of - _CLOCKS_DIFFER_US:
        for part in _parts(leads):
            found |= _without_events(connection, part)
    return found


def document_of(table: sa.Table, row: Document) -> Document:
    """A row as JSON: instants as RFC 3339, and what is JSON already as it is."""
    return {
        name: _json(value)
        if name in _JSON
        else rfc3339(value)
        if _is_instant(table, name) and value is not None
        else value
        for name, value in row.items()
        if name not in _INTERNAL
    }


def _when(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def _is_instant(table: sa.Table, name: str) -> bool:
    """Whether a column holds one: of these tables, all large integers are instants."""
    return name in table.c and isinstance(table.c[name].type, sa.BigInteger)


def _json(text: str | None) -> object:
    """JSON from a text; a number that JSON has no word for stays the text that it was."""
    if not text:
        return None
    return json.loads(text, parse_float=_finite, parse_constant=str)


def _finite(text: str) -> float | str:
    number = float(text)
    return text if abs(number) == float("inf") else number


# ---------------------------------------------------------------------------------- who is it about


def _subjects_of_all(connection: sa.Connection, ids: Iterable[str]) -> list[str]:
    return sorted({one for some in ids for one in _subjects(connection, some)[1]})


def _subjects(connection: sa.Connection, id_: str) -> tuple[str, list[str]]:
    """The lead that an id belongs to, and all its ids, sorted."""
    if not _is_storable(id_):
        raise UnknownLead(f"nothing is held of lead {id_!r}")
    lead = connection.scalar(sa.select(identities.c.lead_id).where(identities.c.id == id_)) or id_
    members = sa.select(identities.c.id).where(identities.c.lead_id == lead)
    return lead, sorted({lead, *connection.scalars(members)})


def _held_lead(connection: sa.Connection, id_: str) -> tuple[str, list[str]]:
    """As `_subjects`; UnknownLead where no table has anything of it."""
    lead, subjects = _subjects(connection, id_)
    if any(_has(connection, table, part) for table in NAMING for part in _parts(subjects)):
        return lead, subjects
    raise UnknownLead(f"nothing is held of lead {id_!r}")


def _leads_of(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The lead of each of some ids."""
    wanted = sa.select(identities.c.id, identities.c.lead_id).where(identities.c.id.in_(ids))
    return {one: one for one in ids} | {row.id: row.lead_id for row in connection.execute(wanted)}


def _without_events(connection: sa.Connection, leads: Sequence[str]) -> set[str]:
    """Those of some leads of which no event is kept."""
    wanted = sa.select(identities.c.id, identities.c.lead_id)
    members = connection.execute(wanted.where(identities.c.lead_id.in_(leads)))
    lead_of = {one: one for one in leads} | {row.id: row.lead_id for row in members}
    found: set[str] = set()
    for part in _parts(sorted(lead_of)):
        subjects = sa.select(events.c.lead_id).where(_naming(events, part)).distinct()
        found |= {lead_of[subject] for subject in connection.scalars(subjects)}
    return set(leads) - found


def _is_storable(id_: str) -> bool:
    """Whether databases take a text: it has no NUL and no half of a surrogate pair."""
    return "\0" not in id_ and not any("\ud800" <= letter <= "\udfff" for letter in id_)


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + _IDS] for at in range(0, len(ids), _IDS)]


# ----------------------------------------------------------------------------------------- opt-outs


def _opted_out_among(leads: Sequence[str]) -> sa.Select[Any]:
    """Those of some leads that are opted out."""
    lead = sa.func.coalesce(identities.c.lead_id, opt_outs.c.id).label("lead_id")
    members = opt_outs.outerjoin(identities, identities.c.id == opt_outs.c.id)
    of_those = sa.or_(opt_outs.c.id.in_(leads), identities.c.lead_id.in_(leads))
    return sa.select(lead).select_from(members).where(of_those)


def _opt_out_of_one() -> sa.Select[Any]:
    """An opt-out of any id of the lead that `subject` belongs to."""
    subject = sa.bindparam("subject", type_=sa.Text)
    lead = sa.select(identities.c.lead_id).where(identities.c.id == subject).scalar_subquery()
    members = sa.select(identities.c.id).where(identities.c.lead_id == lead)
    its_own = sa.or_(opt_outs.c.id == subject, opt_outs.c.id.in_(members))
    return sa.select(opt_outs.c.id).where(its_own)


# --------------------------------------------------------------------------------------------- rows


def _naming(table: sa.Table, ids: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*(table.c[name].in_(ids) for name in NAMING[table]))


def _has(connection: sa.Connection, table: sa.Table, ids: Sequence[str]) -> bool:
    wanted = sa.select(sa.literal(1)).select_from(table).where(_naming(table, ids))
    return connection.scalar(wanted.limit(1)) is not None


def _rows(connection: sa.Connection, table: sa.Table, subjects: Sequence[str]) -> list[Document]:
    """The rows of a table that name any of some ids, by its key."""
    found: dict[tuple[Any, ...], Document] = {}
    for part in _parts(subjects):
        for row in connection.execute(sa.select(table).where(_naming(table, part))).mappings():
            found[tuple(row[column.name] for column in table.primary_key)] = dict(row)
    return [found[key] for key in sorted(found)]


def _add_deliveries(connection: sa.Connection, rows: Sequence[Document]) -> None:
    """Put to each notification where it was sent, or is to be sent."""
    by_id: dict[str, list[Document]] = {row["id"]: [] for row in rows}
    wanted = sa.select(deliveries, endpoints.c.description).select_from(
        deliveries.outerjoin(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
    )
    for part in _parts(sorted(by_id)):
        of_part = wanted.where(deliveries.c.notification_id.in_(part))
        for row in connection.execute(of_part.order_by(deliveries.c.endpoint_id)).mappings():
            delivery = document_of(deliveries, dict(row))
            by_id[delivery.pop("notification_id")].append(delivery)
    for notice in rows:
        notice["deliveries"] = by_id[notice["id"]]


def _seen(connection: sa.Connection, subjects: Sequence[str]) -> tuple[int | None, int | None, int]:
    """When the first and the last event of some ids happened, and how many there are."""
    at = events.c.occurred_at
    firsts: list[int] = []
    lasts: list[int] = []
    total = 0
    for part in _parts(subjects):
        wanted = sa.select(sa.func.min(at), sa.func.max(at), sa.func.count())
        first, last, count = connection.execute(wanted.where(_naming(events, part))).one()
        if count:
            firsts.append(first)
            lasts.append(last)
            total += count
    return min(firsts, default=None), max(lasts, default=None), total


# ------------------------------------------------------------------------------------------ erasing


def _erase(connection: sa.Connection, subjects: Sequence[str]) -> int:
    """Delete every row that names any of some ids; how many events there were."""
    count = 0
    for part in _parts(subjects):
        notices = sa.select(notifications.c.id).where(_naming(notifications, part))
        connection.execute(sa.delete(deliveries).where(deliveries.c.notification_id.in_(notices)))
        for table in NAMING:
            done = connection.execute(sa.delete(table).where(_naming(table, part)))
            count += done.rowcount if table is events else 0
    return count


def _wipe(database: Database) -> bool:
    """Leave nothing in the files of what was deleted; False where that cannot be done now.

    Deleted rows leave copies in the unused parts of pages, whatever `secure_delete` says: only a
    database that is written anew has none. What is in the way is someone who reads all the while.
    """
    if not database.is_sqlite:
        return False
    connection = database.engine.raw_connection()
    cursor = connection.cursor()
    try:
        cursor.execute("VACUUM")
        cursor.execute(f"PRAGMA busy_timeout={_WIPE_MILLISECONDS}")
        for pause in _WIPE_PAUSES_SECONDS:
            is_busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not is_busy:
                return True
            time.sleep(pause)
        return False
    except database.engine.dialect.loaded_dbapi.OperationalError:
        return False
    finally:
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        connection.close()  # back to the pool


# ---------------------------------------------------------------------------------------- trainings


class _Seen(NamedTuple):
    """What decides whether a training saw a lead, by its ids; all in microseconds.

    Parameters
    ----------
    first : when the first event of an id was known.
    joined : since when an id was known to belong to the lead.
    out : since when an id is opted out.
    """

    first: dict[str, int]
    joined: dict[str, int]
    out: dict[str, int]

    @classmethod
    def read(cls, connection: sa.Connection, subjects: Sequence[str]) -> _Seen:
        """Of the ids of one lead."""
        first: dict[str, int] = {}
        for part in _parts(subjects):
            wanted = sa.select(events.c.lead_id, sa.func.min(events.c.known_at).label("first"))
            found = connection.execute(
                wanted.where(_naming(events, part)).group_by(events.c.lead_id)
            )
            first |= {row.lead_id: row.first for row in found}
        members = _rows(connection, identities, subjects)
        out = _rows(connection, opt_outs, subjects)
        return cls(
            first,
            {row["id"]: row["joined_at"] for row in members},
            {row["id"]: row["at"] for row in out},
        )

    def by(self, training: Training) -> bool:
        """Whether any event may have been trained on."""
        at = training.trained_at
        return any(
            first <= training.until
            and (at is None or (first <= at and not self._was_out(subject, at)))
            for subject, first in self.first.items()
        )

    def _was_out(self, subject: str, at: int) -> bool:
        """Whether an id was opted out by then, by itself or by one that it had joined."""
        return any(
            since <= at
            and (other == subject or max(self._since(subject), self._since(other)) <= at)
            for other, since in self.out.items()
        )

    def _since(self, subject: str) -> int:
        return self.joined.get(subject, 0)


def _trained_on(
    connection: sa.Connection, subjects: Sequence[str], serving: Training | None
) -> list[Training]:
    """The models that may have been trained on the events of some ids, the latest first."""
    recorded = [Training(**row) for row in connection.execute(sa.select(trainings)).mappings()]
    if serving is not None and serving.bundle not in {one.bundle for one in recorded}:
        recorded.append(serving)
    seen = _Seen.read(connection, subjects)
    found = [one for one in recorded if seen.by(one)]
    return sorted(found, key=lambda one: (-one.until, one.bundle))
