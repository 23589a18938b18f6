"""How the page and the pictures of an evaluation name things and write numbers down."""

from __future__ import annotations

from typing import Final

__all__ = ["TITLES", "WENT_ON", "number", "percent", "with_error"]

TITLES: Final = {"advancement": "The next step", "purchase": "Purchase"}
WENT_ON: Final = {"advancement": "advanced", "purchase": "bought"}


def number(value: float | None, form: str) -> str:
    """A figure in a format of Python's; a dash where there is none."""
    return "–" if value is None else format(value, form)


def percent(value: float | None) -> str:
    """A share in [0, 1] as a percentage with one decimal."""
    return number(value, ".1%")


def with_error(value: float | None, error: float | None, sign: str = "") -> str:
    """A figure with four decimals and its standard error; with `sign="+"` a plus is written."""
    told = number(value, f"{sign}.4f").replace("-", "\N{MINUS SIGN}")
    return told if error is None or value is None else f"{told} ± {error:.4f}"
