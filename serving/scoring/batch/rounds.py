"""What leads completed that have begun the ladder anew: their position does not tell it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from features.errors import OptedOut, UnknownLead
from features.events.log import EventLog
from features.events.of_lead import Row
from features.ladder.ladder import Ladder
from features.offers.history import completed_by
from features.signals.rules import met_any
from features.store.identities.turns import ErasedSince
from serving.scoring.changes import Round
from serving.scoring.scorer import Scorer

__all__ = ["rounds_of", "to_be_told_by_news"]


def to_be_told_by_news(scorer: Scorer) -> set[str]:
    """The leads whose news that wait may begin the ladder anew.

    Who scores all leads has no news to tell of them, and would leave none to whoever does.
    """
    names = {rule.event for rule in scorer.model.bundle.ladder.restart_on}
    with scorer.store.database.reading() as connection:
        return scorer.store.marks.of_events(connection, names)


def rounds_of(scorer: Scorer, log: EventLog, since: int, as_of: int) -> dict[str, Round]:
    """Of the leads of which an event that may begin the ladder anew became known from `since` on.

    Most ladders and most news have none, and nothing is read then.
    """
    ladder = scorer.model.bundle.ladder
    names = {rule.event for rule in ladder.restart_on}
    codes = [at for at, name in enumerate(log.names) if name in names]
    if not codes:
        return {}
    is_new = np.isin(log.name, codes) & (log.known >= since) & (log.known <= as_of)
    found: dict[str, Round] = {}
    for at in np.unique(log.lead_of_rows()[is_new]).tolist():
        lead = log.leads[at]
        with suppress(UnknownLead, OptedOut, ErasedSince):  # since it was scored
            one = _round_of(scorer.rows_of(lead, as_of), ladder, since, as_of)
            if one.began_known_at:
                found[lead] = one
    return found


def _round_of(rows: Sequence[Row], ladder: Ladder, since: int, as_of: int) -> Round:
    place = {goal.id: at for at, goal in enumerate(ladder.goals)}
    done = zip(rows, completed_by(rows, ladder, as_of), strict=True)
    began = 0
    rounds: list[list[tuple[int, int]]] = [[]]
    for row, rungs in sorted(done, key=lambda one: (min(one[0][1:3]), one[0][2])):
        if row[2] >= since:
            rounds[-1].extend((place[rung], row[2]) for rung in rungs)
            if met_any(ladder.restart_on, row[0], row[3]):
                began = max(began, row[2])
                rounds.append([])
    return Round(began, tuple(map(tuple, rounds)))
