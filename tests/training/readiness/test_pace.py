"""When there will be enough, against a simulation of leads that come one by one."""

from __future__ import annotations

import numpy as np
import pytest

from features.events.log import DAY_US
from training.readiness.pace import Pace, weeks_looked_at, weeks_until


def test_leads_that_come_and_wait():
    """Those that wait are known when their time is over, new ones a horizon after they came."""
    pace = Pace(4.0, 3.0, np.array([0.5, 2.0]))
    assert pace.more(np.array([0.0, 1.0, 2.0, 3.0, 5.0])).tolist() == [0, 1, 2, 2, 10]


def test_the_first_week_that_is_enough():
    """Ten leads at four a week after three weeks: two wait, eight come within two more."""
    pace = Pace(4.0, 3.0, np.array([0.5, 2.0]))
    assert weeks_until(pace, lambda leads: leads >= 10) == 5.0
    assert weeks_until(pace, lambda leads: leads >= 0) == 0.0


def test_not_at_this_pace():
    """Where nobody comes there will never be enough; nor where it takes more than ten years."""
    assert weeks_until(Pace(0.0, 1.0, np.zeros(3)), lambda leads: leads >= 4) is None
    assert weeks_until(Pace(0.01, 1.0, np.zeros(0)), lambda leads: leads >= 30) is None


@pytest.mark.parametrize(("days", "weeks"), [(0.0, 1.0), (3.0, 1.0), (21.0, 3.0), (700.0, 8.0)])
def test_weeks_looked_at(days, weeks):
    """The last eight, or all of a younger log, but one at least."""
    assert weeks_looked_at(0, round(days * DAY_US)) == weeks
