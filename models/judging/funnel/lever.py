"""The step that would bring the most on the whole way, if it did no better than what is healthy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from models.judging.funnel.shapes import Lever, StepFunnel

__all__ = ["lever_of"]


def lever_of(steps: Sequence[StepFunnel]) -> Lever | None:
    """The biggest lever among the steps below their bands; None where none is.

    The rates of the steps are multiplied as far as they are known, once as they are and once with
    one of them at the lower end of its band. Steps that are surely below theirs go before those
    that may be. Where nobody comes so far either way, a shorter way is told of.
    """
    known = _known(steps)
    low = [at for at, step in enumerate(known) if _is_low(step)]
    for some in ([at for at in low if known[at]["verdict"] == "below"], low):
        for end in range(len(known), 0, -1):
            told = [_told(known[:end], at) for at in some if at < end]
            best = max(told, key=lambda one: one["then"] - one["now"], default=None)
            if best is not None and best["then"] > best["now"]:
                return best
    return None


def _known(steps: Sequence[StepFunnel]) -> list[StepFunnel]:
    """The steps before the first whose rate is not known yet."""
    first = (at for at, step in enumerate(steps) if step["rate"]["value"] is None)
    return list(steps[: next(first, len(steps))])


def _is_low(step: StepFunnel) -> bool:
    band = step["band"]
    return band is not None and _rate(step) < band["low"]


def _rate(step: StepFunnel) -> float:
    return step["rate"]["value"] or 0.0


def _told(way: Sequence[StepFunnel], at: int) -> Lever:
    step, end, band = way[at], way[-1], way[at]["band"]
    worth = _rate(step) if band is None else band["low"]
    others = prod(_rate(one) for place, one in enumerate(way) if place != at)
    return {
        "step": step["id"],
        "title": step["title"],
        "rate": _rate(step),
        "worth": worth,
        "is_sure": step["verdict"] == "below",
        "end": end["id"],
        "end_title": end["title"],
        "now": others * _rate(step),
        "then": others * worth,
    }
