"""How deeply leads used what brought them to a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.events.log import DAY_US
from features.funnel.depth import depths_of
from features.funnel.stays import stays_of
from features.ladder.event_rule import Condition, EventRule
from features.ladder.ladder import Beats
from tests.models.judging.funnel.planted import START, Written, planted_ladder

LADDER = planted_ladder()


def used(minutes, ladder=LADDER, **more):
    """A lead a number of minutes, each of which completed the step "use"."""
    out, lead = Written(), np.arange(len(minutes))
    out.add("video_watched", lead, np.full(len(lead), START), watched_fraction=0.75)
    out.add("asset_used", lead, np.full(len(lead), START + DAY_US), minutes=minutes, **more)
    log = out.log(ladder)
    stays = stays_of(log, ladder)
    return log, stays


def test_depth_is_a_rank_and_a_multiple():
    """Among all that completed by the same event; equals share a rank; the condition is 1."""
    log, stays = used([15.0, 30.0, 30.0, 60.0])
    found = depths_of(log, stays)
    after_use = stays.goal == 2
    assert found.rank[after_use].tolist() == [0.125, 0.5, 0.5, 0.875]
    assert found.over[after_use].tolist() == [1.0, 2.0, 2.0, 4.0]
    assert (found.rank[stays.goal == 1] == 0.5).all()
    assert np.allclose(found.over[stays.goal == 1], 1.5)
    assert found.measures == ("video_watched watched_fraction", "asset_used minutes")


def test_no_depth():
    """Nothing came before the first step, what completed has no measure, or the step was passed."""
    out = Written()
    out.add("assessment_completed", np.array([0]), np.array([START]))
    log = out.log(LADDER)
    stays = stays_of(log, LADDER)
    found = depths_of(log, stays)
    assert np.isnan(found.rank).all()
    assert found.measures == ()


def test_what_came_later_or_was_not_known_is_no_depth():
    """Depth is that of the completing event alone, and of what was known by then."""
    out = Written()
    out.add("video_watched", np.array([0]), np.array([START]), watched_fraction=0.6)
    out.add("asset_used", np.array([0]), np.array([START + 1]), minutes=15.0)
    out.add("asset_used", np.array([0]), np.array([START + 2]), minutes=90.0)
    out.add("asset_used", np.array([0]), np.array([START + 1]), minutes=60.0)
    late = np.array([0, 0, 0, 10 * DAY_US])
    log = out.log(LADDER, late)
    stays = stays_of(log, LADDER, START + 3)
    assert depths_of(log, stays).over[stays.goal == 2].tolist() == [1.0]
    stays = stays_of(log, LADDER)
    assert depths_of(log, stays.at(2)).over.tolist() == [4.0]


def test_beats_add_up():
    """The sum counts, as it does for the step."""
    beats = (Beats("asset_used", "minutes", "content", 10.0),)
    ladder = replace(LADDER, beats=beats)
    out = Written()
    out.add("video_watched", np.array([0]), np.array([START]), watched_fraction=0.6)
    for at in range(1, 4):
        out.add("asset_used", np.array([0]), np.array([START + at]), minutes=8.0, content="a")
    log = out.log(ladder)
    stays = stays_of(log, ladder).at(2)
    assert np.allclose(depths_of(log, stays).over, 16.0 / 15.0)


def test_of_two_rules_the_one_that_is_exceeded_most():
    """A completion that meets both."""
    first, *rest = LADDER.steps
    rules = (
        EventRule("asset_used", (Condition("minutes", "at_least", 15.0),)),
        EventRule("asset_used", (Condition("watched_fraction", "above", 0.1),)),
    )
    ladder = replace(LADDER, steps=(first, replace(rest[0], complete_when=rules), rest[1]))
    log, stays = used([30.0, 15.0], ladder, watched_fraction=[0.15, 0.9])
    assert np.allclose(depths_of(log, stays).over[stays.goal == 2], [2.0, 9.0])
