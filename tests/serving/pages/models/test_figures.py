"""An evaluation as the page reads it."""

from __future__ import annotations

import json

import pytest

from features.clock import instant, microseconds
from serving.pages.models.figures import figures_of, nearest_promise
from tests.serving.pages.models import scene
from tests.serving.pages.models.scene import B2B
from training.recalibration import recalibrate
from training.scores.evaluate import evaluate


@pytest.fixture(scope="module")
def figures(fitted):
    return figures_of(scene.evaluation(fitted), "advancement", B2B)


def test_what_was_served_is_what_is_told(figures):
    """The chances as outcomes had moved them, not as they were trained."""
    assert [round(one.told, 2) for one in figures.promises] == [0.02, 0.4, 0.8]
    assert (figures.kept, figures.standing, figures.pending) == (3, "better", 700)
    found = nearest_promise(figures.promises)
    assert found is not None
    assert (found.told, found.came, found.n) == (0.4, 0.39, 1000)


def test_which_chance_the_first_sentence_speaks_of(figures):
    """The nearest to 40 % that was told, however well it was kept; none without any."""
    low = figures.promises[:1]
    assert nearest_promise(low) == low[0]
    assert nearest_promise([]) is None


def test_steps_and_spans(figures):
    """By the titles of the ladder, with what was expected and what came."""
    assert [one.title for one in figures.steps] == [goal.title for goal in B2B.goals]
    first, *_, last = figures.steps
    assert first.whole is not None
    assert (first.whole.expected, first.whole.came) == (0.2, 0.21)
    assert (first.ordered, first.standing) == (0.8, "better")
    assert figures.steps[3].standing == "alike"
    assert (last.whole, last.ordered, last.standing) == (None, None, "unknown")
    assert [one.since.day for one in figures.spans] == ["1 Jun 2026", "29 Jun 2026"]


def test_other_ways(figures):
    """The model first, as it was served; those that could not be judged say why."""
    ours, rates, formula, points = figures.rivals
    assert (ours.name, ours.is_ours, ours.ordered) == ("This model", True, 0.88)
    assert (rates.name, rates.standing) == ("The rate of the step", "better")
    assert (formula.name, formula.standing) == ("A plain formula", "alike")
    assert (points.name, points.ordered, points.why_not) == ("A points rule", None, "no points")


def test_gains(figures):
    """What the top finds; of the same ranking twice it is told once."""
    assert [one.name for one in figures.gains] == ["This model", "The rate of the step"]
    assert figures.ours.at(0.1) == pytest.approx(0.3)
    assert figures.by_step.at(0.2) == pytest.approx(0.3)


def test_what_cannot_be_judged(fitted):
    """There is a note, and no figure."""
    found = figures_of(scene.evaluation(fitted), "purchase", B2B)
    assert "the horizon of none of 3,700 points is over" in found.note
    assert (list(found.promises), list(found.rivals), found.whole) == ([], [], None)
    assert (found.ours, found.by_step, found.standing) == (None, None, "unknown")


def test_a_report_of_an_earlier_version(fitted):
    """Which does not say what was expected beside what came, is read all the same."""
    part = scene.advancement()
    del part["realised"]
    found = figures_of(scene.evaluation(fitted, advancement=part), "advancement", B2B)
    assert (found.whole, list(found.spans)) == (None, [])
    assert found.steps[0].whole is None
    assert found.promises


@pytest.mark.slow
def test_a_real_evaluation(trained, simulated_log):
    """What is kept is what is read, every figure of it."""
    until = int(simulated_log.known.max())
    moves = recalibrate(simulated_log, trained, until)
    real = evaluate(trained, simulated_log, until=until, moves=moves)
    held = json.loads(json.dumps(real.as_dict(), allow_nan=False))
    found = figures_of(held, "advancement", B2B)
    assert real.advancement.realised
    assert found.whole is not None
    assert found.whole.n == real.advancement.realised[0].n
    assert len(found.spans) == len([o for o in real.advancement.realised if o.kind == "span"])
    assert found.spans[0].since is not None
    begins = microseconds(instant(held["start"]))
    assert microseconds(instant(found.spans[0].since.iso)) >= begins
    served = next(one for one in real.advancement.baselines if "recalibrated" in one.name)
    assert served.performance is not None
    assert len(found.promises) == len(served.performance.reliability)
    assert found.ours is not None
    assert all(one.name != one.name.lower() for one in found.rivals)
    assert not any("this bundle" in one.name.lower() for one in found.rivals[1:])
