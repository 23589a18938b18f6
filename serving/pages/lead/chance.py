"""The chance of one lead as its page tells it: the sum it is made of, and what it lies beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from features.ladder.ladder import Step
from models.bundle import Bundle
from models.horizons import knows_times
from serving.pages.common import words
from serving.scoring.answers import ReasonAnswer, ScoreAnswer

__all__ = ["Bar", "chance_of", "soon"]

_FIRST_REASONS: Final = 5
_NO_INTEREST: Final = "They have shown no interest so far: this is what is usual for newcomers."
_AT_ONCE: Final = 0.03
"""Differences from the usual that are not worth a word."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of the sum: from where to where it goes, in percent of the width."""

    text: str
    points: str
    start: float
    width: float
    kind: Literal["base", "up", "down", "total"]


def chance_of(
    bundle: Bundle | None,
    answer: ScoreAnswer | None,
    goal: Step | None,
    reasons: Sequence[ReasonAnswer],
    usual: float | None,
    *,
    is_interested: bool = True,
) -> dict[str, Any]:
    """What the page shows of a chance.

    Parameters
    ----------
    answer : None where there is no score.
    goal : the next step; None where there is none.
    reasons : those of the answer, in the words of the page.
    usual : the mean chance of those at the step, when all were scored last; None if not known.
    is_interested : whether the lead has done anything that shows interest. What speaks for one that
        has not, as that it is new, is folded, and is not told as if it were interest.
    """
    bars = _bars(answer, reasons) if answer and goal else []
    first = 1 + _FIRST_REASONS if is_interested else 0
    return {
        "score": answer,
        "soon": next(iter(answer.get("horizons", ())), None) if answer else None,
        "bars": bars[:-1][:first],
        "more_bars": bars[first:-1],
        "total": bars[-1] if bars else None,
        "usual": _usual(answer, usual) if is_interested else _NO_INTEREST,
        "place": _place(answer, goal) if is_interested else None,
        "shares_purchase": _shares_purchase(bundle, goal),
    }


def soon(bundle: Bundle) -> tuple[float, ...]:
    """The days that the chance to buy is told within as well: a third of its horizon."""
    days = round(bundle.ladder.purchase.horizon_days / 3)
    return (days,) if days and knows_times(bundle) else ()


def _shares_purchase(bundle: Bundle | None, goal: Step | None) -> bool:
    """Whether all at a step have one chance to buy; at the last it is the chance of the step."""
    if bundle is None or goal is None or goal.id == bundle.ladder.goals[-1].id:
        return False
    return bundle.purchase.evidence != "model"


def _usual(answer: ScoreAnswer | None, usual: float | None) -> str:
    """How a chance lies beside the average of those at the step, as a sentence; "" for none."""
    if answer is None or usual is None or answer["probability"] is None:
        return ""
    apart = answer["probability"] - usual
    beside = f": this is {'above' if apart > 0 else 'below'} that"
    if abs(apart) < _AT_ONCE:
        beside = ", about what this lead has"
    # It is found when all are scored, and who came since is not in it.
    had = f"When all were scored last, those who stood here had {words.chance(usual)} on average"
    return f"{had}{beside}."


def _place(answer: ScoreAnswer | None, goal: Step | None) -> str | None:
    """Whether the chance is high for its step, in words; None where the ladder names no range."""
    if goal is None or (goal.band, goal.high_from, goal.low_below) == (None, None, None):
        return None
    return words.BANDS[answer["band"]] if answer and answer["band"] else None


def _bars(answer: ScoreAnswer, reasons: Sequence[ReasonAnswer]) -> list[Bar]:
    """Base, reasons and their sum. Figures are rounded so that what is read adds up."""
    base, total = _tenth(answer["base"]), _tenth(answer["probability"])
    told = [(one["text"], _tenth(one["points"])) for one in reasons[:-1]]
    rest = round(total - base - sum(value for _, value in told), 1)
    told += [("everything else together", rest)] if rest else []
    ends = [base]
    for _, value in told:
        ends.append(ends[-1] + value)
    scale = 100.0 / max(*ends, total, 0.1) / 1.02
    bars = [Bar("a typical lead that Rung learned from", f"{base:.1f}", 0.0, base * scale, "base")]
    for (text, value), before in zip(told, ends, strict=False):
        start = max(0.0, min(before, before + value)) * scale
        kind: Literal["up", "down"] = "up" if value >= 0 else "down"
        bars.append(Bar(text, words.points(value / 100.0), start, abs(value) * scale, kind))
    return [*bars, Bar("this lead", f"{total:.1f}", 0.0, total * scale, "total")]


def _tenth(share: float | None) -> float:
    """A share in percent, to a tenth."""
    return round(100.0 * (share or 0.0), 1)
