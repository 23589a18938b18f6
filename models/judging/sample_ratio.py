"""Whether leads are put into arms as was meant, asked after every lead (sequential sample ratio).

Arms that do not have the leads that the lot gives them are a mistake somewhere, and nothing that is
compared between them holds. The evidence is how much better somebody would have foretold each
lead's arm who learns from the arms of earlier leads, than the shares that were meant do: with equal
shares for all that is the multinomial test with a Dirichlet prior (Lindon and Malek 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from features.errors import EventsError

__all__ = ["SampleRatio", "sample_ratio"]

LEVEL: Final = 0.99
_PRIOR: Final = 100.0
"""Leads that what was meant is worth to who learns: k of them expect shares some 0.5 / sqrt(k) from
two equal ones, here 0.05. Of 50/50 it finds 55/45 at 1,080 leads in the median; with 5 at 1,220,
for that is lost on wild guesses, and with 1,000 at 1,500, for that hardly learns."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class SampleRatio:
    """How surely the arms are not what was meant, after each lead.

    Parameters
    ----------
    evidence : shape (n,), the logarithm of an e-value against the shares that were meant.
    p : shape (n,), a p-value that may be looked at after every lead; it never rises.
    alarm : the index of the lead after which it is sure; None while it is not.
    """

    evidence: Floats
    p: Floats
    alarm: int | None


def sample_ratio(arm: Ints, shares: Floats, *, level: float = LEVEL) -> SampleRatio:
    """Judge arms by the shares that leads were drawn with.

    Parameters
    ----------
    arm : shape (n,), the column of `shares` that each lead was put into, in the order of the lots.
    shares : shape (n, k), what was meant for each lead; rows sum to 1, and may differ: 0 where an
        arm was closed.
    level : there is an alarm with a chance of at most 1 - level, over all looks together, if the
        arms are as was meant. Default 0.99: who runs ten experiments a year wants no alarm of
        chance in most years.

    Raises
    ------
    EventsError : an array has another shape, a row of `shares` holds no probabilities, or a lead is
        in an arm that it could not be drawn into; names the first row.
    """
    if not 0.0 < level < 1.0:
        raise EventsError(f"a level lies between 0 and 1, not at {level:g}")
    _refuse(arm, shares)
    rows = np.arange(len(arm))
    drawn = np.zeros_like(shares)
    drawn[rows, arm] = 1.0
    # What each arm got before a lead over what it was to get, both from the same start. The start
    # may know the lead's own shares, which stood before its lot, and no later ones.
    meant = shares.cumsum(axis=0)
    start = _PRIOR * meant / np.arange(1, len(arm) + 1)[:, None]
    got, due = (start + one.cumsum(axis=0) - one for one in (drawn, shares))
    learned = shares * np.divide(got, due, out=np.ones_like(due), where=due > 0.0)
    learned /= learned.sum(axis=1, keepdims=True)
    evidence = np.log(learned[rows, arm] / shares[rows, arm]).cumsum()
    p = np.minimum(1.0, np.exp(-np.maximum.accumulate(evidence))) if len(arm) else evidence
    sure = evidence >= -np.log(1.0 - level)
    return SampleRatio(evidence, p, int(sure.argmax()) if sure.any() else None)


def _refuse(arm: Ints, shares: Floats) -> None:
    n = len(arm)
    if shares.ndim != 2 or shares.shape[0] != n or arm.ndim != 1:
        raise EventsError(f"arm {arm.shape}, shares {shares.shape}: not (leads,), (leads, arms)")
    for wrong, problem in (
        (~(shares >= 0.0).all(axis=1), "a share is below 0 or missing"),
        (~(np.abs(shares.sum(axis=1) - 1.0) <= _ROUNDING), "the shares do not sum to 1"),
        ((arm < 0) | (arm >= shares.shape[1]), "the arm has no column"),
    ):
        if wrong.any():
            raise EventsError(f"row {int(wrong.argmax())}: {problem}")
    could_not = shares[np.arange(n), arm] == 0.0
    if could_not.any():
        raise EventsError(f"row {int(could_not.argmax())}: its arm had a share of 0")
