"""How a lead is erased: every row that names it goes, then every byte that a file still has."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from features.clock import rfc3339
from features.store.changes import break_off
from features.store.connecting.outages import reachable
from features.store.database import Database, in_parts, insert_into
from features.store.identities.turns import Erased, change_leads, erased_by_now
from features.store.places import places_of
from features.store.privacy.rows import NAMING, Document, held_ids, naming, rfc3339_if_any
from features.store.privacy.suppressions import suppress, wait_for_arrivals
from features.store.privacy.trainings import Training, trained_on
from features.store.schema import (
    PREFERENCES,
    READINESS,
    deliveries,
    erasures,
    events,
    gone_scores,
    identities,
    kept_columns,
    notifications,
    ranks,
    reports,
    scores,
    suppressions,
)

__all__ = [
    "TAKEN",
    "Erasure",
    "KeptErasure",
    "erase",
    "erased_since",
    "kept_erasures",
    "note_taken",
    "of_report",
    "wipe",
]

TAKEN: Final = -1
"""The part of a kept table that says, in place of all others, when an erasure took them away."""

_VERSION: Final = 12
"""How many letters of a bundle's hash are its version."""
_WIPE_MILLISECONDS: Final = 1000
"""For so long wiping a file waits for those who still read what it held; nobody writes then."""
_WIPE_PAUSES_SECONDS: Final = (0.01, 0.1, 0.5, 0.5, 0.0)
"""Between attempts: one fails at once where another connection is writing the file back."""
_BUSY_MILLISECONDS: Final = 30_000
"""As `features.store.database` has it."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased; it names nobody.

    Parameters
    ----------
    erased_at : microseconds since the epoch.
    ids, events : how many there were.
    models : those that may have been trained on the events, the latest first.
    is_suppressed : whether events of the ids are dropped from now on.
    is_wiped : whether no byte of it is left in the files of an SQLite database; False for
        PostgreSQL, which gives the place to other rows in time.
    """

    id: str
    erased_at: int
    ids: int
    events: int
    models: tuple[Training, ...]
    is_suppressed: bool = False
    is_wiped: bool = False

    def as_dict(self, serving: str = "") -> Document:
        """The same for JSON; `serving` is the hash of the bundle that serves."""
        return {
            "erasure_id": self.id,
            "erased_at": rfc3339(self.erased_at),
            "subjects": self.ids,
            "events": self.events,
            "models": [
                {
                    "version": model.bundle[:_VERSION],
                    "ladder": model.ladder,
                    "until": rfc3339(model.until),
                    "trained_at": rfc3339_if_any(model.trained_at),
                    "serves": model.bundle == serving,
                }
                for model in self.models
            ],
            "suppressed": self.is_suppressed,
            "is_wiped": self.is_wiped,
        }


@dataclass(frozen=True, slots=True)
class KeptErasure:
    """What is kept of an erasure; it names nobody.

    Parameters
    ----------
    erased_at : microseconds since the epoch.
    events : how many there were.
    models : the versions of those that may have been trained on them.
    is_suppressed : whether events of the ids are dropped still.
    """

    id: str
    erased_at: int
    events: int
    models: tuple[str, ...]
    is_suppressed: bool


def kept_erasures(connection: sa.Connection, limit: int | None = None) -> list[KeptErasure]:
    """The erasures, the latest first; all of them without a limit."""
    dropped = sa.exists().where(suppressions.c.erasure == erasures.c.id).label("is_suppressed")
    wanted = sa.select(erasures, dropped).order_by(erasures.c.at.desc(), erasures.c.id)
    return [
        KeptErasure(
            row.id,
            row.at,
            row.events,
            tuple(one[:_VERSION] for one in json.loads(row.models)),
            bool(row.is_suppressed),
        )
        for row in connection.execute(wanted.limit(limit))
    ]


def erase(
    connection: sa.Connection,
    id_: str,
    erased_at: int,
    serving: Training | None,
    *,
    is_suppressed: bool = False,
) -> Erasure:
    """Erase every row that names the lead of an id, and keep that there was an erasure.

    It is a part of the caller's transaction, and leaves the bytes of the rows to `wipe`.

    Parameters
    ----------
    erased_at : now, in microseconds since the epoch.
    serving : the model that serves; it may have seen the lead wherever it was trained.
    is_suppressed : keep a hash of each id, so that nothing is stored under it any more.

    Raises
    ------
    UnknownLead : nothing is kept of it.
    """
    wait_for_arrivals(connection)  # who has stored events of it waits for our turn with its links
    change_leads(connection)  # who scores it is done, and nobody begins
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    _, ids = held_ids(connection, id_)
    models = trained_on(connection, ids, serving)
    count = _delete(connection, ids)
    _take_kept(connection, erased_at)
    erasure = Erasure(uuid.uuid4().hex, erased_at, len(ids), count, tuple(models), is_suppressed)
    if is_suppressed:
        suppress(connection, ids, erasure.id, erased_at)
    hashes = json.dumps([model.bundle for model in models])
    row = {"id": erasure.id, "at": erased_at, "events": count, "models": hashes}
    connection.execute(sa.insert(erasures), row)
    return erasure


def _delete(connection: sa.Connection, ids: Sequence[str]) -> int:
    """Delete every row that names any of some ids; how many events there were."""
    count = followed = 0
    for part in in_parts(ids):
        _take_learned(connection, part)
        notices = sa.select(notifications.c.id).where(naming(connection, notifications, part))
        connection.execute(sa.delete(deliveries).where(deliveries.c.notification_id.in_(notices)))
        for table in NAMING:
            done = connection.execute(sa.delete(table).where(naming(connection, table, part)))
            count += done.rowcount if table is events else 0
            followed += done.rowcount if table in (scores, gone_scores) else 0
    if followed:
        break_off(connection)
    return count


def _take_learned(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Take away what loops have learned from choices for some ids: it holds features by name.

    A worker learns it anew from the choices that are left.
    """
    loops = sa.select(ranks.c.loop).where(naming(connection, ranks, ids))
    own = reports.c.kind == PREFERENCES, reports.c.about.in_(loops)
    connection.execute(sa.delete(reports).where(*own))


def _take_kept(connection: sa.Connection, erased_at: int) -> None:
    """Take the kept tables away, and note that of each: a worker makes them without the lead.

    So it is with reports that may hold texts of a lead: what a log has, by the names in it, and
    what groups of protected traits are compared by.
    """
    of = kept_columns.c.kind, kept_columns.c.ladder
    kept = {(kind, ladder) for kind, ladder in connection.execute(sa.select(*of).distinct())}
    with_texts = (reports.c.kind == READINESS) | reports.c.body.contains(
        '"groups":{', autoescape=True
    )
    told = sa.select(reports.c.kind, reports.c.ladder).where(with_texts).distinct()
    kept |= {(of_report(kind), ladder) for kind, ladder in connection.execute(told)}
    connection.execute(sa.delete(reports).where(with_texts))
    connection.execute(sa.delete(kept_columns))
    for kind, ladder in sorted(kept):
        note_taken(connection, kind, ladder, erased_at)


def of_report(kind: str) -> str:
    """How it is noted that there is no report of a kind, among the kinds of kept tables."""
    return f"report {kind}"


def note_taken(connection: sa.Connection, kind: str, ladder: str, at: int) -> None:
    """Note that there is no table of a kind because a lead was erased, until there is one again."""
    row = {"kind": kind, "ladder": ladder, "part": TAKEN, "as_of": at, "body": b""}
    noted = insert_into(connection.engine, kept_columns).on_conflict_do_nothing()
    connection.execute(noted, row)  # others may note it at the same moment


def wipe(database: Database) -> bool:
    """Leave nothing in the files of what was deleted; False where that cannot be done now.

    Deleted rows leave copies in the unused parts of pages, whatever `secure_delete` says: only a
    database that is written anew has none. What is in the way is someone who reads all the while.
    """
    if not database.is_sqlite:
        return False
    with reachable(database.engine):
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


def erased_since(connection: sa.Connection, leads: Sequence[str], since: Erased | None) -> set[str]:
    """Those of some leads that may have been erased since: no event of them is kept.

    Parameters
    ----------
    since : the erasures as they were before; None: there may have been any.
    """
    by_now = erased_by_now(connection)
    if by_now == since or not by_now[0]:
        return set()
    return {one for part in in_parts(leads) for one in _without_events(connection, part)}


def _without_events(connection: sa.Connection, leads: Sequence[str]) -> set[str]:
    """Those of some leads of which no event is kept."""
    wanted = sa.select(identities.c.id, identities.c.lead_id)
    members = connection.execute(wanted.where(identities.c.lead_id.in_(leads)))
    lead_of = {one: one for one in leads} | {row.id: row.lead_id for row in members}
    found: set[str] = set()
    for part in in_parts(sorted(lead_of)):
        kept = sa.select(places_of(connection.dialect.name, part).c.lead_id).distinct()
        found |= {lead_of[one] for one in connection.scalars(kept)}
    return set(leads) - found
