"""Which bundles were trained on what a store held, and which of them may have seen a lead."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from features.store.database import in_parts, insert_into
from features.store.identities.turns import hold_leads
from features.store.places import places_of
from features.store.privacy.rows import rows_of
from features.store.schema import erasures, identities, opt_outs, trainings

__all__ = ["Training", "keep_training", "trained_on"]

_READ_US: Final = 3_600_000_000
"""Reading all events may take so long: what became known meanwhile may be among them."""


class Training(NamedTuple):
    """A bundle that was trained on what a store held.

    Parameters
    ----------
    bundle : its hash.
    ladder : the name of the ladder.
    until : it saw what was known by then, in microseconds since the epoch.
    trained_at : when its events were about to be read, likewise; None where that is not known.
    """

    bundle: str
    ladder: str
    until: int
    trained_at: int | None = None


def keep_training(
    connection: sa.Connection, training: Training, known: Collection[str] | None = None
) -> None:
    """Keep that a bundle was trained on this store. Once is enough.

    Parameters
    ----------
    known : the ids of the erasures before its events were read. To the later ones it was not known
        yet, and they name it now: their leads may have been among what it read. None: all are.
    """
    hold_leads(connection)  # whoever is erased from now on is told of it
    insert = insert_into(connection.engine, trainings).on_conflict_do_nothing()
    connection.execute(insert, training._asdict())
    if known is None:
        return
    for id_, text in connection.execute(sa.select(erasures.c.id, erasures.c.models)).all():
        models = json.loads(text)
        if id_ not in known and training.bundle not in models:
            own = sa.update(erasures).where(erasures.c.id == id_)
            connection.execute(own.values(models=json.dumps([training.bundle, *models])))


def trained_on(
    connection: sa.Connection, ids: Sequence[str], serving: Training | None
) -> list[Training]:
    """The models that may have been trained on the events of a lead, the latest first.

    Parameters
    ----------
    ids : all ids of the lead.
    serving : the model that serves; it may have seen the lead wherever it was trained.
    """
    recorded = [Training(**row) for row in connection.execute(sa.select(trainings)).mappings()]
    if serving is not None and serving.bundle not in {one.bundle for one in recorded}:
        recorded.append(serving)
    seen = _Seen.read(connection, ids)
    found = [one for one in recorded if seen.by(one)]
    return sorted(found, key=lambda one: (-one.until, one.bundle))


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
    def read(cls, connection: sa.Connection, ids: Sequence[str]) -> _Seen:
        """Of the ids of one lead."""
        first: dict[str, int] = {}
        for part in in_parts(ids):
            own = places_of(connection.dialect.name, part)
            wanted = sa.select(own.c.lead_id, sa.func.min(own.c.known_at).label("first"))
            found = connection.execute(wanted.group_by(own.c.lead_id))
            first |= {row.lead_id: row.first for row in found}
        members = rows_of(connection, identities, ids)
        out = rows_of(connection, opt_outs, ids)
        return cls(
            first,
            {row["id"]: row["joined_at"] for row in members},
            {row["id"]: row["at"] for row in out},
        )

    def by(self, training: Training) -> bool:
        """Whether any event may have been trained on."""
        trained_at = training.trained_at
        return any(
            first <= training.until
            and (trained_at is None or self._may_be_read(one, first, trained_at))
            for one, first in self.first.items()
        )

    def _may_be_read(self, id_: str, first: int, trained_at: int) -> bool:
        return first <= trained_at + _READ_US and not self._was_out(id_, trained_at)

    def _was_out(self, id_: str, trained_at: int) -> bool:
        """Whether an id was opted out by then, by itself or by one that it had joined."""
        return any(
            since <= trained_at
            and (other == id_ or max(self._since(id_), self._since(other)) <= trained_at)
            for other, since in self.out.items()
        )

    def _since(self, id_: str) -> int:
        return self.joined.get(id_, 0)
