"""Who works on what: marks, the leads that wait to be scored, and other work by its name.

What is taken is the taker's own until its lease ends; then others may take it, if the taker died.
A lease that ends later than any can was given by a clock that was wrong, and holds nobody up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import sqlalchemy as sa

from features.errors import StoreError
from features.store.connecting.locks import SCORERS
from features.store.connecting.outages import shown
from features.store.database import (
    Database,
    Prepared,
    in_parts,
    insert_into,
    insert_of_many,
    listed_ids,
    over,
)
from features.store.identities.members import leads_of
from features.store.migrations.older import WhenOlder
from features.store.places import sent_under
from features.store.privacy.opt_outs import NO_NEWS
from features.store.schema import events, identities, leases, stale

__all__ = ["Leases", "Mark", "Marks", "Scorers", "ScoresWith", "keep_while_served"]


# Whoever looks for work does so all the time: its statements are made once.
_NOW: Final = sa.bindparam("now", type_=sa.BigInteger)
_LONG: Final = sa.bindparam("long", type_=sa.BigInteger)
_FREE: Final = over(stale.c.leased_until, _NOW, _LONG)
_ANY_FREE: Final = sa.select(stale.c.sent_id).where(_FREE).limit(1)
_OLDEST: Final = (
    sa.select(stale.c.sent_id)
    .where(_FREE)
    .order_by(stale.c.since, stale.c.sent_id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_TAKE: Final = (
    sa.update(stale)
    .where(stale.c.sent_id.in_(_OLDEST))
    .values(leased_until=_NOW + _LONG)
    .returning(stale.c.sent_id, stale.c.mark, stale.c.since)
)
_AGAIN: Final = "parted "
"""What the mark of a lead begins with that was to be scored once more, and of which there is news.

It was parted from another, or opted in again: what came before that news is to be told to nobody.
"""

_NOT_SENT: Final = (_AGAIN, NO_NEWS)


def _renewed(new: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """What a mark that is there becomes: what is told of its lead is no more for what comes later.

    Nothing is a parameter but the new mark: a statement for many rows takes no others.
    """
    was_again = sa.or_(_begins(stale.c.mark, NO_NEWS), _begins(stale.c.mark, _AGAIN))
    is_plain = sa.not_(sa.or_(_begins(new, NO_NEWS), _begins(new, _AGAIN)))
    marked = sa.literal_column(f"'{_AGAIN}'", sa.Text).concat(new)
    return sa.case((sa.and_(was_again, is_plain), marked), else_=new)


def _begins(mark: sa.ColumnElement[str], how: str) -> sa.ColumnElement[bool]:
    start = sa.literal_column("1", sa.Integer), sa.literal_column(str(len(how)), sa.Integer)
    return sa.func.substr(mark, *start) == sa.literal_column(f"'{how}'", sa.Text)


_RENEW: Final = (  # on SQLite; for OR FAIL see `insert_of_many`
    sa.update(stale)
    .prefix_with("OR FAIL")
    .where(stale.c.sent_id.in_(sa.select(listed_ids("sqlite").c.value)))
    .values(mark=_renewed(sa.bindparam("new", type_=sa.Text)))
)
_GIVE_BACK: Final = (
    sa.update(stale)
    .where(stale.c.sent_id.in_(sa.bindparam("ids", expanding=True)))
    .values(leased_until=0)
)
_RELEASE: Final = sa.delete(leases).where(
    leases.c.name == sa.bindparam("work"), leases.c.holder == sa.bindparam("who")
)


class Mark(NamedTuple):
    """That a lead has news and waits to be scored.

    Parameters
    ----------
    sent_id : the id of the lead that the news was sent under.
    mark : another one each time.
    since : when the first news came, in microseconds since the epoch.
    """

    sent_id: str
    mark: str
    since: int

    @property
    def is_news(self) -> bool:
        """Whether something happened; not where a lead is only to be scored once more."""
        return _is_news(self.mark)

    @property
    def is_again(self) -> bool:
        """Whether the lead was to be scored once more, so that what came before is no news."""
        return self.mark.startswith(_NOT_SENT)


def _is_news(mark: str) -> bool:
    return not mark.startswith(NO_NEWS)


class Marks:
    """The marks of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = insert_of_many(database.engine, stale)
        put = (
            insert.on_conflict_do_nothing()  # what is there is renewed by another statement
            if database.is_sqlite
            else insert.on_conflict_do_update(
                index_elements=[stale.c.sent_id], set_={"mark": _renewed(insert.excluded.mark)}
            )
        )
        self._put = Prepared.of(put, database.engine, ("sent_id", "mark", "since", "leased_until"))
        same = sa.and_(stale.c.sent_id == sa.bindparam("of"), stale.c.mark == sa.bindparam("seen"))
        self._remove = Prepared.of(sa.delete(stale).where(same), database.engine, ("of", "seen"))

    def put(self, connection: sa.Connection, since: Mapping[str, int], mark: str) -> None:
        """Let leads be scored anew.

        Parameters
        ----------
        since : by an id of the lead, when the first news came, in microseconds since the epoch.
        mark : no other call's.
        """
        if since:
            rows = [(sent_id, mark, since[sent_id], 0) for sent_id in sorted(since)]
            added = self._put.together(connection, rows)
            # Its lease stays: of two that score one lead at once the one that has read less may be
            # the last to store.
            if self._database.is_sqlite and added < len(rows):
                connection.execute(_RENEW, {"new": mark, "ids": list(since)})

    def put_parted(self, connection: sa.Connection, leads: Collection[str], parted_at: int) -> None:
        """Let leads be scored anew that were one: that is no news, but what was news of each is.

        Parameters
        ----------
        parted_at : now, in microseconds since the epoch.
        """
        token, news = secrets.token_hex(8), self.news_since(connection, leads)
        others = dict.fromkeys((one for one in leads if one not in news), parted_at)
        self.put(connection, news, f"{_AGAIN}{token}")
        self.put(connection, others, f"{NO_NEWS}{token}")

    def take(self, limit: int, now: int, lease_us: int) -> list[Mark]:
        """The oldest marks that nobody works on; while the lease lasts they are the caller's.

        Parameters
        ----------
        now : microseconds since the epoch.
        lease_us : how long the lease lasts, in microseconds.
        """
        asked = {"now": now, "long": lease_us}
        with self._database.reading() as connection:
            if connection.scalar(_ANY_FREE, asked) is None:
                return []
        with self._database.writing() as connection:
            found = connection.execute(_TAKE, asked | {"most": limit})
            return sorted((Mark(*row) for row in found), key=lambda one: (one.since, one.sent_id))

    def give_back(self, marks: Sequence[Mark]) -> None:
        """Let others work on marks at once that the caller has taken and did not serve."""
        with self._database.writing() as connection:
            _free(connection, marks)

    def remove(self, connection: sa.Connection, done: Sequence[Mark]) -> None:
        """Take marks away that are served; those that were put again meanwhile anybody may take."""
        if not done:
            return
        if not self._database.is_sqlite:
            _lock(connection, done)
        served = self._remove.many(connection, [(one.sent_id, one.mark) for one in done])
        if served != len(done):
            _free(connection, done)

    def waiting(self) -> tuple[int, int | None]:
        """How many marks there are, and the instant of the oldest, in microseconds."""
        with self._database.reading() as connection:
            count, since = connection.execute(
                sa.select(sa.func.count(), sa.func.min(stale.c.since))
            ).one()
        return int(count), since

    def among(self, connection: sa.Connection, leads: Sequence[str]) -> set[str]:
        """Those of some leads of which something new is known that was not scored yet."""
        marks = self.of(connection, leads)
        return {lead for lead, own in marks.items() if any(_is_news(mark) for _, mark in own)}

    def again(self, connection: sa.Connection) -> list[str]:
        """The leads that were to be scored once more and are not yet, see `Mark.is_again`."""
        lead = sa.func.coalesce(identities.c.lead_id, stale.c.sent_id)
        joined = stale.outerjoin(identities, identities.c.id == stale.c.sent_id)
        marked = sa.or_(*(stale.c.mark.startswith(one, autoescape=True) for one in _NOT_SENT))
        return sorted(set(connection.scalars(sa.select(lead).select_from(joined).where(marked))))

    def news_since(self, connection: sa.Connection, leads: Iterable[str]) -> dict[str, int]:
        """When the first news of leads came that have some, in microseconds since the epoch."""
        found: dict[str, int] = {}
        for lead, _, mark, since in self._listed(connection, sorted(set(leads))):
            if _is_news(mark):
                found[lead] = min(since, found.get(lead, since))
        return found

    def of_events(self, connection: sa.Connection, names: Collection[str]) -> set[str]:
        """The leads among whose news, which waits to be scored, is an event of some names."""
        waiting = connection.execute(sa.select(stale.c.sent_id, stale.c.since)) if names else ()
        since: dict[str, int] = {row.sent_id: row.since for row in waiting}
        own = sa.select(events.c.lead_id, events.c.known_at).where(events.c.name.in_(names))
        found: set[str] = set()
        for part in in_parts(sorted(since)):
            sent = connection.execute(own.where(sent_under(connection.dialect.name, part)))
            found |= {row.lead_id for row in sent if row.known_at >= since[row.lead_id]}
        return set(leads_of(connection, sorted(found)).values())

    def not_sent(self, connection: sa.Connection, leads: Sequence[str]) -> set[tuple[str, str]]:
        """The marks of some leads that nothing that came has put, as `of` has them.

        Of those alone that were put under what a lead is called; quick to ask.
        """
        found: set[tuple[str, str]] = set()
        for part in in_parts(leads):
            own = sa.select(stale.c.sent_id, stale.c.mark).where(stale.c.sent_id.in_(part))
            marks = connection.execute(own)
            found |= {(one, mark) for one, mark in marks if mark.startswith(_NOT_SENT)}
        return found

    def of(
        self, connection: sa.Connection, leads: Sequence[str]
    ) -> dict[str, set[tuple[str, str]]]:
        """The marks of some leads, as pairs of the id that it was put under and the mark."""
        found: dict[str, set[tuple[str, str]]] = {}
        for lead, sent_id, mark, _ in self._listed(connection, leads):
            found.setdefault(lead, set()).add((sent_id, mark))
        return found

    def _listed(
        self, connection: sa.Connection, leads: Sequence[str]
    ) -> Iterator[tuple[str, str, str, int]]:
        """The marks of some leads: the lead, the id that it was put under, the mark, since when."""
        lead = sa.func.coalesce(identities.c.lead_id, stale.c.sent_id)
        joined = stale.outerjoin(identities, identities.c.id == stale.c.sent_id)
        for part in in_parts(leads):
            wanted = sa.select(lead, stale.c.sent_id, stale.c.mark, stale.c.since)
            for row in connection.execute(wanted.select_from(joined).where(lead.in_(part))):
                yield row[0], row[1], row[2], row[3]


def _free(connection: sa.Connection, marks: Sequence[Mark]) -> None:
    for part in in_parts([mark.sent_id for mark in marks]):
        connection.execute(_GIVE_BACK, {"ids": part})


def _lock(connection: sa.Connection, marks: Sequence[Mark]) -> None:
    """Lock marks on PostgreSQL in the order in which arrivals put them: no deadlock."""
    for part in in_parts(sorted(one.sent_id for one in marks)):
        some = sa.select(stale.c.sent_id).where(stale.c.sent_id.in_(part))
        ordered = some.order_by(stale.c.sent_id.collate("C"))
        connection.execute(ordered.with_for_update()).all()


class Leases:
    """Work that one process at a time does, by its name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = insert_into(database.engine, leases)
        who: sa.BindParameter[str] = sa.bindparam("who")
        take = insert.values(name=sa.bindparam("work"), holder=who, until=_NOW + _LONG)
        self._take = take.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": insert.excluded.holder, "until": insert.excluded.until},
            where=sa.or_(over(leases.c.until, _NOW, _LONG), leases.c.holder == who),
        ).returning(leases.c.name)

    def take(self, name: str, holder: str, now: int, duration_us: int) -> bool:
        """Whether some work is the holder's alone until `now + duration_us`, in microseconds."""
        asked = {"work": name, "who": holder, "now": now, "long": duration_us}
        with self._database.writing() as connection:
            return connection.execute(self._take, asked).first() is not None

    @contextmanager
    def held(
        self, name: str, holder: str, clock: Callable[[], int], duration_us: int
    ) -> Iterator[Callable[[], bool]]:
        """Work that is the holder's alone from when it first asks until the block ends.

        Yields what takes the lease, renews it, and says whether the work is the holder's.
        """
        was_ours = False

        def is_ours() -> bool:
            nonlocal was_ours
            is_taken = self.take(name, holder, clock(), duration_us)
            was_ours = was_ours or is_taken
            return is_taken

        try:
            yield is_ours
        finally:
            if was_ours:
                self.release(name, holder)

    def release(self, name: str, holder: str) -> None:
        """Let somebody else do the work."""
        with self._database.writing() as connection:
            connection.execute(_RELEASE, {"work": name, "who": holder})


class ScoresWith(NamedTuple):
    """What a process scores with: the name of a ladder, and the hash of a bundle for it."""

    ladder: str
    bundle: str


_SCORES: Final = "scores "
"""How the names of such leases begin; after it comes who holds one."""


class Scorers:
    """Which processes score, and with what. There may be many, and all have one ladder."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = insert_into(database.engine, leases)
        self._put = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": insert.excluded.holder, "until": insert.excluded.until},
        )

    def others(self, holder: str, now: int) -> list[ScoresWith]:
        """What the other processes score with whose leases last; `now` in microseconds."""
        with self._database.reading() as connection:
            return _scorers_of(connection, now, but=holder)

    def take(self, own: ScoresWith, holder: str, now: int) -> bool:
        """Whether a process may score with something for half a minute from `now` on.

        Not where another one scores with another ladder; then it holds nothing any more.
        """
        with self._database.writing() as connection:
            if not self._database.is_sqlite:  # two that begin at once would not see each other
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCORERS)))
            others = _scorers_of(connection, now, but=holder)
            if any(one.ladder != own.ladder for one in others):
                _let_go(connection, holder)
                return False
            gone = sa.and_(_IS_SCORER, over(leases.c.until, now, LONGEST_US))
            connection.execute(sa.delete(leases).where(gone))
            row = {"name": _SCORES + holder, "holder": f"{own.bundle} {own.ladder}"}
            connection.execute(self._put, row | {"until": now + LONGEST_US})
        return True

    def release(self, holder: str) -> None:
        """Let others score with what they like."""
        with self._database.writing() as connection:
            _let_go(connection, holder)


_IS_SCORER: Final = leases.c.name.startswith(_SCORES, autoescape=True)
LONGEST_US: Final = round(30e6)
"""For so long a process that died keeps others from scoring with another ladder."""


def _scorers_of(connection: sa.Connection, now: int, but: str = "") -> list[ScoresWith]:
    """What processes score with whose leases last, all but one; `now` in microseconds."""
    wanted = sa.select(leases.c.holder).where(
        _IS_SCORER,
        leases.c.name != _SCORES + but,
        sa.not_(over(leases.c.until, now, LONGEST_US)),
    )
    found = [told.partition(" ") for told in connection.scalars(wanted)]
    return [ScoresWith(ladder, bundle) for bundle, _, ladder in found]


def _let_go(connection: sa.Connection, holder: str) -> None:
    connection.execute(sa.delete(leases).where(leases.c.name == _SCORES + holder))


def keep_while_served(now: int) -> WhenOlder:
    """Have an older store brought up to date unless a process scores in it; in microseconds.

    Where no model serves, nobody is seen to.
    """

    def see(connection: sa.Connection, what: str) -> None:
        has_leases = sa.inspect(connection).has_table(leases.name)
        if has_leases and _scorers_of(connection, now):
            raise StoreError(
                f"{shown(connection.engine.url)}: {what}, and a process of that version serves it:"
                " stop it first, as it could not use the store any more"
            )

    return see
