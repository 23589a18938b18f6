"""Rank events: what callers let choose among actions of their own, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from features.store.database import Database, insert_into
from features.store.identities.turns import hold_leads
from features.store.privacy.opt_outs import opted_out_of
from features.store.privacy.suppressions import suppressed_among
from features.store.schema import ranks

__all__ = ["Rank", "RankedAction", "Ranks"]

_FEATURES = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RankedAction:
    """An action with the probability that it was chosen with, 0 where it could not be."""

    id: str
    probability: float
    features: _FEATURES


@dataclass(frozen=True, slots=True)
class Rank:
    """A choice among actions, one of those that an event made: one for each slot.

    Parameters
    ----------
    loop : what learns together.
    place : of the slot among those of the event, from 0.
    slot : its id; "" where the event has one choice alone.
    lead_id : the id that was sent; None where nobody was named.
    occurred_at, exposed_at : microseconds since the epoch, UTC; exposed_at is None until the action
        was shown.
    situation : the features of where it is shown; None where nothing may be learned of it.
    reward : in [-1, 1]; None where none is known.
    """

    loop: str
    event_id: str
    place: int
    slot: str
    lead_id: str | None
    occurred_at: int
    situation: _FEATURES | None
    actions: tuple[RankedAction, ...]
    chosen: str
    exposed_at: int | None
    reward: float | None = None


class Ranks:
    """The rank events of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, event: Sequence[Rank]) -> bool:
        """Keep the choices of one event, all or none; whether they were.

        Not where its id is known, nor where it names a lead that must not be profiled by now.
        """
        insert = insert_into(self._database.engine, ranks).on_conflict_do_nothing()
        leads = {one.lead_id for one in event if one.lead_id is not None}
        with self._database.writing() as connection:
            if leads and _any_out(connection, leads):
                return False
            # The first place decides: whoever is faster with it has the event.
            first, *others = [_row(one) for one in event]
            if connection.scalar(insert.returning(ranks.c.event_id), first) is None:
                return False
            if others:
                connection.execute(insert, others)
        return True

    def of(self, loop: str, event_id: str) -> list[Rank]:
        """The choices of an event by their place; none where it is unknown."""
        wanted = sa.select(ranks).where(_is(loop, event_id)).order_by(ranks.c.place)
        with self._database.reading() as connection:
            return [_rank(row) for row in connection.execute(wanted)]

    def reward(self, loop: str, event_id: str, rewards: Mapping[str, float], now: int) -> None:
        """Store what choices brought, by the slot of each; the first report of each stays.

        Nothing is stored of a choice of which nothing may be learned.
        """
        with self._database.writing() as connection:
            for slot, reward in sorted(rewards.items()):
                connection.execute(
                    sa.update(ranks)
                    .where(
                        *(_is(loop, event_id), ranks.c.slot == slot),
                        *(ranks.c.reward.is_(None), ranks.c.situation.is_not(None)),
                    )
                    .values(reward=reward, rewarded_at=now)
                )

    def expose(self, loop: str, event_id: str, now: int) -> None:
        """Store that what was chosen was shown now, unless that is known already."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(ranks)
                .where(_is(loop, event_id), ranks.c.exposed_at.is_(None))
                .values(exposed_at=now)
            )

    def loops(self) -> list[str]:
        """All loops that there are events of."""
        found: list[str] = []
        with self._database.reading() as connection:
            wanted = sa.select(sa.func.min(ranks.c.loop))
            last = connection.scalar(wanted)
            while last is not None:  # one step of the index for each
                found.append(last)
                last = connection.scalar(wanted.where(ranks.c.loop > last))
        return found

    def rewarded_last(self, loop: str) -> int | None:
        """When the last reward of a loop came, microseconds since the epoch; None before any."""
        wanted = sa.select(sa.func.max(ranks.c.rewarded_at)).where(ranks.c.loop == loop)
        with self._database.reading() as connection:
            last: int | None = connection.scalar(wanted)
        return last

    def shown(self, loop: str, until: int, most: int) -> list[Rank]:
        """The newest choices that were shown and may be learned of, the oldest of them first.

        Parameters
        ----------
        until : of those without a reward the ones that were shown by then, and not later.
        """
        wanted = (
            sa.select(ranks)
            .where(
                *(ranks.c.loop == loop, ranks.c.exposed_at.is_not(None)),
                ranks.c.situation.is_not(None),
                sa.or_(ranks.c.reward.is_not(None), ranks.c.exposed_at <= until),
            )
            .order_by(*(ranks.c[name].desc() for name in ("occurred_at", "event_id", "place")))
            .limit(most)
        )
        with self._database.reading() as connection:
            return [_rank(row) for row in connection.execute(wanted)][::-1]

    def forget(self, loop: str, before: int) -> None:
        """Delete the events of a loop from before an instant."""
        with self._database.writing() as connection:
            connection.execute(
                sa.delete(ranks).where(ranks.c.loop == loop, ranks.c.occurred_at < before)
            )


def _any_out(connection: sa.Connection, leads: set[str]) -> bool:
    """Whether any of some leads is out, or was erased for good; nobody goes before the end."""
    if suppressed_among(connection, leads):
        return True
    hold_leads(connection)
    return bool(opted_out_of(connection, leads))


def _is(loop: str, event_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(ranks.c.loop == loop, ranks.c.event_id == event_id)


def _row(rank: Rank) -> dict[str, Any]:
    actions = [[one.id, one.probability, dict(one.features)] for one in rank.actions]
    return {
        "loop": rank.loop,
        "event_id": rank.event_id,
        "place": rank.place,
        "slot": rank.slot,
        "lead_id": rank.lead_id,
        "occurred_at": rank.occurred_at,
        "situation": None
        if rank.situation is None
        else json.dumps(dict(rank.situation), separators=(",", ":")),
        "actions": json.dumps(actions, separators=(",", ":")),
        "chosen": rank.chosen,
        "exposed_at": rank.exposed_at,
    }


def _rank(row: Any) -> Rank:
    return Rank(
        loop=row.loop,
        event_id=row.event_id,
        place=row.place,
        slot=row.slot,
        lead_id=row.lead_id,
        occurred_at=row.occurred_at,
        situation=None if row.situation is None else json.loads(row.situation),
        actions=tuple(RankedAction(*one) for one in json.loads(row.actions)),
        chosen=row.chosen,
        exposed_at=row.exposed_at,
        reward=row.reward,
    )
