"""What keeps one offer from a lead, and leaves the one beside it: by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from features.events.log import DAY_US
from features.ladder.controls import Arm, Experiment
from features.ladder.file import read_ladder
from features.ladder.ladder import Commitment, Effort, EventRule, Limits, Offer
from features.ladder.quiet_hours import QuietHours
from features.offers.commitments import Open
from features.offers.history import OfferHistory
from models.offers.eligibility import UNRESTRICTED, Asked, Eligibility, eligibility, sendable

NOW = 20_500 * DAY_US
BEGUN = (EventRule("session_begun"),)
SESSION = Commitment("session", "a session is booked", begins=BEGUN, days=30.0)
VIDEO = Offer("video", "content", "Video", "video", Effort(10))
TIPS = Offer("tips", "content", "Tips", "text", Effort(5), role="support")
GUIDE = Offer("guide", "value", "Guide", "text", Effort(10))
NEXT = Offer("next", "value", "Next", "text", Effort(10))
MEANT = replace(NEXT, id="meant", during=("session",))
LIMITS = Limits(support_days=0.0, days_between_asks=0.0, offer_open_days=5.0)


def ago(days: float) -> int:
    return NOW - round(days * DAY_US)


def answered(
    offers: tuple[Offer, ...],
    limits: Limits,
    position: int,
    asked: Asked = UNRESTRICTED,
    experiments: tuple[Experiment, ...] = (),
    as_of: int = NOW,
    **happened: Any,
) -> Eligibility:
    held = (VIDEO, *offers)
    ladder = replace(read_ladder("b2b"), offers=held, limits=limits, commitments=(SESSION,))
    every = frozenset(one.id for one in held)
    none = OfferHistory((), {}, 0, {}, {}, None, (), (), frozenset(), frozenset())
    history = replace(none, opened=every, **happened)
    ladder = replace(ladder, experiments=experiments)
    return eligibility(ladder, position, history, as_of, asked)


def reasons(offers: tuple[Offer, ...], limits: Limits = LIMITS, **more: Any) -> dict[str, str]:
    """Of a lead that has completed the first step, why each offer may not be made; "" if it may."""
    answer = answered(offers, limits, 1, **more)
    found = {one.id: "" for one in answer.offers}
    found |= {one.offer_id: one.reason for one in answer.excluded if one.offer_id != "video"}
    return found


@pytest.mark.parametrize(
    ("own", "days", "reason"),
    [(None, 20, "taken"), (None, 22, ""), (3, 2, "taken"), (3, 5, ""), (40, 30, "taken")],
)
def test_what_was_taken_waits_for_its_own_time(own, days, reason):
    """For the ladder's, 21 days, where it has none; others do not wait."""
    offers = (replace(GUIDE, again_after_days=own), NEXT)
    assert reasons(offers, taken={"guide": ago(days)}) == {"guide": reason, "next": ""}


def test_help_that_was_taken_may_be_given_again():
    """An ask that was taken may not."""
    taken = {"tips": ago(1), "guide": ago(1)}
    assert reasons((TIPS, GUIDE), taken=taken) == {"tips": "", "guide": "taken"}


def test_help_comes_before_the_next_ask_where_there_is_any():
    """With a step that was just taken; what is for while something is under way is owed then."""
    limits = replace(LIMITS, support_days=2.0)
    completed = {"content": ago(1)}
    helped = reasons((TIPS, NEXT), limits, completed=completed)
    assert helped == {"tips": "", "next": "just_completed"}
    assert reasons((NEXT,), limits, completed=completed) == {"next": ""}
    assert reasons((TIPS, NEXT), limits, completed={"content": ago(2)})["next"] == ""
    booked = reasons(
        (TIPS, MEANT), limits, completed=completed, in_flight={"session": Open(ago(1), NOW + 1)}
    )
    assert booked == {"tips": "", "meant": ""}


@pytest.mark.parametrize(
    ("days", "reason"), [((2,), "offer_open"), ((10, 2), "offer_open"), ((10, 6), ""), ((6,), "")]
)
def test_an_offer_without_an_answer_stands_for_a_while(days, reason):
    """The last one; help may be given beside it."""
    asked = tuple(("gone", ago(each)) for each in days)
    found = reasons((TIPS, NEXT), extended=asked, unanswered=1)
    assert found == {"tips": "", "next": reason}
    assert reasons((NEXT,), extended=asked, unanswered=0) == {"next": ""}


@pytest.mark.parametrize(("asks_days", "reason"), [(7.0, "fatigue"), (5.5, "")])
def test_how_many_asks_in_how_many_days(asks_days, reason):
    """By the days that the limit of asks is for, and by no other's."""
    limits = replace(LIMITS, asks=2, asks_days=asks_days, rest_days=6.5, offer_open_days=0.0)
    asked = (("gone", ago(6)), ("gone", ago(5)))
    assert reasons((NEXT, TIPS), limits, extended=asked) == {"next": reason, "tips": ""}
    assert reasons((NEXT,), limits, extended=(("gone", ago(5)),)) == {"next": ""}


@pytest.mark.parametrize(("rest_days", "reason"), [(4.0, "unanswered"), (2.0, "")])
def test_how_long_offers_rest_that_nobody_answers(rest_days, reason):
    """From the last one on, for as long as the ladder says, whatever the limit of asks is for."""
    limits = replace(LIMITS, unanswered=2, rest_days=rest_days, asks=9, asks_days=3.5)
    limits = replace(limits, offer_open_days=0.0)
    asked = (("gone", ago(9)), ("gone", ago(3)))
    held = reasons((NEXT, TIPS), limits, extended=asked, unanswered=2)
    assert held == {"next": reason, "tips": ""}
    assert reasons((NEXT,), limits, extended=asked, unanswered=1) == {"next": ""}


def test_a_person_who_helps_may_come_in_at_once():
    """One who asks for something waits after a step."""
    with_person = Effort(5, human=True)
    help_ = replace(TIPS, id="help", step="value", effort=with_person)
    call = Offer("call", "participation", "Call", "call", with_person)
    limits = replace(LIMITS, days_before_sales=1.0)
    for days, held in ((0.5, ["support_first"]), (1.0, [])):
        completed = {"content": ago(days), "value": ago(days)}
        found = answered((help_, call), limits, 2, completed=completed)
        assert [one.reason for one in found.excluded if one.offer_id != "video"] == held
        assert [one.id for one in found.offers] == ["help", "call"][: 2 - len(held)]


def test_the_step_that_was_taken_last_is_the_one_that_is_named():
    """A person waits a day after each; of two that were taken within it the upper one is told."""
    call = Offer("call", "participation", "Call", "call", Effort(10, human=True))
    limits = replace(LIMITS, days_before_sales=1.0)
    completed = {"content": ago(0.5), "value": ago(0.25)}
    (_, found) = answered((call,), limits, 2, completed=completed).excluded
    assert found.text.startswith("Value exchange was completed 6 hours ago")


@pytest.mark.parametrize(("left", "reason"), [(30.0, ""), (29.0, "no_capacity"), (None, "")])
def test_a_rep_has_just_enough_time(left, reason):
    """All of what is left may be taken."""
    asked = Asked(rep_minutes_left=left)
    offers = (replace(GUIDE, rep_minutes=30.0), NEXT)
    assert reasons(offers, asked=asked) == {"guide": reason, "next": ""}


@pytest.mark.parametrize(("title", "named"), [("Two guides", "'Two guides'"), ("", "'guides'")])
def test_what_another_arm_is_offered(title, named):
    """A lead of one arm is not offered what the others are; what no arm has is for all."""
    arms = (Arm("a", 0.5, ("guide",)), Arm("b", 0.5, ("next",)))
    experiment = Experiment("guides", "offer", arms, "a", title=title)
    held = answered((GUIDE, NEXT, TIPS), LIMITS, 1, experiments=(experiment,), arms={})
    assert [one.id for one in held.offers] == ["guide", "next", "tips"]
    in_a = {"guides": ("a", ago(1))}
    held = answered((GUIDE, NEXT, TIPS), LIMITS, 1, experiments=(experiment,), arms=in_a)
    assert [one.id for one in held.offers] == ["guide", "tips"]
    (_, other) = held.excluded
    assert (other.offer_id, other.reason) == ("next", "other_arm")
    assert other.text.endswith(f"of the experiment {named} than the lead's, 'a'")


DAY = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=20_500)
NIGHT = replace(LIMITS, quiet=QuietHours((22 * 60, 6 * 60)))


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("window", "waits"),
    [
        ({}, True),
        ({"valid_until": at(30)}, True),
        ({"valid_until": at(29.9)}, False),
        ({"valid_from": at(5), "valid_until": at(23), "repeats_days": 1}, True),
        ({"valid_from": at(21), "valid_until": at(23), "repeats_days": 1}, False),
        ({"valid_from": at(6), "valid_until": at(23), "repeats_days": 1}, True),
    ],
)
def test_who_may_wait_gets_what_is_still_there_in_the_morning(window, waits):
    """At half past ten in the evening; nobody is contacted before six, and then it may be."""
    now = NOW + round(22.5 / 24 * DAY_US)
    offers = (replace(NEXT, **window),)
    kept, now_or_never = (
        answered(offers, NIGHT, 1, Asked(at_any_hour=is_patient), as_of=now)
        for is_patient in (True, False)
    )
    assert [one.id for one in kept.offers] == (["next"] if waits else [])
    assert not now_or_never.offers
    assert [one.reason for one in now_or_never.excluded] == ["step_completed", "quiet_hours"]
    if not waits:
        last = f"{window['valid_until']:%Y-%m-%d %H:%M} UTC"
        assert kept.excluded[-1].text.endswith(f", and it is valid until {last}")
        assert kept.excluded[-1].text.startswith("quiet hours: nobody is contacted before")


@pytest.mark.parametrize(
    ("how", "is_sent"),
    [
        ({}, True),
        ({"status": "paused"}, False),
        ({"status": "retired"}, False),
        ({"valid_until": DAY - timedelta(seconds=1)}, False),
        ({"valid_from": DAY + timedelta(seconds=1)}, False),
        ({"valid_from": DAY, "valid_until": DAY}, True),
    ],
)
def test_what_is_sent_is_what_is_offered_now(how, is_sent):
    """To a lead that is asked nothing as well."""
    ladder = replace(read_ladder("b2b"), offers=(replace(VIDEO, **how), TIPS), commitments=())
    none = OfferHistory((), {}, 0, {}, {}, None, (), (), frozenset(), frozenset())
    history = replace(none, opened=frozenset({"video", "tips"}))
    found = sendable(ladder, 1, history, NOW)
    assert [one.id for one in found] == (["video", "tips"] if is_sent else ["tips"])
