"""The newest fact about a lead that matters, told from its events alone."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from features.events.of_lead import Row
from features.ladder.file import read_ladder
from features.offers.history import history_of
from serving.pages.queue.facts import done_since, named, newest_fact
from serving.scoring.answers import ReasonAnswer

B2B = read_ladder("b2b")
NOW = 20_000 * DAY_US
STEPS = [
    ("video_progress", 12.0, {"watched_fraction": 0.9}),
    ("session_held", 9.0, {"minutes": 15}),
]


def fact_of(*events):
    """Of events as (name, days ago, properties), after the steps."""
    rows = [
        (name, NOW - round(ago * DAY_US), NOW - round(ago * DAY_US), properties)
        for name, ago, properties in [*STEPS, *events]
    ]
    return newest_fact(rows, history_of(rows, B2B, NOW), B2B, NOW)


VISIT: tuple[str, float, dict[str, object]] = ("page_viewed", 0.1, {})


@pytest.mark.parametrize(
    ("events", "text", "days"),
    [
        ([("pilot_failed", 1.0, {}), VISIT], "Pilot failed", 1.0),
        ([("session_booked", 3.0, {}), ("session_no_show", 2.0, {}), VISIT], "Session no show", 2),
        ([("webinar_cancelled", 2.0, {}), VISIT], "Webinar cancelled", 2.0),
        ([("email_bounced", 2.0, {})], "Email bounced", 2.0),
        ([("consultation_outcome", 1.0, {"fit": "not a fit"}), VISIT], "Found not to be a fit", 1),
    ],
)
def test_what_went_wrong_since_the_last_step(events, text, days):
    """Whoever calls knows of it: it is told before a step that was completed earlier."""
    fact = fact_of(*events)
    assert (fact.kind, fact.text) == ("refusal", text)
    assert fact.at == NOW - days * DAY_US


@pytest.mark.parametrize(
    "events",
    [
        [("form_abandoned", 2.0, {}), ("form_submitted", 1.9, {}), VISIT],
        [("pilot_failed", 11.0, {}), VISIT],
        [("content_read", 1.0, {"seconds": 3})],
        [("consent", 1.0, {"granted": False, "channel": "phone"})],
        [("consultation_outcome", 2.0, {"fit": "no"}), ("consultation_outcome", 1.0, {"fit": 1})],
        [("consultation_outcome", 1.0, {"fit": "unclear"}), VISIT],
    ],
)
def test_what_went_wrong_and_is_over(events):
    """What came before the last step, or was put right, is not told; a closed way stands apart."""
    fact = fact_of(*events)
    assert (fact.kind, fact.text) == ("milestone", "Completed Human connection")


def test_a_question_goes_before_what_went_wrong():
    """Who waits for a reply is told of as that."""
    asked = ("lead_asked", 3.0, {"text": "Can it be mended?"})
    fact = fact_of(asked, ("pilot_failed", 1.0, {}))
    assert (fact.text, fact.quote) == ("Asked", "Can it be mended?")


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([("email_bounced", 2.0, {}), VISIT], ": email bounced 2 days ago"),
        (
            [("email_bounced", 2.0, {}), ("consent", 1.0, {"channel": "phone", "granted": "no"})],
            ": phone refused 1 day ago",
        ),
        (
            [("offer_declined", 3.0, {"offer": "strategy-session"})],
            ": said no to “Strategy session on your weakest handovers” 3 days ago",
        ),
        ([("consent", 1.0, {"granted": "yes"})], ""),
        ([("content_read", 1.0, {"seconds": 3})], ""),
    ],
)
def test_what_speaks_against_somebody_is_named(events, what):
    """Nobody has to look for it in the timeline; the other reasons stay as they are."""
    rows = [(name, NOW - round(ago * DAY_US), NOW, held) for name, ago, held in events]
    something: ReasonAnswer = {
        "signal": "against.recent",
        "text": "something speaks against this lead lately",
        "points": -0.1,
    }
    nothing = something | {"points": 0.1, "text": "nothing speaks against this lead lately"}
    other = something | {"signal": "other"}
    found = named([something, nothing, other], rows, B2B, NOW)
    assert found == [something | {"text": something["text"] + what}, nothing, other]


OFFERED = ("offer_extended", 1.0, {"offer": "strategy-session"})
TITLE = "Offered “Strategy session on your weakest handovers”"


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], None),
        ([("call_unanswered", 0.5, {}), VISIT], "No answer"),
        ([OFFERED, VISIT], TITLE),
        ([OFFERED, ("call_unanswered", 0.5, {})], "No answer"),
        ([("lead_asked", 1.0, {}), ("call_unanswered", 0.5, {})], "No answer"),
        ([("call_unanswered", 2.0, {}), ("lead_asked", 1.0, {})], None),
        ([("business_replied", 0.5, {})], "We replied"),
        ([("call_unanswered", 7.5, {})], None),
        ([("offer_extended", 0.5, {})], "Offered an offer"),
        ([OFFERED, ("offer_declined", 0.5, {"offer": "strategy-session"})], None),
        ([("call_unanswered", 10.0, {}), ("session_booked", 0.5, {})], None),
    ],
)
def test_what_we_did_since_is_told(events, told):
    """Nobody calls again who has just called in vain; what was answered is told once."""
    rows = [
        (name, NOW - round(ago * DAY_US), NOW - round(ago * DAY_US), properties)
        for name, ago, properties in [*STEPS, *events]
    ]
    history = history_of(rows, B2B, NOW)
    fact = newest_fact(rows, history, B2B, NOW)
    latest = done_since(fact, rows, history, B2B, NOW)
    assert (latest and latest.text) == told


def row(name: str, days_ago: int) -> Row:
    at = NOW - days_ago * DAY_US
    return name, at, at, {}


def test_what_a_ladder_was_begun_anew_by():
    """Of a former customer the end of the subscription is told, until there is something newer."""
    ladder = read_ladder("b2c")
    ordered, ended, seen, again = (
        row(*one)
        for one in (
            ("order_placed", 9),
            ("subscription_cancelled", 2),
            ("page_viewed", 1),
            ("quiz_completed", 1),
        )
    )
    for rows, told in (
        ([ordered, ended, seen], ("Subscription cancelled", 2)),
        ([ordered, ended, again], (f"Completed {ladder.goals[0].title}", 1)),
    ):
        fact = newest_fact(rows, history_of(rows, ladder, NOW), ladder, NOW)
        assert (fact.text, fact.at) == (told[0], NOW - told[1] * DAY_US)
        assert fact.kind == "milestone"
