"""The stays of leads: from when on each stood before a step of the ladder, and how that ended.

One compiled walk over the log finds them all. Rates, cohorts, segments, lists and diagnoses are
told from stays, so that they agree with each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from features.arrays import Bools, Ints
from features.events.log import DAY_US, Codes, EventLog, LogColumns, Times
from features.funnel import walk as walked
from features.funnel.states import State
from features.funnel.walk import FIELDS, walk
from features.ladder.ladder import Ladder, Trait
from features.signals.fold import NONE, Events, Program
from features.signals.linked_log import link
from features.signals.program import Compiled, compile_signals
from features.threads import in_threads, processors

__all__ = ["Stays", "stays_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Stays:
    """Stays of leads before steps; every array without another shape has shape (n,).

    Instants are microseconds since the epoch, by when things happened; `NONE` of
    `features.signals.fold` stands for never. Stays are in the order of leads and of time.

    Parameters
    ----------
    ladder : whose steps they are before.
    leads : the log's leads; `lead` holds indices into it.
    goal : the place of the step among `ladder.goals`.
    began : when the lead began this round on the ladder.
    entered : when it came to stand before the step: it had completed the step before, or one above
        that; before the first, when it was first known, or began anew.
    advanced : when it completed the step, or one above it.
    lost : since when it is lost by the ladder's rule, unless it went on.
    left : since when it has opted out.
    passed : whether it never stood there: it completed a step above the one it stood before.
    traits : shape (n_traits, n), codes into `values` of what was known of it when it entered; -1
        where a trait was not known.
    trait_ids, values : the ladder's traits that are categories and not protected, and their texts.
    until : what was known by then was read.
    counted_until : what happened by then is counted: news of it has most likely arrived.
    """

    ladder: Ladder
    leads: tuple[str, ...]
    lead: Ints
    goal: Ints
    began: Times
    entered: Times
    advanced: Times
    lost: Times
    left: Times
    passed: Bools
    traits: Codes
    trait_ids: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    until: int
    counted_until: int

    def __len__(self) -> int:
        return len(self.lead)

    def rows(self, keep: Bools | Ints) -> Stays:
        """Some of the stays."""
        if keep.dtype == np.bool_:
            keep = np.flatnonzero(keep)  # looked for once, and not for each array
            if len(keep) == len(self):
                return self
        held = ("lead", "goal", "began", "entered", "advanced", "lost", "left", "passed")
        some = {name: getattr(self, name)[keep] for name in held}
        return replace(self, **some, traits=self.traits[:, keep])

    def at(self, goal: int) -> Stays:
        """Those before one step."""
        return self.rows(self.goal == goal)

    def where(self, trait: str, value: str | None) -> Bools:
        """Shape (n,): whether a trait had a value when the lead entered; None: was not known.

        Raises
        ------
        ValueError : no such trait is told apart.
        """
        row = self.trait_ids.index(trait)
        words = self.values[row]
        code = -1 if value is None else words.index(value) if value in words else len(words)
        return np.asarray(self.traits[row] == code)

    @property
    def horizon(self) -> Ints:
        """Shape (n,): within how many microseconds each is expected to go on."""
        days = np.array([goal.horizon_days for goal in self.ladder.goals])
        return np.round(days * DAY_US).astype(np.int64)[self.goal]

    @property
    def is_mature(self) -> Bools:
        """Shape (n,): whether the time of each is over."""
        return np.asarray(self.entered + self.horizon <= self.counted_until)

    @property
    def state(self) -> Ints:
        """Shape (n,): the `State` of each."""
        ends = np.minimum(self.entered + self.horizon, self.counted_until)
        found = np.where(self.is_mature, int(State.LAPSED), int(State.PENDING))
        found[(self.lost != NONE) & (self.lost <= ends)] = State.LOST
        out = (self.left != NONE) & (self.left <= ends)
        found[out] = State.LEFT
        in_time = (self.advanced != NONE) & (self.advanced <= ends)
        found[in_time & ~(out & (self.left < self.advanced))] = State.ADVANCED
        return found

    @property
    def followed(self) -> Ints:
        """Shape (n,): how long one could have seen it go on, in microseconds, 0 at least."""
        return np.asarray(np.clip(self.counted_until - self.entered, 0, self.horizon))


def stays_of(
    log: EventLog,
    ladder: Ladder,
    until: int | None = None,
    left: Mapping[str, int] | None = None,
) -> Stays:
    """All stays of a log's leads that began by the time that is counted.

    Parameters
    ----------
    until : by what was known then, in microseconds since the epoch (default, and at most: the last
        event).
    left : the leads that opted out, and since when; what they did later is not read.
    """
    until = log.judged_until(until)
    compiled = _compiled(ladder, log.columns)
    linked = link(log, compiled)
    known = [trait.id for trait in _told_apart(ladder) if trait.id in log.columns.texts]
    columns = np.array([log.columns.texts.index(one) for one in known], dtype=np.int64)
    name = ladder.events.traits
    code = log.names.index(name) if name in log.names else -1
    left_at = np.full(len(log.leads), NONE, dtype=np.int64)
    for lead_id, at in (left or {}).items():
        left_at[log.index_of(lead_id)] = at
    # One instant for all steps, so that their counts are of the same leads: the slowest decides.
    counted_until = until - int(linked.arrival_delays(until).max())
    found, traits = _walked(linked.events, compiled.program, until, code, columns)
    stays = Stays(
        ladder=ladder,
        leads=log.leads,
        lead=found[walked.LEAD],
        goal=found[walked.GOAL],
        began=found[walked.BEGAN],
        entered=found[walked.ENTERED],
        advanced=found[walked.ADVANCED],
        lost=found[walked.LOST],
        left=left_at[found[walked.LEAD]],
        passed=found[walked.PASSED] == 1,
        traits=traits,
        trait_ids=tuple(known),
        values=tuple(log.text_values[at] for at in columns.tolist()),
        until=until,
        counted_until=counted_until,
    )
    seen = (stays.left == NONE) | (stays.entered <= stays.left)
    return stays.rows(seen & (stays.entered <= counted_until))


def _told_apart(ladder: Ladder) -> list[Trait]:
    """The traits by which leads are told apart: categories, nothing personal or protected."""
    return [one for one in ladder.traits if one.type == "category" and not one.personal]


@lru_cache(maxsize=16)
def _compiled(ladder: Ladder, columns: LogColumns) -> Compiled:
    return compile_signals(
        (),
        goals=tuple((goal.complete_when, goal.horizon_days) for goal in ladder.goals),
        restart_on=ladder.restart_on,
        lost_when=ladder.lost_when,
        back_when=ladder.back_when,
        columns=columns,
        beats=ladder.beats,
    )


def _walked(
    events: Events, program: Program, until: int, trait_name: int, columns: Ints
) -> tuple[Ints, Codes]:
    """All stays, shape (n_fields, n), and their traits, shape (n_traits, n); walked twice.

    The first walk counts what the second fills; each thread has leads of its own.
    """
    leads = len(events.starts) - 1
    parts = np.linspace(0, leads, 4 * processors() + 1).astype(np.int64)
    counts = np.zeros(leads + 1, dtype=np.int64)
    bounds = list(zip(parts[:-1].tolist(), parts[1:].tolist(), strict=True))
    nothing = np.empty((FIELDS, 0), np.int64), np.empty((len(columns), 0), np.int32)
    args = (events, program, until, trait_name, columns)
    in_threads(
        [partial(walk, first, last, *args, counts, False, *nothing) for first, last in bounds]
    )
    starts = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
    found = np.empty((FIELDS, int(starts[-1])), dtype=np.int64)
    traits = np.empty((len(columns), int(starts[-1])), dtype=np.int32)
    in_threads(
        [partial(walk, first, last, *args, starts, True, found, traits) for first, last in bounds]
    )
    return found, traits
