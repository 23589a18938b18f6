"""Luck that is the same whatever is done: numbers keyed by world, day and what they decide."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from features.arrays import Floats, Ints

__all__ = ["Luck", "Of", "counts"]


class Of(IntEnum):
    """What a lead needs luck for on a day."""

    DRIFT = 1
    GONE = 2
    CLOSED = 3
    STEP = 4
    DEPTH = 5
    WAY = 6
    DELAY = 7
    SHOW = 8
    PILOT = 9
    ACTIONS = 10
    WHAT = 11
    DETAIL = 12
    WHEN = 13
    ASKS = 14
    MAIL_DECLINED = 15
    MAIL_UNSUBSCRIBED = 16
    CALL_DECLINED = 17
    CALL_UNSUBSCRIBED = 18
    SEEN = 19
    RECOVERS = 20
    REFUSES = 21


class Luck:
    """Numbers in [0, 1) for every lead of a world.

    Parameters
    ----------
    seed : of the world.
    leads : how many there are from the first day to the last, those to come among them.
    """

    def __init__(self, seed: int, leads: int) -> None:
        self.seed, self.leads = seed, leads
        self._held: dict[tuple[int, Of], Floats] = {}

    def of(self, day: int, what: Of) -> Floats:
        """Shape (n_leads,): the luck of each lead on a day."""
        key = (day, what)
        if key not in self._held:
            if any(held < day for held, _ in self._held):
                self._held.clear()  # a day that is over is not asked for again
            self._held[key] = self._rng(day, what).random(self.leads)
        return self._held[key]

    def slots(self, day: int, what: Of, count: int) -> Floats:
        """Shape (count, n_leads): luck for so many things of one kind a lead."""
        return self._rng(day, what).random((count, self.leads))

    def normal(self, day: int, what: Of) -> Floats:
        """Shape (n_leads,): standard normal luck of each lead on a day."""
        return self._rng(day, what).standard_normal(self.leads)

    def _rng(self, day: int, what: Of) -> np.random.Generator:
        return np.random.default_rng((self.seed, day, what))


def counts(luck: Floats, rate: Floats, most: int) -> Ints:
    """Shape (n,): Poisson numbers from luck in [0, 1), at most so many; more luck, more of them."""
    term = np.exp(-rate)
    below, number = term.copy(), np.zeros(len(rate), dtype=np.int64)
    for at in range(1, most + 1):
        number += luck >= below
        term = term * rate / at
        below += term
    return number
