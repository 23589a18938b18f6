"""Scores in the order in which they change, for those who keep a copy.

A lead that has no score any more, or does not meet the filter any more, is a row as well: `gone` is
true and all else is absent, so that a copy which follows the changes drops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from features.ladder.ladder import Ladder
from features.store.changes import Change, ChangePlace
from features.store.events import EventStore
from features.store.identities.members import other_ids
from features.store.kept.scores import StoredScore, score_of
from serving.routes.exports.rows import FlatRow, row_of

__all__ = ["Filter", "ScoreExport"]

MOST_IDS: Final = 100
"""So many ids of a lead stand in its row."""
_MOST_READ: Final = 20_000
"""So many changes one page looks through, for those that a filter lets pass."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which scores are wanted; None: any.

    Parameters
    ----------
    step : the id of the next step.
    """

    step: str | None = None
    band: str | None = None
    tab: str | None = None

    def lets_pass(self, score: StoredScore) -> bool:
        """Whether a score is wanted."""
        return (
            self.step in (None, score.step)
            and self.band in (None, score.band)
            and self.tab in (None, score.tab)
        )


@dataclass(frozen=True, slots=True)
class ScoreExport:
    """The scores of a store, as those see them who copy them."""

    store: EventStore
    ladder: Ladder | None
    wanted: Filter = Filter()

    def page(
        self, after: ChangePlace | None, limit: int
    ) -> tuple[list[FlatRow], ChangePlace, bool]:
        """Some rows beyond a place, the place that follows, and whether there are none beyond it.

        With a filter there may be fewer than `limit`, and more beyond.

        Raises
        ------
        StaleCursor : all is to be read anew.
        """
        until = self.store.changes.present(after)
        rows: list[FlatRow] = []
        read = 0
        while True:
            part = self.store.changes.part(after, until, limit - len(rows))
            rows += self._rows(part.changes, until)
            read += len(part.changes)
            after = part.place
            if part.is_last or len(rows) >= limit or read >= _MOST_READ:
                return rows, after, part.is_last

    def all(self, after: ChangePlace | None) -> tuple[ChangePlace, Iterator[list[FlatRow]]]:
        """The place beyond all that there is now, and the rows up to it, some at a time.

        Raises
        ------
        StaleCursor : at once, or on the way when a lead is erased meanwhile.
        """
        until = self.store.changes.present(after)
        return until, (
            self._rows(changes, until) for changes in self.store.changes.parts(after, until)
        )

    def _rows(self, changes: Sequence[Change], until: ChangePlace) -> list[FlatRow]:
        scores = [score_of(change.score) for change in changes if change.score is not None]
        passing = {one.lead_id: one for one in scores if self.wanted.lets_pass(one)}
        ids: dict[str, list[str]] = {}
        if passing:
            with self.store.database.reading() as connection:
                ids = other_ids(connection, list(passing), MOST_IDS)
        rows: list[FlatRow] = []
        for change in changes:
            score = passing.get(change.lead_id) if change.score is not None else None
            if score is not None:
                rows.append(row_of(score, ids.get(change.lead_id, ()), self.ladder))
            elif change.number > until.since:
                rows.append({"lead_id": change.lead_id, "gone": True})
        return rows
