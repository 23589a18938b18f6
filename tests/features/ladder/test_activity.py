"""Which events are the lead's own interest: by default, by the file, and what it may not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.errors import LadderError
from features.ladder.activity import activity_of, ends_of, is_against, reads_as_agreed
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.ladder import Activity, Condition, EventRule
from features.ladder.words import AGAINST_ENDINGS
from features.signals.rules import met_any

SMALL = """
[ladder]
name = "small"
{head}
[[step]]
id = "read"
title = "Read"
horizon_days = 14
complete_when = [{{event = "{first}"}}]
engaged_by = ["page_viewed"]
[[step]]
id = "talk"
title = "Talk"
horizon_days = 14
band = [0.4, 0.6]
complete_when = [{{event = "talked"}}]
[purchase]
horizon_days = 30
complete_when = [{{event = "paid"}}]
{activity}
"""


def small(activity="", head="", first="content_read"):
    return parse_ladder(SMALL.format(activity=activity, head=head, first=first))


def test_what_follows_from_a_ladder():
    """Interest is what completes or engages, and a question; the rest is told by its name."""
    found = activity_of(small())
    names = [rule.event for rule in found.interest]
    assert names == ["page_viewed", "content_read", "talked", "paid", "lead_asked"]
    assert {rule.event for rule in found.ours} == {
        "offer_extended",
        "business_replied",
        "rung_decision",
        "rung_exposure",
        "rung_outcome",
        "rung_assignment",
    }
    against = {rule.event for rule in found.against}
    assert against == {"consent", *(f"*{ending}" for ending in AGAINST_ENDINGS)}
    renamed = small('[events]\noffer_declined = "said_no"\n')
    assert "said_no" in {rule.event for rule in activity_of(renamed).against}


def test_what_the_file_says_counts():
    """A kind that the file gives is that alone; the others still follow from the ladder."""
    told = small('[activity]\nagainst = [{event = "*_spam"}]\nours = []\n')
    found = activity_of(told)
    assert found.against == (EventRule("*_spam"),)
    assert found.ours == ()
    assert found.interest == activity_of(small()).interest


@pytest.mark.parametrize(
    ("activity", "head", "first", "problem"),
    [
        ("", "", "offer_declined", "step[0].complete_when[0].event"),
        ("", "", "demo_failed", "step[0].complete_when[0].event"),
        (
            '[activity]\nagainst = [{event = "talked"}]',
            "",
            "read",
            "step[1].complete_when[0].event",
        ),
        ('[activity]\nagainst = [{event = "a*b"}]', "", "read", "activity.against[0].event"),
        ("", 'lost_when = [{event = "*_lost"}]', "read", "ladder.lost_when[0].event"),
        ("", "", "*_read", "step[0].complete_when[0].event"),
    ],
)
def test_what_the_file_may_not_say(activity, head, first, problem):
    """A refusal completes no step, and a * stands only before names of [activity]."""
    with pytest.raises(LadderError) as error:
        small(activity, head, first)
    assert [mistake.path for mistake in error.value.mistakes] == [problem]


def test_lost_and_back():
    """Both are lists of rules."""
    told = small(head='lost_when = [{event = "closed"}]\nback_when = [{event = "reopened"}]')
    assert told.lost_when == (EventRule("closed"),)
    assert told.back_when == (EventRule("reopened"),)


def test_rules_that_speak_against():
    """All that meets them must meet a rule against, conditions and all; nothing is no rule."""
    b2b = read_ladder("b2b")
    short = Condition("seconds", "below", 30.0)
    one_page = Condition("pages", "at_most", 1.0)
    assert is_against((EventRule("session_ended", (one_page, short)),), b2b)
    assert is_against((EventRule("pilot_failed"), EventRule("webinar_no_show")), b2b)
    assert not is_against((EventRule("session_ended", (short,)),), b2b)
    assert not is_against((EventRule("pilot_failed"), EventRule("page_viewed")), b2b)
    assert not is_against((), b2b)


def test_a_ladder_in_code_may_call_anything_interest():
    """Values that no file gave are taken as they are."""
    everything = Activity(interest=(EventRule("*"),))
    assert activity_of(replace(small(), activity=everything)).interest == (EventRule("*"),)


@pytest.mark.parametrize("name", ["b2b", "b2b-assessment"])
def test_a_pilots_outcome_decides(name):
    """Success is interest in the purchase, failure speaks against; signals read both."""
    ladder = read_ladder(name)
    assert "pilot_succeeded" in ladder.purchase.engaged_by
    assert met_any(activity_of(ladder).interest, "pilot_succeeded", {})
    assert is_against((EventRule("pilot_failed"),), ladder)
    read = {rule.event for signal in ladder.signals for rule in signal.of}
    assert {"pilot_succeeded", "pilot_failed", "pilot_milestone"} <= read


@pytest.mark.parametrize(
    ("name", "is_agreed"),
    [
        *((one, True) for one in ("session_booked", "Meeting Booked", "demoScheduled")),
        *((one, True) for one in ("webinar_registered", "pilot_began", "free-trial started")),
        *((one, False) for one in ("booked", "user_registered", "registered", "video_started")),
        *((one, False) for one in ("session_held", "booked_session", "trial_day_used", "")),
    ],
)
def test_names_of_what_was_agreed(name, is_agreed):
    """In any spelling; an account that was registered is nothing that comes later."""
    assert reads_as_agreed(name) is is_agreed


def test_names_of_its_end():
    """The same thing, and a word for its end: of others nothing is said."""
    others = ("session_held", "Session Cancelled", "sessionNoShow", "session_asked", "call_held")
    assert ends_of("session_booked", others) == others[:3]
    assert ends_of("booked", others) == ()


COMMITMENT = '[[commitment]]\nid = "{id}"\ntitle = "a pilot runs"\n'


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (COMMITMENT.format(id="pilot") + "days = 30", "commitment[0].from"),
        (COMMITMENT.format(id="pilot") + "from = []\ndays = 30", "commitment[0].from"),
        (COMMITMENT.format(id="pilot") + 'from = [{event = "began"}]', "commitment[0]"),
        (
            COMMITMENT.format(id="reply") + 'from = [{event = "began"}]\ndays = 3',
            "commitment[0].id",
        ),
    ],
)
def test_what_a_commitment_needs(text, path):
    """What begins it, what ends it, and a name that Rung itself does not keep."""
    with pytest.raises(LadderError) as error:
        small(text)
    assert [mistake.path for mistake in error.value.mistakes] == [path]


SEATS = """
[[after_purchase]]
id = "seats"
title = "Seats that were given up"
event = "seat_cancelled"
"""


def test_what_comes_after_a_purchase_speaks_neither_for_nor_against():
    """However its name ends, and whatever stands for all names; a word more is another event."""
    seats = small(SEATS + '[activity]\ninterest = [{event = "*"}]\n')
    found, before = activity_of(seats), activity_of(small())
    for kind in (found.interest, found.against):
        assert not any(rule.names("seat_cancelled") for rule in kind)
        assert any(rule.names("a_seat_cancelled") for rule in kind)
    assert any(rule.names("seat_cancelled") for rule in before.against)
    assert any(rule.names("seat_cancelled") for rule in found.barred)
    assert [rule.event for rule in found.against] == [rule.event for rule in before.against]
    told = small(SEATS + '[activity]\nagainst = [{event = "*_spam"}]\n')
    assert activity_of(told).against == (EventRule("*_spam"),)


def test_what_begins_the_ladder_anew_is_no_refusal_of_the_next_round():
    """But what a ladder says is so."""
    b2c = read_ladder("b2c")
    assert [rule.event for rule in b2c.restart_on] == ["subscription_cancelled"]
    found = activity_of(b2c)
    assert not any(rule.names("subscription_cancelled") for rule in found.against)
    assert any(rule.names("subscription_cancelled") for rule in found.barred)
    assert any(rule.names("order_cancelled") for rule in found.against)
    told = replace(b2c, activity=replace(b2c.activity, against=(EventRule("*_cancelled"),)))
    assert any(rule.names("subscription_cancelled") for rule in activity_of(told).against)
    assert b2c.fingerprint != told.fingerprint


LAST = Condition("last", "is", 1.0)
PAID = Condition("paid", "at_least", 10.0)
ENDED = Condition("why", "one_of", ("end", "moved"))


@pytest.mark.parametrize(
    ("where", "anew", "refused"),
    [
        ([(LAST,)], [{"last": 1}], [{"last": 0}, {}]),
        ([(PAID,)], [{"paid": 10}, {}], [{"paid": 9.5}]),  # {} is neither: no number to compare
        ([(ENDED,)], [{"why": "end"}], [{"why": "dear"}, {}]),
        ([(LAST, ENDED)], [{"last": 1, "why": "end"}], [{"last": 1}, {"why": "end"}, {}]),
        ([(LAST,), (ENDED,)], [{"last": 1}, {"why": "moved"}], [{"last": 0, "why": "dear"}, {}]),
    ],
)
def test_where_some_events_of_a_name_begin_the_ladder_anew_the_others_are_refusals(
    where, anew, refused
):
    """By their properties, as of all rules; a number that is not there is neither."""
    rules = tuple(EventRule("order_cancelled", one) for one in where)
    ladder = replace(read_ladder("b2c"), restart_on=rules)
    found = activity_of(ladder)
    for properties in anew:
        assert not met_any(found.against, "order_cancelled", properties)
    for properties in refused:
        assert met_any(found.against, "order_cancelled", properties)
    for properties in ({}, *anew):
        assert met_any(found.against, "seat_cancelled", properties)
    assert {rule.event for rule in found.against} == {
        rule.event for rule in activity_of(replace(ladder, restart_on=())).against
    }
    said = replace(ladder, activity=replace(ladder.activity, against=found.against))
    assert ladder.fingerprint != said.fingerprint


def test_rules_of_very_many_ways_end():
    """A name that could fail to begin the ladder anew in very many ways is no refusal at all."""
    where = tuple(Condition(f"p{at}", "is", 1.0) for at in range(4))
    rules = tuple(
        EventRule("order_cancelled", (*where, Condition("n", "is", float(at)))) for at in range(9)
    )
    found = activity_of(replace(read_ladder("b2c"), restart_on=rules))
    assert not met_any(found.against, "order_cancelled", {"p0": 0})


def test_scores_follow_from_what_is_said_to_come_after_a_purchase():
    """Where its name would have spoken against a lead, and nowhere else."""
    renewals = SEATS.replace("seat_cancelled", "renewed")
    assert small(renewals).fingerprint == small().fingerprint
    assert small(SEATS).fingerprint != small().fingerprint
    told = '[activity]\nagainst = [{event = "*_spam"}]\n'
    assert small(SEATS + told).fingerprint == small(told).fingerprint
