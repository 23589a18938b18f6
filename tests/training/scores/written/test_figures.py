"""The pictures: one of each kind that there are figures for, with everything they compare."""

from tests.training.scores.scene import too_early
from training.scores.results import MODEL
from training.scores.written.figures import KINDS, figures


def test_every_kind(judged):
    """A goal that was judged has every picture; the kinds are told in `KINDS`."""
    assert {kind for kind, _ in figures(judged.advancement, 0.1)} == set(KINDS)


def test_outcomes_alone():
    """Of a goal that could not be judged there is what came of the points."""
    assert [kind for kind, _ in figures(too_early().purchase, 0.1)] == ["outcomes"]


def test_the_bundle_stands_first(judged):
    """Log loss and gain name the bundle, then every baseline in their order."""
    goal = judged.advancement
    names = [MODEL, *(rival.name for rival in goal.baselines)]
    drawn = dict(figures(goal, 0.1))
    ticks = [label.get_text() for label in drawn["log-loss"].axes[0].get_yticklabels()]
    assert ticks == names
    legend = drawn["gain"].axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [*names, "random order"]


def test_a_step_a_picture(judged):
    """Each step has axes of its own, titled; what is left of the grid is blank."""
    axes = dict(figures(judged.advancement, 0.1))["reliability-steps"].axes
    titles = [one.get_title(loc="left") for one in axes if one.axison]
    assert titles == [step.title for step in judged.advancement.by_step]
