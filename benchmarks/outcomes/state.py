"""Where the leads of a world stand on a day; what nobody but the world knows."""

from __future__ import annotations

import numpy as np

from features.arrays import Bools, Floats, Ints

__all__ = ["FAILED", "NONE", "RUNNING", "SUCCEEDED", "State"]

NONE, RUNNING, SUCCEEDED, FAILED = range(4)
"""Of a pilot."""
_NEVER = -10_000


class State:
    """An entry of each array a lead.

    Attributes
    ----------
    rung : how many goals are completed; all of them after the purchase.
    depth : of the last completion, from -1 to 1.
    drift : how far the intent has wandered.
    mood : what was done to it, added to the intent.
    is_gone : for good.
    ask_gain, ask_until : of the last ask, felt before that day; the same for help by a person.
    support_until : the day before which help without an ask is felt.
    booked_until : the day of a session or webinar; -1 without one.
    pilot, pilot_until : how it stands, and the day on which it ends.
    asks : how many asks were made lately, halved in a week.
    asked, called : the days of the last ask and the last call.
    bought : the day of the purchase; -1 before.
    """

    def __init__(self, leads: int) -> None:
        def zeros() -> Floats:
            return np.zeros(leads)

        def days(at: int = _NEVER) -> Ints:
            return np.full(leads, at)

        self.rung: Ints = days(0)
        self.depth = zeros()
        self.drift = zeros()
        self.mood = zeros()
        self.is_gone: Bools = np.zeros(leads, dtype=np.bool_)
        self.ask_gain, self.ask_until = zeros(), days()
        self.help_gain, self.help_until = zeros(), days()
        self.support_until = days()
        self.booked_until = days(-1)
        self.pilot, self.pilot_until = days(NONE), days()
        self.asks = zeros()
        self.asked, self.called = days(), days()
        self.bought = days(-1)

    def fork(self) -> State:
        """A state that goes on from here on its own."""
        other = State.__new__(State)
        for name, held in vars(self).items():
            setattr(other, name, held.copy())
        return other
