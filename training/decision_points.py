"""Where training looks: instants at which the service would have been asked for a score.

A lead can be scored at any instant, not only when something has happened, so training rows are
instants drawn from each lead's life without looking at what came after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Ints
from features.events.log import DAY_US, EventLog, Times
from features.ladder.ladder import Ladder
from features.signals.program import compile_ladder, link
from features.signals.snapshot import Snapshot, snapshot_at

__all__ = ["Points", "decision_points"]

_PERIOD_DAYS: Final = 7.0
_AFTER_EVENT_DAYS: Final = (1e-4, 1.0)
"""Delays between an event and the score it causes, drawn log-uniformly: ten seconds to a day."""


@dataclass(frozen=True, eq=False, slots=True)
class Points:
    """Leads at instants, and what was known then.

    Parameters
    ----------
    lead : shape (n,), indices into the log's leads, ascending.
    snapshot : the signals at those instants, row by row.
    """

    lead: Ints
    snapshot: Snapshot

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def as_of(self) -> Times:
        """Shape (n,), microseconds since the epoch."""
        return self.snapshot.as_of

    @property
    def position(self) -> Ints:
        """Shape (n,), the highest rung completed."""
        return self.snapshot.position

    def rows(self, keep: npt.NDArray[np.bool_]) -> Points:
        """Some of the points, by mask."""
        return Points(self.lead[keep], self.snapshot.rows(keep))


def decision_points(
    log: EventLog,
    ladder: Ladder,
    *,
    start: int | None = None,
    end: int,
    seed: int,
    most: int = 400_000,
) -> Points:
    """Instants in (`start`, `end`] at which leads would have been scored, with their signals.

    With `score_at` in the ladder: the instants at which those events became known. Otherwise one
    random instant in each week of a lead's life, and one soon after some of its events, because the
    service scores both on a clock and when something happens. A lead that has bought, or that was
    silent for `dormant_after_days`, is not asked about.

    Parameters
    ----------
    start, end : microseconds since the epoch.
    most : more points than this are thinned at random, whole leads at a time.
    """
    rng = np.random.default_rng(seed)
    compiled = compile_ladder(ladder)
    if ladder.score_at:
        lead, as_of = _at_events(log, ladder)
    else:
        lead, as_of = _at_any_instant(log, ladder, end, rng)
    inside = as_of <= end if start is None else (as_of <= end) & (as_of > start)
    lead, as_of = lead[inside], as_of[inside]
    if len(lead) > most:
        keep = (rng.random(len(log.leads)) < most / len(lead))[lead]
        lead, as_of = lead[keep], as_of[keep]
    order = np.lexsort([as_of, lead])
    lead, as_of = lead[order], as_of[order]
    names = tuple(log.leads[at] for at in lead)
    points = Points(lead, snapshot_at(log, compiled, names, lead, as_of))
    found = points.snapshot
    awake = found.active_within(ladder.dormant_after_days) | bool(ladder.score_at)
    return points.rows((points.position < len(ladder.goals)) & awake & ~found.is_lost)


def _at_events(log: EventLog, ladder: Ladder) -> tuple[Ints, Times]:
    rows = link(log, compile_ladder(ladder)).meets_score_at()
    pairs = np.unique(np.stack([log.lead_of_rows()[rows], log.known[rows]]), axis=1)
    return pairs[0], pairs[1]


def _at_any_instant(
    log: EventLog, ladder: Ladder, end: int, rng: np.random.Generator
) -> tuple[Ints, Times]:
    lead_of_rows = log.lead_of_rows()
    born = np.full(len(log.leads), np.iinfo(np.int64).max)
    np.minimum.at(born, lead_of_rows, log.known)
    last = np.zeros(len(log.leads), dtype=np.int64)
    np.maximum.at(last, lead_of_rows, log.known)
    dies = np.minimum(last + round(ladder.dormant_after_days * DAY_US), end)
    period = round(_PERIOD_DAYS * DAY_US)
    weeks = np.maximum(0, -((born - dies) // period))
    clock_lead = np.repeat(np.arange(len(weeks)), weeks)
    week = np.arange(len(clock_lead)) - np.repeat(np.cumsum(weeks) - weeks, weeks)
    clock = born[clock_lead] + week * period + rng.integers(0, period, len(week))
    # As many instants after events as on the clock, so that neither drowns the other.
    share = min(1.0, len(clock_lead) / max(1, len(log)))
    chosen = rng.random(len(log)) < share
    low, high = np.log(_AFTER_EVENT_DAYS)
    delay = np.exp(rng.uniform(low, high, int(chosen.sum()))) * DAY_US
    after = log.known[chosen] + delay.astype(np.int64)
    return (
        np.concatenate([clock_lead, lead_of_rows[chosen]]),
        np.concatenate([clock, after]),
    )
