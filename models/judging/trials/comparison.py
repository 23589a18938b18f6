"""One goal of an experiment: each arm beside the control, at every look that somebody may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from models.judging.trials.sequences import (
    Sequence as Watched,
)
from models.judging.trials.sequences import (
    effect_sequence,
    expected_outcomes,
    relative_risk_sequence,
)
from models.judging.trials.shapes import (
    ArmComparison,
    ArmOfGoal,
    ComparisonVerdict,
    CoursePoint,
    Span,
)
from models.judging.trials.wording import WORTH, sentence_of_comparison

__all__ = ["WORTH", "Drawn", "arm_counts", "compared"]

_PART: Final = 0.2
"""A difference below this part of what the control reaches is not worth having: where of 100 who
would have come at least 80 do, two ways count as alike, as in bioequivalence and for groups."""

_ERROR: Final = 0.05
_COURSE: Final = 60
"""Points of the way that an interval took."""
_RADIUS: Final = 9.0
"""An interval is about this much, times the variance, over the leads, wide to each side, squared:
(3 standard errors)**2, where a single look would take 1.96**2."""
_NORMAL: Final = np.array([NormalDist().inv_cdf((at + 0.5) / 51) for at in range(51)])
"""The normal distribution as so many equally likely values."""


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """The leads of an experiment in the order of the lots, for one goal; n leads.

    Parameters
    ----------
    arm : shape (n,), which arm each was put into, as 0, 1, 2, ...
    share : shape (n, n_arms), with which share each could have come into each arm.
    reached : shape (n,), whether it reached the goal within its horizon.
    is_mature : shape (n,), whether the horizon is over.
    known : shape (n, d), what was known of each before the lot; NaN where absent.
    """

    arm: Ints
    share: Floats
    reached: Bools
    is_mature: Bools
    known: Floats

    def __len__(self) -> int:
        return len(self.arm)

    def rows(self, keep: Bools) -> Drawn:
        """Some of the leads."""
        return Drawn(
            self.arm[keep],
            self.share[keep],
            self.reached[keep],
            self.is_mature[keep],
            self.known[keep],
        )


def arm_counts(drawn: Drawn, arms: Sequence[str]) -> list[ArmOfGoal]:
    """What came of the leads of each arm."""
    counts: list[ArmOfGoal] = []
    for at, arm in enumerate(arms):
        own = drawn.arm == at
        mature = drawn.rows(own & drawn.is_mature)
        counts.append(
            {
                "arm": arm,
                "leads": int(own.sum()),
                "pending": int(own.sum()) - len(mature),
                "reached": int(mature.reached.sum()),
                "rate": _rate(mature, at),
            }
        )
    return counts


def _rate(own: Drawn, at: int) -> float | None:
    """The share of an arm's leads that reached the goal; None without any.

    Where not all could have come into it with the same chance, those that were likely to are too
    many in it: each counts by one over its chance (Hajek 1971).
    """
    if not len(own):
        return None
    chance = own.share[:, at]
    if np.ptp(chance) == 0.0:
        return int(own.reached.sum()) / len(own)
    return float(np.average(own.reached, weights=1.0 / chance))


def compared(
    drawn: Drawn,
    arms: Sequence[str],
    control: int,
    worth: float | None = None,
    *,
    together: int = 1,
) -> list[ArmComparison]:
    """Each arm beside the control, all of them at 95 % together.

    Parameters
    ----------
    control : the place of the control among the arms.
    worth : a difference of shares below which it is not worth having; by default a fifth of what
        the control reaches, and at most `WORTH`.
    together : of how many such sets of arms all intervals are to hold together.
    """
    others = [at for at in range(len(arms)) if at != control]
    level = 1.0 - _ERROR / max(1, len(others) * together)
    return [_compared(drawn, at, control, arms[at], arms[control], worth, level) for at in others]


def _compared(
    drawn: Drawn, at: int, control: int, arm: str, beside: str, said: float | None, level: float
) -> ArmComparison:
    both = drawn.rows(drawn.is_mature & ((drawn.arm == at) | (drawn.arm == control)))
    treated = both.arm == at
    share = both.share[:, at] / (both.share[:, at] + both.share[:, control])
    outcome = both.reached.astype(np.float64)
    expected = expected_outcomes(both.known, treated, share, outcome)
    effect = effect_sequence(treated, share, outcome, expected, level=level)
    ratio = relative_risk_sequence(treated, share, outcome, level=level)
    is_two = bool(treated.any() and not treated.all())  # of one arm alone there is no difference
    # What is told is the difference of the rates that stand beside it; the interval is surer than
    # theirs, as it takes out what was known before the lot.
    rate, other = (
        _rate(both.rows(own), one) or 0.0 for own, one in ((treated, at), (~treated, control))
    )
    span = _span(effect, rate - other, (-1.0, 1.0), is_two=is_two)
    times = rate / other if other > 0.0 else np.nan
    worth = _worth(other, int((~treated).sum())) if said is None else said
    verdict = _verdict(span, worth)
    more = None if verdict != "unknown" else _more(both, share, span, worth)
    decided = effect.decided
    return {
        "arm": arm,
        "leads": len(both),
        "effect": span,
        "ratio": _span(ratio, times, (0.0, np.inf), is_two=is_two),
        "decided_after": None if decided is None else decided + 1,
        "verdict": verdict,
        "worth": worth,
        "more": more,
        "says": sentence_of_comparison(arm, beside, span, verdict, more, len(both), worth),
        "course": _course(effect) if is_two else [],
    }


def _span(watched: Watched, value: float, nothing: tuple[float, float], *, is_two: bool) -> Span:
    """A figure with where its sequence stands; the widest there is until both arms have a lead."""
    if not is_two:
        low, high = nothing
        return {"value": None, "low": low, "high": high if np.isfinite(high) else None}
    low, high = float(watched.low[-1]), float(watched.high[-1])
    return {
        "value": min(max(value, low), high) if np.isfinite(value) else None,
        "low": low,
        "high": high if np.isfinite(high) else None,
    }


def _worth(rate: float, leads: int) -> float:
    """From which difference on it is worth having, by what so many of the control have reached."""
    return min(WORTH, _PART * (rate * leads + 1.0) / (leads + 2.0))  # of few, never 0


def _verdict(effect: Span, worth: float) -> ComparisonVerdict:
    low, high = effect["low"], effect["high"]
    assert high is not None  # noqa: S101 a difference of shares is bounded
    if low > 0.0:
        return "helps"
    if high < 0.0:
        return "hurts"
    return "no_difference" if low >= -worth and high <= worth else "unknown"


def _more(both: Drawn, share: Floats, effect: Span, worth: float) -> int | None:
    """About how many more leads of both arms it takes until something is sure."""
    n, value, high = len(both), effect["value"], effect["high"]
    if value is None or high is None:
        return None
    rate = (float(both.reached.sum()) + 1.0) / (n + 2.0)  # of few, never 0 or 1: nothing is sure
    each = rate * (1.0 - rate) * float((1.0 / (share * (1.0 - share))).mean())
    # It is sure of a difference once the interval leaves out 0, and of none once it lies within
    # `worth`: how near that is depends on the difference, and that is known so well only.
    likely = np.abs(value + _NORMAL * np.sqrt(each / n))
    size = float(np.median(np.maximum(likely, worth - likely)))
    needed = _RADIUS * each / size**2
    if needed <= 2 * n:  # it should be narrow by now: from how it is, it goes by 1 / sqrt(n)
        needed = n * _too_wide(value, value - effect["low"], high - value, worth) ** 2
    return max(1, round(needed) - n)


def _too_wide(value: float, below: float, above: float, worth: float) -> float:
    """How many times as wide an interval is as would be sure, where its estimate stays.

    Parameters
    ----------
    below, above : how far its ends are from the estimate.
    """
    times = [np.inf]
    if value != 0.0:  # sure of a difference
        times.append((below if value > 0.0 else above) / abs(value))
    if abs(value) < worth:  # sure of none
        times.append(max(below / (worth + value), above / (worth - value)))
    return float(min(times))


def _course(watched: Watched) -> list[CoursePoint]:
    """The way of an interval, at about evenly spread points of which the last is now."""
    n = len(watched)
    places = np.unique(np.linspace(0, max(n - 1, 0), min(n, _COURSE)).round().astype(np.int64))
    return [
        {
            "leads": at + 1,
            "value": float(watched.value[at]),
            "low": float(watched.low[at]),
            "high": float(watched.high[at]),
        }
        for at in places.tolist()
    ]
