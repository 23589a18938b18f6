"""An experiment as its page tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.controls import Arm, Experiment
from features.store.events import EventStore
from models.judging.trials.shapes import Span
from serving.pages.experiments.told import card_of, scale_of
from serving.recommending.experiments import end_experiment, experiment_told, experiments_told
from tests.serving import world
from tests.serving.pages.experiments import scene
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, STEP, TOOLS, WORKSHEET


@pytest.fixture
def store(tmp_path):
    with EventStore.open(f"sqlite:///{tmp_path / 'events.db'}") as opened:
        yield opened


def card(store, id_: str = "tools", ladder=B2B):
    return card_of(experiment_told(store, ladder, id_), ladder)


def test_ways_goals_and_what_is_sure(tools, now):
    """The step that it is about first, then the purchase; the way to compare with on top."""
    one = card(tools)
    assert (one.title, one.kind, one.about) == (
        "Worksheet or calculator",
        "Which offer",
        f"Leads who come to “{STEP.title}”",
    )
    assert (one.state, one.leads, one.by, one.is_off) == ("running", 240, "Ann Berg", False)
    assert one.control == WORKSHEET.title
    step, purchase = one.main_goals
    assert (step.id, purchase.id, step.days) == (STEP.id, "purchase", STEP.horizon_days)
    assert one.goals[0] == step
    worse, better = step.rows
    assert (worse.name, worse.effect, worse.said) == (WORKSHEET.title, None, None)
    assert (better.name, better.leads) == (CALCULATOR.title, 120)
    assert better.over == 120 - better.pending
    assert better.reached > worse.reached
    assert better.said is not None
    assert (better.said.text, better.said.kind) == ("Helps", "good")
    assert better.difference.startswith("+")
    assert better.between.count("+") == 2
    assert step.is_sure
    assert [course.name for course in step.courses] == [CALCULATOR.title]
    assert purchase.known_from is not None
    assert purchase.known_from.iso == rfc3339(now + 10 * DAY_US + 1_000_000)


def test_every_share_of_the_lot(tools):
    """What each way was meant to get, and got."""
    found = card(tools).lot
    assert [(one.name, one.meant, one.got, one.leads) for one in found] == [
        (WORKSHEET.title, 0.5, 0.5, 120),
        (CALCULATOR.title, 0.5, 0.5, 120),
    ]


def test_before_it_was_looked_at(store, now):
    """There is nothing but what it is."""
    scene.tried(store, now, leads=2)
    one = card(store)
    assert (one.as_of, one.leads, list(one.goals), list(one.lot)) == (None, 0, [], [])
    assert [name for name, _ in one.arms] == [WORKSHEET.title, CALCULATOR.title]


def test_nobody_is_in_it(store, now):
    """It was looked at, and no lead has come."""
    scene.tried(store, now, leads=0)
    scene.judged(store, B2B, TOOLS, now)
    one = card(store)
    assert one.as_of is not None
    assert (one.leads, list(one.goals), list(one.ratios)) == (0, [], [])


def test_an_interval_that_tells_nothing_yet(store, now):
    """How many more leads it takes, and in how many weeks at this rate."""
    scene.tried(store, now, rates=(0.3, 0.36), leads=60)
    scene.judged(store, B2B, TOOLS, now)
    (step, _), one = card(store).main_goals, card(store)
    said = step.rows[1].said
    assert said is not None
    assert said.text == "Not known yet"
    assert "more leads, " in said.aside
    assert "at this rate" in said.aside
    assert not step.is_sure
    end_experiment(store, B2B, "tools", now=now, by="Bob", verdict="enough")
    ended = card(store)
    assert (ended.state, ended.verdict) == ("stopped", "enough")
    over = ended.main_goals[0].rows[1].said
    assert over is not None
    assert (over.text, over.aside) == ("Ended before it was known", "")
    assert one.is_open
    assert not ended.is_open


def test_a_lot_that_is_off_is_not_to_be_believed(store, now):
    """Whatever it shows: neither a verdict nor how many times as many buy."""
    scene.tried(store, now, arms=(0, 0, 0, 1), leads=400)
    scene.judged(store, B2B, TOOLS, now)
    one = card(store)
    assert one.is_off
    assert list(one.ratios) == []
    said = [row.said.text for goal in one.goals for row in goal.rows if row.said]
    assert set(said) == {"Not to be believed"}
    assert not any(goal.is_sure for goal in one.goals)


def test_the_standing_controls(store):
    """They are an experiment of the ladder file: it has no beginning, and is never ended."""
    ladder = scene.controlled()
    standing = ladder.controls.standing
    assert standing is not None
    (told,) = experiments_told(store, ladder)
    one = card(store, told["id"], ladder)
    assert (one.title, one.state, one.since) == ("What is Rung worth?", "standing", None)
    assert [name for name, _ in one.arms] == ["Left alone", "Rung"]
    assert one.control == "Left alone"


def test_how_many_times_as_many_buy(store, now):
    """In a sentence, with an end where there is one."""
    order = Experiment(
        "order", "ladder", (Arm("first", 0.5), Arm("second", 0.5)), control="first", title="Order"
    )
    scene.tried(store, now - 90 * DAY_US, experiment=order)
    signed = [
        world.event(f"order-{at:03}", "contract_signed", now - 120 * DAY_US)
        for at in range(0, 120, 3)
    ]
    store.append_events(signed)
    scene.judged(store, B2B, order, now)
    one = card(store, "order")
    (said,) = one.ratios
    assert said.startswith("Second: ")
    assert "times as many purchases as “First”" in said
    assert (one.about, one.kind) == ("All leads", "Order of steps")


def test_scales():
    """The same for pictures that stand below each other; small differences look small."""
    none: Span = {"value": None, "low": -1.0, "high": 1.0}
    small: Span = {"value": 0.0, "low": -0.02, "high": 0.01}
    assert scale_of([none, None]) == 0.1
    assert scale_of([small]) == 0.1
    assert scale_of([small, {"value": 0.1, "low": -0.4, "high": 0.6}]) == 0.6


def test_a_title_of_a_stranger_stays_a_text(store, now):
    """Whoever may begin experiments chooses titles: they are told as they are."""
    scene.tried(store, now, leads=0, experiment=replace(TOOLS, title="<b>x</b>"))
    assert card(store).title == "<b>x</b>"
