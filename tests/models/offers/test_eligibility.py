"""Which offers may be extended, beside a slow statement of each reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import UnknownOffer
from features.events.log import DAY_US
from features.events.of_lead import Row
from features.ladder.controls import Arm, Controls, Experiment
from features.ladder.file import read_ladder
from features.ladder.ladder import Commitment, Effort, EventRule, Ladder, Limits, Offer
from features.ladder.quiet_hours import QuietHours
from features.offers.assignments import CALLING
from features.offers.commitments import Open
from features.offers.history import OfferHistory, history_of
from models.offers.eligibility import (
    REASONS,
    Asked,
    Eligibility,
    Excluded,
    eligibility,
    limit_against,
    quiet_spell,
    sendable,
)
from models.offers.options import NURTURE
from models.offers.standing import jumps_from, plan_of
from tests.oracles.eligibility_oracle import CLAIMS, Question, reasons_against
from tests.profiles import examples

NOW = 20_500 * DAY_US
HERE = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=20_500)
GRID = DAY_US // 4
CHANNELS = ("email", "sms", "phone")
SHIPPED = tuple(read_ladder(name) for name in ("b2b", "b2c", "b2b-assessment"))

NEW = OfferHistory((), {}, 0, {}, {}, None, (), (), frozenset(), frozenset())


def offer(id: str, step: str, **options: Any) -> Offer:  # noqa: A002 - an offer's own word
    return Offer(id, step, id.title(), "kind", options.pop("effort", Effort(10)), **options)


VIDEO = offer("video", "content")
TIPS = offer("tips", "content", role="support")
GUIDE = offer("guide", "value", channels=("email", "sms"))
AUDIT = offer("audit", "value", effort=Effort(10, human=True), rep_minutes=30)
HEAVY = offer("heavy", "value", effort=Effort(51))
CASES = offer("cases", "value", role="support")
LATER = offer("later", "value", only_after=(EventRule("tool_used"), EventRule("form_filled")))
WEBINAR = offer("webinar", "participation")
CONTRACT = offer("contract", "purchase")
THANKS = offer("thanks", "purchase", role="support")
OFFERS = (VIDEO, TIPS, GUIDE, AUDIT, HEAVY, CASES, LATER, WEBINAR, CONTRACT, THANKS)
LIMITS = Limits(support_days=0.0, quiet=QuietHours((9 * 60, 10 * 60 + 30)))
LADDER = replace(SHIPPED[0], offers=OFFERS, limits=LIMITS, commitments=())
OPEN = replace(NEW, opened=frozenset(each.id for each in OFFERS if not each.only_after))


def ago(days: float) -> int:
    return NOW - round(days * DAY_US)


def asked_at(*days: float, offer_id: str = "webinar") -> tuple[tuple[str, int], ...]:
    return tuple((offer_id, ago(each)) for each in sorted(days, reverse=True))


def found(
    history: OfferHistory = OPEN,
    position: int = 1,
    ladder: Ladder = LADDER,
    as_of: int = NOW,
    **asked: Any,
) -> Eligibility:
    return eligibility(ladder, position, history, as_of, Asked(**asked))


def ids(answer: Eligibility) -> list[str]:
    return [each.id for each in answer.offers]


def against(answer: Eligibility) -> dict[str, str]:
    return {each.offer_id: each.reason for each in answer.excluded}


# -------------------------------------------------------------------------------------- any history

quarters = st.integers(0, 40).map(lambda at: NOW - at * GRID)
some_days = st.integers(0, 40).map(lambda quarters: quarters / 4)
moments = st.one_of(
    st.none(),
    st.integers(-3, 3).map(lambda quarters: HERE + quarters * timedelta(hours=6)),
)


validities = st.fixed_dictionaries({"valid_from": moments, "valid_until": moments})


@st.composite
def repetitions(draw: st.DrawFn) -> dict[str, Any]:
    """When an offer is valid that is so again and again, for at most as long as between two."""
    days = draw(st.integers(1, 4))
    begins = HERE + draw(st.integers(-40, 4)) * timedelta(hours=6)
    lasts = draw(st.integers(1, 4 * days)) * timedelta(hours=6)
    last = draw(st.one_of(st.none(), st.integers(0, 60)))
    return {
        "valid_from": begins,
        "valid_until": begins + lasts,
        "repeats_days": days,
        "repeats_until": None if last is None else begins + last * timedelta(hours=6),
    }


@st.composite
def offers(draw: st.DrawFn, shipped: Sequence[Offer]) -> tuple[Offer, ...]:
    """Some of a ladder's offers, restricted at random."""
    chosen = draw(st.lists(st.sampled_from(shipped), unique_by=lambda each: each.id))
    return tuple(
        replace(
            each,
            status=draw(st.sampled_from(["active", "active", "active", "paused", "retired"])),
            role=draw(st.sampled_from(["ask", "ask", "support"])),
            channels=tuple(draw(st.lists(st.sampled_from(CHANNELS), max_size=2, unique=True))),
            only_after=draw(st.sampled_from([(), (), (EventRule("tool_used"),)])),
            during=draw(st.sampled_from([(), (), (), ("session",), ("reply", "pilot")])),
            not_while=draw(st.sampled_from([(), (), (), ("pilot",), ("offer",)])),
            again_after_days=draw(st.one_of(st.none(), some_days)),
            **draw(st.one_of(validities, repetitions())),
        )
        for each in chosen
    )


COMMITMENTS = tuple(
    Commitment(name, f"a {name} is on", begins=(EventRule(f"{name}_begun"),), days=30.0)
    for name in ("session", "pilot")
)


minutes = st.integers(0, 24 * 60 - 1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
quiets = st.builds(
    QuietHours,
    hours=st.one_of(
        st.none(), st.tuples(minutes, minutes).filter(lambda hours: hours[0] != hours[1])
    ),
    days=st.lists(st.integers(0, 6), max_size=2, unique=True).map(tuple),
    time_zone=st.sampled_from(ZONES),
    inbound_channels=st.lists(st.sampled_from(CHANNELS), max_size=2, unique=True).map(tuple),
)


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Shipped ladders with limits and offers of any kind."""
    shipped = draw(st.sampled_from(SHIPPED))
    offered = draw(st.one_of(st.just(shipped.offers), offers(shipped.offers)))
    return replace(
        shipped,
        offers=offered,
        experiments=draw(experiments([each.id for each in offered])),
        max_effort_jump=draw(st.sampled_from([1.0, 2.0, 5.0, 100.0])),
        limits=Limits(
            asks=draw(st.integers(0, 4)),
            asks_days=draw(some_days),
            days_between_asks=draw(some_days),
            days_before_sales=draw(some_days),
            again_after_days=draw(some_days),
            declined_days=draw(some_days),
            unanswered=draw(st.integers(0, 3)),
            rest_days=draw(some_days),
            offer_open_days=draw(some_days),
            support_days=draw(some_days),
            consent=draw(st.sampled_from(["opt_in", "opt_out"])),
            quiet=draw(st.one_of(st.just(QuietHours()), quiets)),
        ),
        commitments=COMMITMENTS,
        controls=Controls(draw(st.sampled_from([0.0, 0.05]))),
    )


calls = st.integers(0, 200).map(lambda days: NOW - days * DAY_US)
arms = st.dictionaries(
    st.sampled_from([CALLING, "tools", "worth"]),
    st.tuples(st.sampled_from(["none", "usual", "a", "b", "gone"]), calls),
    max_size=3,
)
"""Experiments, and the arms that a lead may be in: of the ladder, or of one that is over."""


@st.composite
def experiments(draw: st.DrawFn, known: Sequence[str]) -> tuple[Experiment, ...]:
    """Up to two: one that shares offers out, and one that leaves some leads alone."""
    some = st.lists(st.sampled_from(known), max_size=3) if known else st.just([])
    shared = tuple(Arm(name, 0.5, tuple(draw(some))) for name in ("a", "b"))
    policies = st.sampled_from(["no_ask", "usual", "random", ""])
    ruled = tuple(Arm(name, 0.5, policy=draw(policies)) for name in ("a", "b"))
    both = (
        Experiment("tools", "offer", shared, "a", title="Two tools"),
        Experiment("worth", "policy", ruled, "a"),
    )
    return draw(st.sampled_from([(), both[:1], both]))


@st.composite
def histories(draw: st.DrawFn, ladder: Ladder) -> OfferHistory:
    """What a lead may have been offered and answered, gone offers among them."""
    known = st.sampled_from([*(each.id for each in ladder.offers), "gone"])
    rungs = st.sampled_from([goal.id for goal in ladder.goals])
    extended = draw(st.lists(st.tuples(known, quarters), max_size=5))
    waiting = {each.id for each in ladder.offers if each.only_after}
    return replace(
        NEW,
        extended=tuple(sorted(extended, key=lambda pair: pair[1])),
        declined=draw(st.dictionaries(known, quarters, max_size=3)),
        unanswered=draw(st.integers(0, 4)),
        completed=draw(st.dictionaries(rungs, quarters, max_size=3)),
        consents=draw(st.dictionaries(st.sampled_from(["", *CHANNELS]), st.booleans(), max_size=2)),
        bounced=draw(st.frozensets(st.sampled_from(CHANNELS), max_size=2)),
        fit=draw(st.sampled_from([None, "yes", "no", "unclear"])),
        is_lost=draw(st.sampled_from([False, False, False, True])),
        in_flight=draw(
            st.dictionaries(
                st.sampled_from(["reply", "session", "pilot"]),
                quarters.map(lambda since: Open(since, NOW + 1)),
                max_size=2,
            )
        ),
        taken=draw(st.dictionaries(known, quarters, max_size=2)),
        time_zone=draw(st.sampled_from(["", "", "Asia/Tokyo", "America/New_York"])),
        arms=draw(arms),
        opened=frozenset(each.id for each in ladder.offers)
        - draw(
            st.frozensets(st.sampled_from(sorted(waiting))) if waiting else st.just(frozenset())
        ),
    )


@st.composite
def restrictions(draw: st.DrawFn, ladder: Ladder) -> Asked:
    known = [each.id for each in ladder.offers]
    some = st.frozensets(st.sampled_from(known)) if known else st.just(frozenset())
    return Asked(
        channel=draw(st.sampled_from([None, *CHANNELS])),
        candidates=draw(st.one_of(st.none(), st.none(), some)),
        exclude=draw(st.one_of(st.just(frozenset()), some)),
        rep_minutes_left=draw(st.sampled_from([None, None, 0.0, 10.0, 30.0, 1000.0])),
        at_any_hour=draw(st.booleans()),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Ladder, int, OfferHistory, Asked]:
    ladder = draw(ladders())
    position = draw(st.integers(0, len(ladder.goals)))
    return ladder, position, draw(histories(ladder)), draw(restrictions(ladder))


thorough = settings(
    deadline=None, max_examples=examples(300), suppress_health_check=[HealthCheck.too_slow]
)


@thorough
@given(cases())
def test_first_reason_of_each(case):
    """An offer is eligible just where no reason applies, and is excluded by the first that does."""
    ladder, position, history, asked = case
    answer = eligibility(ladder, position, history, NOW, asked)
    reasons = against(answer)
    for each in ladder.offers:
        said = reasons_against(Question(ladder, position, history, NOW, asked, each))
        assert reasons.get(each.id) == next(iter(said), None), (each, said)


@thorough
@given(cases())
def test_partition(case):
    """Every offer is eligible or excluded, once and in the order of the ladder, with a text."""
    ladder, position, history, asked = case
    answer = eligibility(ladder, position, history, NOW, asked)
    reasons = against(answer)
    assert ids(answer) == [each.id for each in ladder.offers if each.id not in reasons]
    assert list(reasons) == [each.id for each in ladder.offers if each.id not in ids(answer)]
    assert set(ids(answer)) | set(reasons) == {each.id for each in ladder.offers}
    assert all(each.text for each in answer.excluded)


UNSENDABLE = {
    *("not_a_candidate", "excluded_by_caller", "paused", "retired", "not_yet_valid", "expired"),
    *("only_after", "wrong_channel", "no_consent", "bounced", "declined"),
}
LIMITING = {
    *(
        "lost",
        "paused",
        "retired",
        "expired",
        "no_consent",
        "bounced",
        "fit_no",
        "declined",
        "in_flight",
        "taken",
    ),
    *("again_too_soon", "cool_down", "fatigue", "unanswered", "offer_open", "support_first"),
    *("no_capacity", "left_alone", "other_arm", "quiet_hours"),
}


@settings(thorough, max_examples=examples(100))
@given(cases())
def test_what_keeps_an_offer_that_was_decided_on_or_is_only_sent(case):
    """Of all reasons those that a limit is, the first of them; and those that no sending heals."""
    ladder, position, history, asked = case
    steps = [goal.id for goal in ladder.goals]
    sent_ = []
    for each in ladder.offers:
        said = list(reasons_against(Question(ladder, position, history, NOW, asked, each)))
        limit = limit_against(ladder, each.id, history, NOW, asked)
        first = next((reason for reason in said if reason in LIMITING), None)
        assert (limit.reason if limit else None) == first, (each, said)
        reach = max(position, 1) if each.role == "ask" else position
        if steps.index(each.step) < reach and not UNSENDABLE & set(said):
            sent_.append(each)
    assert list(sendable(ladder, position, history, NOW, asked)) == sent_


def test_same_reasons_as_the_oracle():
    """The codes stand in the documented order."""
    assert [claim.__name__ for claim in CLAIMS] == list(REASONS)


names = st.sampled_from(
    [
        *("offer_extended", "offer_seen", "offer_declined", "consent", "consultation_outcome"),
        *("tool_used", "asset_used", "content_read", "session_held", "contract_signed"),
    ]
)
said = st.fixed_dictionaries(
    {
        "offer": st.sampled_from([each.id for each in OFFERS]),
        "granted": st.booleans(),
        "minutes": st.sampled_from([5, 60]),
        "fit": st.sampled_from(["yes", "no"]),
    },
    optional={"channel": st.sampled_from(CHANNELS)},
)
rows = st.lists(st.tuples(names, quarters, quarters, said), max_size=25)


@thorough
@given(rows, st.integers(0, 6), quarters, st.randoms())
def test_rows(events: list[Row], position: int, as_of: int, random):
    """Neither the order of the rows nor what became known later changes what is eligible."""
    answer = found(history_of(events, LADDER, as_of), position, as_of=as_of)
    past = [event for event in events if event[2] <= as_of]
    shuffled = history_of(random.sample(past, len(past)), LADDER, as_of)
    assert found(shuffled, position, as_of=as_of) == answer


@thorough
@given(rows, st.integers(0, 6))
def test_caps_hold_whatever_is_extended(events: list[Row], position: int):
    """However often the first eligible ask is extended at once, no cap is ever exceeded."""
    limits = LADDER.limits
    for step in range(60):
        as_of = NOW + step * 2 * GRID
        answer = found(history_of(events, LADDER, as_of), position, as_of=as_of)
        asks = [each.id for each in answer.offers if each.role == "ask"]
        events = [*events, *(_extended(each, as_of) for each in asks[:1])]
        if asks:
            times = _asks_of(events, as_of)
            assert sum(as_of - at < limits.asks_days * DAY_US for at in times) <= limits.asks
            assert as_of - ([*times, NOW - 1000 * DAY_US])[1] >= limits.days_between_asks * DAY_US


def _extended(offer_id: str, at: int) -> Row:
    return "offer_extended", at, at, {"offer": offer_id}


def _asks_of(events: Sequence[Row], as_of: int) -> list[int]:
    """When asks were extended, the latest first."""
    support = {each.id for each in OFFERS if each.role == "support"}
    return sorted(
        (
            min(occurred, known)
            for name, occurred, known, said in events
            if name == "offer_extended" and said["offer"] not in support and known <= as_of
        ),
        reverse=True,
    )


# ------------------------------------------------------------------------------------ one at a time


def test_a_new_lead():
    """A lead on no rung may be extended the asks of the first, and no support."""
    answer = found(position=0)
    assert ids(answer) == ["video"]
    assert against(answer) == {
        "tips": "support_not_due",
        "guide": "step_not_next",
        "audit": "step_not_next",
        "heavy": "step_not_next",
        "cases": "step_not_next",
        "later": "step_not_next",
        "webinar": "step_not_next",
        "contract": "step_not_next",
        "thanks": "step_not_next",
    }


def test_after_a_step():
    """A lead on a rung may be extended the asks of the next and the support of its own."""
    answer = found()
    assert ids(answer) == ["tips", "guide", "audit"]
    assert against(answer) == {
        "video": "step_completed",
        "heavy": "effort_jump",
        "cases": "support_not_due",
        "later": "only_after",
        "webinar": "step_not_next",
        "contract": "step_not_next",
        "thanks": "step_not_next",
    }


def test_after_the_purchase():
    """A lead that has bought may be extended the support of the purchase, and nothing else."""
    answer = found(position=6)
    assert ids(answer) == ["thanks"]
    assert set(against(answer).values()) == {"step_completed"}


def test_texts():
    """Each text names the fact and what would have to be."""
    history = replace(
        OPEN,
        extended=asked_at(3, offer_id="tips"),
        declined={"audit": ago(1 / 24)},
    )
    guide = replace(GUIDE, valid_until=datetime(2026, 1, 31, 12, tzinfo=UTC))
    offers_ = tuple(guide if each is GUIDE else each for each in OFFERS)
    answer = found(history, ladder=replace(LADDER, offers=offers_))
    assert {each.offer_id: each.text for each in answer.excluded} == {
        "video": "belongs to Content, and the lead is past that step",
        "tips": "was extended 3 days ago; again after 21 days",
        "guide": "was valid until 2026-01-31 12:00 UTC",
        "audit": "was declined 1 hour ago; again after 90 days",
        "heavy": (
            "asks for 51 minutes' worth of effort, more than 5 times what Content asks for, 10"
        ),
        "cases": "helps after Value exchange, which is not completed",
        "later": "comes only after tool used or form filled, which has not happened",
        "webinar": "belongs to Active participation, and the next step is Value exchange",
        "contract": "belongs to Contract, and the next step is Value exchange",
        "thanks": "belongs to Contract, and the next step is Value exchange",
    }


TEXTS: Mapping[str, tuple[OfferHistory, dict[str, Any], str, str]] = {
    "not_a_candidate": (OPEN, {"candidates": frozenset({"tips"})}, "audit", "is not among the"),
    "excluded_by_caller": (OPEN, {"exclude": frozenset({"audit"})}, "audit", "was left out by"),
    "wrong_channel": (OPEN, {"channel": "phone"}, "guide", "by phone, only by email or sms"),
    "no_consent": (
        replace(OPEN, consents={"email": False, "sms": False}),
        {},
        "guide",
        "has refused email and sms",
    ),
    "no_consent at all": (replace(OPEN, consents={"": False}), {}, "tips", "refused every channel"),
    "bounced": (
        replace(OPEN, bounced=frozenset({"email", "sms"})),
        {},
        "guide",
        "what was sent to the lead by email and sms came back",
    ),
    "bounced and the others refused": (
        replace(OPEN, bounced=frozenset({"email"}), consents={"sms": False}),
        {},
        "guide",
        "what was sent to the lead by email came back",
    ),
    "fit_no": (replace(OPEN, fit="no"), {}, "audit", "does not fit"),
    "declined": (
        replace(OPEN, declined={"audit": ago(0)}),
        {},
        "audit",
        "was declined just now; again after 90 days",
    ),
    "cool_down": (
        replace(OPEN, extended=asked_at(0.5)),
        {},
        "audit",
        "the last offer was extended 12 hours ago; the next one after 1 day",
    ),
    "fatigue": (
        replace(OPEN, extended=asked_at(2, 3, 4)),
        {},
        "audit",
        "3 offers in the last 14 days; the most is 3",
    ),
    "unanswered": (
        replace(OPEN, extended=asked_at(13, 15, 16, 17), unanswered=4),
        {},
        "audit",
        "4 offers in a row without an answer, the last one 13 days ago; the next one after 14 days",
    ),
    "support_first": (
        replace(OPEN, completed={"content": ago(1 / 1440)}),
        {},
        "audit",
        "Content was completed 1 minute ago; a person comes in after 1 day",
    ),
    "no_capacity": (
        OPEN,
        {"rep_minutes_left": 20.0},
        "audit",
        "takes 30 minutes of a rep, who has 20 left today",
    ),
    "quiet_hours": (
        replace(OPEN, time_zone="Asia/Tokyo"),
        {},
        "guide",
        "quiet hours: nobody is contacted before 10:30 (Asia/Tokyo)",
    ),
}


@pytest.mark.parametrize("reason", TEXTS)
def test_text_of(reason: str):
    """Each reason that a lead or a caller gives has its code and says its fact."""
    history, asked, offer_id, text = TEXTS[reason]
    answer = found(history, **asked)
    assert against(answer)[offer_id] == reason.split()[0]
    assert text in next(each.text for each in answer.excluded if each.offer_id == offer_id)


@pytest.mark.parametrize(
    ("history", "offer_id", "days", "reason"),
    [
        (lambda at: replace(OPEN, declined={"guide": at}), "guide", 90, "declined"),
        (lambda at: replace(OPEN, extended=(("tips", at),)), "tips", 21, "again_too_soon"),
        (lambda at: replace(OPEN, extended=(("webinar", at),)), "guide", 1, "cool_down"),
        (lambda at: replace(OPEN, extended=(("gone", at),) * 3), "guide", 14, "fatigue"),
        (
            lambda at: replace(OPEN, extended=(("webinar", at),), unanswered=4),
            "guide",
            14,
            "unanswered",
        ),
        (lambda at: replace(OPEN, completed={"content": at}), "audit", 1, "support_first"),
    ],
)
def test_just_at_the_limit(history, offer_id: str, days: float, reason: str):
    """A waiting time is over when it has passed exactly, and not a microsecond before."""
    assert offer_id in ids(found(history(ago(days))))
    assert against(found(history(ago(days) + 1)))[offer_id] == reason


def test_own_waiting_time():
    """An offer's own waiting time goes before the ladder's, be it longer or shorter."""
    for days in (0.1, 40):
        tips = replace(TIPS, again_after_days=days)
        ladder = replace(LADDER, offers=(VIDEO, tips))
        for age, expected in ((days, ["tips"]), (days * 0.99, [])):
            history = replace(OPEN, extended=asked_at(age, offer_id="tips"))
            assert ids(found(history, ladder=ladder)) == expected


def test_validity():
    """An offer is valid from its first instant to its last, both included."""
    soon = replace(GUIDE, valid_from=HERE, valid_until=HERE + timedelta(days=1))
    ladder = replace(LADDER, offers=(VIDEO, soon))
    assert against(found(ladder=ladder, as_of=NOW - 1))["guide"] == "not_yet_valid"
    assert ids(found(ladder=ladder)) == ["guide"]
    assert ids(found(ladder=ladder, as_of=NOW + DAY_US)) == ["guide"]
    assert against(found(ladder=ladder, as_of=NOW + DAY_US + 1))["guide"] == "expired"


def test_a_repetition():
    """Between two times an offer is not valid yet, after the last one it is over."""
    weekly = replace(
        GUIDE,
        valid_from=HERE,
        valid_until=HERE + timedelta(hours=1),
        repeats_days=7,
        repeats_until=HERE + timedelta(days=14),
    )
    ladder = replace(LADDER, offers=(VIDEO, weekly))

    def at(days: float) -> Excluded | None:
        answer = found(ladder=ladder, as_of=NOW + round(days * DAY_US))
        return next((one for one in answer.excluded if one.offer_id == "guide"), None)

    assert at(0) is at(1 / 24) is at(7) is at(14 + 1 / 24) is None
    between, over = at(1), at(15)
    assert between is not None
    assert over is not None
    assert (between.reason, over.reason) == ("not_yet_valid", "expired")
    assert f"{HERE + timedelta(days=7):%Y-%m-%d}" in between.text
    assert f"{HERE + timedelta(days=14):%Y-%m-%d}" in over.text


@pytest.mark.parametrize("status", ["paused", "retired"])
def test_an_offer_that_is_not_active(status):
    """It is not extended."""
    ladder = replace(LADDER, offers=(replace(VIDEO, status=status), GUIDE))
    assert against(found(ladder=ladder, position=0))["video"] == status


def test_effort_jump():
    """The limit itself is no jump; without asks below there is none; a light rung counts as 1."""
    at_limit = replace(HEAVY, effort=Effort(50))
    assert "heavy" in ids(found(ladder=replace(LADDER, offers=(VIDEO, at_limit))))
    assert "heavy" in ids(found(ladder=replace(LADDER, offers=(TIPS, HEAVY))))
    weightless = replace(VIDEO, effort=Effort(0))
    for minutes, expected in ((5, ["heavy"]), (6, [])):
        heavy = replace(HEAVY, effort=Effort(minutes))
        assert ids(found(ladder=replace(LADDER, offers=(weightless, heavy)))) == expected


def test_what_an_offer_keeps_from_being_recommended():
    """Itself, or what is above it; only by the lightest ask of the nearest rung below."""
    light, later = replace(VIDEO, id="light"), replace(HEAVY, id="far", step="participation")
    usual = replace(VIDEO, effort=Effort(50))
    ladder = replace(LADDER, offers=(usual, HEAVY))
    assert jumps_from(ladder, "video") == jumps_from(ladder, "heavy") == {}
    beside = replace(LADDER, offers=(usual, light, HEAVY, replace(later, effort=Effort(300))))
    assert jumps_from(beside, "light") == {"heavy": plan_of(beside).by_id["heavy"].jump}
    assert "asks for 51 minutes' worth of effort" in jumps_from(beside, "light")["heavy"]
    assert jumps_from(beside, "video") == {}
    assert list(jumps_from(beside, "heavy")) == ["heavy", "far"]
    gone = replace(LADDER, offers=(light, replace(HEAVY, status="retired")))
    assert jumps_from(gone, "light") == {}


@pytest.mark.parametrize(
    ("status", "expected"), [("active", []), ("paused", []), ("retired", ["heavy"])]
)
def test_a_pause_below_is_no_other_ladder(status: Any, expected: list[str]):
    """What is paused comes back, so nothing above it changes; what is retired asks for nothing."""
    light = replace(VIDEO, status=status)
    assert ids(found(ladder=replace(LADDER, offers=(light, HEAVY)))) == expected
    usual = offer("usual", "content", effort=Effort(50))
    assert ids(found(ladder=replace(LADDER, offers=(light, usual, HEAVY)))) == expected


@pytest.mark.parametrize(
    ("price", "expected"), [(0, True), (120, True), (4000, True), (20_000, False)]
)
def test_an_order_after_a_free_checkout(price: float, expected: bool):
    """It is no jump for costing something, only for costing much."""
    free, order = Effort(minutes=10), Effort(minutes=10, money=price)
    ladder = replace(
        LADDER, offers=(replace(VIDEO, effort=free), replace(GUIDE, effort=order, channels=()))
    )
    answer = found(ladder=ladder)
    assert ("guide" in ids(answer)) is expected
    assert (against(answer).get("guide") == "effort_jump") is (not expected)


NINE = NOW + 9 * DAY_US // 24


def sent(history: OfferHistory = OPEN, position: int = 1, **asked: Any) -> list[str]:
    return [one.id for one in sendable(LADDER, position, history, NOW, Asked(**asked))]


def test_what_can_be_sent_to_whom_nothing_is_asked():
    """Whatever is against an ask; but nothing that may not reach the lead, or that it declined."""
    usual = ["video", "tips", "guide", "audit", "heavy", "cases"]
    assert sent(position=2) == usual
    pushed = replace(OPEN, extended=asked_at(1, 2, 3), fit="no", unanswered=9)
    assert sent(pushed, position=2) == usual
    assert "later" in sent(replace(OPEN, opened=OPEN.opened | {"later"}), position=2)
    assert "guide" not in sent(position=2, channel="page")
    assert "guide" not in sent(replace(OPEN, consents={"email": False, "sms": False}), position=2)
    assert "guide" in sent(replace(OPEN, consents={"email": False}), position=2)
    assert "video" not in sent(replace(OPEN, declined={"video": ago(1)}))
    assert "video" not in sent(exclude=frozenset({"video"}))
    assert sent(position=2, candidates=frozenset({"guide"})) == ["guide"]


def test_what_is_sent_leads_nowhere_further_up():
    """It is of a step behind the lead, or leads to the first one: anything else is an ask."""
    assert (sent(position=0), sent(position=1)) == (["video"], ["video", "tips"])
    goals = [goal.id for goal in LADDER.goals]
    for position in range(2, len(goals)):
        steps = {LADDER.offer(one).step for one in sent(position=position)}  # type: ignore[union-attr]
        assert steps <= set(goals[:position])
    assert "webinar" in sent(position=3)


@pytest.mark.parametrize(
    ("history", "channel", "reason"),
    [
        (OPEN, None, None),
        (replace(OPEN, consents={"email": False}), None, None),
        (replace(OPEN, consents={"email": False}), "email", "no_consent"),
        (replace(OPEN, consents={"": False}), None, "no_consent"),
        (replace(OPEN, bounced=frozenset({"email"})), "email", "bounced"),
        (replace(OPEN, bounced=frozenset({"email"})), "sms", None),
        (replace(OPEN, bounced=frozenset({"email"})), None, None),
        (replace(OPEN, bounced=frozenset(CHANNELS)), None, "bounced"),
        (replace(OPEN, is_lost=True), None, "lost"),
        (replace(OPEN, fit="no", declined={"video": ago(1)}), None, None),
    ],
)
def test_what_keeps_something_useful_from_a_lead(history, channel, reason):
    """A lead that is lost, or may not be reached, is spared a nurture that was decided before."""
    found = limit_against(LADDER, NURTURE, history, NOW, Asked(channel))
    assert (found.reason if found else None) == reason
    named = channel or ("email" if reason == "bounced" else "any channel")
    assert found is None or reason == "lost" or named in found.text


def quiet(**options: Any) -> Ladder:
    """The ladder with a video for pages alone, in quiet hours from nine to half past ten."""
    hours = QuietHours((9 * 60, 10 * 60 + 30), **options)
    video = replace(VIDEO, channels=("page",))
    offers_ = tuple(video if each is VIDEO else each for each in OFFERS)
    return replace(LADDER, limits=Limits(quiet=hours), offers=offers_)


def test_quiet_hours():
    """While it is quiet neither asks nor support reach a lead; before and after that they may."""
    assert ids(found(as_of=NINE - 1)) == ["tips", "guide", "audit"]
    answer = found(as_of=NINE)
    assert ids(answer) == []
    assert [against(answer)[each] for each in ("tips", "guide", "audit")] == ["quiet_hours"] * 3
    assert ids(found(as_of=NINE + DAY_US // 16)) == ["tips", "guide", "audit"]


@pytest.mark.parametrize(
    ("inbound", "channel", "expected"),
    [
        ((), None, []),
        (("page",), None, ["video"]),
        (("Page",), "page", ["video"]),
        (("web", "page"), "web", []),
        (("email",), None, []),
    ],
)
def test_where_the_lead_came_by_itself(inbound, channel, expected):
    """An offer for inbound channels alone, or asked for in one of them, is no contact."""
    answer = found(position=0, ladder=quiet(inbound_channels=inbound), as_of=NINE, channel=channel)
    assert ids(answer) == expected


def test_an_offer_for_anywhere_where_the_lead_is():
    """The channel that is asked for decides of offers that may go anywhere."""
    ladder = quiet(inbound_channels=("page",))
    assert ids(found(ladder=ladder, as_of=NINE, channel="page")) == ["tips", "audit"]
    assert ids(found(ladder=ladder, as_of=NINE, channel="email")) == []


def test_quiet_where_the_lead_is():
    """The lead's own zone goes before the ladder's."""
    ladder = quiet(time_zone="Europe/Berlin")
    tokyo = replace(OPEN, time_zone="Asia/Tokyo")
    assert ids(found(ladder=ladder)) == ids(found(tokyo, ladder=ladder, as_of=NINE - DAY_US // 24))
    assert ids(found(ladder=ladder, as_of=NINE - DAY_US // 24)) == []
    assert ids(found(tokyo, ladder=ladder)) == []


def test_who_can_wait():
    """Quiet hours keep nothing from a person who looks, but what is no more there after them."""
    ladder = quiet()
    assert ids(found(ladder=ladder, as_of=NINE, at_any_hour=True)) == ["tips", "guide", "audit"]
    for minutes, expected in ((29, ["tips", "audit"]), (30, ["tips", "guide", "audit"])):
        guide = replace(GUIDE, valid_until=HERE + timedelta(hours=10, minutes=minutes))
        offers_ = tuple(guide if each is GUIDE else each for each in OFFERS)
        ladder = replace(ladder, offers=offers_)
        answer = found(ladder=ladder, as_of=NINE, at_any_hour=True)
        assert ids(answer) == expected
    ladder = replace(ladder, offers=(replace(GUIDE, valid_until=HERE + timedelta(hours=10)),))
    (gone,) = found(ladder=ladder, as_of=NINE, at_any_hour=True).excluded
    assert gone.text == (
        "quiet hours: nobody is contacted before 10:30 (UTC), and it is valid until"
        " 2026-02-16 10:00 UTC"
    )


def test_a_control():
    """A control is asked for nothing but what is under way; support goes on, and it ends."""
    ladder = replace(
        LADDER,
        controls=Controls(0.05),
        offers=(*OFFERS, offer("agenda", "value", during=("session",))),
        commitments=COMMITMENTS,
    )
    opened = OPEN.opened | {"agenda"}
    lead = replace(OPEN, opened=opened, arms={CALLING: ("none", NOW)})
    assert ids(found(lead, ladder=ladder)) == ["tips"]
    assert against(found(lead, ladder=ladder))["guide"] == "left_alone"
    booked = replace(lead, in_flight={"session": Open(NOW, NOW + 1)})
    assert ids(found(booked, ladder=ladder)) == ["tips", "agenda"]
    assert ids(found(replace(lead, arms={CALLING: ("usual", NOW)}), ladder=ladder)) != ["tips"]
    horizon = round(ladder.purchase.horizon_days * DAY_US)
    last = found(lead, ladder=ladder, as_of=NOW + horizon - 1)
    assert ids(last) == ["tips"]
    assert ids(found(lead, ladder=ladder, as_of=NOW + horizon)) == ["tips", "guide", "audit"]
    assert ids(found(lead, ladder=replace(ladder, controls=Controls()))) == ids(found())


def test_spells():
    """What is to be waited for is what eligibility waits for; a page need not wait."""
    ladder = quiet(inbound_channels=("page",))
    video = ladder.offers[0]
    spell = quiet_spell(ladder, None, OPEN, NINE, Asked())
    assert spell is not None
    assert spell.over_at == NINE + DAY_US // 16
    assert quiet_spell(ladder, GUIDE, OPEN, NINE, Asked()) == spell
    assert quiet_spell(ladder, video, OPEN, NINE, Asked()) is None
    assert quiet_spell(ladder, None, OPEN, NINE, Asked(channel="page")) is None
    assert quiet_spell(ladder, None, OPEN, NOW, Asked()) is None


@pytest.mark.parametrize(
    ("consents", "channel", "consent", "expected"),
    [
        ({}, "email", "opt_out", True),
        ({}, "email", "opt_in", False),
        ({"email": True}, "email", "opt_in", True),
        ({"email": False}, "email", "opt_out", False),
        ({"": False, "email": True}, "email", "opt_out", True),
        ({"": False, "sms": True}, "email", "opt_out", False),
        ({"": True}, "email", "opt_in", True),
        ({"email": False}, None, "opt_out", True),
        ({"email": False, "sms": False}, None, "opt_out", False),
        ({"sms": True}, None, "opt_in", True),
        ({}, None, "opt_in", False),
        ({"": False}, None, "opt_out", False),
    ],
)
def test_consent(consents: dict[str, bool], channel: str | None, consent: Any, expected: bool):
    """A channel's own answer goes before that for all, and that before the ladder's default."""
    ladder = replace(LADDER, limits=Limits(consent=consent))
    answer = found(replace(OPEN, consents=consents), ladder=ladder, channel=channel)
    assert ("guide" in ids(answer)) is expected
    if not expected:
        assert against(answer)["guide"] == "no_consent"


@pytest.mark.parametrize(
    ("consents", "consent", "expected"),
    [
        ({}, "opt_in", "has not agreed to any channel"),
        ({"email": False}, "opt_in", "has not agreed to any channel"),
        ({"": False}, "opt_in", "has refused every channel"),
        ({"phone": True}, "opt_in", ""),
        ({"": True}, "opt_in", ""),
        ({}, "opt_out", ""),
        ({"email": False}, "opt_out", ""),
        ({"email": False, "sms": False}, "opt_out", "has refused every channel"),
        ({"": False}, "opt_out", "has refused every channel"),
        ({"": False, "email": True}, "opt_out", ""),
    ],
)
def test_consent_where_no_channel_is_named(consents: dict[str, bool], consent: Any, expected: str):
    """An offer for anywhere needs one channel that may be used, asks and support alike."""
    ladder = replace(LADDER, limits=Limits(consent=consent))
    answer = found(replace(OPEN, consents=consents), ladder=ladder)
    texts = {each.offer_id: each.text for each in answer.excluded if each.reason == "no_consent"}
    for offer_id in ("tips", "audit"):
        assert (offer_id in ids(answer)) is (not expected)
        assert texts.get(offer_id, "") == (expected and f"the lead {expected}")


def test_consent_where_the_ladder_names_no_channel():
    """Then the answer for all channels decides, or one that was granted."""
    anywhere = tuple(replace(each, channels=()) for each in OFFERS)
    cases: tuple[tuple[dict[str, bool], Any, bool], ...] = (
        ({}, "opt_in", False),
        ({"fax": True}, "opt_in", True),
        ({"fax": False}, "opt_out", True),
        ({"": False}, "opt_out", False),
    )
    for consents, consent, expected in cases:
        limits = Limits(consent=consent)
        ladder = replace(LADDER, offers=anywhere, limits=limits)
        answer = found(replace(OPEN, consents=consents), ladder=ladder)
        assert ("guide" in ids(answer)) is expected


@pytest.mark.parametrize("channel", ["E-Mail", "EMAIL", "e mail"])
def test_a_channel_in_any_spelling(channel: str):
    """A channel is the same however the caller or the ladder spells it."""
    assert "guide" in ids(found(channel=channel))
    refused = replace(OPEN, consents={"email": False})
    assert against(found(refused, channel=channel))["guide"] == "no_consent"
    spelt = replace(GUIDE, channels=(channel,))
    ladder = replace(LADDER, offers=(VIDEO, spelt))
    assert against(found(refused, ladder=ladder))["guide"] == "no_consent"


def test_support_is_no_ask():
    """What holds asks back holds no support back."""
    pushed = replace(OPEN, extended=asked_at(0, 0.1, 0.2, 0.3), unanswered=9, fit="no")
    assert ids(found(pushed)) == ["tips"]


def test_support_tires_nobody():
    """Support that was extended counts in no cap of asks."""
    helped = replace(OPEN, extended=asked_at(0, 0, 0, offer_id="cases"), unanswered=0)
    assert ids(found(helped)) == ["tips", "guide", "audit"]


def test_support_first_looks_below():
    """Only completions below the offer's own rung put off a person."""
    for rung, expected in (("content", False), ("value", True), ("trial", True)):
        assert ("audit" in ids(found(replace(OPEN, completed={rung: ago(0)})))) is expected


def test_no_limits():
    """Waiting times that never end, and none at all."""
    forever = replace(LADDER, limits=Limits(declined_days=float("inf")))
    history = replace(OPEN, declined={"guide": ago(9999)})
    assert found(history, ladder=forever).excluded[1].text.endswith("again after inf days")
    never = replace(LADDER, limits=Limits(declined_days=0.0))
    assert "guide" in ids(found(replace(OPEN, declined={"guide": NOW}), ladder=never))


@pytest.mark.parametrize("restriction", ["candidates", "exclude"])
def test_unknown_offer(restriction: str):
    """An offer that the ladder does not have is refused, with a hint."""
    with pytest.raises(UnknownOffer, match="no offer 'giude' in this ladder; did you mean 'guide'"):
        found(**{restriction: frozenset({"giude", "video"})})  # type: ignore[arg-type]


@pytest.mark.parametrize("ladder", SHIPPED, ids=lambda ladder: ladder.name)
def test_shipped_ladders_always_have_an_ask(ladder: Ladder):
    """A lead of which nothing is known may be asked something on every rung below the purchase."""
    history = history_of([], ladder, NOW)
    for position in range(len(ladder.goals)):
        answer = eligibility(ladder, position, history, NOW)
        left = Counter(each.role for each in answer.offers)
        assert left["ask"] >= 1, (position, against(answer))


# -------------------------------------------------------------------------------- what is under way


def happened(
    name: str, days: float, **properties: object
) -> tuple[str, int, int, dict[str, object]]:
    """An event so many days ago."""
    return name, ago(days), ago(days), properties


def b2b(position: int, *rows: Any) -> tuple[set[str], dict[str, str]]:
    """What may be asked of a lead of the shipped ladder, and why each other ask of it may not."""
    ladder = SHIPPED[0]
    answer = eligibility(ladder, position, history_of(rows, ladder, NOW), NOW)
    asks = {each.id for each in ladder.offers if each.role == "ask"}
    step = ladder.goals[position].id
    of_step = {each.id for each in ladder.offers if each.step == step and each.id in asks}
    reasons = against(answer)
    return set(ids(answer)), {each: reasons[each] for each in of_step if each in reasons}


@pytest.mark.parametrize(
    ("position", "rows", "help_", "reason"),
    [
        (5, [happened("pilot_started", 2)], "pilot-help", "in_flight"),
        (5, [happened("pilot_started", 29)], "pilot-help", "in_flight"),
        (5, [happened("trial_started", 1)], "pilot-help", "in_flight"),
        (5, [happened("pilot_started", 30.5)], "pilot-outcome", "in_flight"),
        (5, [happened("pilot_started", 44)], "pilot-outcome", "in_flight"),
        (
            5,
            [happened("pilot_started", 31), happened("pilot_failed", 1)],
            "pilot-review",
            "in_flight",
        ),
        (3, [happened("session_booked", 1)], "session-preparation", "in_flight"),
        (2, [happened("webinar_registered", 1)], "webinar-reminder", "in_flight"),
        (2, [happened("lead_asked", 0.125)], "answer", "in_flight"),
        (4, [happened("lead_asked", 60)], "answer", "in_flight"),
        (1, [happened("form_submitted", 0.1, email="a@b.c")], "worksheet-help", "in_flight"),
        (
            2,
            [happened("asset_used", 2 / 24, minutes=20, asset="bottleneck-template")],
            "savings-case-study",
            "just_completed",
        ),
    ],
)
def test_nothing_is_asked_over_what_is_under_way(position, rows, help_, reason):
    """Every ask of the step is out by that reason, and what helps meanwhile may be extended."""
    eligible, reasons = b2b(position, *rows)
    assert help_ in eligible
    assert not eligible & reasons.keys()
    assert set(reasons.values()) <= {reason, "effort_jump", "support_first"}
    assert reason in reasons.values()


@pytest.mark.parametrize(
    ("name", "position", "rows", "help_"),
    [
        ("b2b-assessment", 2, [happened("webinar_registered", 1)], "webinar-reminder"),
        ("b2b-assessment", 2, [happened("workshop_registered", 1)], "webinar-reminder"),
        ("b2b-assessment", 3, [happened("session_booked", 1)], "session-preparation"),
        ("b2b-assessment", 5, [happened("trial_started", 29)], "pilot-help"),
        ("b2c", 1, [happened("form_submitted", 0.1, email="a@b.c")], "plan-help"),
        ("b2c", 2, [happened("class_registered", 1)], "class-reminder"),
        ("b2c", 2, [happened("challenge_joined", 2)], "challenge-task"),
        ("b2c", 3, [happened("session_booked", 1)], "session-preparation"),
        ("b2c", 5, [happened("trial_started", 2)], "trial-help"),
        ("b2c", 5, [happened("trial_started", 13.9)], "trial-help"),
        ("b2c", 5, [happened("sample_ordered", 2)], None),
    ],
)
def test_no_shipped_ladder_asks_over_what_is_under_way(name, position, rows, help_):
    """What was booked, joined or begun holds every ask back until it is over."""
    (ladder,) = (one for one in SHIPPED if one.name == name)
    answer = eligibility(ladder, position, history_of(rows, ladder, NOW), NOW)
    assert {one.role for one in answer.offers} <= {"support"}
    assert "in_flight" in against(answer).values()
    assert help_ is None or help_ in ids(answer)
    at = NOW + 30 * DAY_US
    later = eligibility(ladder, position, history_of(rows, ladder, at), at)
    assert "ask" in {one.role for one in later.offers}


@pytest.mark.parametrize(
    ("days", "due"),
    [(29, "pilot-help"), (31, "pilot-outcome"), (44, "pilot-outcome"), (46, None)],
)
@pytest.mark.parametrize("ladder", [one for one in SHIPPED if one.name != "b2c"])
def test_a_pilot_is_helped_while_it_runs_and_asked_about_when_it_is_over(ladder, days, due):
    """To each time its own help, until its outcome is known or so old that nobody tells it."""
    rows = [happened("pilot_started", days)]
    eligible = set(ids(eligibility(ladder, 5, history_of(rows, ladder, NOW), NOW)))
    assert eligible & {"pilot-help", "pilot-outcome"} == ({due} if due else set())
    for outcome in ("pilot_succeeded", "pilot_failed"):
        told = history_of([*rows, happened(outcome, 0.5)], ladder, NOW)
        assert not {"pilot", "pilot-outcome"} & set(told.in_flight)


PLAIN = replace(GUIDE, channels=())
SHY = replace(PLAIN, id="shy", not_while=("pilot", "offer"))
MEANT = replace(PLAIN, id="meant", during=("session", "pilot"))
NOT_SO = {"meant": "not_in_flight"}


@pytest.mark.parametrize(
    ("offers_", "under_way", "unanswered", "expected"),
    [
        ((PLAIN, SHY, MEANT), (), 0, NOT_SO),
        ((PLAIN, SHY, MEANT), ("pilot",), 0, {"shy": "in_flight"}),
        ((PLAIN, SHY, MEANT), ("session",), 0, {"guide": "in_flight", "shy": "in_flight"}),
        ((PLAIN, SHY, MEANT), ("pilot", "session"), 0, {"guide": "in_flight", "shy": "in_flight"}),
        ((PLAIN, MEANT), ("pilot",), 0, {"guide": "in_flight"}),
        ((PLAIN, SHY, MEANT), (), 1, {"shy": "offer_open"} | NOT_SO),
        ((PLAIN, MEANT), (), 1, {"guide": "offer_open"} | NOT_SO),
        ((PLAIN, MEANT), ("session",), 1, {"guide": "in_flight"}),
    ],
)
def test_what_holds_an_offer_back(offers_, under_way, unanswered, expected):
    """What an offer names holds back those that name it, anything else all that is not for it.

    An offer without an answer is such a thing as well.
    """
    ladder = replace(
        LADDER, offers=(VIDEO, *offers_), commitments=COMMITMENTS, limits=Limits(offer_open_days=5)
    )
    history = replace(
        OPEN,
        opened=frozenset(one.id for one in ladder.offers),
        in_flight=dict.fromkeys(under_way, Open(ago(3), NOW + 1)),
        extended=asked_at(2)[:unanswered],
        unanswered=unanswered,
    )
    reasons = against(found(history, ladder=ladder))
    assert {one: reasons[one] for one in reasons if one != "video"} == expected


@pytest.mark.parametrize(
    ("position", "rows"),
    [
        (5, [happened("pilot_started", 31), happened("pilot_succeeded", 2)]),
        (5, [happened("pilot_started", 21), happened("pilot_succeeded", 1)]),
        (5, [happened("pilot_started", 35), happened("pilot_succeeded", 1)]),
        (5, [happened("pilot_started", 46)]),
        (5, [happened("trial_started", 31)]),
        (3, [happened("session_booked", 5), happened("session_cancelled", 4)]),
        (3, [happened("session_booked", 15)]),
        (3, [happened("session_booked", 5, ends_at="2026-02-13T00:00:00Z")]),
        (2, [happened("lead_asked", 3), happened("business_replied", 2)]),
        (2, [happened("lead_asked", 91)]),
        (2, [happened("asset_used", 2, minutes=20)]),
        (1, [happened("asset_opened", 4, asset="handover-checklist")]),
    ],
)
def test_what_is_over_holds_nothing_back(position, rows):
    """By its end, by the event that ends it, or by the time that it lasts at the most."""
    _, reasons = b2b(position, *rows)
    assert not {"in_flight", "just_completed"} & set(reasons.values())


def test_what_was_taken_is_not_offered_again():
    """Whoever took an offer up is not asked to, whether or not we had extended it."""
    opened = happened("asset_opened", 4, asset="handover-checklist")
    eligible, reasons = b2b(1, opened)
    assert reasons == {"handover-checklist": "taken"}
    assert "bottleneck-template" in eligible
    eligible, _ = b2b(1, happened("asset_opened", 22, asset="handover-checklist"))
    assert "handover-checklist" in eligible
