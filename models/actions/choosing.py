"""With which probability each action is chosen: inverse gap weighting.

The better an action is thought than another, and the more that thought rests on, the more often it
is chosen; the others keep a share, so that what is believed can be found wrong (SquareCB: Foster
and Rakhlin, Beyond UCB, 2020).
"""

from __future__ import annotations

from math import sqrt
from typing import Final

from features.arrays import Floats

__all__ = ["EXPLORED", "chances"]

EXPLORED: Final = 0.04
"""This share of choices is spread evenly, whatever is believed: the world may change."""
_SHARPNESS: Final = 10.0


def chances(worths: Floats, events: int) -> Floats:
    """The probabilities that actions are chosen with; shape (n_actions,), positive, adding up to 1.

    Parameters
    ----------
    worths : what each is thought worth; rewards lie in [-1, 1].
    events : how many that rests on.
    """
    count = len(worths)
    best = int(worths.argmax())
    shares: Floats = 1.0 / (count + _SHARPNESS * sqrt(events) * (worths[best] - worths))
    shares[best] = 0.0
    shares[best] = 1.0 - shares.sum()
    return (1.0 - EXPLORED) * shares + EXPLORED / count
