"""What calling brings, on logs whose answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features.errors import EventsError
from features.events.log import DAY_US
from features.offers.assignments import (
    CALLED,
    CALLING,
    LEFT_ALONE,
    Assignment,
    assignment_event,
    assignments_of,
)
from models.judging.trials.arms import FEWEST, ArmCounts, RateDifference
from tests.profiles import examples
from tests.training.funnel.experiments.scene import LADDER, START, Row, as_log
from training.funnel.experiments.calling import Calling, _sentence, calling


def assigned(lead: str, arm: str, day: float, share: float = 0.5) -> Row:
    at = START + round(day * DAY_US)
    event = assignment_event(Assignment(CALLING, arm, share), lead, LADDER, at)
    return lead, event.name, day, json.loads(event.properties)


def extended(lead: str, day: float, offer: str) -> Row:
    return lead, "offer_extended", day, {"offer": offer}


def told(rows: list[Row], until: float = 100.0) -> Calling:
    """What the log says that ends on a day, on which nothing of a lead happened."""
    log = as_log([*rows, ("nobody", "export", until, {})])
    return calling(log, LADDER, log.judged_until(None))


def simulated(rng: np.random.Generator, effect: float, leads: int = 400) -> list[Row]:
    """Leads that went one step, of whom half are left alone; calling adds to the chance."""
    rows: list[Row] = []
    for at in range(leads):
        lead, day = f"lead-{at:04}", float(rng.uniform(1, 80))
        arm = LEFT_ALONE if rng.random() < 0.5 else CALLED
        rows += [(lead, "video", day - 1.0, {}), assigned(lead, arm, day)]
        if arm == CALLED and rng.random() < 0.7:  # the others nobody found the time for
            rows.append((lead, "offer_extended", day + 1.0, {"offer": "call"}))
        if rng.random() < 0.2 + effect * (arm == CALLED):
            rows.append((lead, "session", day + float(rng.uniform(1, 13)), {}))
    return rows


def of_advancement(found: Calling):
    return found.goals[0]


@pytest.mark.parametrize(("effect", "seed"), [(0.15, 1), (0.0, 2)])
def test_planted_truth(effect, seed):
    """The interval covers the effect in about 95 % of 200 logs; with none, few claims are made."""
    rng = np.random.default_rng(seed)
    count, covered, claimed = examples(200), 0, 0
    for _ in range(count):
        goal = of_advancement(told(simulated(rng, effect)))
        found = goal.difference
        assert found is not None
        covered += found.low <= effect <= found.high
        claimed += found.is_sure
        assert ("makes a difference" in goal.says) == found.is_sure
        assert ("do not tell" in goal.says) == (not found.is_sure)
    error = np.sqrt(0.95 * 0.05 / count)
    assert abs(covered / count - 0.95) < 3 * error + 0.005
    if effect:
        assert claimed > 0.75 * count
    else:
        assert claimed == count - covered


def in_two_times(rng: np.random.Generator, effect: float, leads: int = 600) -> list[Row]:
    """Of slow days few were left alone, of busy ones, in which more go on, most."""
    rows: list[Row] = []
    for at in range(leads):
        lead, is_busy = f"lead-{at:04}", at % 3 == 0
        day, share = float(rng.uniform(1, 40)) + 40 * is_busy, 0.7 if is_busy else 0.1
        arm = LEFT_ALONE if rng.random() < share else CALLED
        rows += [(lead, "video", day - 1.0, {}), assigned(lead, arm, day, share)]
        if rng.random() < (0.5 if is_busy else 0.1) + effect * (arm == CALLED):
            rows.append((lead, "session", day + float(rng.uniform(1, 13)), {}))
    return rows


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_a_share_that_was_changed(effect):
    """Busy days are no effect of calling: by a loop, each lead is one over its arm's chance."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(12):
        rows = in_two_times(rng, effect)
        found = told(rows)
        goal = of_advancement(found)
        assert goal.difference is not None
        covered += goal.difference.low <= effect <= goal.difference.high
        went = {lead for lead, name, *_ in rows if name == "session"}
        came, every = {CALLED: 0.0, LEFT_ALONE: 0.0}, {CALLED: 0.0, LEFT_ALONE: 0.0}
        for lead, name, _, properties in rows:
            if name == "rung_assignment":
                told_of = json.loads(str(properties["rung_record"]))
                arm, share = told_of["arm"], told_of["share"]
                weight = 1.0 / (share if arm == LEFT_ALONE else 1.0 - share)
                every[arm] += weight
                came[arm] += weight * (lead in went)
        assert goal.called.rate == pytest.approx(came[CALLED] / every[CALLED])
        assert goal.left_alone.rate == pytest.approx(came[LEFT_ALONE] / every[LEFT_ALONE])
        assert goal.left_alone.worth < goal.left_alone.mature
        (note,) = found.notes
        assert note.startswith("the share that is left alone was changed: each lead counts by one")
    assert covered >= 10


def test_counts_by_hand():
    """Leads stand in their arm; of those whose horizon is over it is known what came."""
    rows: list[Row] = [
        *[("a", "video", 0.0, {}), assigned("a", CALLED, 1.0), ("a", "session", 5.0, {})],
        *[("b", "video", 0.0, {}), assigned("b", CALLED, 1.0), ("b", "session", 15.5, {})],
        *[("c", "video", 0.0, {}), assigned("c", LEFT_ALONE, 60.0), ("c", "order", 65.0, {})],
        *[("d", "video", 0.0, {}), assigned("d", LEFT_ALONE, 95.0), ("d", "session", 96.0, {})],
        *[("e", "video", 0.0, {}), ("e", "session", 5.0, {})],
    ]
    found = told(rows)
    advancement, purchase = found.goals
    assert found.since == START + DAY_US
    called, alone = advancement.called, advancement.left_alone
    assert (called.leads, called.mature, called.reached, called.pending) == (2, 2, 1, 0)
    assert (alone.leads, alone.mature, alone.reached, alone.pending) == (2, 1, 1, 1)
    assert (purchase.called.reached, purchase.left_alone.reached) == (0, 1)
    assert advancement.difference is None
    assert advancement.says == (
        "not enough data: the horizon is over for 2 leads that could be called and 1 that were left"
        f" alone, and each takes {FEWEST}"
    )
    held = json.loads(json.dumps(found.as_dict()))
    assert held["since"] == "2024-10-05T00:00:00Z"
    assert held["goals"][0]["left_alone"] == {
        "leads": 2, "mature": 1, "reached": 1, "pending": 1, "rate": 1.0,
    }  # fmt: skip


def test_a_sure_difference_has_no_end_of_none():
    counts = ArmCounts(9_000, 9_000, 900)
    found = RateDifference(0.006, 0.0002, 0.0118)
    assert found.is_sure
    assert _sentence("advancement", counts, counts, found) == (
        "calling makes a difference of +0.6 percentage points (just above 0 to +1.2, at 95 %) in"
        " the share that went on"
    )


def test_as_they_were_put():
    """A control that was called all the same counts as a control, and its minutes are known."""
    rows: list[Row] = [
        *[("a", "video", 0.0, {}), assigned("a", LEFT_ALONE, 1.0)],
        *[extended("a", 0.5, "call")],  # before
        *[extended("a", 2.0, "call"), ("a", "session", 3.0, {})],
        *[extended("a", 40.0, "call")],  # after the horizon
        *[("b", "video", 0.0, {}), assigned("b", CALLED, 1.0)],
        *[extended("b", 2.0, "mail")],
        *[("c", "video", 0.0, {}), assigned("c", CALLED, 1.0)],
        *[extended("c", 2.0, "call")],
        *[extended("c", 9.0, "call")],
    ]
    found = told(rows)
    assert of_advancement(found).left_alone.reached == 1
    minutes = found.minutes
    assert (minutes[LEFT_ALONE].total, minutes[LEFT_ALONE].leads) == (30.0, 1)
    assert (minutes[CALLED].total, minutes[CALLED].leads) == (60.0, 1)


def test_the_first_arm_counts():
    """A lead with ids in both arms counts where it was first, and is counted as crossed."""
    rows: list[Row] = [
        *[("a", "video", 0.0, {}), assigned("a", CALLED, 3.0), assigned("a", LEFT_ALONE, 2.0)],
        *[("b", "video", 0.0, {}), assigned("b", CALLED, 3.0), assigned("b", CALLED, 4.0)],
    ]
    found = told(rows)
    assert found.crossed == 1
    assert (of_advancement(found).called.leads, of_advancement(found).left_alone.leads) == (1, 1)


def test_what_is_not_known_yet():
    """An assignment after the instant that is asked for is not there; customers are left out."""
    rows: list[Row] = [
        *[("a", "video", 0.0, {}), assigned("a", CALLED, 50.0)],
        *[("b", "order", 0.0, {}), assigned("b", CALLED, 1.0)],
        *[("c", "video", 0.0, {}), assigned("c", CALLED, 2.0)],
    ]
    log = as_log(rows)
    assert [one.lead for one in assignments_of(log, LADDER, CALLING, START + 3 * DAY_US)] == [1, 2]
    found = calling(log, LADDER, START + 3 * DAY_US)
    assert of_advancement(found).called.leads == 1
    assert found.since == START + 2 * DAY_US


def test_nobody_yet():
    """Without an assignment there is nothing to say but how to begin."""
    found = told([("a", "video", 0.0, {})])
    assert found.since is None
    assert [goal.called.leads + goal.left_alone.leads for goal in found.goals] == [0, 0]
    assert found.notes == (
        "no lead was assigned yet: set [controls] none in the ladder, and wait for calls",
    )


def test_arms_that_something_sorts():
    """Where far fewer are left alone than were to be, the figures are not to be believed."""
    rows: list[Row] = []
    for at in range(100):
        lead = f"lead-{at}"
        rows += [(lead, "video", 0.0, {}), assigned(lead, LEFT_ALONE if at < 10 else CALLED, 1.0)]
    (note,) = told(rows).notes
    assert note.startswith(
        "10 of 100 leads are to be left alone, and 50 would be by lot: something"
    )


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "'' is no record of an assignment"),
        ("{}", "is no record of an assignment"),
        ('{"experiment": "calling", "arm": "some", "share": 0.5}', "'some' is no arm of 'calling'"),
        ('{"experiment": "calling", "arm": "none", "share": 1.5}', r"1.5 is not in \(0, 1\)"),
        ('{"experiment": "calling", "arm": "none", "share": NaN}', r"nan is not in \(0, 1\)"),
    ],
)
def test_a_record_that_cannot_be_read(record, said):
    """It is named with its lead rather than left out."""
    rows: list[Row] = [("ann", "rung_assignment", 1.0, {"rung_record": record})]
    with pytest.raises(EventsError, match=f"lead 'ann': a 'rung_assignment' event: .*{said}"):
        told(rows)


def test_another_experiment():
    """Assignments of other experiments are none of this one."""
    event = assignment_event(Assignment("framing", "b", 0.5), "a", LADDER, START)
    rows: list[Row] = [("a", event.name, 1.0, json.loads(event.properties))]
    assert told(rows).since is None
