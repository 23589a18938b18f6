"""What came of experiments, on logs whose answer is known, and beside a count by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from features.ladder.controls import Arm, Experiment
from features.ladder.ladder import Afterwards, EventRule, Gain
from features.offers.assignments import Assignment, assignment_event
from models.judging.trials.shapes import ExperimentReport
from tests.proofs import size, tell
from tests.training.funnel.experiments.scene import LADDER as SMALL
from tests.training.funnel.experiments.scene import START, Row, as_log
from training.funnel.experiments.judgement import experiments_in, judge_experiment
from training.funnel.experiments.report import write_experiment

DAY_US = 86_400_000_000
LADDER = replace(SMALL, steps=(replace(SMALL.steps[0], engaged_by=("page",)), SMALL.steps[1]))
TWO = Experiment(
    "worth", "policy", (Arm("calm", 0.5, policy="no_ask"), Arm("rung", 0.5)), control="calm"
)


def assigned(lead: str, arm: str, day: float, share: float = 0.5, name: str = "worth") -> Row:
    at = START + round(day * DAY_US)
    event = assignment_event(Assignment(name, arm, share), lead, LADDER, at)
    return lead, event.name, day, json.loads(event.properties)


def judged(rows: list[Row], experiment: Experiment = TWO, until: float = 100.0) -> ExperimentReport:
    log = as_log([*rows, ("nobody", "export", until, {})])
    return judge_experiment(log, LADDER, experiment)


def world(seed: int, lift: float, leads: int = 700, share: float = 0.5) -> list[Row]:
    """Leads that come for 60 days; those that read much buy more; `rung` adds to the chance."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for at in range(leads):
        lead, day = f"lead-{at:04}", float(rng.uniform(1, 60))
        arm = "rung" if rng.random() < share else "calm"
        keen = rng.random() < 0.5
        rows += [(lead, "page", day - 0.5 + k / 100, {}) for k in range(1 + 6 * keen)]
        rows.append(assigned(lead, arm, day))
        if rng.random() < 0.1 + 0.35 * keen + lift * (arm == "rung"):
            rows.append((lead, "order", day + float(rng.uniform(0.1, 29)), {}))
    return rows


def test_by_hand():
    """Who was put where, who reached what in time, and whose time is not over."""
    rows: list[Row] = [
        *[assigned("a", "calm", 1), ("a", "order", 20, {})],
        *[assigned("b", "calm", 1), ("b", "order", 32, {})],  # a day too late
        *[assigned("c", "rung", 2), ("c", "order", 3, {})],
        *[assigned("d", "rung", 90), ("d", "order", 91, {})],  # its time is not over
        *[("e", "order", 1, {}), assigned("e", "rung", 2)],  # had bought before
        *[assigned("f", "rung", 5), ("f", "video", 8, {}), ("f", "session", 15, {})],
    ]
    found = judged(rows)
    assert (found["leads"], found["state"], found["kind"]) == (6, "running", "policy")
    purchase, look, talk = found["goals"]
    assert [goal["id"] for goal in found["goals"]] == ["purchase", "look", "talk"]
    assert purchase["arms"] == [
        {"arm": "calm", "leads": 2, "pending": 0, "reached": 1, "rate": 0.5},
        {"arm": "rung", "leads": 3, "pending": 1, "reached": 1, "rate": 0.5},
    ]
    # A purchase is above both steps; who is before the first has 7 days for it, and 21 for both.
    assert [arm["reached"] for arm in look["arms"]] == [0, 3]
    assert [arm["reached"] for arm in talk["arms"]] == [1, 2]
    assert talk["horizon_days"] == 21.0
    assert found["arms"][0] == {
        "id": "calm", "share": 0.5, "is_control": True, "leads": 2, "crossed": 0,
    }  # fmt: skip
    (one,) = purchase["comparisons"]
    assert one["leads"] == 4
    assert one["verdict"] == "unknown"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_without_leads_the_ladder_says_how_long(tmp_path):
    """Nobody was put into an arm yet: each goal has its own horizon, and none has 0 days."""
    found = judged([("a", "video", 1, {})])
    assert found["leads"] == 0
    assert [goal["horizon_days"] for goal in found["goals"]] == [30.0, 7.0, 14.0]
    page = write_experiment(found, tmp_path).read_text(encoding="utf-8")
    assert "## Buy, within 30 days" in page


def test_a_lead_counts_where_it_was_put_first():
    rows = [assigned("a", "calm", 1), assigned("a", "rung", 2), ("a", "order", 3, {})]
    found = judged(rows)
    assert [arm["leads"] for arm in found["arms"]] == [1, 0]
    assert found["arms"][0]["crossed"] == 1
    assert "1 with ids in two arms" in " ".join(found["notes"])
    assert "nobody is in rung yet" in found["notes"]


def test_planted_effect_is_found_and_held():
    rows = world(4, 0.15)
    found = judged(rows)
    (one,) = found["goals"][0]["comparisons"]
    assert one["effect"]["low"] < 0.15 < (one["effect"]["high"] or 0.0)
    assert one["verdict"] == "helps"
    assert one["decided_after"] is not None
    assert one["decided_after"] < one["leads"]
    assert "rung does better than calm" in found["says"]
    course = one["course"]
    assert course[-1]["leads"] == one["leads"]
    lows = [point["low"] for point in course]
    assert lows == sorted(lows)  # an interval never grows
    (worse,) = judged(rows, replace(TWO, control="rung"))["goals"][0]["comparisons"]
    assert worse["verdict"] == "hurts"
    assert worse["effect"]["low"] == pytest.approx(-(one["effect"]["high"] or 0.0), abs=0.02)


@pytest.mark.parametrize("lift", [0.0, 0.15])
def test_the_difference_is_that_of_the_rates_beside_it(lift):
    found = judged(world(9, lift, leads=400))
    for goal in found["goals"]:
        calm, rung = (arm["rate"] for arm in goal["arms"])
        (one,) = goal["comparisons"]
        assert calm is not None
        assert rung is not None
        assert one["effect"]["value"] == pytest.approx(rung - calm)
        if calm:
            assert one["ratio"]["value"] == pytest.approx(rung / calm)


def test_where_nobody_reached_it_there_is_no_difference():
    rows = [assigned(f"l{at}", ("calm", "rung")[at % 2], 1 + at / 50) for at in range(40)]
    (one,) = judged(rows)["goals"][0]["comparisons"]
    assert one["effect"]["value"] == 0.0
    assert one["ratio"]["value"] is None


def test_what_was_known_before_the_lot_makes_it_surer():
    """The same leads, whose reading tells half of what comes, and the same without that."""
    rows = world(5, 0.1, leads=1200)
    blind = [row for row in rows if row[1] != "page"]
    widths = [
        (one["effect"]["high"] or 0.0) - one["effect"]["low"]
        for one in (judged(told)["goals"][0]["comparisons"][0] for told in (rows, blind))
    ]
    assert widths[0] < 0.97 * widths[1]


def test_looks_after_every_lead_do_not_find_what_is_not_there():
    """Of experiments without an effect at most 5 in 100 ever decide."""
    worlds = size(40, 300)
    alarms = sum(
        one["decided_after"] is not None
        for seed in range(worlds)
        for one in judged(world(1000 + seed, 0.0, leads=250))["goals"][0]["comparisons"]
    )
    tell("experiments: an effect found where none is", alarms / worlds, "at most 0.05", worlds)
    assert alarms / worlds <= 0.05 + 2 * (0.05 * 0.95 / worlds) ** 0.5


def test_arms_that_are_not_what_was_drawn():
    found = judged(world(6, 0.0, leads=1500, share=0.6))
    assert found["sample_ratio"]["alarm"]
    assert found["says"].startswith("Do not believe the figures: the arms are not")
    fine = judged(world(6, 0.0, leads=1500))
    assert not fine["sample_ratio"]["alarm"]


def test_three_arms_are_sure_together():
    """Each of two comparisons is held to half of the 5 %."""
    three = Experiment(
        "worth",
        "policy",
        (Arm("calm", 0.5), Arm("rung", 0.25), Arm("third", 0.25)),
        control="calm",
    )
    rows = [
        (lead, name, day, said | ({"arm": arm} if name == "rung_assignment" else {}))
        for lead, name, day, said in world(7, 0.1)
        for arm in [said.get("arm")]
    ]
    found = judged(rows, three)
    assert [one["arm"] for one in found["goals"][0]["comparisons"]] == ["rung", "third"]
    assert found["goals"][0]["comparisons"][1]["leads"] > 0  # the control's own
    wide = found["goals"][0]["comparisons"][0]["effect"]
    alone = judged(rows)["goals"][0]["comparisons"][0]["effect"]
    assert wide["low"] < alone["low"]


@pytest.mark.parametrize("rows", [[], [("a", "page", 1.0, {})]])
def test_nobody_was_put_into_an_arm(rows):
    found = judged(rows)
    assert (found["leads"], found["since"]) == (0, None)
    assert found["says"] == "No lead has been put into an arm yet."
    (one,) = found["goals"][0]["comparisons"]
    assert one["effect"] == {"value": None, "low": -1.0, "high": 1.0}
    assert one["verdict"] == "unknown"


def test_all_pending():
    found = judged([assigned("a", "calm", 99), assigned("b", "rung", 99.5)])
    assert [arm["pending"] for arm in found["goals"][0]["arms"]] == [1, 1]
    assert "no lead's time is over" in found["says"]


def test_one_arm_alone_makes_no_difference():
    """However many leads the control has, nothing is said of an arm that has none."""
    found = judged([assigned(f"l{at}", "calm", 1 + at / 100) for at in range(40)])
    (one,) = found["goals"][0]["comparisons"]
    assert one["effect"] == {"value": None, "low": -1.0, "high": 1.0}
    assert one["ratio"] == {"value": None, "low": 0.0, "high": None}
    assert (one["verdict"], one["more"], one["course"]) == ("unknown", None, [])
    assert "of one of them no lead's time is over" in one["says"]


@pytest.mark.parametrize("bought", ["nobody", "all"])
def test_where_all_fare_alike_a_lead_more_tells_nothing(bought):
    """A rate of 0 or 1 among few has no spread of its own: far more than one lead is needed."""
    rows = [assigned(f"l{at}", "calm" if at % 2 else "rung", 1 + at / 100) for at in range(40)]
    if bought == "all":
        rows += [(f"l{at}", "order", 5.0, {}) for at in range(40)]
    (one,) = judged(rows)["goals"][0]["comparisons"]
    assert one["verdict"] == "unknown"
    assert one["more"] is not None
    assert one["more"] > 500


def test_what_is_not_sure_yet_takes_more_leads():
    """Beside a difference so large it is sure at 22; what is said at 8 is of that order, not 1."""
    rows = [assigned(f"l{at}", "calm" if at % 2 else "rung", 1 + at / 100) for at in range(8)]
    rows += [(f"l{at}", "order", 5.0, {}) for at in range(0, 8, 2)]  # all of `rung`, none of `calm`
    (one,) = judged(rows)["goals"][0]["comparisons"]
    assert one["verdict"] == "unknown"
    assert one["more"] is not None
    assert 10 <= one["more"] <= 40


def test_what_comes_after_the_purchase_is_told_apart():
    """The average a lead, since it was put there, of those for whom all the days are over."""
    renewals = Afterwards("renewals", "Renewals", Gain(EventRule("renewed"), 100.0), 60.0)
    ladder = replace(LADDER, after_purchase=(renewals,))
    rows: list[Row] = [
        *[assigned("a", "calm", 10), ("a", "renewed", 20, {}), ("a", "renewed", 60, {})],
        *[assigned("b", "calm", 10), ("b", "renewed", 71, {})],  # a day too late
        *[assigned("c", "rung", 10), ("c", "renewed", 9, {}), ("c", "renewed", 11, {})],
        *[assigned("d", "rung", 90), ("d", "renewed", 91, {})],  # its days are not over
        *[assigned("e", "rung", 5)],
    ]
    log = as_log([*rows, ("nobody", "export", 100.0, {})])
    (found,) = judge_experiment(log, ladder, TWO)["afterwards"]
    assert (found["id"], found["days"]) == ("renewals", 60.0)
    calm, rung = found["arms"]
    assert (calm["leads"], calm["mean"]) == (2, 100.0)
    assert (rung["leads"], rung["mean"]) == (2, 50.0)
    assert 0.0 <= (calm["low"] or 0.0) < 100.0 < (calm["high"] or 0.0) <= 200.0
    assert judged(rows)["afterwards"] == []


def test_what_a_file_tells_of_experiments():
    """Their arms with their shares; what nobody got is one arm; calling is another verb's."""
    rows = [
        assigned("a", "calm", 1, 0.3),
        assigned("b", "rung", 1, 0.5),
        assigned("c", "none", 1, 0.5, name="calling"),
    ]
    log = as_log(rows)
    (found,) = experiments_in(log, LADDER, log.judged_until(None))
    assert found.id == "worth"
    assert [arm.id for arm in found.arms] == ["calm", "rung", "nobody"]
    assert [arm.share for arm in found.arms] == pytest.approx([0.3, 0.5, 0.2])
    assert found.control == "calm"


def test_an_arm_that_is_called_nobody():
    """No two arms of an experiment have one id, whatever a file calls its own."""
    rows = [assigned("a", "calm", 1, 0.3), assigned("b", "nobody", 1, 0.5)]
    log = as_log(rows)
    (found,) = experiments_in(log, LADDER, log.judged_until(None))
    assert [arm.id for arm in found.arms] == ["calm", "nobody", "none of these"]
