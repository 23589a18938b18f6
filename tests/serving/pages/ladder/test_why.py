"""Why leads stop, in the words of the page: causes, content, replies, advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.funnel.stays import stays_of
from features.ladder.file import read_ladder
from models.judging.funnel.content import content_lifts
from models.judging.funnel.diagnosis import diagnosis
from models.judging.funnel.replies import reply_times
from serving.pages.ladder.choices import LadderChoice
from serving.pages.ladder.why import _minutes, advice_on, causes_of_steps, piece_table, reply_lines
from tests.models.judging.funnel.planted import (
    DropOff,
    content_log,
    drawn_log,
    drop_off_log,
    planted_ladder,
    reply_log,
)

CHOICE = LadderChoice(within="all")


def causes(world, seed=1):
    log = drop_off_log(world, seed)
    return causes_of_steps(diagnosis(log, world.ladder, stays_of(log, world.ladder)), CHOICE)


def test_a_jump_with_its_evidence():
    (cause,) = causes(DropOff("jump"))
    assert cause.title == "Assessment"
    assert cause.said[0].startswith("The jump to this step is too large: it asks 7.3 times")
    assert cause.next[0].startswith("Try next: ask for fewer fields at “Assessment”")
    evidence = dict(cause.evidence)
    assert evidence["What it asks"] == (
        "153 minutes’ worth of effort; Worksheet asks 21 minutes’ worth: 7.3 times as much, where"
        " 5 is healthy"
    )
    assert evidence["Of those it was offered to"].startswith("1,500: ")
    assert evidence["Asked for 5 fields"].endswith("went on")
    assert {trait for trait, _ in cause.where} == {"Industry", "Region"}


def test_too_little_value_with_its_evidence():
    (cause,) = causes(DropOff("value"))
    assert "of the leads that used “Worksheet” most" in cause.said[0]
    evidence = dict(cause.evidence)
    assert evidence["Used Worksheet least (a third)"].endswith("went on")
    assert evidence["If all used it as much, and that does it"].endswith("would go on")
    assert evidence["Measured by"] == "asset used minutes"


def test_who_they_are_is_no_cause():
    """They are named with a link to them alone; nothing is tried for it."""
    (cause,) = causes(DropOff("audience"))
    assert cause.next == ()
    retail = next(one for one in cause.apart if one.value == "retail")
    assert retail.trait == "Industry"
    assert retail.address == "/ladder?within=all&only=industry%3Aretail"
    assert "go on; of all others" in retail.said


def test_where_no_cause_can_be_told():
    (cause,) = causes(DropOff("low", 3000))
    assert cause.said[0].startswith("Nothing says that this step asks too much")
    (cause,) = causes(DropOff("low", 120))
    assert "more whose time is over would tell" in cause.said[0]


@pytest.mark.parametrize("drawn", [False, True])
def test_pieces(drawn):
    """By lot or by comparison; where leads alike are compared that is said."""
    log, ladder = drawn_log(3, lift=0.3) if drawn else content_log(1, lift=0.3)
    table = piece_table(content_lifts(log, ladder, stays_of(log, ladder)), ladder)
    best = table.lines[0]
    assert (best.piece, best.step) == ("worksheet" if drawn else "case", "Worksheet")
    assert (best.verdict, best.kind) == ("more go on", "good")
    assert best.how == ("drawn by lot" if drawn else "leads alike compared")
    assert best.adds.startswith("+")
    assert table.any_sure
    assert table.any_compared or drawn


def test_no_piece():
    world = DropOff("low", 60)
    log = drop_off_log(world, 1)
    table = piece_table(content_lifts(log, world.ladder, stays_of(log, world.ladder)), world.ladder)
    assert table.lines == ()
    assert table.notes == ("No event that engages with a step has the property 'content'.",)


def test_replies_by_week():
    """The newest first."""
    log, ladder = reply_log(1, leads=300)
    found = reply_times(log, ladder, stays_of(log, ladder))
    lines = reply_lines(found)
    assert len(lines) == 12
    last = found["weeks"][-1]
    assert (lines[0].asked, lines[0].in_time) == (str(last["asked"]), str(last["in_time"]))
    assert "observational" not in found["says"]


def test_advice_names_titles():
    """And no ids; an apostrophe is no quotation mark."""
    assert advice_on(read_ladder("b2b")) == []
    told = advice_on(planted_ladder(150, 150, 5))
    assert "“Assessment” asks 7.3 times the effort of “Worksheet”" in "\n".join(told)
    ladder = planted_ladder()
    effort = ladder.offers[0].effort
    flat = replace(ladder, offers=tuple(replace(one, effort=effort) for one in ladder.offers))
    said = "\n".join(advice_on(flat))
    assert "minutes' worth of effort, no more than “Worksheet” with" in said


@pytest.mark.parametrize(
    ("effort", "said"), [(1.2, "1 minute’s worth"), (21.0, "21 minutes’ worth"), (0.0, "0 minutes")]
)
def test_an_effort_in_words(effort, said):
    """One minute's is written as one minute's."""
    assert _minutes(effort).startswith(said)
