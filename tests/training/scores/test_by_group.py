"""Scores and the groups of protected traits: by hand, and end to end on a simulated log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from features.arrays import Floats, Ints
from features.clock import microseconds
from features.events.log import DAY_US, EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Groups, Trait
from models.bundle import Bundle
from models.judging.groups.report import CALIBRATION, FOUND, SELECTED
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from tests.training.grouped import log_of_table, with_values
from tests.training.scores.scene import JUDGED_UNTIL, LADDER, TRAINED_UNTIL, bundle_of, small_world
from training.decision_points import Points, decision_points, points_at
from training.labels import Outcomes, label
from training.scores.by_group import MEASURES_OF_SCORES, groups_of_scores
from training.scores.evaluate import evaluate
from training.scores.gate import judge
from training.scores.results import Evaluation
from training.scores.written.page import page
from training.simulation.world import SimulationConfig, simulate

GENDER = (Trait("gender", "category"),)


# ---------------------------------------------------------------------------- on the small world


@cache
def grouped(how: str, least: float = 0.8) -> tuple[Bundle, EventLog, Evaluation]:
    """The small world with a gender: by lot, by how busy a lead is, or of nobody."""
    log, bundle, judged = small_world()
    ladder = replace(LADDER, protected=GENDER, groups=Groups(least))
    pages = log.name == log.names.index("page")
    busy = np.bincount(log.lead_of_rows()[pages], minlength=len(log.leads))
    lot = np.random.default_rng(1).random(len(log.leads))
    words = {
        "by lot": np.where(lot < 0.5, "f", "m"),
        "apart": np.where(busy > np.median(busy), "m", "f"),
        "of nobody": np.full(len(log.leads), None),
        "of few": np.where(lot < 0.04, "f", "m"),
    }[how]
    made = with_values(log, ladder, {"gender": dict(zip(log.leads, words, strict=True))})
    bundle = replace(bundle, ladder=ladder, manifest=bundle.manifest | {"hash": "0" * 64})
    if how == "apart":
        return bundle, made, evaluate(bundle, made, until=JUDGED_UNTIL)
    groups = groups_of_scores(made, ladder, *judged_points(bundle, made), 0.1)
    return bundle, made, replace(judged, groups=groups, version="0" * 12)


def judged_points(bundle: Bundle, log: EventLog) -> tuple[tuple[Points, Outcomes], Floats, Ints]:
    """The points that `evaluate` judges with what came of them, their chances and their weeks."""
    points = decision_points(log, bundle.ladder, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    outcomes, _ = label(log, bundle.ladder, points, JUDGED_UNTIL)
    chance = bundle.score(points.snapshot).advance.probability
    return (points, outcomes), chance, (points.as_of - TRAINED_UNTIL - 1) // (7 * DAY_US)


def verdicts(judged: Evaluation, trait: str = "gender") -> dict[tuple[str, str], str]:
    assert judged.groups is not None
    return {
        (one.group, one.measure): one.verdict for one in judged.groups.figures if one.trait == trait
    }


def of_groups(how: str, least: float = 0.8) -> tuple[str, ...]:
    """What the gate has to say of groups."""
    bundle, _, judged = grouped(how, least)
    gate = judge(json.loads(json.dumps(judged.as_dict())), bundle)
    return tuple(line for line in gate.missing if "gender" in line)


def test_a_gender_by_lot_is_not_apart():
    """Groups that have nothing to do with the scores are not apart, and the gate lets them pass."""
    _, _, judged = grouped("by lot")
    assert "apart" not in verdicts(judged).values()
    assert of_groups("by lot") == ()


def test_a_gender_that_goes_with_the_treatment_is_apart():
    """Who is busy stands at the top; where that goes with gender the gate says so and refuses."""
    _, _, judged = grouped("apart")
    assert verdicts(judged)["f", SELECTED] == "apart"
    assert verdicts(judged)["m", SELECTED] == "apart"
    found = [line for line in of_groups("apart") if "stand at the top of the queue" in line]
    assert len(found) == 1
    assert found[0].startswith("gender 'f' is apart: ")
    assert found[0].endswith("at least 0.80 is allowed")


def test_small_groups_are_not_named_and_pass():
    """A dozen leads are too few to refuse by, and to be told apart in what outlives them."""
    _, _, judged = grouped("of few")
    assert {name for name, _ in verdicts(judged)} == {"all others"}
    assert set(verdicts(judged).values()) == {"unknown"}
    assert of_groups("of few") == ()


def test_a_trait_of_nobody_is_refused():
    """Where no lead has the trait, whether groups are treated alike is not known: it fails."""
    (line,) = of_groups("of nobody")
    assert "of no lead is its value known" in line


def test_a_report_without_groups_is_refused():
    """A report from before the trait was protected does not carry the bundle."""
    bundle, _, judged = grouped("by lot")
    report = json.loads(json.dumps(judged.as_dict()))
    del report["groups"]
    assert any("says nothing of its groups" in line for line in judge(report, bundle).missing)


def test_scores_do_not_change(judged):
    """A protected trait moves no figure of the evaluation."""
    _, _, found = grouped("apart")
    assert found.advancement == judged.advancement
    assert found.purchase == judged.purchase
    assert judged.groups is None


def test_the_page_has_a_table():
    """Every figure stands in the page, with its verdict and how to read it."""
    _, _, judged = grouped("apart")
    text = page(judged)
    assert "## Groups treated alike" in text
    assert judged.groups is not None
    for one in judged.groups.figures:
        assert any(
            line.startswith(f"| gender | {one.group} | {one.leads:,} | ")
            for line in text.split("\n")
        )
    assert "* gender: known of" in text
    assert "## Groups treated alike" not in page(small_world()[2])


def test_measures_by_hand():
    """Each rate is that of the leads' first points of a week; errors are of decided points."""
    bundle, log, judged = grouped("apart")
    (points, outcomes), chance, week = judged_points(bundle, log)
    told = pd.DataFrame(
        {
            "lead": points.lead, "week": week, "chance": chance, "came": outcomes.happened,
            "decided": outcomes.decided, "weight": outcomes.weight,
            "group": list(map(_genders(log), points.lead, points.as_of)),
        }
    )  # fmt: skip
    first = told.groupby(["lead", "week"], as_index=False).first()
    first["place"] = first.groupby("week")["chance"].rank(ascending=False, method="first")
    worked = first.groupby("week")["lead"].transform("size").mul(0.1).round().clip(lower=1)
    first["top"] = first["place"] <= worked
    assert judged.groups is not None
    found = {(one.group, one.measure): one for one in judged.groups.figures}
    for group in ("f", "m"):
        here = first[first["group"] == group]
        assert found[group, SELECTED].value == pytest.approx(here["top"].mean(), abs=0.01)
        reached = here[here["decided"] & (here["came"] == 1)]
        assert found[group, FOUND].value == pytest.approx(reached["top"].mean(), abs=0.02)
        decided = told[told["decided"] & (told["group"] == group)]
        gap = np.average(decided["chance"] - decided["came"], weights=decided["weight"])
        assert found[group, CALIBRATION].value == pytest.approx(gap)
    assert {one.measure for one in judged.groups.figures} == set(MEASURES_OF_SCORES)


def _genders(log: EventLog) -> Callable[[int, int], str | None]:
    """What was known of a lead's gender by an instant."""
    column = log.columns.texts.index("gender")
    lead, code = log.lead_of_rows(), log.texts[column]
    rows = {int(lead[at]): at for at in np.flatnonzero(code >= 0)}

    def known(of: int, as_of: int) -> str | None:
        row = rows[of]
        return log.text_values[column][code[row]] if log.known[row] <= as_of else None

    return known


def test_a_number_of_leads_as_capacity():
    """A capacity of 1 or more is a number of leads each week, whatever the groups."""
    bundle, log, _ = grouped("by lot")
    as_of = np.full(len(log.leads), TRAINED_UNTIL + 20 * DAY_US)
    points = points_at(log, bundle.ladder, np.arange(len(log.leads)), as_of)
    outcomes, _ = label(log, bundle.ladder, points, JUDGED_UNTIL)
    chance = bundle.score(points.snapshot).advance.probability
    found = groups_of_scores(
        log, bundle.ladder, (points, outcomes), chance, np.zeros(len(points), dtype=np.int64), 12
    )
    assert found is not None
    chosen = sum((one.value or 0.0) * one.leads for one in found.figures if one.measure == SELECTED)
    assert chosen == pytest.approx(12)


# -------------------------------------------------------------------------- on a simulated log


@pytest.mark.slow
def test_a_simulated_log():
    """A gender that goes with company size is apart where size decides; one by lot is not."""
    ladder = replace(read_ladder("b2b"), protected=(*GENDER, Trait("shift", "category")))
    config = SimulationConfig(leads=2000, days=180, seed=3, trait_sd=1.5, late_share=0.0)
    simulation = simulate(ladder, config)
    size = simulation.events.groupby("lead_id")["company_size"].last()
    rng = np.random.default_rng(1)
    small = np.where(size < size.median(), 0.95, 0.05)
    values = {
        "gender": dict(
            zip(size.index, np.where(rng.random(len(size)) < small, "f", "m"), strict=True)
        ),
        "shift": dict(
            zip(size.index, np.where(rng.random(len(size)) < 0.5, "a", "b"), strict=True)
        ),
    }
    log = with_values(log_of_table(simulation.events, ladder), ladder, values)
    split = microseconds(config.start) + 120 * DAY_US
    quick = FitConfig(BoostingConfig(most_rounds=30, learning_rate=0.2), folds=2, repeats=1)
    bundle = bundle_of(log, ladder, split, quick, hash="0" * 64)
    judged = evaluate(bundle, log, until=microseconds(simulation.end))
    assert {verdicts(judged)[one, SELECTED] for one in ("f", "m")} == {"apart"}
    assert "apart" not in verdicts(judged, "shift").values()
    gate = judge(json.loads(json.dumps(judged.as_dict())), bundle)
    assert any(
        "gender" in line and "stand at the top of the queue" in line for line in gate.missing
    )
    assert not any("shift" in line for line in gate.missing)
