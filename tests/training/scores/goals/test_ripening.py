"""The end at which what is pending can be judged."""

from __future__ import annotations

import re

import pytest

from features.clock import instant, microseconds, said_at, said_from
from features.errors import NotEnoughData
from features.events.log import DAY_US
from features.signals.linked_log import LinkedLog
from tests.training.scores.scene import LADDER, TRAINED_UNTIL, small_world
from training.decision_points import decision_points
from training.labels import arrival_delays, label
from training.scores.evaluate import evaluate
from training.scores.goals.ripening import when_over, why_empty

EARLY = TRAINED_UNTIL + 15 * DAY_US


@pytest.mark.parametrize("goal", ["advancement", "purchase"])
def test_the_ends_that_are_named_are_right(monkeypatch, goal):
    """At the first instant one point is over and none before; at the second nine in ten are."""
    log = small_world()[0]
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=EARLY, seed=7)
    said = when_over(log, LADDER, points, goal, EARLY)
    first, most = (microseconds(instant(one)) for one in re.findall(r"\S+Z", said)[:2])
    # What is late by then may move the delays; the horizons are what is asked about.
    delays = arrival_delays(log, LADDER, EARLY)
    monkeypatch.setattr(LinkedLog, "arrival_delays", lambda *_: delays)

    def over(until: int) -> float:
        which = label(log, LADDER, points, until)[goal == "purchase"]
        return float(which.mature.mean())

    assert over(first - 2_000_000) == 0.0
    assert over(first + 2_000_000) > 0.0
    assert over(most - 2_000_000) < 0.9 <= over(most + 2_000_000)
    assert "let the period end then, or at the log's end" in said


def test_an_end_after_the_log_is_said_to_be_one():
    """Where the log is over before the first horizon is, waiting is what helps."""
    log = small_world()[0].known_by(EARLY)
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=EARLY, seed=7)
    said = when_over(log, LADDER, points, "purchase", EARLY)
    assert "; the log ends at 2026-04-" in said
    assert said.endswith("judge when it goes on until then")


def test_the_refusal_says_from_when_on_it_can_be_judged():
    """A period of which nothing is over names the end that would be right."""
    log, bundle, _ = small_world()
    with pytest.raises(NotEnoughData, match=r"days; the first is over on 2026-\S+Z, nine in ten"):
        evaluate(bundle, log, until=TRAINED_UNTIL + DAY_US)


def test_a_goal_of_which_all_is_pending_says_so():
    """The purchase's horizon is longer: it is not judged, and the report says when it can be."""
    log, bundle, _ = small_world()
    judged = evaluate(bundle, log, until=EARLY).purchase
    assert judged.counts.advanced > 0  # early, which is known, and not pending
    said = f"not enough data (n=0): the horizon of none of {judged.counts.points:,} points is over"
    assert judged.note.startswith(f"{said}; the first is over")


def test_a_period_that_is_over_before_it_begins():
    """Where training used the whole log, that is said, with what would leave something to judge."""
    log, bundle, _ = small_world()
    with pytest.raises(NotEnoughData, match=r"the log ends at .*; train until an earlier instant"):
        evaluate(bundle, log.known_by(TRAINED_UNTIL), until=EARLY)
    with pytest.raises(NotEnoughData, match=r"the period ends at .* it goes on until 2026-06-"):
        evaluate(bundle, log, until=TRAINED_UNTIL - DAY_US)


def test_one_instant_is_told_as_one():
    """Where training took all of a log, it ended when the log does, to the second as well."""
    log = small_world()[0]
    last = log.judged_until(None)
    assert last % 1_000_000, "the log ends within a second"
    said = why_empty(log, last, last, last)
    assert len(set(re.findall(r"\S+Z", said))) == 1
    assert said.startswith(f"no lead to score between {said_at(last)} and {said_at(last)}: the log")
    said = why_empty(log, last + 1, last + 1, last + 1)  # of another log, that went on
    assert f"training ended at {said_from(last)}" in said
