"""What is said of an experiment to whoever has to decide."""

from __future__ import annotations

from functools import partial
from typing import Final

from models.judging.rounding import ends_told
from models.judging.trials.shapes import (
    ComparisonVerdict,
    ExperimentReport,
    GoalOfExperiment,
    Span,
)

__all__ = [
    "VERDICTS",
    "WORTH",
    "about_count",
    "headline",
    "leads_told_of",
    "sentence_of_comparison",
    "sentence_of_ratio",
    "times",
]

WORTH: Final = 0.02
"""A difference of shares below which it is not worth having, at most, where nobody says one."""
_CLAIMED: Final = 3.0
"""So many times as many are said to buy by small steps."""

VERDICTS: Final[dict[ComparisonVerdict, str]] = {
    "helps": "it helps",
    "hurts": "it hurts",
    "no_difference": "no difference worth having",
    "unknown": "whether it helps is not known yet",
}
"""What a comparison comes to, after its figures."""


def sentence_of_comparison(
    arm: str,
    beside: str,
    effect: Span,
    verdict: ComparisonVerdict,
    more: int | None,
    leads: int,
    worth: float,
) -> str:
    """An arm beside the control, in a sentence; `worth` is the difference that is worth having."""
    if effect["value"] is None:
        where = "no lead's time is over" if not leads else "of one of them no lead's time is over"
        return f"Nothing is known of {arm} beside {beside} yet: {where}."
    of = leads_told_of(effect, worth, _LEAST_TOLD)
    low, high = ends_told(effect["low"], effect["high"], partial(_signed, of=of))
    difference = f"{_signed(effect['value'], of)} of {of:,} ({low} to {high})"
    if verdict == "helps":
        return f"{arm} does better than {beside}: {difference} more, by {leads:,} leads."
    if verdict == "hurts":
        return f"{arm} does worse than {beside}: {difference}, by {leads:,} leads."
    if verdict == "no_difference":
        least = f"{of * worth:.2g} of {of:,}"
        return (
            f"Between {arm} and {beside} there is no difference worth having, of {least} or more:"
            f" {difference}."
        )
    leads_more = "lead" if more == 1 else "leads"
    wait = "" if more is None else f" About {about_count(more)} more {leads_more} will tell."
    return f"Whether {arm} does better than {beside} is not known yet: {difference}.{wait}"


def sentence_of_ratio(arm: str, beside: str, ratio: Span) -> str:
    """How many times as many, beside the claim that small steps triple what comes of leads."""
    high = ratio["high"]
    top = "no upper end yet" if high is None else times(high)
    if ratio["value"] is None:
        return f"How many times as many of {arm} buy as of {beside} is not known yet."
    said = (
        f"{times(ratio['value'])} times as many of {arm} buy as of {beside}"
        f" ({times(ratio['low'])} to {top})"
    )
    if ratio["low"] > _CLAIMED:
        return f"{said}: more than three times."
    if high is not None and high < _CLAIMED:
        return f"{said}: less than three times."
    return f"{said}; whether it is three times is not known yet."


def times(ratio: float) -> str:
    """How many times: "2.4"; with more places where else it were told as none, or as the claim."""
    for places in range(1, 5):
        told = f"{ratio:,.{places}f}"
        if float(told.replace(",", "")) not in {0.0, _CLAIMED} - {ratio}:
            return told
    return f"just {'over' if ratio > round(ratio) else 'under'} {round(ratio)}"


def headline(report: ExperimentReport) -> str:
    """The whole in a sentence or two: the lot first, then the purchase, then what is sure else."""
    if report["sample_ratio"]["alarm"]:
        return f"Do not believe the figures: {report['sample_ratio']['says']}"
    if not report["leads"]:
        return "No lead has been put into an arm yet."
    purchase, *steps = report["goals"]
    said = [f"{_goal(purchase)}: {one['says']}" for one in purchase["comparisons"]]
    said += [
        f"{_goal(step)}: {one['says']}"
        for step in steps
        for one in step["comparisons"]
        if one["verdict"] in ("helps", "hurts")
    ]
    return " ".join(said)


def _goal(goal: GoalOfExperiment) -> str:
    return goal["title"]


def leads_told_of(effect: Span, worth: float, least: float = 1.0) -> int:
    """Of how many leads a difference is told: 100, or as many as it takes that it shows.

    Parameters
    ----------
    worth : a difference that is worth having; it is to show, and so is one that is sure.
    least : what shows, of so many leads: by default a whole one.
    """
    low, high, size = effect["low"], effect["high"], worth
    if effect["value"] and (low > 0.0 or (high is not None and high < 0.0)):
        size = min(size, abs(effect["value"]))
    of = 100
    while of * size < least and of < _MOST_LEADS:
        of *= 10
    return of


_LEAST_TOLD: Final = 0.25
_MOST_LEADS: Final = 1_000_000


def _signed(share: float, of: int) -> str:
    told = f"{of * share:+,.1f}"
    return "0.0" if told[1:] == "0.0" else told


def about_count(count: int) -> str:
    """A number to two digits."""
    size = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // size) * size:,}"
