"""Where training looks: instants at which the service would have been asked for a score.

A lead can be scored at any instant, not only when something has happened, so training rows are
instants drawn from each lead's life without looking at what came after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats, Ints
from features.clock import said_at
from features.events.log import DAY_US, EventLog, Times
from features.ladder.ladder import Ladder
from features.ladder.words import things
from features.signals.fold import NONE
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot, snapshot_at
from models.judging.rounding import rounded

__all__ = [
    "Lives",
    "Points",
    "decision_points",
    "drawn_instants",
    "points_at",
    "weekly_instants",
    "why_no_points",
]

_PERIOD_DAYS: Final = 7.0
_GOLDEN: Final = 0.6180339887498949
_AFTER_EVENT_DAYS: Final = (1e-4, 1.0)
"""Delays between an event and the score it causes, drawn log-uniformly: ten seconds to a day."""
_BUSY: Final = 0.9
"""The share of leads that have fewer events than a busy one."""
_FAR: Final = 6
"""Times the events of a busy lead from which one is no person: a machine, or many under one id."""
_LEAST_FAR: Final = 100
"""Events that a person may well have, whatever the others do."""


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
    service scores both on a clock and when something happens. What the ladder does not read moves
    no score, so that nothing is asked after it: a lead would be met when it is busy, and no signal
    could tell. A lead that has bought, that is
    lost, or that was silent for `dormant_after_days` is not asked about; one that has
    done nothing yet has not fallen silent. A lead with many times the
    events of a busy one (a machine) is asked about after as many of them as a busy lead has.

    Parameters
    ----------
    start, end : microseconds since the epoch.
    most : more points than this are thinned at random, whole leads at a time.
    """
    lives = Lives.of(log, ladder)
    lead, as_of = drawn_instants(lives, ladder, start=start, end=end, seed=seed, most=most)
    return points_at(log, ladder, lead, as_of)


@dataclass(frozen=True, eq=False, slots=True)
class Lives:
    """When something was learned of each lead: all that instants are drawn from.

    Parameters
    ----------
    starts : lead `i` owns the instants `starts[i]:starts[i + 1]`.
    known : shape (n,), in the order of the log. With `score_at` in the ladder those events alone.
    is_read : shape (n,), whether the ladder reads events of the name.
    """

    starts: Ints
    known: Times
    is_read: Bools

    @classmethod
    def of(cls, log: EventLog, ladder: Ladder) -> Lives:
        """Those of all leads of a log."""
        linked = link(log, compile_ladder(ladder))
        is_read = linked.reads()
        if not ladder.score_at:
            return cls(log.starts, log.known, is_read)
        rows = linked.meets_score_at()
        return cls(np.append(0, np.cumsum(rows))[log.starts], log.known[rows], is_read[rows])

    @property
    def lead(self) -> Ints:
        """Shape (n,), whose instant each is."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def known_by(self, until: int) -> Lives:
        """What was learned by an instant; of the same leads, some of which may have nothing yet."""
        early = self.known <= until
        starts = np.append(0, np.cumsum(early))[self.starts]
        return Lives(starts, self.known[early], self.is_read[early])


def drawn_instants(
    lives: Lives, ladder: Ladder, *, start: int | None, end: int, seed: int, most: int
) -> tuple[Ints, Times]:
    """The instants of `decision_points`, as (lead, as_of); not all would be asked about then.

    One stream of random numbers goes over all leads: who has only some of the leads cannot draw.
    """
    rng = np.random.default_rng(seed)
    lead, as_of = _instants(lives, ladder, start, end, rng)
    if len(lead) > most:
        keep = (rng.random(len(lives.starts) - 1) < most / len(lead))[lead]
        lead, as_of = lead[keep], as_of[keep]
    return lead, as_of


def why_no_points(log: EventLog, ladder: Ladder, *, end: int, seed: int) -> str:
    """Why `decision_points` has none up to `end`, and what would help."""
    if not len(log):
        return "there is no event"
    if ladder.score_at and not link(log, compile_ladder(ladder)).meets_score_at().any():
        names = ", ".join(sorted({rule.event for rule in ladder.score_at}))
        return f"no event matches the ladder's score_at ({names})"
    first, last = int(log.known.min()), int(log.known.max())
    lead, as_of = _instants(Lives.of(log, ladder), ladder, None, end, np.random.default_rng(seed))
    if len(lead):
        bought = _points(log, ladder, lead, as_of).position >= len(ladder.goals)
        if bought.all():
            return "every lead had bought before it could be scored"
        before = things(ladder.dormant_after_days, "day")
        return f"no lead was active in the {before} before an instant"
    if first == last and len(log) > 1:
        return (
            f"all {len(log):,} events became known at one instant, {said_at(first)}, and nothing is"
            " known of what came after: known_at is to say when each event was learned of; leave"
            " it out where that is when it happened"
        )
    return (
        f"the log ends {rounded((last - first) / DAY_US, 3)} days after its first event was known"
    )


def _instants(
    lives: Lives, ladder: Ladder, start: int | None, end: int, rng: np.random.Generator
) -> tuple[Ints, Times]:
    lives = lives.known_by(end)
    if ladder.score_at:
        lead, as_of = _at_events(lives, rng)
    else:
        lead, as_of = _at_any_instant(lives, ladder, end, rng)
    inside = as_of <= end if start is None else (as_of <= end) & (as_of > start)
    return lead[inside], as_of[inside]


def points_at(log: EventLog, ladder: Ladder, lead: Ints, as_of: Times) -> Points:
    """Those of some instants, as (lead, as_of), at which a score would have been asked for."""
    points = _points(log, ladder, lead, as_of)
    found = points.snapshot
    is_open = (points.position < len(ladder.goals)) & ~found.is_lost
    awake = found.active_within(ladder.dormant_after_days) | (found.last_active == NONE)
    return points.rows(is_open & (awake | bool(ladder.score_at)))


def weekly_instants(log: EventLog, ladder: Ladder, start: int, until: int) -> tuple[Ints, Times]:
    """One instant of each lead and week in (`start`, `until`]: lead and instant, shape (n,) each.

    It is drawn from the lead's id and the week alone, so that what comes later moves none; weeks
    count from when a lead was first known. With `score_at` in the ladder it is the first of the
    week at which such an event became known. A lead of which nothing was learned for
    `dormant_after_days` has none.
    """
    if not len(log):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    period = round(_PERIOD_DAYS * DAY_US)
    born = np.minimum.reduceat(log.known, log.starts[:-1])
    if ladder.score_at:
        rows = link(log, compile_ladder(ladder)).meets_score_at()
        lead, as_of = log.lead_of_rows()[rows], log.known[rows]
        order = np.lexsort((as_of, lead))
        lead, as_of = lead[order], as_of[order]
        week = (as_of - born[lead]) // period
        first = np.append(True, (lead[1:] != lead[:-1]) | (week[1:] != week[:-1]))[: len(lead)]
        lead, as_of = lead[first], as_of[first]
    else:
        first_week = np.maximum(0, (start - born) // period)
        weeks = np.maximum(0, (until - born) // period + 1 - first_week)
        lead = np.repeat(np.arange(len(weeks)), weeks)
        week = np.arange(len(lead)) - np.repeat(np.cumsum(weeks) - weeks, weeks)
        week += first_week[lead]
        share = _drawn(log.leads, lead, week)
        as_of = born[lead] + week * period + (share * period).astype(np.int64)
        keep = as_of - _last_known(log, lead, as_of) <= round(ladder.dormant_after_days * DAY_US)
        lead, as_of = lead[keep], as_of[keep]
    inside = (as_of > start) & (as_of <= until)
    return lead[inside], as_of[inside]


def _drawn(leads: Sequence[str], lead: Ints, week: Ints) -> Floats:
    """Shape (n,), in [0, 1): a number of each lead and week that is the same wherever it is asked.

    The lead's part is BLAKE2b, the week's a step of the golden ratio (Weyl): even over the week.
    """
    parts = [int.from_bytes(blake2b(one.encode(), digest_size=6).digest()) / 2**48 for one in leads]
    return np.asarray((np.array(parts)[lead] + week * _GOLDEN) % 1.0, dtype=np.float64)


def _last_known(log: EventLog, lead: Ints, as_of: Times) -> Times:
    """Shape (n,): when something was last learned of each lead by each instant; it was first."""
    whose = log.lead_of_rows()
    order = np.lexsort((log.known, whose))
    known, whose = log.known[order], whose[order]
    asked = np.lexsort(
        (
            np.repeat([0, 1], [len(known), len(lead)]),
            np.concatenate([known, as_of]),
            np.concatenate([whose, lead]),
        )
    )
    is_event = asked < len(known)
    latest = np.maximum.accumulate(np.where(is_event, np.arange(len(asked)), 0))
    found = np.empty(len(lead), dtype=np.int64)
    found[asked[~is_event] - len(known)] = known[asked[latest[~is_event]]]
    return found


def _points(log: EventLog, ladder: Ladder, lead: Ints, as_of: Times) -> Points:
    order = np.lexsort([as_of, lead])
    lead, as_of = lead[order], as_of[order]
    names = tuple(log.leads[at] for at in lead)
    return Points(lead, snapshot_at(log, compile_ladder(ladder), names, lead, as_of))


def _at_events(lives: Lives, rng: np.random.Generator) -> tuple[Ints, Times]:
    lead, as_of = np.unique(np.stack([lives.lead, lives.known]), axis=1)
    events = np.bincount(lead, minlength=len(lives.starts) - 1)
    counted = _counted(events)
    if (counted == events).all():
        return lead, as_of
    keep = rng.random(len(lead)) < (counted / np.maximum(events, 1))[lead]
    return lead[keep], as_of[keep]


def _counted(events: Ints) -> Ints:
    """Shape (n_leads,): how many of its events each lead may be asked about after.

    That is all of them, but for leads with far more than a busy one: those as many as it.
    """
    some = events[events > 0]
    if len(some) == 0:
        return events
    busy = int(np.quantile(some, _BUSY, method="lower"))
    return np.where(events > max(_LEAST_FAR, _FAR * busy), busy, events)


def _at_any_instant(
    lives: Lives, ladder: Ladder, end: int, rng: np.random.Generator
) -> tuple[Ints, Times]:
    lead_of_rows, leads = lives.lead, len(lives.starts) - 1
    born = np.full(leads, np.iinfo(np.int64).max)
    np.minimum.at(born, lead_of_rows, lives.known)
    last = np.zeros(leads, dtype=np.int64)
    np.maximum.at(last, lead_of_rows, lives.known)
    dies = np.minimum(last + round(ladder.dormant_after_days * DAY_US), end)
    period = round(_PERIOD_DAYS * DAY_US)
    weeks = np.maximum(0, -((born - dies) // period))
    clock_lead = np.repeat(np.arange(len(weeks)), weeks)
    week = np.arange(len(clock_lead)) - np.repeat(np.cumsum(weeks) - weeks, weeks)
    clock = born[clock_lead] + week * period + rng.integers(0, period, len(week))
    # As many instants after events as on the clock, so that neither drowns the other; and so that
    # no lead drowns the others, those of a machine count as those of a busy lead.
    events = np.bincount(lead_of_rows[lives.is_read], minlength=leads)
    counted = _counted(events)
    share = min(1.0, len(clock_lead) / max(1, int(counted.sum())))
    kept = share * (counted / np.maximum(events, 1))
    chosen = (rng.random(len(lives.known)) < kept[lead_of_rows]) & lives.is_read
    low, high = np.log(_AFTER_EVENT_DAYS)
    delay = np.exp(rng.uniform(low, high, int(chosen.sum()))) * DAY_US
    after = lives.known[chosen] + delay.astype(np.int64)
    return (
        np.concatenate([clock_lead, lead_of_rows[chosen]]),
        np.concatenate([clock, after]),
    )
