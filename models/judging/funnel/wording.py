"""What is said of a step to whoever asks where leads stop."""

from __future__ import annotations

from math import ceil, log10

from features.ladder.ladder import Band, Step
from features.ladder.words import things
from models.judging.funnel.shapes import BandVerdict, LeadCounts, Lever, Rate, Trend

__all__ = [
    "again_said",
    "band_words",
    "counted_said",
    "in_100",
    "lever_said",
    "nobody_waited",
    "of_100",
    "sentence_of",
    "weeks_said",
]

_MANY = (100, 1_000, 10_000, 100_000)
"""Of so many the whole way is told: the fewest of whom five come so far, and one more then."""


def counted_said(leads: int, as_of: str, counted_until: str, whose: str = "") -> str:
    """Which leads are counted, and until when.

    Parameters
    ----------
    as_of, counted_until : the instants of the funnel, as they are to be shown.
    whose : in brackets, whom alone was asked for.
    """
    said = f"By what was known at {as_of}, of {things(leads, 'lead')}{whose}"
    if as_of == counted_until:
        return f"{said}."
    return (
        f"{said} that had come by {counted_until}: what happened later does not count yet, as news"
        " of it may still come."
    )


def again_said(again: int) -> str:
    """That a lead counts each time it comes to a step, where some came to one more than once.

    Parameters
    ----------
    again : how many did; "" where it is nobody.
    """
    if not again:
        return ""
    began = "1 lead has begun" if again == 1 else f"{again:,} leads have begun"
    return (
        f"{began} the ladder anew and came to a step more than once: each time counts, and lists"
        " name a lead once, by its last time"
    )


def sentence_of(
    counts: LeadCounts,
    rate: Rate,
    verdict: BandVerdict,
    goal: Step,
    trend: Trend | None,
    *,
    leads: int,
) -> str:
    """A step in two or three sentences.

    Parameters
    ----------
    leads : how many different ones came; fewer than came where some began the ladder anew.
    """
    if not counts["came"]:
        return "Nobody has come so far yet."
    is_again = leads < counts["came"]
    if rate["value"] is None:
        went = f"{counts['advanced']:,} of them" if counts["came"] > 1 else "it"
        came = f"{things(leads, 'lead')} came"
        if is_again:
            came = f"{came} {counts['came']:,} times"
        already = f", and {went} went on already" if counts["advanced"] else ""
        return f"{nobody_waited(goal.horizon_days)} yet: {came}{already}."
    said = [
        f"{of_100(rate['value'])} go on within {things(goal.horizon_days, 'day')}"
        f" ({in_100(rate['low'])} to {in_100(rate['high'])}){_beside(verdict, goal.band)}."
    ]
    if counts["pending"]:
        verb = "has" if counts["pending"] == 1 else "have"
        many = f"{counts['pending']:,}" if is_again else things(counts["pending"], "lead")
        said.append(f"{many} still {verb} time.")
    if is_again:
        said.append(f"Counted are the {counts['came']:,} times that {things(leads, 'lead')} came.")
    if trend is not None and trend["low"] is not None and trend["high"] is not None:
        said += _moved(trend["difference"] or 0.0, trend["low"], trend["high"], trend["days"])
    return " ".join(said)


def lever_said(lever: Lever, last: str) -> str:
    """A lever with its arithmetic, and what that takes for granted, in a sentence.

    Parameters
    ----------
    last : the id of the purchase.
    """
    now, then = lever["now"], lever["then"]
    enough = max(1.0 / (then - now), 5.0 / now if now else 0.0)
    many = next((one for one in _MANY if one >= enough), _MANY[-1])
    reach = "buy" if lever["end"] == last else f"reach {lever['end_title']}"
    return (
        f"If {lever['title']} went from {in_100(lever['rate'])} to {in_100(lever['worth'])} of 100,"
        f" of {many:,} who enter {many * then:,.0f} would {reach} instead of {many * now:,.0f}, as"
        " long as those who come through besides go on like the others."
    )


def of_100(share: float) -> str:
    """A share as so many of 100."""
    return f"{in_100(share)} of 100"


def in_100(share: float) -> str:
    """A share as so many of 100: "23"; below one with the places it takes: "0.6", "0.001"."""
    many = max(0.0, 100.0 * share)  # never "-0"
    if not 0.0 < many < 1.0:
        return f"{many:.0f}"
    return f"{many:.{max(1, ceil(-log10(many)))}f}"


def band_words(low: float, high: float) -> str:
    """A band as so many of 100: "40 to 60"; "10", where both ends are said alike."""
    return f"{in_100(low)} to {in_100(high)}" if in_100(low) != in_100(high) else in_100(low)


def weeks_said(weeks: float) -> str:
    """How long something takes, in whole weeks: "1 week", "12 weeks"; never none."""
    return things(max(1, round(weeks)), "week")


def nobody_waited(days: float) -> str:
    """That the time of a step is over for none of those who stand before it."""
    are = "is" if days == 1 else "are"
    return f"Of those who still stand there nobody's {things(days, 'day')} {are} over"


def _beside(verdict: BandVerdict, band: Band | None) -> str:
    if band is None or verdict == "no band":
        return ""
    usual = f"the healthy {band_words(band.low, band.high)}"
    words = {"below": "below", "within": "within", "above": "above"}
    if verdict in words:
        return f", which is {words[verdict]} {usual}"
    return f"; whether that is within {usual} is not sure yet"


def _moved(difference: float, low: float, high: float, days: float) -> list[str]:
    """How the newest stretch differs from the one before, where it surely does."""
    if low <= 0.0 <= high:
        return []
    word, stretch = "more" if difference > 0 else "fewer", things(round(days), "day")
    return [
        f"In the newest {stretch} {of_100(abs(difference))} {word} went on than in"
        f" the {stretch} before."
    ]
