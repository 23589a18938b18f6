"""How the page and the pictures of an evaluation name things and write numbers down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from features.ladder.words import in_percent
from training.scores.results import SignalUse

__all__ = [
    "MOST_SIGNALS",
    "TITLES",
    "WENT_ON",
    "moved_words",
    "number",
    "with_error",
]

MOST_SIGNALS: Final = 15
"""So many signals are told; report.json has all."""
_LEAST_SHARE: Final = 0.01
"""Of the weight of all signals; what has less may move as it likes."""

TITLES: Final = {"advancement": "The next step", "purchase": "Purchase"}
WENT_ON: Final = {"advancement": "advanced", "purchase": "bought"}


def number(value: float | None, form: str) -> str:
    """A figure in a format of Python's; a dash where there is none."""
    return "–" if value is None else format(value, form)


def with_error(value: float | None, error: float | None, sign: str = "") -> str:
    """A figure with four decimals and its standard error; with `sign="+"` a plus is written."""
    told = number(value, f"{sign}.4f").replace("-", "\N{MINUS SIGN}")
    return told if error is None or value is None else f"{told} ± {error:.4f}"


def moved_words(signals: Sequence[SignalUse]) -> str:
    """A sentence that names the signals of some weight that are no longer what they were."""
    if all(one.moved is None for one in signals):
        return "Whether their values have moved is not known: there were no points before."
    moved = [one for one in signals if one.has_moved and one.share >= _LEAST_SHARE]
    if not moved:
        return "The values of none of them have moved beyond what chance explains."
    told = "; ".join(_moved(one) for one in moved)
    return f"Moved beyond what chance explains: {told}."


def _moved(one: SignalUse) -> str:
    if one.known_before is None or abs(one.known - one.known_before) < _GAP:
        return f"`{one.id}` (stability index {number(one.moved, '.2f')})"
    known, before = in_percent(one.known), in_percent(one.known_before)
    return f"`{one.id}` (known of {known} of the points, {before} before)"


_GAP: Final = 0.1
"""Of the shares of points that have a value: from here on that is what has changed."""
