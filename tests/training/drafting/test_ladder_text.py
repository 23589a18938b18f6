"""The file of a draft: a ladder that is accepted whatever names a log has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ladder.file import parse_ladder
from features.signals.table import signals_of
from tests.training.drafting.scene import funnel, table_of
from training.drafting.draft import draft_ladder
from training.drafting.ladder_text import ladder_text
from training.drafting.timeline import Deed

names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(
    lambda name: not name.isspace() and "*" not in name
)


def renamed(told, names):
    return [(who, names.get(what, what), day) for who, what, day in told]


@given(names.map(lambda name: f"{name}!"), names.map(lambda name: f"{name}?"))
def test_any_name_is_written(guide, call):
    """Quotes, dots, letters of any script: the file says the names that the log has."""
    told = renamed(funnel(96), {"guide_read": guide, "call_held": call})
    draft = draft_ladder(table_of(told), "order_placed")
    ladder = parse_ladder(ladder_text(draft, "x"))
    events = {rule.event for step in ladder.steps for rule in step.complete_when}
    assert events == {one.deed.event for step in draft.steps for one in step.deeds}


def test_what_to_look_at_stands_beside_each_guess():
    """Counts, medians, shares and questions are comments of the file."""
    text = ladder_text(draft_ladder(table_of(funnel()), None), "small")
    assert "# 200 leads, median 2.3 days; is this a step that a lead chooses?" in text
    assert "band = [0.40, 0.60]   # 100 of 200 of the step below did" in text
    assert "times as likely to buy" in text
    assert "# No offer in the log" in text
    ladder = parse_ladder(text)
    assert [step.id for step in ladder.steps] == ["guide-read", "call-held"]
    assert ladder.name == "small"


def test_horizons_hold_for_most_who_go_on():
    """Four of five who go on do so within the horizon of the step."""
    draft = draft_ladder(table_of(funnel()), None)
    ladder = parse_ladder(ladder_text(draft, "x"))
    for step, drafted in zip(ladder.steps, draft.steps, strict=True):
        assert (drafted.took <= step.horizon_days).mean() >= 0.8


def test_ids_that_a_ladder_cannot_have_are_named():
    """A trait or an offer in capitals stands in a comment, and is not lost unsaid."""
    told, properties = funnel(), {}
    for at in range(40):
        properties[len(told)] = json.dumps({"Industry": "ab"[at % 2]})
        told.append((f"lead-{at:04d}", "identify", 0.1))
    text = ladder_text(draft_ladder(table_of(told, properties), None), "x")
    assert "# Left out, as ids are lower case: Industry" in text
    assert parse_ladder(text).traits == ()


@pytest.mark.parametrize("word", ["purchase", "1st call", "Anruf!"])
def test_ids_of_steps(word):
    """An id is made of the event's name, and is one that a ladder may have."""
    told = renamed(funnel(), {"call_held": word})
    ladder = parse_ladder(ladder_text(draft_ladder(table_of(told), "order_placed"), "x"))
    assert ladder.steps[1].id in ("step-purchase", "step-1st-call", "anruf")


def with_traits(**properties):
    """The funnel with the traits of every lead told at its beginning."""
    told = funnel()
    leads = sorted({who for who, *_ in told})
    first = len(told)
    told += [(lead, "identify", 0.1) for lead in leads]
    held = {}
    for at in range(len(leads)):
        values = {name: several[at % len(several)] for name, several in properties.items()}
        held[first + at] = json.dumps(values)
    return draft_ladder(table_of(told, held), None)


def test_what_by_its_name_is_to_be_protected_is():
    """A gender is drafted as protected, and no signal; an industry is drafted as a trait."""
    draft = with_traits(gender=["f", "m"], age=[30, 40, 50], industry=["food", "steel"])
    ladder = parse_ladder(ladder_text(draft, "x"))
    assert [one.id for one in ladder.protected] == ["age", "gender"]
    assert [one.id for one in ladder.traits] == ["industry"]
    assert [one.id for one in signals_of(ladder) if one.id.startswith("trait.")] == [
        "trait.industry"
    ]


def test_what_tells_a_step_is_a_trait():
    """A ladder may not protect what its own rules read: such a trait is drafted as any other."""
    draft = with_traits(gender=["f", "m"])
    first, *rest = draft.steps
    seen = replace(first.deeds[0], deed=Deed("guide_read", text="gender", value="f"))
    told = replace(draft, steps=(replace(first, deeds=(seen,)), *rest))
    ladder = parse_ladder(ladder_text(told, "x"))
    assert ladder.protected == ()
    assert [one.id for one in ladder.traits] == ["gender"]
