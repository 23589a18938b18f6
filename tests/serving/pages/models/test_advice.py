"""When to train again, and what the model must not be used for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.judging.served import WORSE
from serving.pages.models.advice import limits_of, ready_steps, train_again
from serving.pages.models.figures import figures_of
from serving.process.judged.moved import movements
from serving.process.service import Service
from serving.settings import Settings
from tests.serving.pages.models import scene
from tests.serving.pages.models.scene import B2B


@pytest.fixture(scope="module")
def figures(fitted):
    return figures_of(scene.evaluation(fitted), "advancement", B2B)


def test_nothing_says_so(own, figures):
    """Chances that are kept, and outcomes that moved nothing."""
    assert train_again(own, [figures], movements(own), None, scene.readiness()) == []


def test_what_says_so(own, fitted):
    """Worse than no model at all, and chances that were not kept in the last weeks."""
    last = scene.realised("span", "2026-07-27T00:00:00Z", 0.24, 0.35, False)
    part = scene.advancement(verdict=WORSE)
    part["realised"].append(last)
    off = figures_of(scene.evaluation(fitted, advancement=part), "advancement", B2B)
    worse, missed = train_again(own, [off], [], None, None)
    assert worse == "For the next step it does worse than taking everyone at a step alike."
    assert "24 of 100 were expected in the last four weeks and 35 came" in missed


def test_outcomes_that_moved_chances_far(own, figures):
    """It is said from where to where."""
    moved = replace(movements(own)[0], now=0.5, trained=0.046, outcomes=90, is_far=True)
    (said,) = train_again(own, [figures], [moved], None, None)
    assert "a typical lead's from 4.6 % to 50 %" in said


def test_signals_that_have_moved(own, figures):
    """Each step in its own sentence."""
    (said,) = train_again(own, [figures], [], scene.ahead(), None)
    assert said == (
        'Signals have moved. What is said of the usual lead before Content was "viewed 3 pages" in'
        ' training, and is "viewed no page" lately.'
    )
    assert train_again(own, [figures], [], scene.ahead(moved=[]), None) == []


def test_more_can_be_learned_by_now(folder, url):
    """Where a model gives everyone the same chance, and there are outcomes for more."""
    rates = Service.open(Settings(url, folder / "rates"))
    try:
        found = train_again(rates, [], [], None, scene.readiness())
    finally:
        rates.close()
    assert len(found) == 2
    assert found[0].startswith("For the next step it gives everyone at a step the same chance")


def test_what_is_to_serve_and_does_not(own):
    """A model or a ladder that could not be taken over is told of first."""
    own.problem, own.ladder_problem = "it is damaged", "x is unknown"
    first, second = train_again(own, [], [], None, None)
    assert first == "There is a problem with the model that is to serve: it is damaged."
    assert second == "The ladder as it is now is not served: x is unknown."


def test_limits(fitted, figures):
    """Those of all models, of this one, and what was noted in training."""
    manifest = {
        **fitted.manifest,
        "notes": ["the log is short"],
        "probes": [
            {"says": "a signal is too good", "accepted": "it is meant"},
            {"says": "nothing", "accepted": ""},
        ],
    }
    found = limits_of(replace(fitted, manifest=manifest), [figures])
    assert found[0].startswith("A chance says what goes with going on, not what would bring it")
    assert any("14 to 90 days" in said for said in found)
    assert any("The ladder protects no trait" in said for said in found)
    assert any("is not known before Trial and Contract" in said for said in found)
    assert found[-2:] == [
        "It may know too much: a signal is too good. That was accepted in training: it is meant.",
        "The log is short.",
    ]


def test_what_a_step_is_ready_for():
    """In words, with when the next level will be there."""
    first, *_, fourth, fifth, last = ready_steps(scene.readiness())
    assert (first.level, first.following) == ("Tells leads apart, and checks itself", "")
    assert (fourth.level, fourth.following) == (
        "One rate for all",
        "Tells leads apart: in about 10 weeks",
    )
    assert fifth.level == "The ladder's own guess"
    assert last.following == "Tells leads apart: not at this rate"
    assert last.dead == ["no event has the name contract_signed"]
