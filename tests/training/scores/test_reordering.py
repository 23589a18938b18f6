"""A bundle beside the champion: who comes to the top, what is said of it, what the gate asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from features.ladder.ladder import Trait
from features.ladder.words import in_percent
from models.bundle import Bundle
from models.scores.goal_model import GoalModel
from tests.gates import scores_report
from tests.training.scores.scene import (
    JUDGED_UNTIL,
    LADDER,
    TRAINED_UNTIL,
    small_bundle,
    small_world,
)
from training.decision_points import Points, decision_points
from training.scores.evaluate import evaluate
from training.scores.gate import Accepted, judge
from training.scores.reordering import Incumbent, Reordering, compared, refusals
from training.scores.written.page import page

CHAMPION = "c" * 64
CHALLENGER = "b" * 64


@cache
def points() -> Points:
    log, _, _ = small_world()
    return decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)


def turned(model: GoalModel) -> GoalModel:
    """The model with the order of each step turned around."""
    calibrator = replace(model.calibrator, slope=-model.calibrator.slope)
    return GoalModel(model.learner, calibrator, model.typical)


def named(bundle: Bundle) -> Bundle:
    return replace(bundle, manifest={**bundle.manifest, "hash": CHALLENGER})


def challenger(change: Callable[[Bundle], Bundle] = lambda bundle: bundle) -> Reordering:
    """A changed champion beside the champion."""
    champion = small_world()[1]
    return compared(named(change(champion)), Incumbent(CHAMPION, champion), points())


def refused(reordering: Reordering, least: float = 0.8) -> list[str]:
    """What the gate has against it, as it reads it from a report."""
    held = json.loads(json.dumps(reordering.as_dict()))
    return refusals(held, CHAMPION, least)


def test_the_same_order():
    """A bundle that says the same moves nobody."""
    found = challenger()
    assert refused(found, 1.0) == []
    for order in found.orders:
        assert order.overlap == 1.0
        assert all(part.correlation == pytest.approx(1.0) for part in order.parts)


def test_other_chances_in_the_same_order():
    """Higher chances of a step in the same order move nobody before that step."""

    def higher(bundle: Bundle) -> Bundle:
        calibrator = bundle.advancement.calibrator
        moved = replace(calibrator, shift=calibrator.shift + 0.5)
        return replace(bundle, advancement=replace(bundle.advancement, calibrator=moved))

    assert challenger(higher).orders[1].overlap == 1.0


def test_trained_again():
    """A bundle that learned from the same log at other instants passes."""
    log, champion, _ = small_world()
    again = small_bundle(log, seed=12)
    found = compared(named(again), Incumbent(CHAMPION, champion), points())
    assert refused(found) == []
    assert all(order.overlap is not None and order.overlap < 1.0 for order in found.orders)


def test_a_planted_reordering():
    """Who was last at each step is first: the sentence counts them, and says how to accept it."""
    found = challenger(lambda one: replace(one, advancement=turned(one.advancement)))
    order = found.orders[1]
    assert order.overlap is not None
    assert order.overlap < 0.2
    kept = round(order.kept)
    assert refused(found)[1] == (
        f"of the {order.top} leads at the top by the chance of their step {kept} stay"
        f" ({in_percent(order.overlap, 1)}), and 80.0 % should; if that is meant, say so with"
        " --accept-reordering and why"
    )


def test_another_order_of_purchases():
    """The order of all leads by the purchase counts as well."""
    found = challenger(lambda one: replace(one, purchase=turned(one.purchase)))
    (said,) = refused(found)
    assert "by the chance of a purchase" in said
    overlap = found.orders[0].overlap
    assert overlap is not None
    assert refused(found, overlap) == []


def test_each_lead_once_at_its_last_instant():
    """The leads are those that were judged, and the tops are tenths of them, 20 at least."""
    found = challenger()
    assert found.leads == len(np.unique(points().lead))
    by_purchase, by_step = (order.parts for order in found.orders)
    assert [(part.leads, part.top) for part in by_purchase] == [(found.leads, 26)]
    assert sum(part.leads for part in by_step) == found.leads
    assert {part.top for part in by_step} == {20}


def test_too_few_leads():
    """Of fewer than 40 leads the top would be most of them: nothing is asked of it."""
    few = points().rows(points().lead < np.unique(points().lead)[39])
    champion = small_world()[1]
    other = named(replace(champion, advancement=turned(champion.advancement)))
    found = compared(other, Incumbent(CHAMPION, champion), few)
    assert found.leads == 39
    assert [order.overlap for order in found.orders] == [None, None]
    assert refused(found) == []


# ------------------------------------------------------------------------------- Nothing to compare


def test_no_champion():
    """Where nothing serves there is nothing to compare, and that is said."""
    found = compared(named(small_world()[1]), Incumbent(), points())
    assert found == Reordering("", "there is none yet, so nothing to compare")
    other = Incumbent(why="theirs/2 is no bundle of Rung's")
    found = compared(named(small_world()[1]), other, points())
    assert found == Reordering("", "theirs/2 is no bundle of Rung's, so nothing to compare")


@pytest.mark.parametrize(
    "change",
    [{"traits": (Trait("size", "number"),)}, {"steps": LADDER.steps[::-1]}],
)
def test_another_ladder(change):
    """A champion of other steps or signals cannot be compared, and is followed only on purpose."""
    champion = small_world()[1]
    other = replace(champion, ladder=replace(LADDER, **change))
    found = compared(named(champion), Incumbent(CHAMPION, other), points())
    (said,) = refused(found)
    assert "other steps or signals of the ladder: every score moves; if that is meant" in said


def test_a_champion_that_cannot_be_read():
    """So is one that this version cannot load."""
    found = compared(named(small_world()[1]), Incumbent(CHAMPION, None, "format 3"), points())
    (said,) = refused(found)
    assert said.startswith("the champion cannot be compared: format 3; if that is meant")


# ------------------------------------------------------------------------------ Report and the gate


@cache
def evaluation(turn: bool = False):
    log, champion, _ = small_world()
    bundle = named(
        replace(champion, advancement=turned(champion.advancement)) if turn else champion
    )
    return evaluate(bundle, log, until=JUDGED_UNTIL, former=Incumbent(CHAMPION, champion))


def test_the_report_holds_it():
    """The evaluation has it on the very points that it judges, for programs and for people."""
    judged = evaluation()
    assert judged.reordering == challenger()
    held = json.loads(json.dumps(judged.as_dict()))["reordering"]
    assert [order["overlap"] for order in held["orders"]] == [1.0, 1.0]
    told = page(judged)
    assert "## What it changes beside the champion" in told
    assert "| the chance of a purchase | all leads | 263 | 26 | 26 | 100.0 % | 1.000 |" in told
    assert "What it changes" not in page(small_world()[2])
    alone = replace(judged, reordering=Reordering("", "there is no champion yet"))
    assert "There is no champion yet." in page(alone)


def gate(reordering: Reordering | None, champion: str = CHAMPION, **more):
    bundle = named(small_world()[1])
    held = json.loads(json.dumps(reordering.as_dict())) if reordering else None
    return judge(scores_report(bundle, reordering=held), bundle, champion, **more)


def test_the_gate_asks_for_it():
    """Passed where the top stays, refused where not; what it asked for is kept with the report."""
    kept = gate(challenger())
    assert kept.passed
    assert kept.beside == CHAMPION
    assert kept.report["reordering"]["least_overlap"] == 0.8
    assert kept.report["reordering"]["accepted"] is None
    assert (kept.metrics["overlap_purchase"], kept.metrics["overlap_next_step"]) == (1.0, 1.0)
    turned_ = challenger(lambda one: replace(one, advancement=turned(one.advancement)))
    assert len(gate(turned_).missing) == 2
    assert gate(turned_, least_overlap=0.0).passed
    accepted = gate(turned_, accepted=Accepted("Ann", "the pricing page counts now"))
    assert accepted.passed
    assert accepted.metrics["overlap_next_step"] < 0.2
    held = accepted.report["reordering"]["accepted"]
    assert held == {"by": "Ann", "why": "the pricing page counts now"}


@pytest.mark.parametrize(
    ("reordering", "said"),
    [
        (None, "compared with no champion, and cccccccccccc serves"),
        (Reordering("", "there is no champion yet"), "compared with no champion, and cccccccccccc"),
        (Reordering("d" * 64), "compared with dddddddddddd, and cccccccccccc serves"),
    ],
)
def test_a_comparison_with_another(reordering, said):
    """What was compared with something else has to be judged again: to accept it is not enough."""
    for accepted in (None, Accepted("Ann", "it is meant")):
        (missing,) = gate(reordering, accepted=accepted).missing
        assert missing.startswith(said)
        assert missing.endswith("evaluate it beside the champion, with rung evaluate --champion")


@pytest.mark.parametrize("champion", ["", CHALLENGER])
def test_nothing_to_follow(champion):
    """Where nothing serves, or the bundle itself does, no comparison is asked for."""
    assert gate(None, champion).passed
    assert gate(None, champion).beside == ""
