"""The order of the steps by both clocks, and events known before they happen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.trust.scene import DAYS, LADDER, honest, log_of
from training.trust.time_order import known_too_early, time_reversed


def test_news_in_the_reverse_order():
    """Where orders become known before the trials that came first, that is said of known_at."""
    late = {"video": 400.0, "trial": 300.0, "order": 200.0}
    said = [replace(one, known=late.get(one.name, one.day)) for one in honest(1)]
    (found,) = time_reversed(log_of(said), LADDER)
    assert "become known in the reverse order in 100 %" in found.says
    assert found.figures["reversed"] == 1.0


@pytest.mark.parametrize(("share", "is_found"), [(0.4, False), (0.9, True)])
def test_some_leads_take_the_steps_their_own_way(share, is_found):
    """Two leads in five may go down the ladder, most may not."""
    rng = np.random.default_rng(5)
    backwards = {f"lead-{at:04}" for at in range(400) if rng.random() < share}
    said = [
        replace(one, day=DAYS - one.day, known=DAYS - one.day) if one.lead in backwards else one
        for one in honest(5)
    ]
    assert bool(time_reversed(log_of(said), LADDER)) is is_found


@pytest.mark.parametrize(
    ("ahead_days", "share", "is_found"),
    [(3.0, 0.5, True), (3.0, 0.05, False), (1.0 / 1440, 1.0, False), (1.0 / 24, 1.0, True)],
    ids=["planned", "seldom", "clocks a minute apart", "an hour, as a wrong time zone"],
)
def test_known_before_it_happens(ahead_days, share, is_found):
    """A tenth of an event's rows, five minutes or more ahead, is too early."""
    rng = np.random.default_rng(6)
    said = [
        replace(one, known=one.day - ahead_days)
        if one.name == "video" and rng.random() < share
        else one
        for one in honest(6)
    ]
    found = known_too_early(log_of(said), LADDER)
    assert [one.id for one in found] == (["event.video"] if is_found else [])


def test_events_that_the_ladder_does_not_read():
    """What no signal sees can leak nothing."""
    said = [
        replace(one, name="newsletter", known=one.day - 3.0) if one.name == "page" else one
        for one in honest(7)
    ]
    assert known_too_early(log_of(said), LADDER) == []
