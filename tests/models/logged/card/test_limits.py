"""What a bundle is for, what it is not for, and what limits all that its card says."""

from dataclasses import replace

import pytest

from models.judging.served import BETTER, NO_BETTER, NOT_SURE, NOTHING_TO_LEARN, WORSE
from models.logged.card import limits
from tests.gates import scores_report


def text(parts) -> str:
    return "\n\n".join(parts)


def test_uses_that_the_evidence_speaks_against(known):
    """Rates rank nobody before a step, and what was not judged decides nothing."""
    page = text(limits.intended_use(known({})))
    assert "by the chance of a purchase: all have the same, but for the last step" in page
    assert "* to decide by the chance of a purchase: it could not be judged yet" in page
    assert "by the chance of the next step" not in page
    assert "their horizons are 14 to 90 days" in page


@pytest.mark.parametrize("verdict", [BETTER, NO_BETTER, NOT_SURE, NOTHING_TO_LEARN, WORSE])
def test_a_verdict_on_the_next_step(known, verdict):
    """Whatever is not better is named among the uses that it is not for."""
    part = scores_report(known().bundle)["advancement"] | {"verdict": verdict}
    page = text(limits.intended_use(known({"advancement": part})))
    assert (verdict in page) == (verdict != BETTER)
    assert ("to decide by the chance of the next step" in page) == (verdict == WORSE)


def test_nothing_that_limits(known, trained):
    """Where nothing is known against it, nothing is made up."""
    told = {
        goal: dict(one) | {"pending": 0} for goal, one in trained.manifest["trained_on"].items()
    }
    part = scores_report(known().bundle)["advancement"]
    report = {"advancement": part, "purchase": part}
    page = text(limits.caveats(known(report, trained_on=told)))
    assert page == "The evidence names none."


def test_what_limits_a_goal(known, trained):
    """Few successes, many that wait, moved signals, steps that were off or judged by nobody."""
    told = {goal: dict(one) for goal, one in trained.manifest["trained_on"].items()}
    told["advancement"] |= {"reached": 12, "points": 400, "pending": 401}
    use = {"weight": 0.01, "more_of_it": "lower", "known": 1.0}
    part = scores_report(known().bundle)["advancement"] | {
        "signals": [
            {"id": "trait.role", **use, "share": 0.2, "has_moved": True},
            {"id": "trait.source", **use, "share": 0.001, "has_moved": True},
        ],
        "by_step": [{"title": "Trial", "performance": None}],
        "realised": [{"kind": "step", "id": "value", "inside": False}],
    }
    page = text(limits.caveats(known({"advancement": part}, trained_on=told)))
    assert "* The next step is rare: in training 12 of 400 points reached it (3.0 %)." in page
    assert "was not over yet (401 left out, 400 learned from)" in page
    assert "beyond what chance explains: `trait.role`." in page
    assert "could not be judged for these steps alone: Trial." in page
    assert "beyond chance, before Value exchange." in page


def test_a_step_without_leads(known, trained):
    """Where a model has seen no lead, its chance is that of the step, and the card says so."""
    calibrator = trained.advancement.calibrator
    slope = calibrator.slope.copy()
    slope[-1] = 0.0
    model = replace(trained.advancement, calibrator=replace(calibrator, slope=slope))
    here = known({})
    here = replace(here, bundle=replace(here.bundle, advancement=model))
    page = text(limits.caveats(here))
    assert "no lead of the training stood before Contract; there it is the step's rate" in page


def test_leaks_code_and_the_gate(known):
    """What somebody accepted, what runs when it is loaded, and what the gate refuses."""
    leak = {"id": "labels", "kind": "shuffled", "says": "", "accepted": "known | beforehand"}
    here = known({"flatters": True}, probes=[leak], trusted_types=["mine.Mine"], notes=["odd"])
    page = text(limits.caveats(here))
    assert "* **The figures flatter it**" in page
    assert "accepted it: “known \\| beforehand”. If that is wrong" in page
    assert "It holds code from outside, which runs when it is loaded: `mine.Mine`." in page
    assert "* Odd." in page
    assert "* The gate refuses it: Judged from 2026-06-01" in page
