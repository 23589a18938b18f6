"""Policies and the groups of protected traits: whom they ask, through report and gate."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from features.events.log import EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Groups, Ladder, Trait
from models.bundle import Bundle
from models.judging.groups.figures import GroupFigure
from models.judging.groups.report import (
    ASKED,
    ASKED_BY_LOG,
    ASKED_PERSON,
    ASKED_PERSON_BY_LOG,
    GroupsReport,
)
from models.offers.offer_model import OfferModel
from models.offers.options import options_of
from models.scores.calibration import uncalibrated
from models.scores.encoding import Encoding
from models.scores.goal_model import GoalModel
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors
from tests.training.grouped import log_of_table, with_values
from tests.training.policies.scene import LADDER, event, log_of, us
from tests.training.policies.story import SPLIT, UNTIL, bundle, learned, story
from training.policies.by_group import groups_of_policy
from training.policies.choices import shares_of
from training.policies.decisions import Decisions, drawn_decisions
from training.policies.evaluate import PolicyEvaluation, evaluate_policy
from training.policies.gate import judge_policy, missing
from training.policies.report import write_policy_report
from training.simulation.world import SimulationConfig, simulate

PROTECTED = replace(LADDER, protected=(Trait("gender", "category"),))
DEMO = "only:demo"


@cache
def told(how: str) -> EventLog:
    """The story with a gender: of those at the second step another one, by lot, or of nobody."""
    rng = np.random.default_rng(1)
    events = list(story())
    for number in range(360):
        gender = {
            "apart": "m" if number % 3 == 0 else "f",
            "by lot": str(rng.choice(["f", "m"])),
            "later": "m",
            "of nobody": None,
        }[how]
        day = UNTIL - 1 if how == "later" else 0.0
        events.append(event(f"lead-{number:03}", "identify", day, gender=gender))
    return log_of(events, PROTECTED)


@cache
def judged(how: str = "apart", name: str = DEMO) -> PolicyEvaluation:
    return evaluate_policy(bundle().on(PROTECTED), told(how), name, until=us(UNTIL))


def figures(found: PolicyEvaluation) -> dict[tuple[str, str], GroupFigure]:
    assert isinstance(found.groups, GroupsReport)
    return {(one.group, one.measure): one for one in found.groups.figures}


def report(found: PolicyEvaluation) -> dict[str, Any]:
    """What is written, as it comes back."""
    held: dict[str, Any] = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    return held


def of_groups(found: PolicyEvaluation, ladder: Ladder = PROTECTED) -> list[str]:
    """What the gate has to say of groups."""
    gate = judge_policy(report(found), replace(bundle().on(ladder)))
    return [line for line in gate.missing if "gender" in line]


def test_by_hand():
    """Shares are means over decisions of what the policy would ask; the log's of what it asked."""
    found = figures(judged())
    decisions = drawn_decisions(told("apart"), PROTECTED, us(UNTIL))
    decisions = decisions.rows((decisions.as_of > us(SPLIT)) & decisions.is_over)
    decisions = decisions.rows(decisions.position < len(PROTECTED.goals))
    target = shares_of(bundle().on(PROTECTED), decisions, DEMO)
    options = options_of(PROTECTED)
    demo = options.ids.index("demo")
    for group, rest in (("m", 0), ("f", 1)):
        here = np.array([(int(name[-3:]) % 3 != 0) == rest for name in decisions.snapshot.leads])
        asks = target[here][:, options.is_ask].sum(axis=1)
        assert found[group, ASKED].value == pytest.approx(asks.mean())
        assert found[group, ASKED_PERSON].value == pytest.approx(target[here, demo].mean())
        asked = options.is_ask[decisions.chosen[here]]
        assert found[group, ASKED_BY_LOG].value == pytest.approx(asked.mean())
        with_person = decisions.chosen[here] == demo
        assert found[group, ASKED_PERSON_BY_LOG].value == pytest.approx(with_person.mean())


def test_a_policy_that_asks_one_group_is_refused():
    """Where being at the step of the demo goes with gender, the gate refuses to ask there alone."""
    found = judged()
    assert figures(found)["f", ASKED].verdict == "apart"
    lines = of_groups(found)
    assert any(
        line.startswith("gender 'f' is apart: ") and "of decisions ask for something, " in line
        for line in lines
    )
    assert any("of decisions ask for something with a person" in line for line in lines)
    assert not any("of the log" in line for line in lines)


def test_the_log_itself_is_told_and_not_refused():
    """What the log did stands in the report; the gate judges what is to serve."""
    found = judged("apart", "uniform")
    assert figures(found)["f", ASKED_PERSON_BY_LOG].verdict == "apart"
    assert found.groups is not None
    told_apart = [
        one if one.measure.endswith("_by_log") else replace(one, verdict="alike")
        for one in found.groups.figures
    ]
    only_log = replace(found.groups, figures=tuple(told_apart))
    assert of_groups(replace(found, groups=only_log)) == []


def test_a_gender_by_lot_passes():
    """Where gender has nothing to do with it, the gate says nothing of it."""
    found = judged("by lot")
    assert "apart" not in {one.verdict for one in figures(found).values()}
    assert of_groups(found) == []


@pytest.mark.parametrize("how", ["of nobody", "later"])
def test_what_nobody_had_by_then_is_refused(how):
    """Of no decision is the gender known, as it was told after them: that is no all-clear."""
    (line,) = of_groups(judged(how))
    assert "of no lead is its value known" in line


def test_a_report_without_groups_is_refused():
    """A report from before the trait was protected does not carry the policy."""
    (line,) = of_groups(learned())
    assert "says nothing of its groups" in line
    assert missing(report(learned())) == missing(report(learned()), LADDER)


def test_another_limit_is_refused():
    """The ladder of the bundle says by which limit groups are alike."""
    strict = bundle().on(replace(PROTECTED, groups=Groups(0.9)))
    found = judge_policy(report(judged("by lot")), strict).missing
    assert any("held to a ratio of 0.8, the ladder says 0.9" in line for line in found)


def test_the_page_has_a_table(tmp_path):
    """Each figure stands in the page, and so does what the gate says."""
    found = judged()
    text = write_policy_report(found, tmp_path / "grouped", {}).read_text(encoding="utf-8")
    assert "## Groups treated alike" in text
    for one in figures(found).values():
        assert f"\n| gender | {one.group} | {one.leads:,} | " in text
    assert "* gender 'f' is apart: " in text
    plain = write_policy_report(learned(), tmp_path / "plain", {}).read_text(encoding="utf-8")
    assert "Groups treated alike" not in plain


def test_no_protected_trait():
    """Without one there is no such part, and no segment either."""
    assert learned().groups is None
    assert not any("gender" in name for name in judged().assessment.segments)


# -------------------------------------------------------------------------------- simulated


@pytest.mark.slow
def test_a_simulated_log():
    """A gender that goes with who is asked to an assessment is apart there; one by lot is not."""
    traits = (Trait("gender", "category"), Trait("shift", "category"))
    ladder = replace(read_ladder("b2b"), protected=traits)
    config = SimulationConfig(
        leads=1500, days=260, arrive_days=20, late_share=0.0, drawn=True, seed=2
    )
    simulation = simulate(ladder, config)
    plain = log_of_table(simulation.events, ladder)
    until = config.ends_at
    decisions = drawn_decisions(plain, ladder, until)
    made = _bundle(ladder, decisions, config.starts_at)
    target = shares_of(made, decisions, "only:process-assessment")
    option = options_of(ladder).ids.index("process-assessment")
    asked = {
        name for name, share in zip(decisions.snapshot.leads, target[:, option], strict=True)
        if share > 0.5
    }  # fmt: skip
    rng = np.random.default_rng(4)
    genders = {
        name: "m" if (name in asked) == (rng.random() < 0.9) else "f" for name in plain.leads
    }
    shifts = {name: "day" if rng.random() < 0.5 else "night" for name in plain.leads}
    log = with_values(plain, ladder, {"gender": genders, "shift": shifts})
    decisions = drawn_decisions(log, ladder, until)
    target = shares_of(made, decisions, "only:process-assessment")
    found = groups_of_policy(log, ladder, decisions, target)
    assert found is not None
    verdicts = {(one.trait, one.group, one.measure): one.verdict for one in found.figures}
    assert verdicts["gender", "m", ASKED_PERSON] == "apart"
    assert verdicts["gender", "f", ASKED_PERSON] == "apart"
    assert "apart" not in {verdict for (trait, *_), verdict in verdicts.items() if trait == "shift"}


def _bundle(ladder: Ladder, decisions: Decisions, until: int) -> Bundle:
    """A bundle of a ladder's expectations, which knows no lead from another."""
    goals = [
        GoalModel(None, uncalibrated(StepRates.prior(priors)), np.zeros((len(ladder.goals), 0)))
        for priors in (advancement_priors(ladder), purchase_priors(ladder))
    ]
    encoding = Encoding.learn(decisions.snapshot)
    manifest = {"hash": "0" * 64, "until": until}
    return Bundle(ladder, encoding, goals[0], goals[1], OfferModel.prior(ladder), manifest)
