"""Figures as they are told: so many digits that say something, thousands apart, no exponent.

Python's own `g` turns to an exponent where a figure has more places than digits: "4.1e+02".
"""

from __future__ import annotations

from features.ladder.words import in_percent

__all__ = ["percent", "rounded", "signed"]


def percent(share: float | None) -> str:
    """A share in [0, 1] as a percentage with one decimal, "12.3 %"; a dash where there is none."""
    return "–" if share is None else in_percent(share, 1)


def rounded(value: float, digits: int = 4) -> str:
    """A figure to so many significant digits: "1,425", "0.0314"."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def signed(value: float, digits: int = 4, unit: str = "") -> str:
    """The same of a difference, in a unit if it has one: "+1,425 EUR", "-0.0314"."""
    return f"{float(f'{value:.{digits}g}'):+,.15g} {unit}".rstrip()
