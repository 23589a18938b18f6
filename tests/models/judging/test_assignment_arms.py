"""Arms by lot: the same for ever, with the shares that were meant, and one by one for each salt."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from features.ladder.controls import Arm, Experiment
from models.judging.assignment import arm_of

THREE = Experiment("tools", "offer", (Arm("a", 0.5), Arm("b", 0.3), Arm("c", 0.2)), control="a")
LEADS = [f"lead-{at}" for at in range(20_000)]


def test_shares_are_those_that_were_meant():
    got = Counter(arm_of(THREE, "b2b", lead).id for lead in LEADS)
    for arm in THREE.arms:
        error = (arm.share * (1 - arm.share) / len(LEADS)) ** 0.5
        assert got[arm.id] / len(LEADS) == pytest.approx(arm.share, abs=4 * error)


def test_the_same_for_ever():
    assert [arm_of(THREE, "b2b", f"lead-{at}").id for at in range(8)] == list("aaacbcaa")
    assert all(arm_of(THREE, "b2b", lead) == arm_of(THREE, "b2b", lead) for lead in LEADS[:50])


def test_arms_of_experiments_know_nothing_of_each_other():
    """Of those in one arm of an experiment the arms of another have their shares as well."""
    for other in (replace(THREE, id="other"), replace(THREE, salt="pepper")):
        inside = [lead for lead in LEADS if arm_of(THREE, "b2b", lead).id == "a"]
        share = sum(arm_of(other, "b2b", lead).id == "a" for lead in inside) / len(inside)
        assert share == pytest.approx(0.5, abs=0.02)
    inside = [lead for lead in LEADS if arm_of(THREE, "b2b", lead).id == "a"]
    share = sum(arm_of(THREE, "b2c", lead).id == "a" for lead in inside) / len(inside)
    assert share == pytest.approx(0.5, abs=0.02)
