"""The catalogue of offers: every version of each, who made it, and since when it holds."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.errors import OfferConflict, UnknownOffer
from features.ladder.catalogue import (
    newest,
    offer_of_table,
    offer_table,
    rebased,
    table_of_version,
)
from features.ladder.ladder import Ladder, OfferVersion
from features.ladder.offer import Offer, OfferStatus
from features.store.database import Database
from features.store.kept.meta import set_meta
from features.store.kept.scores import ScoreStore
from features.store.schema import offers

__all__ = ["OfferVersions"]

_TURN: Final = "offers"


class OfferVersions:
    """The versions of a database.

    A version is never changed: another one takes its place, from an instant on. What is kept was
    read by the rules of the ladder file.

    A version says all of an offer, but whoever makes one changes a part of it: a planned one keeps
    what has changed before its instant, and those that are planned for later are made again with
    what is changed now.
    """

    def __init__(self, database: Database, scores: ScoreStore) -> None:
        self._database = database
        self._scores = scores

    def keep(
        self,
        ladder: Ladder,
        table: Mapping[str, object],
        *,
        from_at: int,
        now: int,
        by: str,
        seen: int | None = None,
        is_whole: bool = False,
    ) -> OfferVersion:
        """Keep another version of an offer, or the first one of a new offer.

        All leads are scored anew where it holds at once: what is suggested may be another offer.

        Parameters
        ----------
        ladder : with the catalogue of now.
        table : the keys of an [[offer]] table, instants as RFC 3339.
        from_at, now : since when it holds, and the present; microseconds since the epoch.
        by : who wants it so.
        seen : the version that was made last when the offer was looked at, 0 where none was; None
            where nobody asks.
        is_whole : whether all of the table holds from then on; else what differs from the offer of
            now does, or all of it where nothing does.

        Raises
        ------
        LadderError : with all mistakes of the table, or of what is planned for later with it.
        OfferConflict : another version was made since `seen`.
        """
        offer = offer_of_table(ladder, table)
        meant = _table(offer)

        def change(current: _Table | None, then: _Table | None) -> _Table:
            if is_whole or current is None or then is None or current == meant:
                return meant
            return rebased(current, meant, then)

        with self._database.writing() as connection:
            _take_turn(connection)
            _check_seen(connection, ladder, offer.id, seen)
            times = {"from_at": from_at, "now": now}
            return self._change(connection, ladder, offer.id, change, **times, by=by)

    def pause(
        self, connection: sa.Connection, ladder: Ladder, ids: Iterable[str], *, now: int, by: str
    ) -> None:
        """Pause those of some offers that are extended now, in a transaction of somebody else."""
        _take_turn(connection)
        for id_ in ids:
            offer = ladder.offer(id_)
            if offer is not None and _status(connection, ladder, offer, now) == "active":
                times = {"from_at": now, "now": now}
                self._change(connection, ladder, id_, _in_state("paused"), **times, by=by)

    def _change(
        self,
        connection: sa.Connection,
        ladder: Ladder,
        offer_id: str,
        change: _Change,
        *,
        from_at: int,
        now: int,
        by: str,
    ) -> OfferVersion:
        """Change an offer from an instant on, also in what is planned for after that.

        A version that holds now and is what is wanted from now on stays, and is told again.
        """
        made = _versions(connection, ladder.name, offer_id)
        held = ladder.offer(offer_id)
        first = _table(held) if held is not None else _first_planned(made)

        def at(instant: int) -> _Table | None:
            begun = newest(one for one in made if one.from_at <= instant)
            return table_of_version(begun[0]) if begun else first

        def add(table: _Table, since: int) -> OfferVersion:
            offer = offer_of_table(ladder, table)
            return self._add(connection, ladder, offer, from_at=since, now=now, by=by)

        wanted = change(at(now), at(from_at))
        begun = newest(one for one in made if one.from_at <= now)
        if from_at == now and begun and table_of_version(begun[0]) == wanted:
            return begun[0]
        kept = add(wanted, from_at)
        since = max(from_at, now)
        if any(from_at < one.from_at <= since for one in made):
            return kept  # it holds no more
        before, after = at(since) or {}, table_of_version(kept)
        for later in sorted({one.from_at for one in made if one.from_at > since}):
            planned = at(later) or {}
            again = rebased(before, planned, after)
            if again != planned:
                again = table_of_version(add(again, later))
            before, after = planned, again
        return kept

    def _add(
        self,
        connection: sa.Connection,
        ladder: Ladder,
        offer: Offer,
        *,
        from_at: int,
        now: int,
        by: str,
    ) -> OfferVersion:
        body = json.dumps(offer_table(offer), separators=(",", ":"), ensure_ascii=False)
        version = _last(connection, ladder, offer.id) + 1
        kept = OfferVersion(offer.id, version, body, offer.status, from_at, now, by)
        connection.execute(sa.insert(offers).values(_row(ladder.name, kept)))
        if from_at <= now:
            self._scores.want_full_run(connection)
        return kept

    def set_status(
        self,
        ladder: Ladder,
        offer_id: str,
        status: OfferStatus,
        *,
        from_at: int,
        now: int,
        by: str,
        seen: int | None = None,
    ) -> OfferVersion:
        """Pause, resume or retire an offer, and change nothing else of it; see `keep`.

        Raises
        ------
        UnknownOffer : the ladder, with its catalogue, has none of that id.
        OfferConflict : another version was made since `seen`.
        """
        if ladder.offer(offer_id) is None:
            raise UnknownOffer.named(offer_id, [one.id for one in ladder.offers])
        with self._database.writing() as connection:
            _take_turn(connection)
            _check_seen(connection, ladder, offer_id, seen)
            times = {"from_at": from_at, "now": now}
            return self._change(connection, ladder, offer_id, _in_state(status), **times, by=by)

    def call_off(
        self,
        ladder: Ladder,
        offer_id: str,
        number: int,
        *,
        now: int,
        by: str,
        seen: int | None = None,
    ) -> OfferVersion:
        """Call off what is to change at the instant of a planned version; what comes later stays.

        Raises
        ------
        UnknownOffer : the ladder has no such offer, or nothing of that number is planned for it.
        OfferConflict : another version was made since `seen`.
        """
        if ladder.offer(offer_id) is None:
            raise UnknownOffer.named(offer_id, [one.id for one in ladder.offers])
        with self._database.writing() as connection:
            _take_turn(connection)
            _check_seen(connection, ladder, offer_id, seen)
            made = _versions(connection, ladder.name, offer_id)
            then = next((one.from_at for one in made if one.version == number), now)
            if then <= now:
                raise UnknownOffer(f"nothing of version {number} of {offer_id!r} is to come")
            begun = newest(one for one in made if one.from_at < then)
            held = ladder.offer(offer_id)

            def change(_: _Table | None, planned: _Table | None) -> _Table:
                if begun:
                    return table_of_version(begun[0])
                return _table(held) if held is not None else planned or {}

            times = {"from_at": then, "now": now}
            return self._change(connection, ladder, offer_id, change, **times, by=by)

    def versions(self, ladder: str, offer_id: str | None = None) -> list[OfferVersion]:
        """All versions, those to come among them, of one offer or of all, in the order made."""
        with self._database.reading() as connection:
            return _versions(connection, ladder, offer_id)

    def at(self, ladder: str, instant: int) -> tuple[OfferVersion, ...]:
        """The version of each offer that holds at an instant, in the order of the first ones."""
        return newest(one for one in self.versions(ladder) if one.from_at <= instant)

    def numbers_at(self, ladder: str, instant: int) -> tuple[tuple[str, int], ...]:
        """Which version of each offer has begun by an instant last, without what it says."""
        begun = (offers.c.ladder == ladder, offers.c.from_at <= instant)
        columns = offers.c.id, offers.c.from_at, offers.c.version
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(*columns).where(*begun).order_by(*columns))
            return tuple({row.id: row.version for row in rows}.items())


def _versions(
    connection: sa.Connection, ladder: str, offer_id: str | None = None
) -> list[OfferVersion]:
    wanted = sa.select(offers).where(offers.c.ladder == ladder)
    if offer_id is not None:
        wanted = wanted.where(offers.c.id == offer_id)
    wanted = wanted.order_by(offers.c.made_at, offers.c.id, offers.c.version)
    return [_version(row) for row in connection.execute(wanted)]


def _take_turn(connection: sa.Connection) -> None:
    """First of all: on PostgreSQL whoever comes second waits here, and counts on from there."""
    set_meta(connection, _TURN, secrets.token_hex(8))


_Table = dict[str, Any]
_Change = Callable[[_Table | None, _Table | None], _Table]
"""What an offer is to say, by what it says now and what it would say at the instant of that."""


def _table(offer: Offer) -> _Table:
    """The table of an offer with its state, also where that is the usual one."""
    return {**offer_table(offer), "status": offer.status}


def _in_state(status: OfferStatus) -> _Change:
    return lambda current, then: {**(then or current or {}), "status": status}


def _first_planned(made: Sequence[OfferVersion]) -> _Table | None:
    """What an offer will say that is not there yet; None where none is planned."""
    first = min((one.from_at for one in made), default=0)
    begun = newest(one for one in made if one.from_at == first)
    return table_of_version(begun[0]) if begun else None


def _check_seen(connection: sa.Connection, ladder: Ladder, offer_id: str, seen: int | None) -> None:
    """OfferConflict where another version was made since one."""
    if seen is not None and seen != _last(connection, ladder, offer_id):
        raise OfferConflict(f"the offer {offer_id!r} was changed meanwhile: look again")


def _own(ladder: Ladder, offer_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return offers.c.ladder == ladder.name, offers.c.id == offer_id


def _last(connection: sa.Connection, ladder: Ladder, offer_id: str) -> int:
    """The number of the version that was made last; 0 where none was."""
    last = sa.select(sa.func.max(offers.c.version)).where(*_own(ladder, offer_id))
    return connection.scalar(last) or 0


def _status(connection: sa.Connection, ladder: Ladder, offer: Offer, now: int) -> str:
    """What an offer is by the version that holds, or by the ladder."""
    begun = sa.select(offers.c.status).where(*_own(ladder, offer.id), offers.c.from_at <= now)
    last = begun.order_by(offers.c.from_at.desc(), offers.c.version.desc()).limit(1)
    status: str | None = connection.scalar(last)
    return offer.status if status is None else status


def _row(ladder: str, version: OfferVersion) -> dict[str, object]:
    return {
        "ladder": ladder,
        "id": version.offer_id,
        "version": version.version,
        "body": version.body,
        "status": version.status,
        "from_at": version.from_at,
        "made_at": version.made_at,
        "by": version.by,
    }


def _version(row: sa.Row[tuple[object, ...]]) -> OfferVersion:
    values = dict(row._mapping)
    del values["ladder"]
    return OfferVersion(offer_id=values.pop("id"), **values)
