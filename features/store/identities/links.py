"""The links between ids that were told, and the leads that follow from them.

Links are kept for good, undone ones marked; `identities` is worked out from those that stand, in
the transaction that changes them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import sqlalchemy as sa

from features.errors import UnknownLink
from features.events.table import EventTable
from features.store.arrivals import Arrival
from features.store.changes import note_gone
from features.store.database import Database, Prepared, in_parts, insert_for
from features.store.identities.members import ids_of, lead_of, leads_of
from features.store.identities.parting import part, take_scores
from features.store.identities.regrouping import Parted, regroup
from features.store.identities.rule import ALIAS, CLAIM, Link
from features.store.identities.turns import ERASED, Erased, change_leads
from features.store.schema import identity_links, scores

__all__ = ["Identities", "KeptLink", "links_of", "links_of_table", "merged"]

_STANDING: Final = sa.select(scores.c.position, scores.c.as_of, scores.c.lead_id).where(
    scores.c.lead_id.in_(sa.bindparam("ids", expanding=True))
)
_REMEMBERED: Final = 200_000
_REMEMBERED_SECONDS: Final = 60.0


class KeptLink(NamedTuple):
    """A link with its history; `undone_at` is None where it stands."""

    kind: str
    source: str
    target: str
    occurred_at: int
    known_at: int
    undone_at: int | None


def links_of(arrivals: Iterable[Arrival]) -> list[Link]:
    """What arrivals say of identities, each pair once, at the earliest instant."""
    return merged(
        Link(*told, arrival.occurred_at, arrival.known_at)
        for arrival in arrivals
        if arrival.links or arrival.anonymous_id is not None or arrival.previous_id is not None
        for told in _told(arrival)
    )


def _told(arrival: Arrival) -> Iterator[tuple[str, str, str]]:
    for kind, source in ((CLAIM, arrival.anonymous_id), (ALIAS, arrival.previous_id)):
        if source is not None and source != arrival.sent_id:
            yield kind, source, arrival.sent_id
    yield from arrival.links


def links_of_table(table: EventTable) -> list[Link]:
    """What the rows of a table say of identities, each pair once, at the earliest instant."""
    if table.anonymous_id is None:
        return []
    leads = table.lead_id.to_pylist()
    return merged(
        Link(CLAIM, source, leads[at], int(table.occurred_at[at]), int(table.known_at[at]))
        for at, source in enumerate(table.anonymous_id.to_pylist())
        if source is not None
    )


def merged(links: Iterable[Link]) -> list[Link]:
    """Each pair once, at the earliest instant; in the order in which pairs came first."""
    found: dict[tuple[str, str, str], Link] = {}
    for link in links:
        former = found.get(link[:3])
        found[link[:3]] = link if former is None else _earliest(former, link)
    return list(found.values())


def _earliest(one: Link, other: Link) -> Link:
    return one._replace(
        occurred_at=min(one.occurred_at, other.occurred_at),
        known_at=min(one.known_at, other.known_at),
    )


class Identities:
    """Links and leads of a database. What changes them is a part of the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._erased = Prepared.of(ERASED, database.engine)
        self._known: dict[tuple[str, str, str], tuple[int, float, Erased | None]] = {}
        """Links that are kept, with the instant they are kept with, and when that was learned.

        And with the erasures by then: a later one, by whatever process, may have taken them.
        """

    # ---------------------------------------------------------------------------------- writing

    def erased(self, connection: sa.Connection) -> Erased:
        """The erasures as a transaction sees them."""
        ((count, last),) = self._erased.within(connection)
        return count, last

    def erased_now(self) -> Erased:
        """The erasures by now; to be asked before what is to be kept is read."""
        ((count, last),) = self._erased.all(self._database)
        return count, last

    def add(
        self, connection: sa.Connection, links: Sequence[Link], erased: Erased | None = None
    ) -> set[str]:
        """Keep links; the leads that have changed, by their former names too.

        Parameters
        ----------
        erased : the erasures as this transaction sees them; None: all links are looked up.
        """
        untold = [link for link in links if not self._is_known(link, erased)]
        if not untold:
            return set()
        change_leads(connection)
        new = _keep(connection, untold)
        return _regroup(connection, {one for link in new for one in link})[0] if new else set()

    def remember(self, links: Iterable[Link], erased: Erased | None) -> None:
        """That links are on the disk: for a while they need not be looked up.

        Parameters
        ----------
        erased : the erasures as the transaction saw them that has kept the links.
        """
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        now = time.monotonic()
        for link in links:
            self._known[link[:3]] = (link.occurred_at, now, erased)

    def forget(self) -> None:
        """Look all links up again: some were erased."""
        self._known.clear()

    def undo(
        self, connection: sa.Connection, link: tuple[str, str, str], undone_at: int
    ) -> set[str]:
        """Let a link hold no longer, whoever tells it again; the leads that changed, as in `add`.

        Parameters
        ----------
        link : kind, source and target.
        undone_at : now, in microseconds since the epoch.

        Raises
        ------
        UnknownLink : there is none such, or it is undone already.
        """
        change_leads(connection)
        kind, source, target = link
        columns = identity_links.c
        done = connection.execute(
            sa.update(identity_links)
            .where(columns.kind == kind, columns.source == source, columns.target == target)
            .where(columns.undone_at.is_(None))
            .values(undone_at=undone_at)
        )
        if not done.rowcount:
            raise UnknownLink(f"no {kind} of {source!r} by {target!r} stands")
        leads, parted = _regroup(connection, {source, target})
        take_scores(connection, parted)  # with the reasons that they have together
        return leads

    def _is_known(self, link: Link, erased: Erased | None) -> bool:
        known = self._known.get(link[:3])
        if known is None or erased is None or known[2] != erased:
            return False
        is_new = time.monotonic() - known[1] <= _REMEMBERED_SECONDS
        return is_new and known[0] <= link.occurred_at

    # ---------------------------------------------------------------------------------- reading

    def lead_of(self, id_: str) -> str:
        """The lead that an id belongs to; itself where nothing says otherwise."""
        with self._database.reading() as connection:
            return lead_of(connection, id_)

    def leads_of(self, connection: sa.Connection, ids: Iterable[str]) -> dict[str, str]:
        """The lead of each of some ids."""
        return leads_of(connection, ids)

    def ids_of(self, id_: str) -> list[str]:
        """All ids of the lead that an id belongs to, sorted."""
        with self._database.reading() as connection:
            return ids_of(connection, id_)[1]

    def history(self, lead_id: str) -> list[KeptLink]:
        """Every link that was ever told of a lead's ids, undone ones too, the first first."""
        ids = set(self.ids_of(lead_id))
        with self._database.reading() as connection:
            found = {
                *_links(connection, identity_links.c.source, ids),
                *_links(connection, identity_links.c.target, ids),
            }
        return sorted(found, key=lambda link: (link.occurred_at, link))


# -------------------------------------------------------------------------------------- statements


def _links(connection: sa.Connection, column: sa.Column[str], ids: Iterable[str]) -> list[KeptLink]:
    found: list[KeptLink] = []
    for some in in_parts(sorted(ids)):
        wanted = sa.select(*(identity_links.c[name] for name in KeptLink._fields))
        found += (KeptLink(*row) for row in connection.execute(wanted.where(column.in_(some))))
    return found


def _keep(connection: sa.Connection, links: Sequence[Link]) -> list[tuple[str, str]]:
    """Keep links; source and target of those that were new, or were not told as early before.

    One that was undone stays undone.
    """
    rows = [link._asdict() for link in sorted(links)]
    found = connection.execute(_keeping(connection.dialect.name), rows)
    return [(row.source, row.target) for row in found]


@cache
def _keeping(dialect: str) -> sa.Executable:
    """Made once for each kind of database: making it takes longer than running it."""
    insert = insert_for(dialect, identity_links)
    told, held = insert.excluded, identity_links.c
    earlier = (told.occurred_at < held.occurred_at) | (told.known_at < held.known_at)
    keep = insert.on_conflict_do_update(
        index_elements=["kind", "source", "target"],
        set_={name: _lesser(told[name], held[name]) for name in ("occurred_at", "known_at")},
        where=held.undone_at.is_(None) & earlier,
    )
    return keep.returning(held.source, held.target)


def _lesser(one: sa.ColumnElement[int], other: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.case((one < other, one), else_=other)


def _regroup(connection: sa.Connection, ids: set[str]) -> tuple[set[str], list[Parted]]:
    """Work out the leads of some ids anew; those that have changed, by their former names too.

    And those that came apart: also by a link that is new, where somebody claimed a visitor before.
    """
    leads, moved, parted = regroup(connection, ids)
    _carry_scores(connection, moved)
    part(connection, parted)
    return leads, parted


def _carry_scores(connection: sa.Connection, moved: dict[str, str]) -> None:
    """Let the queue have one score of a merged lead at once: that which stands highest.

    It is scored anew in a moment; until then the lead is not shown twice, and no step that one of
    its ids has completed already is told as new.
    """
    into: dict[str, list[str]] = defaultdict(list)
    for old, new in moved.items():
        into[new].append(old)
    for lead, others in into.items():
        standing = _scored(connection, sorted({lead, *others}))
        if not standing or standing == [lead]:
            continue
        for some in in_parts(standing[1:]):
            connection.execute(sa.delete(scores).where(scores.c.lead_id.in_(some)))
        first = scores.c.lead_id == standing[0]
        connection.execute(sa.update(scores).where(first).values(lead_id=lead, seq=None))
        note_gone(connection, [one for one in standing if one != lead])


def _scored(connection: sa.Connection, ids: Sequence[str]) -> list[str]:
    """Those of some ids that have a score, the one that stands highest first."""
    found = [row for some in in_parts(ids) for row in connection.execute(_STANDING, {"ids": some})]
    found.sort(key=lambda row: (-row.position, -row.as_of, row.lead_id))
    return [row.lead_id for row in found]
