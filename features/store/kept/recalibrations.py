"""How the probabilities of bundles have moved: a log that is only added to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from features.store.database import Database, insert_into
from features.store.schema import recalibrations

__all__ = ["KeptMove", "Recalibrations"]


@dataclass(frozen=True, slots=True)
class KeptMove:
    """From an instant on the log-odds z of a goal are intercept + slope * z, by n outcomes.

    Parameters
    ----------
    goal : "advancement" or "purchase".
    known_at : microseconds since the epoch, UTC.
    """

    goal: str
    known_at: int
    intercept: float
    slope: float
    n: int


class Recalibrations:
    """The recalibrations of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, bundle: str, moves: Iterable[KeptMove]) -> int:
        """Add what is later than the last move of its goal; what was told once stays so.

        Returns how many were added.
        """
        with self._database.writing() as connection:
            last = {
                row[0]: row[1]
                for row in connection.execute(
                    sa.select(recalibrations.c.goal, sa.func.max(recalibrations.c.known_at))
                    .where(recalibrations.c.bundle == bundle)
                    .group_by(recalibrations.c.goal)
                )
            }
            rows = [
                {"bundle": bundle, **asdict(move)}
                for move in moves
                if move.known_at > last.get(move.goal, -1)
            ]
            if rows:
                insert = insert_into(connection.engine, recalibrations).on_conflict_do_nothing()
                connection.execute(insert, rows)
        return len(rows)

    def of(self, bundle: str) -> list[KeptMove]:
        """All moves of a bundle, the oldest first."""
        wanted = (
            sa.select(recalibrations)
            .where(recalibrations.c.bundle == bundle)
            .order_by(recalibrations.c.known_at, recalibrations.c.goal)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return [KeptMove(row.goal, row.known_at, row.intercept, row.slope, row.n) for row in rows]

    def last_known_at(self, bundle: str) -> int:
        """When the last move of a bundle was known; 0 before the first."""
        wanted = sa.select(sa.func.max(recalibrations.c.known_at))
        with self._database.reading() as connection:
            last = connection.scalar(wanted.where(recalibrations.c.bundle == bundle))
        return int(last or 0)
