"""How long news of completions takes: what is waited for before a silence counts as a no."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from features.arrays import Ints

__all__ = ["CompletionReports"]

_MOST_ARRIVED: Final = 0.99
"""The share of completions whose news has arrived once one has waited long enough."""
_LATEST: Final = 1
"""Of few completions so many of those that took longest are not waited for: one that was found
again after a year must not keep a goal from being judged for a year."""
_ONE_GO_US: Final = 7 * 86_400_000_000
"""What is brought within so long is brought in one go."""
_WORTH_LEAVING_OUT: Final = 0.5
"""What came in one go is left out only where less than this part of the wait is left."""


class CompletionReports(NamedTuple):
    """Completions, by when they happened and when that became known: each of shape (n,)."""

    goal: Ints
    occurred: Ints
    known: Ints

    def delays(self, n_goals: int) -> Ints:
        """Shape (n_goals,): how long to wait for late arrivals of each goal, in microseconds.

        It is the time that 99 % of the goal's completions took. What had happened before any news
        of the goal came is history that was brought later, and tells nothing of how long news
        takes; where a goal has nothing else, it is waited for as for all goals together. Nor does
        what was brought later in one go, as when a second tool is connected or a gap is filled:
        that comes once, and news of tomorrow will not take as long.
        """
        waits = self.known - self.occurred
        delays = np.full(n_goals, _most_wait(waits), dtype=np.int64)
        for goal in np.unique(self.goal).tolist():
            here = self.goal == goal
            as_it_came = here & (self.occurred >= self.known[here].min())
            if as_it_came.any():
                delays[goal] = _usual_wait(self.occurred[as_it_came], self.known[as_it_came])
        return delays


def _usual_wait(occurred: Ints, known: Ints) -> int:
    """The time that most reports of a goal took, without those that were brought in one go.

    Such were overtaken: they happened before news that had come a week earlier than theirs. Where
    reports are told at intervals, however long, the next ones are not; where some come late again
    and again, to leave out those of one week changes little.
    """
    waits = known - occurred
    usual = _most_wait(waits)
    if usual <= _ONE_GO_US:
        return usual
    news = np.sort(known)
    before = np.searchsorted(news, known - _ONE_GO_US)
    overtaken = np.flatnonzero((before > 0) & (occurred < news[before - 1]))
    if len(overtaken) == 0:
        return usual
    came = np.sort(known[overtaken])
    until = np.searchsorted(came, came + _ONE_GO_US, side="right")
    first = int(np.argmax(until - np.arange(len(came))))  # of the week in which most came
    known_then = known[overtaken]
    at_once = (known_then >= came[first]) & (known_then <= came[first] + _ONE_GO_US)
    rest = _most_wait(np.delete(waits, overtaken[at_once]))
    return rest if rest < _WORTH_LEAVING_OUT * usual else usual


def _most_wait(waits: Ints) -> int:
    if len(waits) == 0:
        return 0
    return int(np.quantile(waits, max(0.0, min(_MOST_ARRIVED, 1.0 - _LATEST / len(waits)))))
