"""The catalogue of offers: every version of each, who made it, and since when it holds."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from features.errors import OfferConflict, UnknownOffer
from features.ladder.catalogue import newest, offer_of_table, offer_table
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

        Raises
        ------
        LadderError : with all mistakes of the table.
        OfferConflict : another version was made since `seen`.
        """
        offer = offer_of_table(ladder, table)
        with self._database.writing() as connection:
            _take_turn(connection)
            if seen is not None and seen != _last(connection, ladder, offer):
                raise OfferConflict(f"the offer {offer.id!r} was changed meanwhile: look again")
            return self._add(connection, ladder, offer, from_at=from_at, now=now, by=by)

    def pause(
        self, connection: sa.Connection, ladder: Ladder, ids: Iterable[str], *, now: int, by: str
    ) -> None:
        """Pause those of some offers that are extended now, in a transaction of somebody else."""
        _take_turn(connection)
        for id_ in ids:
            offer = ladder.offer(id_)
            if offer is not None and _status(connection, ladder, offer, now) == "active":
                paused = replace(offer, status="paused")
                self._add(connection, ladder, paused, from_at=now, now=now, by=by)

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
        version = _last(connection, ladder, offer) + 1
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
    ) -> OfferVersion:
        """Pause, resume or retire an offer as it is now; see `keep`.

        Raises
        ------
        UnknownOffer : the ladder, with its catalogue, has none of that id.
        """
        offer = ladder.offer(offer_id)
        if offer is None:
            raise UnknownOffer.named(offer_id, [one.id for one in ladder.offers])
        table = offer_table(replace(offer, status=status))
        return self.keep(ladder, table, from_at=from_at, now=now, by=by)

    def versions(self, ladder: str, offer_id: str | None = None) -> list[OfferVersion]:
        """All versions, those to come among them, of one offer or of all, in the order made."""
        wanted = sa.select(offers).where(offers.c.ladder == ladder)
        if offer_id is not None:
            wanted = wanted.where(offers.c.id == offer_id)
        wanted = wanted.order_by(offers.c.made_at, offers.c.id, offers.c.version)
        with self._database.reading() as connection:
            return [_version(row) for row in connection.execute(wanted)]

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


def _take_turn(connection: sa.Connection) -> None:
    """First of all: on PostgreSQL whoever comes second waits here, and counts on from there."""
    set_meta(connection, _TURN, secrets.token_hex(8))


def _own(ladder: Ladder, offer: Offer) -> tuple[sa.ColumnElement[bool], ...]:
    return offers.c.ladder == ladder.name, offers.c.id == offer.id


def _last(connection: sa.Connection, ladder: Ladder, offer: Offer) -> int:
    """The number of the version that was made last; 0 where none was."""
    last = sa.select(sa.func.max(offers.c.version)).where(*_own(ladder, offer))
    return connection.scalar(last) or 0


def _status(connection: sa.Connection, ladder: Ladder, offer: Offer, now: int) -> str:
    """What an offer is by the version that holds, or by the ladder."""
    begun = sa.select(offers.c.status).where(*_own(ladder, offer), offers.c.from_at <= now)
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
