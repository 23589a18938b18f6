"""The file of a draft: a ladder that is accepted whatever names a log has."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import EventsError, NotEnoughData
from features.ladder.file import parse_ladder
from features.signals.table import signals_of
from tests.training.drafting.scene import DAY, START, funnel, table_of
from training.drafting.draft import draft_ladder
from training.drafting.ladder_text import judged_from, ladder_text, step_ids, written_offers
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


HOW = st.sampled_from(["telling", "luck", "both", "number", "high", "truth", "odd"])
KEYS = st.sampled_from(
    ("category", "amount", "gender", "Gender", "offer", "rung_record", "a.b", "x y", "", "\x07")
)
PLAN = st.dictionaries(KEYS, HOW, max_size=3)


def value_of(how, at):
    """A value of lead `at`; whose number can be divided by eight buys."""
    return {
        "telling": "late" if at % 8 == 0 else "early",
        "luck": "abc"[at % 3],
        "both": "no" if at % 5 else 7.5,
        "number": at % 11,
        "high": 50.5 + at % 7 if at % 8 == 0 else at % 3,
        "truth": at % 8 == 0,
        "odd": f'\x07"{at % 2}\u2028',
    }[how]


@given(
    st.dictionaries(st.sampled_from(["visited", "guide_read", "call_held", "order_placed"]), PLAN),
    PLAN,
    st.dictionaries(
        st.sampled_from(["visited", "guide_read", "call_held"]),
        st.sampled_from(["a", "A!", "a-3", "a 3", "ask_*", "*x", "x_declined", "___", "purchase"]),
    ),
    st.lists(st.sampled_from(["nurture", "no_ask", "book", "Book!", "\x07"]), max_size=3),
)
def test_a_draft_is_read_by_its_own_reader(plans, traits, others, offers):
    """Texts that part leads, one property of two types, reserved names: it is written and read."""
    told, held = funnel(240), {}
    told += [(who, "a", day + 0.1) for who, what, day in told if what == "guide_read"]
    for row, (who, what, _) in enumerate(told):
        given = {key: value_of(how, int(who[5:])) for key, how in plans.get(what, {}).items()}
        held[row] = json.dumps(given)
    for who in sorted({who for who, *_ in told}):
        given = {key: value_of(how, int(who[5:])) for key, how in traits.items()}
        held[len(told)] = json.dumps(given)
        told.append((who, "identify", 0.0))
        for offer in offers:
            held[len(told)] = json.dumps({"offer": offer})
            told.append((who, "offer_extended", 0.2))
    try:
        draft = draft_ladder(table_of(renamed(told, others), held), "order_placed")
    except NotEnoughData:  # nothing is left that a ladder can name
        return
    ladder = parse_ladder(ladder_text(draft, "x"))
    assert len(ladder.steps) == len(draft.steps)


def test_an_event_that_is_no_step_is_interest_once():
    """A text of what leads do often parts those who go on: it engages, and is named once."""
    told = funnel()
    held = {row: json.dumps({"source": value_of("telling", int(who[5:]))})
            for row, (who, what, _) in enumerate(told) if what == "visited"}  # fmt: skip
    draft = draft_ladder(table_of(told, held), None)
    assert [step.engaged for step in draft.steps] == [("visited",), ()]
    assert parse_ladder(ladder_text(draft, "x")).steps[0].engaged_by == ("visited", "guide_read")


def test_an_end_that_no_ladder_can_have():
    """What speaks against a lead, or has a * in its name, is refused by name."""
    for word, why in (("order_failed", "it speaks against a lead"), ("order*", "has a *")):
        told = renamed(funnel(), {"order_placed": word})
        with pytest.raises(EventsError, match=f"cannot end a ladder: .*{re.escape(why)}"):
            draft_ladder(table_of(told), word)


def test_ids_of_steps_are_told_apart():
    """Three events that come to one id, of which one has a number already, get three."""
    told = renamed(funnel(), {"guide_read": "a 3", "call_held": "a"})
    keen = {who for who, what, _ in told if what == "order_placed" or int(who[5:]) % 3 == 0}
    told += [(who, "a!", day + 1.0) for who, what, day in told if what == "a" and who in keen]
    assert step_ids(draft_ladder(table_of(told), "order_placed")) == ["a-3", "a", "a-4"]


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


def test_what_is_agreed_holds_asks_back():
    """By its name; what ends it is what the log has of the same thing, whether a step reads it."""
    told = renamed(funnel(), {"guide_read": "Demo Booked", "call_held": "trial_started"})
    others = ("Demo Held", "demo_no_show", "demo_booked_again", "trial_extended")
    told += [(f"other{n}", name, 1.0) for name in others for n in range(30)]
    text = ladder_text(draft_ladder(table_of(told), "order_placed"), "small")
    assert [
        (one.id, [rule.event for rule in (*one.begins, *one.until)], one.days)
        for one in parse_ladder(text).commitments
    ] == [
        ("demo-booked", ["Demo Booked", "Demo Held", "demo_no_show"], 14.0),
        ("trial-started", ["trial_started"], 30.0),
    ]
    assert "[[commitment]]" not in ladder_text(draft_ladder(table_of(funnel()), None), "small")


def test_horizons_hold_for_most_who_go_on():
    """Four of five who go on do so within the horizon of the step."""
    draft = draft_ladder(table_of(funnel()), None)
    ladder = parse_ladder(ladder_text(draft, "x"))
    for step, drafted in zip(ladder.steps, draft.steps, strict=True):
        assert (drafted.took <= step.horizon_days).mean() >= 0.8


def test_what_is_judged_comes_after_what_was_learned():
    """Two horizons of a log are left to judge on, or a third of it; in whole days if they fit."""
    draft = draft_ladder(table_of(funnel()), None)
    longest = max(one.horizon_days for one in parse_ladder(ladder_text(draft, "x")).goals)
    last = START + 300 * DAY + 5
    assert judged_from(draft, START, last) == START + (300 - 2 * longest) * DAY
    assert judged_from(draft, START, START + 9 * DAY) == START + 6 * DAY
    assert judged_from(draft, START + 1, START + DAY + 1) == START + 1 + DAY - DAY // 3


def test_offers_that_a_ladder_cannot_name():
    """Those are not counted among what was written."""
    told, held = funnel(), {}
    for offer in ("nurture", "Call!", "book"):
        held[len(told)] = json.dumps({"offer": offer})
        told.append(("lead-0000", "offer_extended", 0.2))
    draft = draft_ladder(table_of(told, held), None)
    assert [one.id for one in written_offers(draft)] == ["book"]
    assert [one.id for one in parse_ladder(ladder_text(draft, "x")).offers] == ["book"]
    assert "# Left out, as it stands for no offer: nurture" in ladder_text(draft, "x")


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
