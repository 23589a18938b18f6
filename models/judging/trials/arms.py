"""Two arms that leads were put into by lot, compared as they were put (intention to treat)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from models.judging.intervals import newcombe, wilson

__all__ = ["FEWEST", "ArmCounts", "RateDifference", "difference_of_rates", "is_off_share"]

FEWEST: Final = 30
"""Leads whose horizon is over that each arm takes for a difference."""
_OFF: Final = 3.29
"""Standard errors beyond which the arms are not what was drawn: by chance once in a thousand."""


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What came of the leads of an arm, for one goal.

    Parameters
    ----------
    leads : how many are in it.
    mature : of how many the horizon is over; the others are pending: unknown, and never lost.
    reached : how many of the mature ones reached the goal.
    even : where not all could have come into the arm with the same chance, the rate as it would be
        if they could, and how many leads of equal weight it rests on.
    """

    leads: int
    mature: int
    reached: int
    even: tuple[float, float] | None = None

    @property
    def pending(self) -> int:
        """Of how many nothing is known yet."""
        return self.leads - self.mature

    @property
    def rate(self) -> float | None:
        """The share of mature leads that reached the goal, `even` if need be; None without any."""
        if self.even is not None:
            return self.even[0]
        return self.reached / self.mature if self.mature else None

    @property
    def worth(self) -> float:
        """How many leads of equal weight the rate rests on."""
        return float(self.mature) if self.even is None else self.even[1]


@dataclass(frozen=True, slots=True)
class RateDifference:
    """A difference of two rates with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out that there is none."""
        return self.low > 0.0 or self.high < 0.0


def difference_of_rates(treated: ArmCounts, control: ArmCounts) -> RateDifference | None:
    """The rate of one arm less that of the other, by Newcombe's hybrid score (1998).

    None where an arm has fewer than `FEWEST` mature leads.
    """
    if treated.rate is None or control.rate is None:
        return None
    if min(treated.mature, control.mature) < FEWEST:
        return None
    one, other = (
        (rate, *wilson(rate * arm.worth, arm.worth))
        for arm, rate in ((treated, treated.rate), (control, control.rate))
    )
    return RateDifference(*newcombe(one, other))


def is_off_share(drawn: int, shares: list[float]) -> bool:
    """Whether so many of the leads, each drawn with its share, cannot be by chance."""
    spread = sqrt(sum(share * (1.0 - share) for share in shares))
    return spread > 0.0 and abs(drawn - sum(shares)) > _OFF * spread + 0.5
