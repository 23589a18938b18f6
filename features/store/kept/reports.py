"""Reports that a worker made and that routes and pages show: the newest of a kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from features.errors import StoreError
from features.store.database import Database, insert_into
from features.store.identities.turns import Erased, erased_by_now, hold_leads
from features.store.privacy.erasures import TAKEN, note_taken, of_report
from features.store.schema import kept_columns, reports

__all__ = ["Report", "Reports"]


@dataclass(frozen=True, slots=True)
class Report:
    """What was judged or counted at an instant.

    Parameters
    ----------
    kind : such as "drift" or "funnel".
    ladder : the name of the ladder that it speaks of.
    about : the bundle or the experiment that it is about; "" for the ladder as a whole.
    as_of : microseconds since the epoch, UTC: it saw what was known by then.
    body : plain values.
    """

    kind: str
    ladder: str
    about: str
    as_of: int
    body: Mapping[str, Any]


class Reports:
    """The reports of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erased(self) -> Erased:
        """The erasures by now; to be asked before what a report is made of is read."""
        with self._database.reading() as connection:
            return erased_by_now(connection)

    def keep(self, report: Report, erased: Erased | None = None) -> str:
        """Keep a report, in place of one of the same instant; the SHA-256 of its body.

        Parameters
        ----------
        erased : as it was before what it is made of was read. Where a lead was erased since, the
            report may hold texts of it: it is not kept, and "" is returned. That it is to be made
            again is noted.

        Raises
        ------
        ValueError : its body holds what JSON does not, such as NaN.
        """
        body = json.dumps(report.body, allow_nan=False, separators=(",", ":"), sort_keys=True)
        digest = _digest(body)
        row = {
            "kind": report.kind,
            "ladder": report.ladder,
            "about": report.about,
            "as_of": report.as_of,
            "body": body,
            "hash": digest,
        }
        with self._database.writing() as connection:
            if erased is not None:
                hold_leads(connection)  # so that nobody is erased between the look and the end
            noted = kept_columns.c.kind == of_report(report.kind)
            noted &= (kept_columns.c.ladder == report.ladder) & (kept_columns.c.part == TAKEN)
            connection.execute(sa.delete(kept_columns).where(noted))
            if erased is not None and erased != (by_now := erased_by_now(connection)):
                at = by_now[1] or report.as_of
                note_taken(connection, of_report(report.kind), report.ladder, at)
                return ""
            insert = insert_into(connection.engine, reports).values(row)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=[column.name for column in reports.primary_key],
                    set_={"body": body, "hash": digest},
                )
            )
        return digest

    def keep_alone(self, report: Report, erased: Erased | None = None) -> bool:
        """As `keep`, and no other of its kind about the same; whether it was kept."""
        if not self.keep(report, erased):
            return False
        self.drop_others(report)
        return True

    def stamps(self, kind: str) -> dict[str, int]:
        """Of when the newest report of a kind is, by what it is about, of all ladders."""
        wanted = sa.select(reports.c.about, sa.func.max(reports.c.as_of))
        wanted = wanted.where(reports.c.kind == kind).group_by(reports.c.about)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(wanted)}

    def drop_others(self, report: Report) -> None:
        """Delete all other reports of its kind about the same."""
        with self._database.writing() as connection:
            connection.execute(
                sa.delete(reports).where(
                    *(reports.c.kind == report.kind, reports.c.ladder == report.ladder),
                    *(reports.c.about == report.about, reports.c.as_of != report.as_of),
                )
            )

    def newest(
        self, kind: str, ladder: str, about: str = "", *, as_of: int | None = None
    ) -> Report | None:
        """The newest report of a kind, of those known by `as_of` where it is given.

        Raises
        ------
        StoreError : its body is not what was kept.
        """
        own = (reports.c.kind == kind, reports.c.ladder == ladder, reports.c.about == about)
        wanted = sa.select(reports).where(*own).order_by(reports.c.as_of.desc()).limit(1)
        if as_of is not None:
            wanted = wanted.where(reports.c.as_of <= as_of)
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            return None
        if _digest(row.body) != row.hash:
            raise StoreError(
                f"the report {kind!r} of {ladder!r} is not what was kept; make it again"
            )
        return Report(kind, ladder, about, row.as_of, json.loads(row.body))


def _digest(body: str) -> str:
    return sha256(body.encode()).hexdigest()
