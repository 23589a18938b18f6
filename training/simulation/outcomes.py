"""How what was agreed with simulated leads ends: a pilot that has run its days succeeds or fails.

Which events are such outcomes is the ladder's to say: what ends a commitment and is interest is its
success, what ends it and speaks against the lead its failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US
from features.ladder.activity import activity_of, is_against
from features.ladder.ladder import EventRule, Ladder
from training.simulation.config import SUCCEEDS_BOUND, SUCCEEDS_QUIET
from training.simulation.log import SimulatedLog
from training.simulation.truth import Told

__all__ = ["PilotEndings"]

_NOTHING: Final = -1


@dataclass(frozen=True, slots=True)
class _Decided:
    """A commitment whose end says how it went.

    Parameters
    ----------
    days : that it runs.
    """

    begun_by: frozenset[str]
    success: str
    failure: str
    days: float


class PilotEndings:
    """The outcomes of what leads of a simulation have agreed to, written into its log.

    Attributes
    ----------
    names : the events that tell an outcome; nothing else makes them.
    """

    def __init__(self, log: SimulatedLog) -> None:
        self.log = log
        self.decided = _decided(log.ladder)
        self.names = frozenset(name for one in self.decided for name in (one.success, one.failure))
        self._running = np.full(log.config.leads, _NOTHING)

    def begin(self, event: str, lead: Ints) -> None:
        """Leads completed a step with an event, which may begin something."""
        begun = [at for at, one in enumerate(self.decided) if event in one.begun_by]
        self._running[lead] = begun[0] if begun else _NOTHING

    def tell(
        self, rung: int, lead: Ints, reached_at: Ints, until: Floats, bound: Bools
    ) -> list[Told]:
        """Write how it went with those who stayed for so long; what that tells of them.

        It has luck of its own, so that a world without outcomes is otherwise the same. Whether an
        outcome is told, and how late, says nothing.

        Parameters
        ----------
        reached_at : when they reached the rung, with what may have begun something.
        until : shape (n,), the days from then to leaving it; inf of those that stay.
        bound : shape (n,), whether they are to go on.
        """
        config = self.log.config
        rng = np.random.default_rng((config.seed, 103, rung))
        is_told = rng.random(len(lead)) < config.outcomes
        late = rng.random(len(lead))
        goes_well = rng.random(len(lead)) < np.where(bound, SUCCEEDS_BOUND, SUCCEEDS_QUIET)
        told = []
        for at, one in enumerate(self.decided):
            ends = one.days - late
            here = is_told & (self._running[lead] == at) & (ends < until)
            ended_at = reached_at + np.maximum(1, ends * DAY_US).astype(np.int64)
            for name, well, bound_share, quiet_share in (
                (one.success, True, SUCCEEDS_BOUND, SUCCEEDS_QUIET),
                (one.failure, False, 1.0 - SUCCEEDS_BOUND, 1.0 - SUCCEEDS_QUIET),
            ):
                some = here & (goes_well == well)
                self.log.emit(name, lead[some], ended_at[some], {})
                weight = np.full(int(some.sum()), np.log(bound_share / quiet_share))
                told.append(Told(lead[some], ended_at[some], weight))
        return told


def _decided(ladder: Ladder) -> tuple[_Decided, ...]:
    """The ladder's commitments that run for some days and end well or badly."""
    completing = {rule.event for goal in ladder.goals for rule in goal.complete_when}
    interest = {rule.event for rule in activity_of(ladder).interest} - completing
    found = []
    for one in ladder.commitments:
        plain = [rule for rule in one.until if not rule.where]
        good = _first(plain, [rule.event in interest for rule in plain])
        bad = _first(plain, [is_against((rule,), ladder) for rule in plain])
        days = one.untold_days  # simulated events say nothing of an end
        if one.begins and days is not None and good and bad:
            begun_by = frozenset(rule.event for rule in one.begins)
            found.append(_Decided(begun_by, good, bad, days))
    return tuple(found)


def _first(rules: Sequence[EventRule], wanted: Sequence[bool]) -> str:
    return next((rule.event for rule, is_it in zip(rules, wanted, strict=True) if is_it), "")
