"""Which bundle and policy served since when, and who said so: a log that is only added to."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from features.store.database import Database, insert_into
from features.store.schema import champions

__all__ = ["Champion", "Champions"]


@dataclass(frozen=True, slots=True)
class Champion:
    """What serves a ladder from an instant on.

    Parameters
    ----------
    from_at : microseconds since the epoch, UTC.
    bundle : the whole hash.
    by : who promoted it; "" where nobody said.
    report_hash : of the gate's report that carries it; "" where there is none.
    """

    ladder: str
    from_at: int
    bundle: str
    policy: str
    by: str = ""
    report_hash: str = ""


class Champions:
    """The champions of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, champion: Champion) -> bool:
        """Add one, unless it serves already; whether it was added.

        Whoever promoted it may say so after it was seen to serve: it is told of one that began to
        serve no sooner than that, and of which nobody has said so.
        """
        with self._database.writing() as connection:
            last = connection.execute(_of(champion.ladder).limit(1)).first()
            if last and (last.bundle, last.policy) == (champion.bundle, champion.policy):
                if champion.by and not last.by and last.from_at >= champion.from_at:
                    own = sa.and_(
                        champions.c.ladder == champion.ladder, champions.c.from_at == last.from_at
                    )
                    connection.execute(sa.update(champions).where(own).values(by=champion.by))
                return False
            row = asdict(champion)
            if last and row["from_at"] <= last.from_at:  # a clock that was set back
                row["from_at"] = last.from_at + 1
            insert = insert_into(connection.engine, champions).on_conflict_do_nothing()
            connection.execute(insert, row)
        return True

    def at(self, ladder: str, instant: int) -> Champion | None:
        """What served a ladder at an instant; None before there was any.

        Parameters
        ----------
        instant : in microseconds since the epoch.
        """
        return next((one for one in self.of(ladder) if one.from_at <= instant), None)

    def of(self, ladder: str) -> list[Champion]:
        """All champions of a ladder, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_of(ladder)).all()
        return [
            Champion(row.ladder, row.from_at, row.bundle, row.policy, row.by, row.report_hash)
            for row in rows
        ]


def _of(ladder: str) -> sa.Select[tuple[str, int, str, str, str, str]]:
    found: sa.Select[tuple[str, int, str, str, str, str]] = (
        sa.select(champions)
        .where(champions.c.ladder == ladder)
        .order_by(champions.c.from_at.desc())
    )
    return found
