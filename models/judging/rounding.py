"""Figures as they are told: so many digits that say something, thousands apart, no exponent.

Python's own `g` turns to an exponent where a figure has more places than digits: "4.1e+02".
"""

from __future__ import annotations

from collections.abc import Callable

from features.ladder.words import in_percent

__all__ = ["ends_told", "percent", "rounded", "signed"]


def percent(share: float | None) -> str:
    """A share in [0, 1] as a percentage with one decimal, "12.3 %"; a dash where there is none."""
    return "–" if share is None else in_percent(share, 1)


def rounded(value: float, digits: int = 4) -> str:
    """A figure to so many significant digits: "1,425", "0.0314"."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def signed(value: float, digits: int = 4, unit: str = "") -> str:
    """The same of a difference, in a unit if it has one: "+1,425 EUR", "-0.0314"."""
    return f"{float(f'{value:.{digits}g}'):+,.15g} {unit}".rstrip()


def ends_told(low: float, high: float | None, tell: Callable[[float], str]) -> tuple[str, str]:
    """The ends of the interval of a difference; of one that leaves 0 out neither is told as 0.

    One that is too small to show at all is told as 0 at both ends.

    Parameters
    ----------
    high : None where there is no upper end yet, which is told as "?".
    tell : tells an end, to as many places as others beside it.
    """
    below, above = tell(low), "?" if high is None else tell(high)
    if low > 0.0 and _is_none(below) and not _is_none(above):
        return "just above 0", above
    if high is not None and high < 0.0 and _is_none(above) and not _is_none(below):
        return below, "just below 0"
    return below, above


def _is_none(told: str) -> bool:
    return told.strip("+-−0.,") == ""
