"""What a comparison comes to, in words: what is sure, or how long it takes until something is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from models.judging.trials.shapes import ComparisonVerdict
from models.judging.trials.wording import about_count
from serving.pages.common import words

__all__ = ["TrialVerdict", "in_time", "verdict_said"]

_TOO_LONG: Final = 104.0
"""Weeks beyond which nobody waits."""


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """A verdict: what it is, how it looks, and what is to be known beside it.

    Parameters
    ----------
    kind : of the style: good, bad, even (nothing to gain) or open.
    """

    text: str
    kind: Literal["good", "bad", "even", "open"]
    aside: str = ""


def verdict_said(
    verdict: ComparisonVerdict,
    more: int | None,
    weeks: float | None,
    *,
    worth: float | None = None,
    is_over: bool = False,
) -> TrialVerdict:
    """A verdict in words.

    Parameters
    ----------
    more : about how many more leads it takes; None where nothing is known of either side.
    weeks : in which these will be there; None where nobody comes.
    worth : from which difference on it is worth having; None in a report of an earlier version.
    is_over : whether it was ended: nobody comes any more.
    """
    if verdict == "helps":
        return TrialVerdict("Helps", "good")
    if verdict == "hurts":
        return TrialVerdict("Hurts", "bad")
    if verdict == "no_difference":
        least = "" if worth is None else f"worth having is {100 * worth:.2g} of 100 or more"
        return TrialVerdict("No difference worth having", "even", least)
    if is_over:
        return TrialVerdict("Ended before it was known", "open")
    if more is None:
        return TrialVerdict("Not known yet", "open", "nobody's time is over yet")
    leads = f"about {about_count(more)} more {'lead' if more == 1 else 'leads'}"
    return TrialVerdict("Not known yet", "open", f"{leads}, {in_time(weeks)}")


def in_time(weeks: float | None) -> str:
    """When that will be: "6 weeks at this rate"."""
    if weeks is None:
        return "and nobody comes at present"
    if weeks > _TOO_LONG:
        return "more than two years at this rate"
    days = round(7.0 * weeks)
    if days < 14:
        return "a day at this rate" if days <= 1 else f"{days} days at this rate"
    return f"{words.count(round(weeks))} weeks at this rate"
