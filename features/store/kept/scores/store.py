"""The latest scores of leads, kept and read, and when all were scored last."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

import numpy as np
import sqlalchemy as sa

from features.arrays import Floats, Ints
from features.clock import SKEW_US, is_ahead, seconds_since
from features.store.changes import LastScore, next_turn, note_gone
from features.store.database import Database, Prepared, all_tuples_of, in_parts, insert_into
from features.store.identities.finding import known_after
from features.store.identities.members import leads_of
from features.store.identities.turns import Erased, erased_by_now, hold_leads
from features.store.kept.leases import Mark, Marks
from features.store.kept.meta import meta_of, set_meta
from features.store.kept.scores.score import (
    FIELDS,
    STEADY,
    Former,
    StoredScore,
    score_of,
    steady_of,
    values_of,
)
from features.store.privacy import not_to_be_scored
from features.store.schema import identities, meta, scores

__all__ = ["TOGETHER", "ScoreStore", "TellChanges", "Unsaved"]

TOGETHER: Final = 1000
"""Scores of one transaction: while it writes, SQLite lets nobody else."""
_FULL_RUN: Final = "full_run"
_FRESHNESS: Final = "freshness"
_WANTED: Final = "full_run_wanted"
_PROGRESS: Final = "full_run_progress"


TellChanges = Callable[[sa.Connection, Mapping[str, Former], Sequence[StoredScore]], None]
"""What is to be done, in the same transaction, when scores take the place of former ones."""


class Unsaved(NamedTuple):
    """Scores of one transaction that say how they differ from the leads' former ones.

    Parameters
    ----------
    leads : those that get a score.
    made : gives it, one for each, from the former ones of those that have one.
    """

    leads: Sequence[str]
    made: Callable[[Mapping[str, Former]], Sequence[StoredScore]]

    @classmethod
    def of(cls, rows: Sequence[StoredScore]) -> Self:
        """Scores that are the same whatever was before."""
        return cls([row.lead_id for row in rows], lambda _: rows)


class ScoreStore:
    """One score a lead; what is scored takes its marks away in the same transaction."""

    def __init__(self, database: Database, marks: Marks) -> None:
        self._database = database
        self._marks = marks
        self._replace = _replace_score(database.engine)
        self._replace_but_steady = _replace_score(database.engine, left=STEADY)

    def save(
        self,
        rows: Iterable[StoredScore],
        then: TellChanges | None = None,
        done: Sequence[Mark] = (),
        gone: Sequence[str] = (),
        clock: Callable[[], int] | None = None,
        erased: Erased | None = None,
    ) -> int:
        """Keep scores, each in place of a former one unless that is newer; how many were kept."""
        remaining = iter(rows)
        parts = iter(lambda: list(islice(remaining, TOGETHER)), [])
        return self.save_made(map(Unsaved.of, parts), then, done, gone, clock, erased)

    def save_made(
        self,
        parts: Iterable[Unsaved],
        then: TellChanges | None = None,
        done: Sequence[Mark] = (),
        gone: Sequence[str] = (),
        clock: Callable[[], int] | None = None,
        erased: Erased | None = None,
        left: Set[str] = frozenset(),
    ) -> int:
        """As `save`; each part is made, and kept, in a transaction of its own.

        Parameters
        ----------
        then : is called in the same transaction, with the former scores and those that were kept.
        done : marks that are served by it; one that was put again meanwhile stays, and so does that
            of a lead whose former score is newer by its clock: whether that has seen the news,
            clocks cannot tell.
        gone : leads that have no score any more.
        clock : the present in microseconds since the epoch, asked within the transaction, as one
            may wait for it. A score from after it was made by a clock that was wrong, and is newer
            than nothing, unless something is known of the lead from after it too: then it is this
            clock that is behind. None: there are no such scores.
        erased : as it was before the events were read; None where nobody asked. Of whoever was
            erased since no score is kept, nor of whoever has come back since: it would tell of
            events that are gone, and their mark stays.
        left : leads that are left to others: what is kept of them stays.
        """
        remaining, saved, older = iter(parts), 0, set[str]()
        served = {(one.sent_id, one.mark) for one in done}
        part = next(remaining, Unsaved.of([]))
        while True:
            following = next(remaining, None)
            is_last = following is None
            with self._database.writing() as connection:
                hold_leads(connection)
                number = next_turn(connection) if part.leads or (is_last and gone) else 0
                count, unchanged = self._save_part(
                    *(connection, part, number, then, clock, served, erased, left)
                )
                saved, older = saved + count, older | unchanged
                if is_last:
                    note_gone(connection, _delete_scores(connection, gone), number)
                    self._marks.remove(connection, _served(connection, done, older))
            if following is None:
                return saved
            part = following

    def _save_part(
        self,
        connection: sa.Connection,
        part: Unsaved,
        number: int,
        then: TellChanges | None,
        clock: Callable[[], int] | None,
        served: Set[tuple[str, str]],
        erased: Erased | None,
        left: Set[str],
    ) -> tuple[int, set[str]]:
        """How many scores were kept, and the leads whose former score is newer."""
        leads = part.leads
        if not leads:
            return 0, set()
        former = _former(connection, leads)
        rows = part.made(former)
        out = not_to_be_scored(connection, leads, erased) | _merged(connection, leads)
        out |= self._read_before(connection, leads, former, served, erased)
        void, refused = set[str](), set[str]()
        if clock is not None:
            void, refused = self._judged(connection, rows, former, clock(), served)
        passed = out | refused | left
        kept = [
            row
            for row in rows
            if row.lead_id not in passed
            and (row.lead_id in void or _is_newer(row, former.get(row.lead_id)))
        ]
        if kept:
            _delete_scores(connection, [row.lead_id for row in kept if row.lead_id in void])
            self._replace_all(connection, kept, former, number)
            if then is not None:
                then(connection, former, kept)
        older = set(leads) - out - {row.lead_id for row in kept}
        return len(kept), older

    def _read_before(
        self,
        connection: sa.Connection,
        leads: Sequence[str],
        former: Mapping[str, Former],
        served: Set[tuple[str, str]],
        erased: Erased | None,
    ) -> set[str]:
        """Those of some leads whose events were read when they had others: their marks are left.

        Who was erased since and has come back, and, where it is told as news, who was parted from
        somebody: their score went then, and what the other one has done is none of theirs.
        """
        new = [lead for lead in leads if lead not in former] if served else []
        found = {lead for lead, _ in self._marks.not_sent(connection, new) - served}
        if erased is not None and erased != erased_by_now(connection):
            marks = self._marks.of(connection, leads)
            found |= {lead for lead, own in marks.items() if own - served}
        return found

    def _replace_all(
        self,
        connection: sa.Connection,
        rows: Sequence[StoredScore],
        former: Mapping[str, Former],
        number: int,
    ) -> None:
        """Write scores, in the order of their leads: no two who do can wait for each other.

        Those that take the place of a former one have been locked in that order.
        """
        whole: list[tuple[object, ...]] = []
        steady: list[tuple[object, ...]] = []
        for row in sorted(rows, key=attrgetter("lead_id")):
            before = former.get(row.lead_id)
            is_steady = before is not None and steady_of(before) == steady_of(row)
            (steady if is_steady else whole).append((*values_of(row), number))
        if whole:
            self._replace.many(connection, whole)
        if steady:
            self._replace_but_steady.many(connection, steady)

    def _judged(
        self,
        connection: sa.Connection,
        rows: Sequence[StoredScore],
        former: Mapping[str, Former],
        now: int,
        served: Set[tuple[str, str]],
    ) -> tuple[set[str], set[str]]:
        """Leads whose score is to be replaced whatever its clock said, and those where it stays.

        The first have a score of a clock that was ahead. The others are further up by the score
        that is kept: a step is taken back by nobody but who has read all that is known, and serves
        all marks of the lead, or somebody with an older reading would undo what another found. For
        want of a mark the lead gets one.
        """
        ahead = {lead for lead, one in former.items() if is_ahead(one.as_of, now)}
        ahead -= known_after(connection, ahead, now + SKEW_US)
        lower = {
            row.lead_id
            for row in rows
            if row.lead_id in former and row.position < former[row.lead_id].position
        }
        suspect = ahead | lower
        if not suspect:
            return ahead, lower
        marks = self._marks.of(connection, sorted(suspect))
        self._marks.put(connection, dict.fromkeys(suspect - set(marks), now), secrets.token_hex(8))
        sure = {lead for lead, own in marks.items() if own <= served}
        return ahead & sure, lower - sure

    def of(self, lead_id: str) -> StoredScore | None:
        """The latest score of the lead that an id belongs to, None where it has none."""
        lead = sa.select(identities.c.lead_id).where(identities.c.id == lead_id).scalar_subquery()
        wanted = sa.select(scores).where(scores.c.lead_id == sa.func.coalesce(lead, lead_id))
        return next(iter(self._found(wanted)), None)

    def chances(self, bundle: str) -> tuple[Ints, Floats]:
        """The positions and the chances of all queued leads that a bundle has scored."""
        wanted = sa.select(scores.c.position, scores.c.p_advance).where(
            scores.c.bundle == bundle, scores.c.priority >= 0, scores.c.p_advance.is_not(None)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        positions, chances = zip(*rows, strict=True) if rows else ((), ())
        return np.array(positions, dtype=np.int64), np.array(chances, dtype=np.float64)

    def has_others(self, bundle: str) -> bool:
        """Whether there are scores of another bundle."""
        wanted = sa.select(scores.c.lead_id).where(scores.c.bundle != bundle).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(wanted) is not None

    def waiting(self, before: int, *, since: int = 0) -> list[tuple[str, int]]:
        """Leads that have waited for a reply since before an instant, and since when.

        The longest come first. All in microseconds since the epoch.

        Parameters
        ----------
        since : those that have waited since before this one are left out.
        """
        wanted = sa.select(scores.c.lead_id, scores.c.waiting_since)
        asked = scores.c.waiting_since < before, scores.c.waiting_since >= since
        wanted = wanted.where(*asked).order_by(scores.c.waiting_since)
        with self._database.reading() as connection:
            return [(row.lead_id, row.waiting_since) for row in connection.execute(wanted)]

    def of_leads(self, leads: Sequence[str]) -> list[StoredScore]:
        """The latest scores of some leads, of those that have one."""
        with self._database.reading() as connection:
            return self.within(connection, leads)

    def last_of(self, leads: Sequence[str]) -> dict[str, LastScore]:
        """What is told of the scores of some leads beside others, of those that have one."""
        wanted = sa.select(scores.c.lead_id, scores.c.cause, scores.c.as_of)
        found: dict[str, LastScore] = {}
        with self._database.reading() as connection:
            for part in in_parts(leads):
                rows = connection.execute(wanted.where(scores.c.lead_id.in_(part)))
                found |= {row.lead_id: LastScore(row.cause, row.as_of) for row in rows}
        return found

    def within(self, connection: sa.Connection, leads: Sequence[str]) -> list[StoredScore]:
        """As `of_leads`, as a part of the caller's transaction."""
        some = (sa.select(scores).where(scores.c.lead_id.in_(part)) for part in in_parts(leads))
        return [score_of(row) for one in some for row in connection.execute(one).mappings()]

    def _found(self, wanted: sa.Select[tuple[object, ...]]) -> list[StoredScore]:
        with self._database.reading() as connection:
            return [score_of(row) for row in connection.execute(wanted).mappings()]

    # -------------------------------------------------------------------------------- all leads

    def want_full_run(self, connection: sa.Connection) -> None:
        """Let all leads be scored anew as soon as a service runs."""
        set_meta(connection, _WANTED, secrets.token_hex(8))

    def full_run(self) -> tuple[dict[str, Any] | None, str]:
        """What is kept of the last scoring of all leads, and who asks for another; "": nobody."""
        wanted = sa.select(meta.c.key, meta.c.value)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.where(meta.c.key.in_([_FULL_RUN, _WANTED])))
            found: dict[str, str] = {row.key: row.value for row in rows}
        run = json.loads(found[_FULL_RUN]) if _FULL_RUN in found else None
        return run, found.get(_WANTED, "")

    def finish_full_run(self, run: Mapping[str, object], wanted: str) -> None:
        """Keep what a scoring of all leads found, for every process to see.

        Parameters
        ----------
        wanted : who asked for it; another who asked meanwhile still waits.
        """
        with self._database.writing() as connection:
            set_meta(connection, _FULL_RUN, json.dumps(run))
            asked = sa.and_(meta.c.key == _WANTED, meta.c.value == wanted)
            connection.execute(sa.delete(meta).where(sa.or_(asked, meta.c.key == _PROGRESS)))

    def tell_progress(self, looked_at: int, leads: int) -> None:
        """Keep how far a scoring of all leads has come, until it is finished."""
        with self._database.writing() as connection:
            set_meta(connection, _PROGRESS, json.dumps([looked_at, leads]))

    def progress(self) -> tuple[int, int] | None:
        """How many leads have been looked at, and of how many; None where nobody said."""
        with self._database.reading() as connection:
            found = meta_of(connection, _PROGRESS)
        if found is None:
            return None
        looked_at, leads = json.loads(found)
        return int(looked_at), int(leads)

    def tell_freshness(self, connection: sa.Connection, since: int, now: int) -> None:
        """Keep how long news that is scored now has waited, both in microseconds."""
        set_meta(connection, _FRESHNESS, json.dumps([now, seconds_since(since, now)]))

    def last_news_at(self) -> int | None:
        """When news of a lead was scored last, in microseconds since the epoch; None for never."""
        wanted = sa.select(meta.c.value).where(meta.c.key == _FRESHNESS)
        with self._database.reading() as connection:
            found = connection.scalar(wanted)
        return int(json.loads(found)[0]) if found else None

    def last_scored_at(self) -> int | None:
        """When a score was kept last, in microseconds since the epoch; None for never."""
        newest = sa.select(scores.c.scored_at).order_by(scores.c.seq.desc()).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(newest)

    def freshness(self, since: int, now: int) -> float:
        """The seconds that news had waited when it was scored last; 0 if that was before `since`.

        What was scored after the present was scored by a clock that was wrong, and says nothing.
        """
        wanted = sa.select(meta.c.value).where(meta.c.key == _FRESHNESS)
        with self._database.reading() as connection:
            found = connection.scalar(wanted)
        scored_at, seconds = json.loads(found) if found else (since, 0.0)
        return float(seconds) if since < scored_at <= now + SKEW_US else 0.0


def _served(connection: sa.Connection, done: Sequence[Mark], older: set[str]) -> Sequence[Mark]:
    """Those of some marks whose lead has no newer score already."""
    if not older:
        return done
    lead_of = leads_of(connection, [mark.sent_id for mark in done])
    return [mark for mark in done if lead_of[mark.sent_id] not in older]


def _is_newer(row: StoredScore, former: Former | None) -> bool:
    return former is None or row.as_of >= former.as_of


# Made once: whoever scores asks them for each part of all leads.
_IDS: Final[sa.BindParameter[Sequence[str]]] = sa.bindparam("ids", expanding=True)
_FORMER: Final[sa.Select[Any]] = (  # locked where a database locks rows
    sa.select(scores.c.lead_id, *(scores.c[name] for name in Former._fields))
    .where(scores.c.lead_id.in_(_IDS))
    .order_by(scores.c.lead_id)
    .with_for_update()
)
_ELSEWHERE: Final = sa.select(identities.c.id).where(
    identities.c.id.in_(_IDS), identities.c.lead_id != identities.c.id
)


def _former(connection: sa.Connection, leads: Sequence[str]) -> dict[str, Former]:
    return {
        row[0]: Former._make(row[1:])
        for part in in_parts(leads)
        for row in all_tuples_of(connection, _FORMER, ids=part)
    }


def _merged(connection: sa.Connection, leads: Sequence[str]) -> set[str]:
    """Those of some ids that are no lead of their own, or no longer."""
    found: set[str] = set()
    for part in in_parts(leads):
        found |= set(connection.scalars(_ELSEWHERE, {"ids": part}))
    return found


def _delete_scores(connection: sa.Connection, leads: Sequence[str]) -> list[str]:
    """Those of some leads that had a score."""
    found: list[str] = []
    for part in in_parts(leads):
        some = sa.delete(scores).where(scores.c.lead_id.in_(part))
        found += connection.scalars(some.returning(scores.c.lead_id))
    return found


def _replace_score(engine: sa.Engine, left: tuple[str, ...] = ()) -> Prepared:
    """What puts a score in the place of a former one, of which some columns may be left."""
    insert = insert_into(engine, scores)
    values = {column.name: insert.excluded[column.name] for column in scores.c}
    for name in ("lead_id", *left):
        del values[name]
    newest = insert.on_conflict_do_update(
        index_elements=["lead_id"], set_=values, where=scores.c.as_of <= insert.excluded.as_of
    )
    return Prepared.of(newest, engine, (*FIELDS, "seq"))
