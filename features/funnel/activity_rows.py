"""Which rows of a log are a lead's own interest, and what was known of it at an instant.

The signals know more, and cost more; this is what comparisons of leads that stood at one step need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numba
import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.activity import activity_of
from features.ladder.ladder import Ladder
from features.signals.fold import ACTIVITY, AGAINST, OURS
from features.signals.linked_log import link
from features.signals.program import Compiled, compile_signals

__all__ = ["ActivityRows", "KnownThen", "activity_rows", "known_then"]

_RECENT_US: Final = 7 * DAY_US


@dataclass(frozen=True, eq=False, slots=True)
class ActivityRows:
    """Shape (n_events,) each: what the lead itself did, and what speaks against it."""

    interest: Bools
    against: Bools


@dataclass(frozen=True, eq=False, slots=True)
class KnownThen:
    """What was known of leads just before some instants; every array has shape (n,).

    Parameters
    ----------
    actions : how often each had shown interest.
    recent : of these, in the last 7 days.
    silent_days : since the last one; the days since the first row without one, 0 at least.
    """

    actions: Ints
    recent: Ints
    silent_days: Floats


def activity_rows(log: EventLog, ladder: Ladder) -> ActivityRows:
    """The rows of a log by what they say of the lead's interest, as the ladder has it."""
    linked = link(log, _compiled_activity(ladder, log.columns))
    against = linked.meets(AGAINST)
    interest = linked.meets(ACTIVITY) & ~against & ~linked.meets(OURS)
    return ActivityRows(interest, against)


@lru_cache(maxsize=16)
def _compiled_activity(ladder: Ladder, columns: LogColumns) -> Compiled:
    return compile_signals(
        (),
        goals=(),
        activity=activity_of(ladder),
        columns=columns,
        beats=ladder.beats,
    )


def known_then(log: EventLog, interest: Bools, lead: Ints, instant: Ints) -> KnownThen:
    """What was known of leads at instants, from what had happened before them.

    Parameters
    ----------
    interest : shape (n_events,), which rows count.
    lead, instant : shape (n,), indices of leads, and microseconds since the epoch.
    """
    actions, recent = np.zeros(len(lead), np.int64), np.zeros(len(lead), np.int64)
    silent = np.zeros(len(lead), np.int64)
    clocks = log.starts, log.occurred, log.known
    _count_before(clocks, interest, lead, instant, (actions, recent, silent))
    return KnownThen(actions, recent, silent / DAY_US)


@numba.njit(cache=True, nogil=True)
def _count_before(
    clocks: tuple[Ints, Ints, Ints],
    interest: Bools,
    lead: Ints,
    instant: Ints,
    into: tuple[Ints, Ints, Ints],
) -> None:
    (starts, occurred, known), (actions, recent, silent) = clocks, into
    for at in range(len(lead)):
        now, first = instant[at], starts[lead[at]]
        if first < starts[lead[at] + 1]:
            silent[at] = max(0, now - occurred[first])
        for row in range(first, starts[lead[at] + 1]):
            if occurred[row] >= now:
                break
            if not interest[row] or known[row] >= now:
                continue
            actions[at] += 1
            recent[at] += now - occurred[row] < _RECENT_US
            silent[at] = now - occurred[row]
