"""What ways are called: titles, never ids."""

from __future__ import annotations

from typing import get_args

import pytest

from features.ladder.controls import LEFT_ALONE_POLICIES, ExperimentKind
from models.offers.policy import POLICIES, POLICIES_WITHOUT
from serving.pages.experiments.naming import (
    KINDS,
    POLICY_WORDS,
    arm_name,
    arm_note,
    policy_said,
    rep_time,
    segment_said,
)
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, STEP, WORKSHEET


def told(kind: str = "offer", started_at: str | None = "2026-01-01T00:00:00Z"):
    return {"kind": kind, "started_at": started_at}


def arm(id_: str = "a", offers: tuple[str, ...] = (), policy: str = "", share: float = 0.5):
    return {"id": id_, "share": share, "offers": list(offers), "policy": policy}


def test_every_kind_and_policy_has_words():
    """None is shown by its name in code."""
    assert set(KINDS) == set(get_args(ExperimentKind))
    assert set(POLICY_WORDS) == {*POLICIES, *POLICIES_WITHOUT, *LEFT_ALONE_POLICIES}


@pytest.mark.parametrize(
    ("kind", "one", "name"),
    [
        ("offer", arm(offers=(WORKSHEET.id,)), WORKSHEET.title),
        (
            "offer",
            arm(offers=(WORKSHEET.id, CALCULATOR.id)),
            f"{WORKSHEET.title} or {CALCULATOR.title}",
        ),
        ("offer", arm(), "None of these"),
        ("offer", arm(offers=("gone-guide",)), "Gone guide"),
        ("policy", arm(policy="thompson"), "Trial and error"),
        ("ladder", arm("education-first"), "Education first"),
        ("content", arm("a\u202eb"), "A b"),
    ],
)
def test_ways(kind, one, name):
    assert arm_name(told(kind), one, B2B) == name


def test_the_standing_controls():
    """Rung itself has its own name, and only there."""
    assert arm_name(told("policy", None), arm("rung"), B2B) == "Rung"
    assert (
        arm_name(told("policy", None), arm("random", policy="uniform"), B2B) == "Offers by chance"
    )
    assert arm_name(told("policy"), arm("rung"), B2B) == "Rung"
    assert arm_name(told("policy", None), arm("no_ask", policy="no_ask"), B2B) == "Left alone"


def test_shares_and_costs():
    """How many leads, and what it takes of a rep."""
    assert arm_note(arm(share=1 / 3, policy="usual"), B2B) == (
        "33.3 % of leads, as it was before Rung"
    )
    assert arm_note(arm(offers=(WORKSHEET.id,)), B2B) == "50 % of leads, no rep's time"
    human = [one for one in B2B.offers if one.rep_minutes]
    assert rep_time(human[:1]) == f"{human[0].rep_minutes:g} minutes of a rep each"
    minutes = sorted(one.rep_minutes for one in human)
    assert rep_time(human) == f"{minutes[0]:g} to {minutes[-1]:g} minutes of a rep each"


def test_some_of_the_leads():
    """As a gate names them, and as a person would."""
    assert segment_said(B2B, f"step: {STEP.id}") == f"leads before “{STEP.title}”"
    assert segment_said(B2B, "company_size: large") == "leads with company size “large”"
    assert policy_said("my_policy") == "My policy"
