"""Actions: what a person says to have done, as the ladder file has it."""

from __future__ import annotations

import pytest

from features.errors import LadderError
from features.ladder.action import LeadAction, kind_of
from features.ladder.file import parse_ladder, read_ladder, shipped_ladders

LADDER = """
[ladder]
name = "small"
[events]
business_replied = "answered"
[[step]]
id = "first"
title = "First"
horizon_days = 7
complete_when = [{event = "a"}]
[[step]]
id = "second"
title = "Second"
horizon_days = 7
band = [0.2, 0.5]
complete_when = [{event = "b"}]
[purchase]
horizon_days = 30
complete_when = [{event = "c"}]
"""


def test_a_ladder_without_actions_has_those_of_its_roles():
    """Talked, offered and refused, by the names that the roles have in this business's log."""
    buttons = parse_ladder(LADDER).buttons
    assert [(one.id, one.event) for one in buttons] == [
        ("talked", "answered"),
        ("offered", "offer_extended"),
        ("refused", "offer_declined"),
    ]


def test_every_key_is_read():
    """What is left out claims the lead, asks for nothing and names no offer."""
    text = (
        LADDER
        + """
[[action]]
id = "held"
title = "Session held"
event = "session_held"
properties = {channel = "video", paid = false, price = 2.5}
asks = ["minutes", "ends_at", "topic"]
with_offer = true
claims = false
during = ["trial", "reply"]
[[commitment]]
id = "trial"
title = "A trial runs"
from = [{event = "begun"}]
days = 30
[[action]]
id = "rang"
event = "call"
"""
    )
    held, rang = parse_ladder(text).buttons
    assert held == LeadAction(
        "held",
        "Session held",
        "session_held",
        (("channel", "video"), ("paid", False), ("price", 2.5)),
        ("minutes", "ends_at", "topic"),
        with_offer=True,
        claims=False,
        during=("trial", "reply"),
    )
    assert rang == LeadAction("rang", "rang", "call")
    assert [kind_of(one) for one in held.asks] == ["number", "instant", "text"]


@pytest.mark.parametrize(
    ("lines", "path", "problem"),
    [
        ('id = "Held"\nevent = "x"', "action[0].id", "lower case"),
        ('id = "held"', "action[0].event", "missing"),
        ('id = "held"\nevent = "lead_claimed"', "action[0].event", "reserved"),
        ('id = "held"\nevent = "note_added"', "action[0].event", "reserved"),
        ('id = "held"\nevent = "x"\nasks = ["offer"]', "action[0].asks", "reserved"),
        ('id = "held"\nevent = "x"\nasks = ["how long"]', "action[0].asks", "no name"),
        ('id = "held"\nevent = "x"\nasks = ["a", "b", "c", "d", "e"]', "action[0].asks", "more"),
        ('id = "held"\nevent = "x"\nproperties = 3', "action[0].properties", "table"),
        ('id = "h"\nevent = "x"\nproperties = {a = [1]}', "action[0].properties.a", "text"),
        ('id = "h"\nevent = "x"\nduring = ["replies"]', "action[0].during", "did you mean 'reply'"),
        ('id = "h"\nevent = "x"\nduring = ["offer"]', "action[0].during", "no commitment 'offer'"),
        ('id = "h"\nevent = "x"\nclaim = true', "action[0].claim", "is not a key"),
        ('id = "h"\nevent = "x"\n[[action]]\nid = "h"\nevent = "y"', "action[1].id", "'h'"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(lines, path, problem):
    """One mistake each, at the key that has it."""
    with pytest.raises(LadderError) as told:
        parse_ladder(f"{LADDER}[[action]]\n{lines}\n")
    assert [one.path for one in told.value.mistakes] == [path]
    assert problem in str(told.value)


def test_actions_do_not_change_what_was_learned():
    """Another button needs no new training."""
    text = f'{LADDER}[limits]\nclaim_days = 1\n[[action]]\nid = "rang"\nevent = "call"\n'
    assert parse_ladder(text).fingerprint == parse_ladder(LADDER).fingerprint
    assert parse_ladder(text).limits.claim_days == 1


@pytest.mark.parametrize("name", shipped_ladders())
def test_shipped_actions(name):
    """Talked, held with its minutes, offered, refused, no answer, booked; each claims the lead.

    Where pilots are run, what came of one, while it runs or its outcome is asked for.
    """
    ladder = read_ladder(name)
    buttons = {one.id: one for one in ladder.buttons}
    usual = ["talked", "held", "offered", "refused", "no-answer", "booked"]
    runs_pilots = any(one.id == "pilot" for one in ladder.commitments)
    outcomes = ["pilot-succeeded", "pilot-failed"] if runs_pilots else []
    assert list(buttons) == usual + outcomes
    assert {buttons[one].during for one in outcomes} <= {("pilot", "pilot-outcome")}
    assert buttons["held"].asks == ("minutes",)
    assert all(one.claims for one in buttons.values())
