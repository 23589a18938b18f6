"""Figures as they are told: so many digits that say something, thousands apart, no exponent.

Python's own `g` turns to an exponent where a figure has more places than digits: "4.1e+02".
"""

from __future__ import annotations

__all__ = ["rounded", "signed"]


def rounded(value: float, digits: int = 4) -> str:
    """A figure to so many significant digits: "1,425", "0.0314"."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def signed(value: float, digits: int = 4, unit: str = "") -> str:
    """The same of a difference, in a unit if it has one: "+1,425 EUR", "-0.0314"."""
    return f"{float(f'{value:.{digits}g}'):+,.15g} {unit}".rstrip()
