"""The leads that follow after links have changed, worked out from what can have changed alone.

Most ids of a lead with very many hang on one other id: nothing is known of them but that it claimed
them, or that they were given up for it. They join nothing and name nothing, so they are not read:
they follow the id that they hang on (`identities.hangs_on`). What is read is those ids that links
speak of, and those of their leads on which others hang or which join several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from features.store.database import in_parts, insert_for, listed_ids
from features.store.identities.members import ids_of
from features.store.identities.rule import ALIAS, Link, Membership, resolve, standing
from features.store.schema import identities, identity_links

__all__ = ["Parted", "Regrouped", "regroup"]


class Regrouped(NamedTuple):
    """What has become of some ids.

    Parameters
    ----------
    leads : those that have other ids than before, or know them longer; by their former names too,
        but for ids that were alone.
    moved : by an id that was a lead of its own, the lead that it belongs to now.
    parted : leads whose ids are those of several now.
    """

    leads: set[str]
    moved: dict[str, str]
    parted: list[Parted]


class Parted(NamedTuple):
    """A lead whose ids belong to several now.

    Parameters
    ----------
    lead_id : what it was called.
    ids : all that it had.
    leads : what those are called that they belong to now.
    """

    lead_id: str
    ids: list[str]
    leads: list[str]


class _Held(NamedTuple):
    """A row of `identities`."""

    lead_id: str
    joined_at: int
    hangs_on: str | None


def regroup(connection: sa.Connection, ids: set[str]) -> Regrouped:
    """Work out anew, and keep, the leads of ids whose links have changed."""
    seen = _Seen.around(connection, ids)
    after = _after(seen)
    parted = _parted(connection, seen, after)
    left = sorted(one for one in seen.ids - set(after) if one in seen.held)
    # Asked before any row is another. Few have one: to go through all of them takes long.
    cores = _held_onto(connection, seen.users & set(seen.held))
    _delete(connection, [one for one in left if one not in seen.users])
    _write(connection, {one: row for one, row in after.items() if seen.held.get(one) != row})
    lonely = [one for one in left if one in seen.users]
    if lonely:
        after |= {one: _Held(one, 0, None) for one in _held_onto(connection, lonely)}
        _delete(connection, [one for one in lonely if one not in after])
        _write(connection, {one: after[one] for one in lonely if one in after})
    changed = {one for one in seen.ids if _place(seen.held, one) != _place(after, one)}
    moving = sorted(changed & cores & set(after))
    _follow(connection, [(one, seen.held[one], after[one]) for one in moving])
    leads = {_place(after, one).lead_id for one in changed}
    leads |= {seen.held[one].lead_id for one in changed & set(seen.held)}
    moved = {
        one: after[one].lead_id
        for one in changed & set(after)
        if _place(seen.held, one).lead_id == one != after[one].lead_id
    }
    return Regrouped(leads, moved, parted)


def _place(rows: Mapping[str, _Held], one: str) -> Membership:
    return Membership(*rows[one][:2]) if one in rows else Membership(one, 0)


def _parted(connection: sa.Connection, seen: _Seen, after: Mapping[str, _Held]) -> list[Parted]:
    """The leads that come apart; what hangs on one of their ids goes where that one does."""
    now: dict[str, set[str]] = defaultdict(set)
    for one, (lead, *_) in seen.held.items():
        now[lead] |= {_place(after, one).lead_id, _place(after, lead).lead_id}
    return [
        Parted(lead, ids_of(connection, lead)[1], sorted(leads))
        for lead, leads in sorted(now.items())
        if len(leads) > 1
    ]


# ------------------------------------------------------------------------------------- what is read


@dataclass(slots=True)
class _Seen:
    """All that the leads of some ids follow from.

    Parameters
    ----------
    ids : those, and the others whose place may change with theirs; but for those that hang on one.
    held : their rows as they were.
    links : aliases and first claims of them.
    users : those that are the target of any link that stands.
    """

    ids: set[str]
    held: dict[str, _Held] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    users: frozenset[str] = frozenset()

    @classmethod
    def around(cls, connection: sa.Connection, ids: set[str]) -> _Seen:
        """Follow links from some ids until there is nothing new.

        A link leads from its source to its target, and a target to the lead that it belongs to:
        whatever links lead to it from there was one lead with it before.
        """
        seen = cls(set())
        waiting = set(ids)
        while waiting:
            held = _rows(connection, waiting)
            held |= _cores(connection, {row.lead_id for row in held.values()})
            seen.held |= held
            waiting = (waiting | set(held)) - seen.ids
            seen.ids |= waiting
            links = _links_from(connection, waiting)
            seen.links += links
            waiting = {link.target for link in links} - seen.ids
        seen.users = _targets(connection, seen.ids)
        return seen


def _after(seen: _Seen) -> dict[str, _Held]:
    """The rows of all ids that share a lead, as they are to be."""
    hangs_on: dict[str, set[str]] = defaultdict(set)
    for link in standing(seen.links):
        hangs_on[link.source].add(link.target)
    rows = {}
    for one, (lead, joined_at) in resolve(seen.links, seen.users).items():
        targets = hangs_on[one]
        is_end = len(targets) == 1 and one not in seen.users
        rows[one] = _Held(lead, joined_at, next(iter(targets)) if is_end else None)
    return rows


# -------------------------------------------------------------------------------------- statements


# Those that look something up are made once for each kind of database: making one takes longer than
# running it. A table of ids stands in place of a list within IN, for which all rows may be read.


def _looked_up(
    connection: sa.Connection, statement: Callable[[str], sa.Executable], ids: Iterable[str]
) -> Sequence[Any]:
    return connection.execute(statement(connection.dialect.name), {"ids": sorted(ids)}).all()


def _rows(connection: sa.Connection, ids: Iterable[str]) -> dict[str, _Held]:
    return {one: _Held(*row) for one, *row in _looked_up(connection, _of_ids, ids)}


def _cores(connection: sa.Connection, leads: Iterable[str]) -> dict[str, _Held]:
    """The ids of some leads but for those that hang on one."""
    return {one: _Held(*row) for one, *row in _looked_up(connection, _of_leads, leads)}


@cache
def _of_ids(dialect: str) -> sa.Executable:
    listed = listed_ids(dialect)
    return _members(listed, identities.c.id == listed.c.value)


@cache
def _of_leads(dialect: str) -> sa.Executable:
    listed = listed_ids(dialect)
    of_lead = identities.c.lead_id == listed.c.value
    return _members(listed, of_lead & identities.c.hangs_on.is_(None))


def _members(listed: sa.TableValuedAlias, which: sa.ColumnElement[bool]) -> sa.Executable:
    columns = (identities.c[name] for name in ("id", *_Held._fields))
    return sa.select(*columns).select_from(listed.join(identities, which))


def _links_from(connection: sa.Connection, ids: Iterable[str]) -> list[Link]:
    """The aliases that some ids were given up by, and the first claims on them, that stand."""
    found = _looked_up(connection, _from_ids, ids)
    return [Link(*row) for row in found if row.source is not None]


@cache
def _from_ids(dialect: str) -> sa.Executable:
    listed = listed_ids(dialect)
    links, claims = identity_links.alias("links"), identity_links.alias("claims")
    first = (
        sa.select(sa.func.min(claims.c.occurred_at))
        .where(claims.c.source == listed.c.value, claims.c.kind != ALIAS)
        .where(claims.c.undone_at.is_(None))
        .scalar_subquery()
    )
    from_them = (links.c.source == listed.c.value) & links.c.undone_at.is_(None)
    # A claim is what is no alias: asked for by its kind, SQLite reads all claims on an id.
    which = (links.c.kind == ALIAS, (links.c.kind != ALIAS) & (links.c.occurred_at == first))
    return sa.union_all(
        *(
            sa.select(*(links.c[name] for name in Link._fields)).select_from(
                listed.outerjoin(links, from_them & some)  # a join may begin with all links
            )
            for some in which
        )
    )


def _targets(connection: sa.Connection, ids: Iterable[str]) -> frozenset[str]:
    """Those of some ids that a link leads to."""
    return frozenset(row.value for row in _looked_up(connection, _led_to, ids))


@cache
def _led_to(dialect: str) -> sa.Executable:
    listed = listed_ids(dialect)
    to_it = identity_links.c.target == listed.c.value
    links = sa.select(identity_links.c.kind).where(to_it, identity_links.c.undone_at.is_(None))
    # The first one is enough; for EXISTS alone PostgreSQL may read all links.
    return sa.select(listed.c.value).where(links.limit(1).scalar_subquery().is_not(None))


def _held_onto(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """Those of some ids, as their rows still are, that others hang on."""
    return {row.id for row in _looked_up(connection, _with_others, ids)}


@cache
def _with_others(dialect: str) -> sa.Executable:
    listed, others = listed_ids(dialect), identities.alias("others")
    hang = (others.c.lead_id == identities.c.lead_id) & (others.c.hangs_on == identities.c.id)
    members = listed.join(identities, identities.c.id == listed.c.value)
    return sa.select(identities.c.id).select_from(members).where(sa.exists().where(hang))


def _delete(connection: sa.Connection, ids: list[str]) -> None:
    for some in in_parts(sorted(ids)):
        connection.execute(sa.delete(identities).where(identities.c.id.in_(some)))


def _write(connection: sa.Connection, rows: Mapping[str, _Held]) -> None:
    if rows:
        keep = _keeping(connection.dialect.name)
        connection.execute(keep, [{"id": one, **rows[one]._asdict()} for one in sorted(rows)])


@cache
def _keeping(dialect: str) -> sa.Executable:
    insert = insert_for(dialect, identities)
    return insert.on_conflict_do_update(
        index_elements=["id"], set_={name: insert.excluded[name] for name in _Held._fields}
    )


def _follow(connection: sa.Connection, went: Iterable[tuple[str, _Held, _Held]]) -> None:
    """Let all that hang on some ids go where each went: the id, and its rows before and after."""
    rows = [
        {"core": core, "former": before.lead_id, "lead": after.lead_id, "since": after.joined_at}
        for core, before, after in went
    ]
    if rows:
        connection.execute(_following(connection.dialect.name), rows)


@cache
def _following(dialect: str) -> sa.Executable:
    core, since = sa.bindparam("core", type_=sa.Text), sa.bindparam("since", type_=sa.BigInteger)
    # By the target as it is, which has an index, PostgreSQL may read all links to it for each id.
    target = sa.func.coalesce(identity_links.c.target, "")
    told = (
        sa.select(sa.func.min(identity_links.c.known_at))
        .where(identity_links.c.source == identities.c.id, target == core)
        .where(identity_links.c.undone_at.is_(None))
        .scalar_subquery()
    )
    later = sa.func.max if dialect == "sqlite" else sa.func.greatest
    return (
        sa.update(identities)
        .where(identities.c.lead_id == sa.bindparam("former", type_=sa.Text))
        .where(identities.c.hangs_on == core)
        .values(lead_id=sa.bindparam("lead", type_=sa.Text), joined_at=later(since, told))
    )
