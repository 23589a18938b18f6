"""Accounts: companies with the scores of their leads put together.

That leads of one company go on independently of each other is not known. Beside the chance that at
least one does, as if they did, stand the least and the most that it can be whatever they have to do
with each other (the bounds of Frechet).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa

from features.store.database import Database, in_parts
from features.store.identities.accounts import accounts_of
from features.store.schema import account_members, scores

__all__ = ["Account", "AccountOrder", "Accounts", "AnyOf"]

AccountOrder = Literal["purchase", "probability", "leads"]
_CERTAIN: Final = 1e-12
_DIGITS: Final = 1e9
"""Places in the order are told to nine digits: sums in another order differ in the last ones."""


class AnyOf(NamedTuple):
    """The chance that at least one of some leads does something, all three in [0, 1].

    Parameters
    ----------
    chance : as if they did independently of each other.
    least, most : bounds that hold however they hang together.
    """

    chance: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Account:
    """A company, by its leads that have a score.

    Parameters
    ----------
    name : as a group call told it last; "" without one.
    leads, active : how many there are, and how many did something of late.
    furthest : the lead that has completed most steps, the likeliest to buy of several.
    position : how many it has completed.
    step : the id of the step before it; "" where it has bought.
    advance, purchase : that at least one completes its next step, and that at least one buys.
    place : in the order that was asked for.
    """

    id: str
    name: str
    leads: int
    active: int
    furthest: str
    position: int
    step: str
    advance: AnyOf
    purchase: AnyOf
    place: int


class Accounts:
    """The accounts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, leads: Sequence[str]) -> dict[str, str]:
        """The account of each of some leads that has one."""
        with self._database.reading() as connection:
            return accounts_of(connection, leads)

    def page(
        self,
        active_since: int,
        limit: int,
        after: tuple[int, str] | None = None,
        order: AccountOrder = "purchase",
    ) -> list[Account]:
        """Accounts in an order, the highest first, then by id; `after` is the last pair seen.

        Parameters
        ----------
        active_since : who did something since then is active; microseconds since the epoch.
        """
        each = _each(active_since, order).subquery()
        wanted = sa.select(each).order_by(each.c.place.desc(), each.c.account_id).limit(limit)
        if after is not None:
            place, last = after
            same = sa.and_(each.c.place == place, each.c.account_id > last)
            wanted = wanted.where(sa.or_(each.c.place < place, same))
        return self._found(wanted)

    def some(self, accounts: Sequence[str], active_since: int) -> dict[str, Account]:
        """Some accounts by their ids; one without a lead that has a score is left out."""
        found: list[Account] = []
        for part in in_parts(sorted(set(accounts))):
            wanted = _each(active_since, "purchase").where(scores.c.account_id.in_(part))
            found += self._found(wanted)
        return {one.id: one for one in found}

    def _found(self, wanted: sa.Select[Any]) -> list[Account]:
        with self._database.reading() as connection:
            rows = list(connection.execute(wanted))
            names = _names(connection, [row.account_id for row in rows])
            return [_account(connection, row, names) for row in rows]


def _none_of(column: sa.Column[Any]) -> sa.ColumnElement[float]:
    """The chance that none of a group does what each does with a chance."""
    not_it = sa.case((column > 1.0 - _CERTAIN, _CERTAIN), else_=1.0 - column)
    return sa.func.coalesce(sa.func.exp(sa.func.sum(sa.func.ln(not_it))), 1.0)


def _each(active_since: int, order: AccountOrder) -> sa.Select[Any]:
    """A row an account: how many leads, and of each chance what `_any_of` takes."""
    columns = {"advance": scores.c.p_advance, "purchase": scores.c.p_purchase}
    count = sa.func.count()
    by = {"probability": columns["advance"], "purchase": columns["purchase"]}
    place = sa.func.round((1.0 - _none_of(by[order])) * _DIGITS) if order in by else count
    is_active = sa.case((scores.c.last_active >= active_since, 1), else_=0)
    chances = [
        one.label(f"{name}_{kind}")
        for name, column in columns.items()
        for kind, one in (
            ("none", _none_of(column)),
            ("max", sa.func.coalesce(sa.func.max(column), 0.0)),
            ("sum", sa.func.coalesce(sa.func.sum(column), 0.0)),
        )
    ]
    return (
        sa.select(
            scores.c.account_id,
            count.label("leads"),
            sa.func.sum(is_active).label("active"),
            *chances,
            sa.cast(place, sa.BigInteger).label("place"),
        )
        .where(scores.c.account_id.is_not(None))
        .group_by(scores.c.account_id)
    )


def _account(connection: sa.Connection, row: Any, names: dict[str, str]) -> Account:
    first = connection.execute(_FURTHEST, {"account": row.account_id}).one()
    return Account(
        id=row.account_id,
        name=names.get(row.account_id, ""),
        leads=row.leads,
        active=int(row.active),
        furthest=first.lead_id,
        position=first.position,
        step=first.step,
        advance=_any_of(row.advance_none, row.advance_max, row.advance_sum),
        purchase=_any_of(row.purchase_none, row.purchase_max, row.purchase_sum),
        place=int(row.place),
    )


def _any_of(none: float, largest: float, total: float) -> AnyOf:
    most = min(1.0, total)
    return AnyOf(min(most, max(largest, 1.0 - none)), largest, most)


_FURTHEST: Final = (
    sa.select(scores.c.lead_id, scores.c.position, scores.c.step)
    .where(scores.c.account_id == sa.bindparam("account"))
    .order_by(
        scores.c.position.desc(),
        sa.func.coalesce(scores.c.p_purchase, 0.0).desc(),
        scores.c.lead_id,
    )
    .limit(1)
)


def _names(connection: sa.Connection, accounts: Sequence[str]) -> dict[str, str]:
    """What some accounts are called; one that nobody has named is left out."""
    found: dict[str, tuple[int, str]] = {}
    for part in in_parts(accounts):
        its_own = account_members.c.named_id == account_members.c.account_id
        wanted = sa.select(account_members).where(account_members.c.account_id.in_(part), its_own)
        for row in connection.execute(wanted):
            told = (row.named_at, row.name)
            found[row.account_id] = max(found.get(row.account_id, told), told)
    return {account: name for account, (_, name) in found.items()}
