"""What `features.ladder.advice` advises, and the table that it draws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.advice import Advice, advise, controls_said, ladder_rows, ladder_table
from features.ladder.controls import Controls
from features.ladder.file import read_ladder, shipped_ladders
from features.ladder.ladder import (
    Band,
    Commitment,
    Condition,
    Effort,
    EffortWeights,
    EventRule,
    Framing,
    Ladder,
    Limits,
    Offer,
    Step,
    Topic,
)
from features.ladder.quiet_hours import QuietHours


def offers(step: str, minutes: float, value: float) -> tuple[Offer, ...]:
    return tuple(
        Offer(f"{step}-{n}", step, "T", "guide", Effort(minutes + n), value, ("topic",))
        for n in range(3)
    )


def step(step_id: str) -> Step:
    return Step(step_id, step_id.title(), (EventRule(f"{step_id}_done"),), 7.0, Band(0.4, 0.6))


LADDER = Ladder(
    name="good",
    title="Good",
    steps=(step("first"), step("second"), step("third")),
    purchase=Step("purchase", "Purchase", (EventRule("order"),), 30.0),
    offers=(*offers("first", 5, 10), *offers("second", 10, 20), *offers("third", 20, 30)),
    restart_on=(EventRule("ended"),),
)
FIRST, SECOND, THIRD = 0, 3, 6  # where the offers of a step begin


def with_offer(index: int, **changes: object) -> Ladder:
    """The good ladder with one offer changed."""
    changed = list(LADDER.offers)
    changed[index] = replace(changed[index], **changes)  # type: ignore[arg-type]
    return replace(LADDER, offers=tuple(changed))


def with_step(step_id: str, **changes: object) -> Ladder:
    """The good ladder with all offers of one step changed."""
    changed = tuple(
        replace(offer, **changes) if offer.step == step_id else offer  # type: ignore[arg-type]
        for offer in LADDER.offers
    )
    return replace(LADDER, offers=changed)


def with_support(step_id: str, **changes: object) -> Ladder:
    """The good ladder with a support offer at one step."""
    tips = Offer("tips", step_id, "Tips", "tips", Effort(2), role="support")
    changed = replace(tips, **changes)  # type: ignore[arg-type]
    return replace(LADDER, offers=(*LADDER.offers, changed))


FIRST_DONE, SECOND_DONE, OTHER = map(EventRule, ("first_done", "second_done", "other"))


def at_least(share: float) -> EventRule:
    return EventRule("video", (Condition("share", "at_least", share),))


def completed(step_id: str, *rules: EventRule) -> Ladder:
    """The good ladder with other rules for one step."""
    changed = tuple(
        replace(each, complete_when=rules) if each.id == step_id else each for each in LADDER.steps
    )
    return replace(LADDER, steps=changed)


def roomy(ladder: Ladder) -> Ladder:
    """The same ladder where no single offer is too heavy."""
    return replace(ladder, max_effort_jump=20.0)


def framed(*texts: str) -> tuple[Framing, ...]:
    return tuple(Framing(f"way-{n}", text) for n, text in enumerate(texts))


def given(ladder: Ladder) -> list[tuple[str, str]]:
    return [(advice.path, advice.source) for advice in advise(ladder)]


def test_a_good_ladder_gets_no_advice() -> None:
    """The ladder that the other tests spoil gets no advice, though it has three steps, not five."""
    assert advise(LADDER) == ()


@pytest.mark.parametrize("name", shipped_ladders())
def test_a_shipped_ladder_gets_no_advice(name: str) -> None:
    """What is shipped keeps to the method."""
    assert advise(read_ladder(name)) == ()


HUMAN = Effort(15, live=True, human=True)

TRIGGERS = [
    pytest.param(with_step("second", effort=Effort(5)), "step[1]", "S3", "no more", id="equal"),
    pytest.param(with_step("second", effort=Effort(4.5)), "step[1]", "S3", "no more", id="less"),
    pytest.param(with_step("third", effort=Effort(51)), "step[2]", "S3", "5.1 times", id="jump"),
    pytest.param(with_step("first", effort=Effort(0)), "step[1]", "S3", "10 times", id="from-zero"),
    pytest.param(
        replace(with_step("third", effort=Effort(15)), max_effort_jump=1.9),
        "step[1]",
        "S3",
        "more than 1.9",
        id="own-jump",
    ),
    pytest.param(with_step("third", value_minutes=19), "step[2]", "S4", "for 19", id="value"),
    pytest.param(with_step("third", topics=("other",)), "step[2]", "S5", "topic", id="topic"),
    pytest.param(with_step("third", topics=()), "step[2]", "S5", "topic", id="no-topics"),
    pytest.param(replace(LADDER, offers=LADDER.offers[1:]), "step[0]", "S6", "2 offers", id="few"),
    pytest.param(
        with_offer(FIRST, effort=Effort(5, ("email",))),
        "offer[0].effort.form_fields",
        "S12",
        "asks for email",
        id="personal",
    ),
    pytest.param(
        with_offer(SECOND, effort=Effort(10, ("name", "email", "phone"))),
        "offer[3].effort.form_fields",
        "S13",
        "3 fields",
        id="form",
    ),
    pytest.param(
        roomy(with_offer(THIRD + 1, effort=replace(HUMAN, minutes=60))),
        "offer[7].effort.minutes",
        "S21",
        "60 minutes with a person",
        id="call",
    ),
    pytest.param(
        with_offer(THIRD + 1, effort=HUMAN, framing="A Sales call"),
        "offer[7].framing",
        "S22",
        '"Sales"',
        id="sales",
    ),
    pytest.param(
        with_offer(THIRD + 1, effort=HUMAN, framing="Your demo"),
        "offer[7].framing",
        "S22",
        '"demo"',
        id="demo",
    ),
    pytest.param(
        with_offer(
            THIRD + 1, effort=HUMAN, framing="Your plan", framings=framed("Your plan", "Your demo")
        ),
        "offer[7].framings[1].text",
        "S22",
        '"demo"',
        id="demo-among-framings",
    ),
    pytest.param(
        with_offer(THIRD + 1, effort=HUMAN, framing="Your demo", framings=framed("Your demo")),
        "offer[7].framings[0].text",
        "S22",
        '"demo"',
        id="demo-by-default",
    ),
    pytest.param(
        with_offer(THIRD + 1, effort=HUMAN, framing="Your demo", framings=framed("Your plan")),
        "offer[7].framing",
        "S22",
        '"demo"',
        id="demo-beside-framings",
    ),
    pytest.param(
        with_offer(THIRD + 1, effort=Effort(50.5)),
        "offer[7].effort",
        "S3",
        "more than 5 times that of 'second' with 10; it is never recommended",
        id="one-too-heavy",
    ),
    pytest.param(
        with_offer(THIRD + 1, effort=Effort(20, money=4000)),
        "offer[7].effort",
        "S3",
        "'third-1' asks 60 minutes' worth of effort",
        id="one-too-dear",
    ),
    pytest.param(
        with_step("third", effort=Effort(20, money=20_000)),
        "step[2]",
        "S3",
        "none of its offers is ever recommended",
        id="a-step-too-dear",
    ),
    pytest.param(
        replace(with_support("first"), offers=with_support("first").offers[1:]),
        "step[0]",
        "S6",
        "2 offers",
        id="few-asks",
    ),
    pytest.param(
        with_offer(THIRD, effort=HUMAN, title="Book a sales demo"),
        "offer[6].title",
        "S22",
        '"sales"',
        id="sales-in-a-title",
    ),
    pytest.param(
        with_offer(THIRD, title="Book a product demo"),
        "offer[6].title",
        "S22",
        '"Book a product demo"',
        id="a-demo-to-book",
    ),
    pytest.param(
        with_offer(FIRST, framing="Then a sales call"),
        "offer[0].framing",
        "S22",
        '"sales call"',
        id="a-sales-call",
    ),
    pytest.param(
        with_offer(THIRD, kind="guarantee", guarantee_days=3650),
        "offer[6].guarantee_days",
        "S25",
        "3,650 days",
        id="guarantee-of-ten-years",
    ),
    pytest.param(
        with_offer(THIRD, guarantee_days=91), "offer[6].guarantee_days", "S25", "91", id="91-days"
    ),
    pytest.param(
        with_offer(THIRD, kind="pilot", scope_days=365),
        "offer[6].scope_days",
        "S24",
        "365 days",
        id="pilot-of-a-year",
    ),
    pytest.param(
        with_offer(THIRD, kind="trial", scope_days=61),
        "offer[6].scope_days",
        "S24",
        "61 days",
        id="trial-of-two-months",
    ),
    pytest.param(
        completed("second", FIRST_DONE, OTHER),
        "step[1].complete_when",
        "rules",
        "whatever completes 'first' completes 'second' too",
        id="superset",
    ),
    pytest.param(
        completed("first", SECOND_DONE, OTHER),
        "step[1].complete_when",
        "rules",
        "all that completes 'second' completes 'first' as well",
        id="subset",
    ),
    pytest.param(
        replace(
            completed("first", SECOND_DONE, OTHER),
            steps=(
                replace(LADDER.steps[0], complete_when=(at_least(0.8), OTHER)),
                replace(LADDER.steps[1], complete_when=(at_least(0.5), SECOND_DONE)),
                LADDER.steps[2],
            ),
        ),
        "step[1].complete_when",
        "rules",
        "video (share >= 0.8) completes both 'first' and 'second'",
        id="less-of-the-same",
    ),
    pytest.param(
        completed("third", FIRST_DONE),
        "step[2].complete_when",
        "rules",
        "no lead ever stands between",
        id="two-steps-below",
    ),
    pytest.param(
        replace(LADDER, restart_on=(SECOND_DONE,)),
        "step[1].complete_when",
        "rules",
        "second_done begins the ladder anew",
        id="restart-by-a-step",
    ),
    pytest.param(
        replace(
            completed("third", EventRule("came", (Condition("again", "is", 1.0),)), OTHER),
            restart_on=(EventRule("came"),),
        ),
        "step[2].complete_when",
        "rules",
        "'third' is not counted as completed",
        id="restart-by-one-rule-of-a-step",
    ),
    pytest.param(
        replace(
            LADDER,
            purchase=replace(
                LADDER.purchase,
                complete_when=(EventRule("closed", (Condition("won", "is", 1.0),)),),
            ),
            lost_when=(EventRule("closed"),),
        ),
        "purchase.complete_when",
        "rules",
        "closed (won = 1) completes 'purchase', and loses the lead at once (lost_when)",
        id="won-and-lost",
    ),
    pytest.param(
        replace(
            LADDER, commitments=(Commitment("visit", "a visit", (EventRule("in"),), ends_at="at"),)
        ),
        "commitment[0].ends_at",
        "commitments",
        "'visit' never ends where 'at' is absent",
        id="no-end",
    ),
    pytest.param(
        replace(LADDER, lost_when=(EventRule("ended"),)),
        "ladder.restart_on",
        "rules",
        "ended begins the ladder anew, and loses the lead at once (lost_when)",
        id="anew-and-lost",
    ),
    pytest.param(
        replace(LADDER, restart_on=()), "ladder.restart_on", "repeat", "no score", id="no-restart"
    ),
    pytest.param(
        replace(with_offer(THIRD, rep_minutes=1.5), limits=Limits(rep_minutes_a_day=1.0)),
        "offer[6].rep_minutes",
        "limits",
        "takes 1.5 minutes of a rep, and rep_minutes_a_day allows 1; it is never recommended",
        id="more-than-a-day-of-a-rep",
    ),
    pytest.param(
        with_offer(THIRD, effort=Effort(20, form_fields=("a", "b", "c", "d"))),
        "offer[6].effort.form_fields",
        "limits",
        "asks for 4 fields, and form_fields of the limits allows 3",
        id="more-fields-than-the-limit",
    ),
    pytest.param(
        with_offer(THIRD, not_while=("reply",)),
        "offer[6].not_while",
        "commitments",
        "holds back 'third-0' and whatever else names 'reply', and frees 8 other asks",
        id="one-offer-held-back-by-a-question",
    ),
    pytest.param(
        replace(
            LADDER,
            offers=(
                *LADDER.offers,
                replace(LADDER.offers[0], id="h", step="purchase", role="support"),
            ),
            restart_on=(EventRule("order"),),
        ),
        "offer[9].step",
        "rules",
        "'h' helps after the purchase, and whoever has bought stands before the first step at once",
        id="support-that-is-never-due",
    ),
    pytest.param(
        replace(
            LADDER, steps=(replace(LADDER.steps[0], engaged_by=("call_booked",)), *LADDER.steps[1:])
        ),
        "step[0].engaged_by",
        "commitments",
        "'call_booked' reads as something agreed",
        id="nothing-holds-back-what-is-booked",
    ),
    pytest.param(
        completed("second", EventRule("TrialStarted")),
        "step[1].complete_when",
        "commitments",
        "'TrialStarted' reads as something agreed",
        id="nothing-holds-back-a-trial",
    ),
    pytest.param(with_offer(THIRD, kind="pilot"), "offer[6]", "S24", "is a pilot", id="pilot"),
    pytest.param(with_offer(THIRD, kind="trial"), "offer[6]", "S24", "is a trial", id="trial"),
    pytest.param(
        with_offer(THIRD, kind="guarantee"), "offer[6]", "S25", "30 or 60 days", id="guarantee"
    ),
]


@pytest.mark.parametrize(("ladder", "path", "source", "text"), TRIGGERS)
def test_each_departure_gets_its_advice_and_no_other(
    ladder: Ladder, path: str, source: str, text: str
) -> None:
    """One departure from the method gives one piece of advice, at its place."""
    (advice,) = advise(ladder)
    assert (advice.path, advice.source) == (path, source)
    assert text in advice.text


FINE = [
    pytest.param(with_offer(THIRD, effort=HUMAN, framing="No sales pitch"), id="says-no-sales"),
    pytest.param(with_offer(THIRD, framing="See the demo"), id="a-demo-without-a-person"),
    pytest.param(with_offer(THIRD, effort=Effort(15, human=True)), id="15-minutes"),
    pytest.param(
        roomy(with_offer(THIRD, kind="pilot", scope_days=30, effort=Effort(120, human=True))),
        id="a-pilot-takes-its-time",
    ),
    pytest.param(with_offer(THIRD, kind="guarantee", guarantee_days=60), id="an-ending-guarantee"),
    pytest.param(
        with_offer(SECOND, effort=Effort(10, ("name", "email"))), id="name-and-email-at-step-2"
    ),
    pytest.param(with_step("third", effort=Effort(50)), id="exactly-five-times"),
    pytest.param(with_step("third", value_minutes=20), id="equal-value"),
    pytest.param(with_step("third", value_minutes=0), id="undeclared-value"),
    pytest.param(with_offer(THIRD, kind="webinar", effort=Effort(40, live=True)), id="webinar"),
    pytest.param(
        with_offer(THIRD, effort=HUMAN, framing="A plan", framings=framed("A plan", "A roadmap")),
        id="framings-without-a-pitch",
    ),
    pytest.param(with_offer(THIRD, title="A guide to sales forecasts"), id="about-sales"),
    pytest.param(with_offer(THIRD, kind="pilot", scope_days=60), id="a-pilot-of-60-days"),
    pytest.param(with_offer(THIRD, guarantee_days=90), id="a-guarantee-of-90-days"),
    pytest.param(
        replace(
            LADDER,
            steps=(
                replace(LADDER.steps[0], complete_when=(at_least(0.5),)),
                replace(LADDER.steps[1], complete_when=(at_least(0.8),)),
                LADDER.steps[2],
            ),
        ),
        id="more-of-the-same",
    ),
    pytest.param(replace(LADDER, restart_on=(EventRule("order"),)), id="restart-by-the-purchase"),
    pytest.param(
        replace(LADDER, restart_on=(EventRule("second_done", at_least(0.5).where),)),
        id="restart-by-some-events-of-a-step",
    ),
    pytest.param(
        replace(
            completed("second", EventRule("trial_started")),
            commitments=(Commitment("trial", "T", (EventRule("trial_started"),), days=14.0),),
        ),
        id="a-trial-that-holds-back",
    ),
    pytest.param(with_support("second"), id="light-support"),
    pytest.param(with_support("third", effort=Effort(90)), id="long-support"),
    pytest.param(with_support("first", value_minutes=500), id="useful-support"),
]


@pytest.mark.parametrize("ladder", FINE)
def test_what_the_method_allows_gets_no_advice(ladder: Ladder) -> None:
    """What lies just within the method is left alone."""
    assert advise(ladder) == ()


def test_weights_decide_what_rises() -> None:
    """Effort is judged by the ladder's own weights."""
    free = replace(LADDER, effort_weights=EffortWeights(per_minute=0.0))
    assert given(free) == [("step[1]", "S3"), ("step[2]", "S3")]


def test_offers_of_the_purchase_are_compared_with_the_last_step() -> None:
    """The purchase may go without offers; one that it has must ask more than the last step."""
    contract = Offer("c", "purchase", "C", "contract", Effort(1), topics=("topic",))
    assert given(replace(LADDER, offers=(*LADDER.offers, contract))) == [("purchase", "S3")]


def test_a_step_without_offers_is_skipped_in_comparisons() -> None:
    """Where a step has no offers, its neighbours are compared with each other."""
    rest = tuple(offer for offer in LADDER.offers if offer.step != "second")
    assert given(replace(LADDER, offers=rest)) == [("step[1]", "S6")]


def test_the_first_step_may_ask_anything_by_weight() -> None:
    """No step lies below the first one, so no offer of it is too heavy."""
    assert advise(with_offer(FIRST + 1, effort=Effort(500))) == ()


def test_support_is_not_in_the_table() -> None:
    """Effort, value and number of offers in the table are those of the asks."""
    helped = with_support("second", effort=Effort(1), value_minutes=900)
    assert ladder_rows(helped) == ladder_rows(LADDER)


def test_advice_reads_as_one_line() -> None:
    """As text, advice says where, what and on what ground."""
    assert str(Advice("step[1]", "do this", "S3")) == "step[1]: do this [S3]"


def test_the_table_is_aligned() -> None:
    """The table has a line for each rung, further rules below it, and aligned columns."""
    rules = (
        EventRule("read", (Condition("seconds", "at_least", 300.0), Condition("kind", "is", "a"))),
        EventRule("seen", (Condition("kind", "one_of", ("a", "b")),)),
    )
    first = replace(LADDER.steps[0], complete_when=rules, band=None, horizon_days=1.0)
    ladder = replace(LADDER, steps=(first, *LADDER.steps[1:]))
    assert ladder_table(ladder).splitlines() == [
        "step      completed by                        horizon  band     effort  value  offers",
        "first     read (seconds >= 300 and kind = a)  1 day    -        5       10     3",
        "          seen (kind in a, b)",
        "second    second_done                         7 days   40-60 %  10      20     3",
        "third     third_done                          7 days   40-60 %  20      30     3",
        "purchase  order                               30 days  -        -       -      0",
    ]


@pytest.mark.parametrize(
    ("inbound", "texts"),
    [
        (("page",), []),
        (("Mail", "e-mail address"), []),
        (("Page", "chat"), ["no offer names 'chat'; it is for requests that name it alone"]),
        (("pgae",), ["no offer names 'pgae'; did you mean 'page'?"]),
    ],
)
def test_inbound_channels_that_no_offer_names(inbound, texts):
    """A channel that no offer names may be misspelt, and then it is no exception."""
    named = with_offer(FIRST, channels=("page", "email"))
    ladder = replace(named, limits=Limits(quiet=QuietHours(inbound_channels=inbound)))
    found = advise(ladder)
    assert [(one.path, one.text, one.source) for one in found] == [
        ("limits.inbound_channels", text, "channels") for text in texts
    ]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("Handovers", []),
        ("Hand-övers", []),
        ("handover", ["no offer is about 'handover'; did you mean 'handovers'?"]),
        ("duration", ["no offer is about 'duration'; name it among the topics of one"]),
    ],
)
def test_topics_that_no_offer_is_about(name, texts):
    """What events say of a topic that no offer is about leads to nothing."""
    named = with_offer(FIRST, topics=("handovers",))
    ladder = replace(named, topics=(Topic(name, (EventRule("objection_raised"),)),))
    assert [(one.path, one.text, one.source) for one in advise(ladder)] == [
        ("topic[0].name", text, "topics") for text in texts
    ]


def test_whether_what_rung_is_worth_will_be_known():
    assert "is not measured" in controls_said(Controls(none=0.1))
    said = controls_said(Controls(no_ask=0.05, usual=0.1))
    assert "5 % no_ask, 10 % usual, 85 % rung" in said
