"""How long it will take until something is known, at the pace at which leads have come."""

from __future__ import annotations

from typing import Final

__all__ = ["weeks_until_known"]

_WEEK_US: Final = 7 * 86_400_000_000
_DAY_WEEKS: Final = 1.0 / 7.0


def weeks_until_known(
    more: int, *, leads: int, since: int, as_of: int, horizon_days: float
) -> float | None:
    """In about how many weeks the time of so many more leads will be over.

    Leads are taken to come as they came so far, and each takes its horizon: before the first
    horizon is over nothing is known of anybody.

    Parameters
    ----------
    more : leads that it takes, of whom it is known what came.
    leads : that were put into the arms between `since` and `as_of`, in microseconds.

    Returns
    -------
    float : None where nobody came.
    """
    weeks = max((as_of - since) / _WEEK_US, _DAY_WEEKS)
    if leads <= 0:
        return None
    return max(0.0, horizon_days / 7.0 - weeks) + more * weeks / leads
