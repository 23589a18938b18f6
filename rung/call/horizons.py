"""Chances within other days than the ladder's, and the purchases to be expected by then."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from features.ladder.words import things
from rung.call.arguments import as_days
from rung.call.printing import print_line

if TYPE_CHECKING:
    from models.bundle import Bundle

__all__ = [
    "days_asked",
    "expected_purchases",
    "horizons_option",
    "purchases_by_days",
    "say_purchases",
]


def horizons_option(parser: argparse.ArgumentParser) -> None:
    """The days within which chances are told as well."""
    parser.add_argument(
        "--horizon-days",
        type=as_days,
        action="append",
        default=[],
        metavar="DAYS",
        help="the chances within so many days as well, and how many buy; once or more",
    )


def days_asked(parsed: argparse.Namespace, bundle: Bundle) -> list[float]:
    """The days that are asked about, each once, the fewest first, as columns are called by them.

    UnknownHorizon where the bundle knows nothing of so many.
    """
    from models.horizons import check_days

    for days in parsed.horizon_days:
        check_days(bundle, days)
    return sorted({float(f"{days:g}") for days in parsed.horizon_days})


def expected_purchases(bundle: Bundle, of_days: Mapping[float, float]) -> dict[float, float]:
    """Those within so many days as the ladder's purchase has; beyond them nothing is known."""
    longest = bundle.ladder.purchase.horizon_days
    return {days: count for days, count in of_days.items() if days <= longest}


def purchases_by_days(expected: Mapping[float, float]) -> dict[str, dict[str, float]]:
    """The member `purchases` of what is printed as JSON; nothing where nothing was asked."""
    if not expected:
        return {}
    return {"purchases": {f"{days:g}": count for days, count in expected.items()}}


def say_purchases(expected: Mapping[float, float]) -> None:
    """Print how many purchases are to be expected within which days, if that was asked."""
    if expected:
        told = ", ".join(f"{n:,.1f} within {things(days, 'day')}" for days, n in expected.items())
        print_line(f"purchases to be expected of these leads: {told}")
