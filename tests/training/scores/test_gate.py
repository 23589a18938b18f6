"""The gate: what it asks of a report, one by one, and at the edge of each figure."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import BundleError, NotEnoughData
from features.ladder.ladder import EventRule, Ladder, Step
from models.bundle import Bundle
from models.gate import GateError
from models.offers.offer_model import OfferModel
from models.scores.calibration import uncalibrated
from models.scores.encoding import Encoding
from models.scores.goal_model import GoalModel
from models.scores.step_rates import StepRates
from training.scores.gate import judge, read_report, recipe_of
from training.scores.results import (
    AS_SERVED,
    BETTER,
    NO_BETTER,
    NOT_SURE,
    NOTHING_TO_LEARN,
    WORSE,
)

HASH = "0123456789abcdef" * 4
VERSION = "0123456789ab"
FIGURES = ("auc", "average_precision", "log_loss", "brier", "ece")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """A bundle that knows nothing but its hash."""
    rule = (EventRule("call"),)
    steps = (Step("call", "Call", rule, 7.0), Step("try", "Try", rule, 7.0))
    ladder = Ladder("small", "Small", steps, Step("purchase", "Buy", rule, 30.0))
    rates = uncalibrated(StepRates.prior(np.array([0.4, 0.4, 0.2])))
    model = GoalModel(None, rates, np.zeros((3, 0)))
    return Bundle(ladder, Encoding(()), model, model, OfferModel.prior(ladder), {"hash": HASH})


def part(
    ece: float = 0.02,
    by_chance: float = 0.01,
    verdict: str = BETTER,
    *,
    leads: tuple[int, int] = (10, 10),
) -> dict[str, Any]:
    """What a report says of one goal that was judged, by leads that reached it and did not."""
    return {
        "counts": {"reached_leads": leads[0], "missed_leads": leads[1]},
        "note": "",
        "verdict": verdict,
        "verdict_reason": "log loss 0.5 against 0.4",
        "performance": {
            "auc": 0.7,
            "average_precision": 0.4,
            "log_loss": 0.5,
            "brier": 0.2,
            "ece": ece,
            "ece_by_chance": by_chance,
            "lift_10": 2.0,
        },
    }


def not_judged(note: str) -> dict[str, Any]:
    return {"note": note, "verdict": "", "verdict_reason": "", "performance": None}


def report(**parts: object) -> dict[str, Any]:
    """A report in which nothing is missing, but for the parts given."""
    return {
        "version": VERSION,
        "flatters": False,
        "start": "2026-03-01T00:00:00Z",
        "trained_until": "2026-03-01T00:00:00Z",
        "advancement": part(),
        "purchase": part(),
        **parts,
    }


# ------------------------------------------------------------------------------- What it asks for


def test_a_good_report_passes(bundle):
    """Judged on a later period, no worse than the rates, calibrated: nothing is missing."""
    gate = judge(report(), bundle)
    assert gate.missing == ()
    assert gate.passed


@pytest.mark.parametrize("verdict", [BETTER, NO_BETTER, NOTHING_TO_LEARN, NOT_SURE])
def test_no_better_than_the_rates_is_good_enough(bundle, verdict):
    """A bundle that found nothing to learn serves the rates, and passes."""
    said = report(advancement=part(verdict=verdict), purchase=part(verdict=verdict))
    assert judge(said, bundle).passed


@pytest.mark.parametrize("goal", ["advancement", "purchase"])
def test_worse_than_the_rates(bundle, goal):
    """Either goal that is worse than the rates of the steps is refused, with the reason."""
    gate = judge(report(**{goal: part(verdict=WORSE)}), bundle)
    assert gate.missing == (
        f"{goal}: worse than the rates of the steps (log loss 0.5 against 0.4)",
    )
    assert not gate.passed


@pytest.mark.parametrize("goal", ["advancement", "purchase"])
@pytest.mark.parametrize(
    ("ece", "by_chance", "passes"),
    [
        (0.03, 0.0, True),
        (np.nextafter(0.03, 1.0), 0.0, False),
        (0.046875 + 0.03, 0.046875, True),
        (0.046875 + 0.0301, 0.046875, False),
        (0.0, 0.2, True),
        (1.0, 0.5, False),
    ],
)
def test_the_calibration_error(bundle, goal, ece, by_chance, passes):
    """It may lie 0.03 above what chance explains, and no further, for either goal."""
    gate = judge(report(**{goal: part(ece, by_chance)}), bundle)
    assert gate.passed == passes
    if not passes:
        error = f"{goal}: calibration error {ece:.3f}, at most {by_chance + 0.03:.3f} is allowed"
        assert gate.missing == (error,)


@pytest.mark.parametrize("goal", ["advancement", "purchase"])
def test_what_is_no_number(bundle, goal):
    """NaN is above no limit, and passes none for that."""
    nan = float("nan")
    for figures in (part(ece=nan), part(by_chance=nan), part(nan, nan)):
        assert not judge(report(**{goal: figures}), bundle).passed
    odd = part()
    odd["performance"]["auc"] = nan
    with pytest.raises(GateError, match=f"{goal}_auc is no number"):
        judge(report(**{goal: odd}), bundle)


@pytest.mark.parametrize(
    "wrong", [None, [], "x", part() | {"performance": {}}, part() | {"performance": [1]}]
)
def test_a_report_with_something_else_in_it(bundle, wrong):
    """It is damaged, and what makes another is said."""
    with pytest.raises(NotEnoughData, match=r"the report is damaged: .*; make one: rung evaluate"):
        judge(report(advancement=wrong), bundle)


def test_judged_on_what_it_was_trained_on(bundle):
    """A report of a period that the bundle has seen is refused, with both instants."""
    said = report(flatters=True, trained_until="2026-04-01T00:00:00Z")
    gate = judge(said, bundle)
    assert gate.missing == (
        "judged from 2026-03-01T00:00:00Z, but trained on what was known until"
        " 2026-04-01T00:00:00Z: judge it on a later period",
    )


@pytest.mark.parametrize("note", ["not enough data (n=0)", ""])
def test_an_advancement_that_was_not_judged(bundle, note):
    """Without figures for the next step there is nothing to pass on; the note says why."""
    gate = judge(report(advancement=not_judged(note)), bundle)
    assert gate.missing == (f"advancement: {note or 'it was not judged'}",)
    assert set(gate.metrics) == {f"purchase_{name}" for name in FIGURES}


def test_a_purchase_that_was_not_judged(bundle):
    """The horizon of a purchase is long: without figures for it a bundle may pass."""
    gate = judge(report(purchase=not_judged("not enough data (n=0)")), bundle)
    assert gate.passed
    assert set(gate.metrics) == {f"advancement_{name}" for name in FIGURES}


@pytest.mark.parametrize("leads", [(9, 500), (500, 9)])
def test_figures_of_a_handful_of_leads_carry_nothing(bundle, leads):
    """With fewer than ten leads of either kind the counts are the reason; a purchase may wait."""
    gate = judge(report(advancement=part(leads=leads)), bundle)
    assert gate.missing == (
        f"advancement: not enough data (leads that reached the goal {leads[0]}, that did not"
        f" {leads[1]}); judging takes 10 of each",
    )
    assert set(gate.metrics) == {f"purchase_{name}" for name in FIGURES}
    gate = judge(report(purchase=part(leads=leads, verdict=WORSE)), bundle)
    assert gate.passed
    assert set(gate.metrics) == {f"advancement_{name}" for name in FIGURES}


def test_a_report_that_does_not_count_leads_carries_nothing(bundle):
    """One of an earlier version may rest on three leads."""
    gate = judge(report(advancement=part() | {"counts": {"points": 62}}), bundle)
    assert gate.missing == (
        "advancement: the report does not say by how many leads it was judged: judge it again",
    )


def test_all_that_is_missing_is_told_at_once(bundle):
    """Every reason is given, in the order of the report."""
    bad = part(ece=0.5, verdict=WORSE)
    gate = judge(report(flatters=True, advancement=bad, purchase=bad), bundle)
    assert [line.split(" ")[0] for line in gate.missing] == [
        "judged",
        *("advancement:", "advancement:"),
        *("purchase:", "purchase:"),
    ]


# ------------------------------------------------------------------------------------- The figures


def test_the_figures_it_rests_on(bundle):
    """The figures of both goals are handed on under the goal's name; others are not."""
    metrics = judge(report(purchase=part(ece=0.5)), bundle).metrics
    assert set(metrics) == {
        f"{goal}_{name}" for goal in ("advancement", "purchase") for name in FIGURES
    }
    assert metrics["advancement_ece"] == 0.02
    assert metrics["purchase_ece"] == 0.5
    assert metrics["advancement_auc"] == 0.7


def test_a_figure_that_could_not_be_had_is_left_out(bundle):
    """Where outcomes were of one kind there is no AUC, and none is handed on."""
    said = part()
    said["performance"]["auc"] = None
    gate = judge(report(advancement=said), bundle)
    assert gate.passed
    assert "advancement_auc" not in gate.metrics
    assert "purchase_auc" in gate.metrics


def test_judging_leaves_the_report_alone(bundle):
    """The report is read, not changed."""
    said = report()
    before = deepcopy(said)
    judge(said, bundle)
    assert said == before


# ------------------------------------------------------------------------------------- The report


def test_a_report_of_another_bundle(bundle):
    """A report carries the bundle that it is of, and no other."""
    with pytest.raises(BundleError, match=f"of bundle ffffffffffff, this is {VERSION}; evaluate"):
        judge(report(version="f" * 12), bundle)


def written(folder: Path, text: str) -> Path:
    (folder / "report.json").write_text(text, encoding="utf-8")
    return folder


def test_a_report_is_read_as_it_was_written(tmp_path):
    """What the folder holds is the report, with all its parts."""
    assert read_report(written(tmp_path, json.dumps(report()))) == report()


def test_no_report(tmp_path):
    """A folder without a report says how to make one."""
    with pytest.raises(NotEnoughData, match=r"no report in .*; make one: rung evaluate --report"):
        read_report(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "\N{LATIN SMALL LETTER E WITH ACUTE}", "[" * 100_000])
def test_a_report_that_is_no_json(tmp_path, text):
    """A file that cannot be read as JSON is no report."""
    with pytest.raises(NotEnoughData, match="no report in"):
        read_report(written(tmp_path, text))


@pytest.mark.parametrize(
    "name", ["version", "flatters", "start", "trained_until", "advancement", "purchase"]
)
def test_a_report_that_lacks_a_part(tmp_path, name):
    """Each part that the gate rests on has to be there."""
    said = report()
    del said[name]
    with pytest.raises(NotEnoughData, match=r"report.json is no report; make one"):
        read_report(written(tmp_path, json.dumps(said)))


@pytest.mark.parametrize("text", ["[]", "3", "null", '"report"'])
def test_json_that_is_no_report(tmp_path, text):
    """JSON of another kind is no report."""
    with pytest.raises(NotEnoughData, match="is no report"):
        read_report(written(tmp_path, text))


def as_served(ece: float, by_chance: float = 0.01) -> dict[str, Any]:
    """The line of what is served, recalibrated, as a report has it beside the baselines."""
    figures = part(ece, by_chance)["performance"]
    return {"name": AS_SERVED, "reason": "", "performance": figures, "difference": None}


@pytest.mark.parametrize(
    ("own", "served", "passes"), [(0.2, 0.03, True), (0.02, 0.2, True), (0.2, 0.1, False)]
)
def test_what_is_calibrated_as_trained_or_as_served(bundle, own, served, passes):
    """What was off when it was trained may be right by the outcomes; off in both is refused."""
    advancement = part(ece=own) | {"baselines": [as_served(served)]}
    gate = judge(report(advancement=advancement), bundle)
    assert gate.passed is passes
    assert gate.metrics["advancement_ece"] == own


def test_a_twin_of_another_recipe(bundle):
    """A report of a twin carries only a bundle of the same configuration, ladder and version."""
    same = report(twin={"recipe": recipe_of(bundle), "until": "2026-02-01T00:00:00Z"})
    assert judge(same, bundle).passed
    other = report(twin={"recipe": "0" * 64, "until": "2026-02-01T00:00:00Z"})
    (line,) = judge(other, bundle).missing
    assert line.startswith("judged by a twin of another configuration")
