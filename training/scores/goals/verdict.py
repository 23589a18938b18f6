"""Whether a bundle is better than the rates of the steps, and when that cannot be said yet."""

from __future__ import annotations

from typing import Final

from models.judging.trials.wording import about_count
from models.scores.calibration import WORTH, Calibrator, leads_to_learn
from training.scores.results import (
    BETTER,
    NO_BETTER,
    NOT_SURE,
    NOTHING_TO_LEARN,
    WORSE,
    Comparison,
    Performance,
)

__all__ = ["verdict_on"]

_SURE: Final = 2.0
"""Standard errors from which a difference is one."""


def verdict_on(rates: Comparison, calibrator: Calibrator) -> tuple[str, str]:
    """Better only where this period shows it and the signals had something to say in training.

    That it is no better is said only where the interval of the difference leaves out a gain that
    is worth having; that there is nothing to learn, where training had the leads to learn it from.
    """
    if rates.difference is None or rates.performance is None:
        return NOT_SURE, rates.reason
    gap, error = rates.difference.log_loss, rates.difference.log_loss_error or 0.0
    ours = rates.performance.log_loss + gap
    learned = "told" if calibrator.learned else "could not tell"
    reason = (
        f"log loss {ours:.4f} against {rates.performance.log_loss:.4f} of the step rates,"
        f" difference {gap:+.4f} with a standard error of {error:.4f} over leads; in training the"
        f" signals {learned} leads"
        " apart beyond chance"
    )
    if gap > _SURE * error and gap > 0:
        return WORSE, reason
    if gap < -_SURE * error and calibrator.learned:
        return BETTER, reason
    worth = WORTH * rates.performance.log_loss
    missing = 0 if calibrator.learned else _leads_missing(rates.performance, calibrator)
    if gap - _SURE * error >= -worth and missing <= 0:
        return NO_BETTER if calibrator.learned else NOTHING_TO_LEARN, reason
    if missing > 0:
        what = "more leads to learn from until a gain that is worth having can be seen"
        return NOT_SURE, f"{reason}; it takes at least {about_count(missing)} {what}"
    # Sure of a difference once the interval leaves out 0, and of none once it leaves out `worth`.
    too_wide = _SURE * error / max(abs(gap), worth + gap)
    more = round(rates.performance.leads * (too_wide**2 - 1.0))
    wait = f"; about {about_count(more)} more leads will tell" if more > 0 else ""
    return NOT_SURE, reason + wait


def _leads_missing(rates: Performance, calibrator: Calibrator) -> int:
    """How many more leads training takes until what is worth having would have shown."""
    return leads_to_learn(rates.log_loss) - calibrator.leads
