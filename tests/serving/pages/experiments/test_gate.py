"""What the gate asks for, in words, with its figures."""

from __future__ import annotations

import pytest

from models.judging.served import POLICY, about_policy
from serving.pages.experiments.gate import gate_part
from serving.process.judged.policies import let_serve
from tests.gates import assessment as passing
from tests.gates import gain, watched
from tests.serving.process.judged.scene import keep, keep_gate


def texts(service) -> dict[str, bool]:
    return {one.text: one.is_met for one in gate_part(service).asked}


def test_all_is_there(own):
    """It may serve; what is sure is told with the money that it brings."""
    keep_gate(own)
    part = gate_part(own)
    assert (part.serves, part.candidate, part.is_served) == (
        "Rung's careful way",
        "What was learned",
        False,
    )
    assert (part.may_serve, part.met, len(part.asked)) == (True, 6, 6)
    assert texts(own) == {
        "Judged on choices that the model had not learned from.": True,
        "Judged beside what really chose for these leads.": True,
        "Two ways to reckon the gain agree.": True,
        "Surely brings more: +1 EUR a choice, by 2,000 leads.": True,
        "No part of the leads is surely worse off.": True,
        "The ladder protects no trait, so no groups are compared.": True,
    }


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"flatters": True},
            "Judged on choices that the model learned from: later ones are needed.",
        ),
        ({"against": "rules"}, "Judged beside something else than what really chose."),
        (
            {"watch": watched(493.0, -1513.0, 8919.0)},
            "2,000 of about 33,000 leads that it takes to be sure of a gain.",
        ),
        (
            {"watch": watched(-3.0, -9.0, 2.0)},
            "Brings nothing more so far: −3 EUR a choice, by 2,000 leads.",
        ),
        (
            {"watch": watched(-3.0, -9.0, -1.0)},
            "Surely brings less: −3 EUR a choice, by 2,000 leads.",
        ),
        ({"watch": None}, "No lead can be counted yet."),
        (
            {"assessment": passing() | {"gain": gain(1.0, 0.3) | {"disagreement": 4.2}}},
            "Two ways to reckon the gain do not agree.",
        ),
        (
            {"assessment": passing() | {"segments": {"step: trial": gain(-9.0, 0.3, 40)}}},
            "Surely worse off: leads before “Trial”.",
        ),
    ],
)
def test_what_is_missing(own, more, text):
    """Each thing by itself keeps it from choosing, and is said in a sentence."""
    keep_gate(own, **more)
    part = gate_part(own)
    assert not part.may_serve
    assert part.met == 5
    assert [one.text for one in part.asked if not one.is_met] == [text]


def test_how_much_is_there(own):
    """A bar that is full only where nothing more is needed."""
    keep_gate(own, watch=watched(1.0, -0.001, 2.0))
    (unsure,) = [one for one in gate_part(own).asked if not one.is_met]
    assert unsure.share is not None
    assert 0.9 < unsure.share < 1.0
    assert "−0.001 to +2 EUR, however often one looks" in unsure.aside


def test_no_page_names_a_protected_trait(own):
    """That a group is apart is said, and which one is not."""
    keep_gate(own, groups={"least_ratio": 0.8, "figures": [], "traits": [
        {"trait": "gender", "known": 0, "unknown": 9}
    ]})  # fmt: skip
    part = gate_part(own)
    assert not part.may_serve
    assert "gender" not in repr(part.asked)
    (groups,) = [one for one in part.asked if not one.is_met]
    assert groups.text == "A group of a protected trait is treated apart, or was not looked at."


def test_what_cannot_be_judged(own):
    """There is nothing that is asked for, and no way to let it choose."""
    assert gate_part(own).look.missing == "soon"
    body: dict[str, object] = {"name": "learned", "gate": None, "checks": [], "note": "none"}
    keep(own, POLICY, body, about_policy(own.scorer.bundle.hash, "learned"))
    part = gate_part(own)
    assert (list(part.asked), part.may_serve, part.look.missing) == ([], False, "")


def test_what_serves_is_asked_again(own):
    """Once it chooses it is its own gate that is shown, to be taken back."""
    keep_gate(own)
    let_serve(own, "learned", "Ann")
    part = gate_part(own)
    assert (part.serves, part.candidate, part.is_served) == (
        "What was learned",
        "What was learned",
        True,
    )
