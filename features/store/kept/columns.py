"""Tables about leads that a worker made and that routes and pages read: the newest of a kind.

What a report counts is kept beside it, so that every number can name its leads and be counted anew
for some of them. It names leads, and goes whenever one is erased; what was counted meanwhile has
seen the lead, and is not kept. That it is to be made again is noted in its place.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import sqlalchemy as sa

from features.store.database import Database
from features.store.identities.turns import Erased, erased_by_now, hold_leads
from features.store.privacy.erasures import TAKEN, note_taken
from features.store.schema import kept_columns

__all__ = ["KeptColumns"]

_PART: Final = 4_000_000
"""Bytes in a row of the database."""


class KeptColumns:
    """The kept tables of a database, each with the instant by which it was made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self, kind: str, ladder: str, as_of: int, table: pa.Table, erased: Erased | None = None
    ) -> bool:
        """Keep a table in place of the one before; what its schema says is kept as well.

        Parameters
        ----------
        as_of : by what was known then, in microseconds since the epoch.
        erased : as it was before its events were read; None: nobody has been.

        Returns
        -------
        Whether it was kept: not where a lead was erased since its events were read.
        """
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        body = sink.getvalue().to_pybytes()
        parts = [body[at : at + _PART] for at in range(0, len(body), _PART)]
        own = _own(kind, ladder)
        with self._database.writing() as connection:
            hold_leads(connection)  # so that nobody is erased between the look and the end
            if erased is not None and erased != (by_now := erased_by_now(connection)):
                if connection.execute(sa.select(kept_columns.c.part).where(own)).first() is None:
                    note_taken(connection, kind, ladder, by_now[1] or as_of)
                return False
            connection.execute(sa.delete(kept_columns).where(own))
            for at, part in enumerate(parts):
                row = {"kind": kind, "ladder": ladder, "part": at, "as_of": as_of, "body": part}
                connection.execute(sa.insert(kept_columns), row)
        return True

    def as_of(self, kind: str, ladder: str) -> int | None:
        """By when the newest table was made; None where none is kept."""
        return self._instant(kind, ladder, kept_columns.c.part != TAKEN)

    def taken_at(self, kind: str, ladder: str) -> int | None:
        """When an erasure took the newest table away; None where one is kept, or never was."""
        return self._instant(kind, ladder, kept_columns.c.part == TAKEN)

    def _instant(self, kind: str, ladder: str, which: sa.ColumnElement[bool]) -> int | None:
        wanted = sa.select(kept_columns.c.as_of).where(_own(kind, ladder), which).limit(1)
        with self._database.reading() as connection:
            found: int | None = connection.scalar(wanted)
            return found

    def newest(self, kind: str, ladder: str) -> pa.Table | None:
        """The newest table; None where none is kept."""
        is_there = kept_columns.c.part != TAKEN
        wanted = sa.select(kept_columns.c.body).where(_own(kind, ladder), is_there)
        with self._database.reading() as connection:
            parts = list(connection.scalars(wanted.order_by(kept_columns.c.part)))
        if not parts:
            return None
        return pa.ipc.open_stream(pa.BufferReader(b"".join(parts))).read_all()


def _own(kind: str, ladder: str) -> sa.ColumnElement[bool]:
    return (kept_columns.c.kind == kind) & (kept_columns.c.ladder == ladder)
