"""What is said of a difference from the rates of the steps."""

from dataclasses import replace

import pytest

from training.scores.goals.verdict import verdict_on
from training.scores.results import (
    BETTER,
    NO_BETTER,
    NOT_SURE,
    NOTHING_TO_LEARN,
    WORSE,
    Comparison,
    Difference,
)


@pytest.mark.parametrize(
    ("gap", "error", "learned", "leads", "verdict", "wait"),
    [
        (-0.0064, 0.0068, True, 900, NOT_SURE, "about 2,900 more leads will tell"),
        (-0.02, 0.0068, True, 900, BETTER, ""),
        (0.02, 0.0068, True, 900, WORSE, ""),
        (-0.001, 0.0004, True, 900, BETTER, ""),
        (0.001, 0.0014, True, 900, NO_BETTER, ""),
        (0.0, 0.0, False, 5000, NOTHING_TO_LEARN, ""),
        (0.0, 0.0, False, 900, NOT_SURE, "at least 1,900 more leads to learn from"),
        (0.0, 0.0, False, 0, NOT_SURE, "at least 2,800 more leads to learn from"),
        (-0.004, 0.0068, False, 5000, NOT_SURE, "about 8,500 more leads will tell"),
    ],
)
def test_what_is_said_of_a_difference(bundle, judged, gap, error, learned, leads, verdict, wait):
    """Step rates of a log loss of 0.1 in a period of 800 leads: a gain of 0.002 is worth it."""
    figures = judged.advancement.performance
    known = bundle.advancement.calibrator
    calibrator = replace(known, z=4.0 if learned else 1.0, leads=leads)
    rates = Comparison(
        "step rates",
        performance=replace(figures, log_loss=0.1, leads=800),
        difference=Difference(gap, error, None, None),
    )
    said, reason = verdict_on(rates, calibrator)
    assert said == verdict
    assert reason.endswith(wait) or wait in reason
    assert ("more leads" in reason) == bool(wait)
