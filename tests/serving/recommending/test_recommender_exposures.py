"""Limits are met at the exposure: a decision of then may be none of now."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from features.clock import instant, microseconds, rfc3339
from features.errors import LimitReached, OptedOut
from features.events.log import DAY_US
from features.store.events import Event, EventStore
from models.bundle import Bundle
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.recommending.recommender import Recommender
from serving.scoring.scorer import Scorer
from tests.serving import world
from tests.serving.recommending.deciding import (
    NAMES,
    START,
    Clock,
    asks_of,
    deferred,
    names,
    recommender,
)


def test_a_decision_is_not_exposed_when_it_is_over(store):
    """A mail that goes out late would invite to what has been; that nothing is asked holds on."""
    (named,) = deferred(store, "at-1", "bottleneck-template")
    nothing = recommender(store, Clock(), "only:no_ask")
    nothing.recommend("at-1", decision_id="nothing", defer_exposure=True)
    ends = microseconds(instant(nothing.decision(named)["expires_at"]))
    with pytest.raises(LimitReached, match="was decided for until") as refused:
        recommender(store, lambda: ends + 1).expose(named)
    assert refused.value.reason == "expired"
    assert recommender(store, lambda: ends).expose(named)["offer_id"] == "bottleneck-template"
    assert recommender(store, lambda: 2 * ends).expose("nothing")["offer_id"] == NO_ASK


def test_what_is_for_meanwhile_is_over_with_it(store):
    """The reminder of a webinar expires with it, and not weeks later."""
    ends = START + 3 * 3_600_000_000
    held = json.dumps({"ends_at": rfc3339(ends)})
    store.append_events([Event("w", "at-2", "webinar_registered", START - 1, START - 1, held)])
    made = recommender(store, Clock(), "only:webinar-reminder")
    answers = [made.recommend("at-2", defer_exposure=True) for _ in range(60)]
    reminder = next(one for one in answers if one["offer"]["id"] == "webinar-reminder")
    assert microseconds(instant(reminder["expires_at"])) == ends
    with pytest.raises(LimitReached):
        recommender(store, lambda: ends + 2).expose(reminder["decision_id"])


def test_exposures_of_one_second(store):
    """Of many deferred decisions of a lead only one reaches it; the others meet the cool-down."""
    template, checklist, calculator = (
        "bottleneck-template",
        "handover-checklist",
        "savings-calculator",
    )
    ids = deferred(store, "at-1", template, checklist, calculator, template, checklist)
    clock = Clock(START + 1_000_000)
    made = recommender(store, clock)
    shown = made.expose(ids[0])
    for named, reason in zip(
        ids[1:], ["cool_down", "cool_down", "again_too_soon", "cool_down"], strict=True
    ):
        with pytest.raises(LimitReached, match=r"cannot be extended now: (?!it )") as refused:
            made.expose(named)
        assert refused.value.reason == reason
    assert made.expose(ids[0]) == shown
    assert names(store, "at-1").count(NAMES.offer_extended) == 1
    clock.now += DAY_US
    with pytest.raises(LimitReached) as refused:
        made.expose(ids[1])
    assert refused.value.reason == "offer_open"
    clock.now += 2 * DAY_US
    made.expose(ids[1])
    clock.now += 3 * DAY_US
    made.expose(ids[2])
    reasons = {one["offer_id"]: one for one in made.recommend("at-1")["excluded"]}
    with pytest.raises(LimitReached) as refused:
        made.expose(ids[4])
    told = reasons["handover-checklist"]
    assert (refused.value.reason, refused.value.text) == (told["reason"], told["text"])


def told(name: str, hours: float, **properties: object) -> Event:
    at = START + round(hours * 3_600_000_000)
    return world.event("at-1", name, at, properties)


def ignored(count: int, every_days: float) -> list[Event]:
    """Asks of others that nobody answered."""
    return [
        told(NAMES.offer_extended, 24 * every_days * at, offer=f"gone-{at}") for at in range(count)
    ]


@pytest.mark.parametrize(
    ("since", "hours", "reason"),
    [
        ([told(NAMES.offer_declined, 1, offer="bottleneck-template")], 2, "declined"),
        ([told(NAMES.offer_extended, 1, offer="bottleneck-template")], 48, "again_too_soon"),
        ([told(NAMES.offer_extended, 1, offer="gone")], 2, "cool_down"),
        (ignored(3, 2.0), 24 * 6, "fatigue"),
        (ignored(4, 6.0), 24 * 20, "unanswered"),
        ([told(NAMES.consent, 1, channel="E-Mail", granted=False)], 2, "no_consent"),
        ([told(NAMES.consent, 1, granted=False)], 2, "no_consent"),
        ([told("email_bounced", 1)], 2, "bounced"),
        ([told("lead_disqualified", 1)], 2, "lost"),
        ([told(NAMES.consultation, 1, fit="no")], 2, "fit_no"),
        ([told(NAMES.consultation, 1, fit="not a fit")], 2, "fit_no"),
    ],
)
def test_a_limit_since_the_decision(store, since, hours, reason):
    """What has happened since the decision keeps its offer from the lead, by a limit's reason."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel="email")
    store.append_events(since)
    made = recommender(store, Clock(START + hours * 3_600_000_000))
    count = store.count()
    with pytest.raises(LimitReached) as refused:
        made.expose(named)
    assert refused.value.reason == reason
    assert made.decision(named)["exposed"] is False
    assert store.count() == count


@pytest.mark.parametrize(
    "since",
    [
        [told("asset_used", 1, minutes=20)],
        [told(NAMES.consent, 1, channel="rep", granted=False)],
        [told("email_bounced", 1, type="soft")],
        [
            told("identify", 0.5, email="ann@x.example"),
            told("email_bounced", 1),
            told("identify", 1.5, email="ann@y.example"),
        ],
        [told("email_bounced", 0.5), told("email_delivered", 1)],
        [told("page_viewed", 1), told("contract_signed", 1.5)],
        [told("lead_disqualified", 1), told("lead_reopened", 1.5)],
        [
            told(NAMES.consultation, 1, fit="no"),
            told(NAMES.consultation, 1.5, fit="yes"),
        ],
    ],
)
def test_what_is_no_limit(store, since):
    """A step that was completed meanwhile may be why: that the lead saw the offer is kept."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel="email")
    store.append_events(since)
    made = recommender(store, Clock(START + 2 * 3_600_000_000))
    assert made.expose(named)["offer_id"] == "bottleneck-template"


@cache
def quiet_bundle() -> Bundle:
    more = {
        "time_zone": '"Europe/Berlin"',
        "time_zone_trait": '"time_zone"',
        "inbound_channels": '["page"]',
    }
    ladder = world.quiet_ladder("20:00-08:00", **more)
    with TemporaryDirectory() as folder:
        return world.rates_bundle(Path(folder) / "bundle", ladder=ladder)


EVENING = microseconds(instant("2026-03-02T19:00:00Z"))
MORNING = microseconds(instant("2026-03-03T07:00:00Z"))
BY_NIGHT = "nobody is contacted before Tuesday, 08:00 (Europe/Berlin)"


def by_night(store: EventStore, now: int, policy: str = "uniform") -> Recommender:
    return Recommender(Scorer(store, quiet_bundle(), Clock(now), policy=policy))


@pytest.mark.parametrize("channel", [None, "email"])
def test_nothing_is_drawn_in_quiet_hours(store, channel):
    """No offer is drawn by night, for an exposure now or later; to nurture has to wait as well."""
    made, offered = by_night(store, EVENING), set()
    for at in range(30):
        answer = made.recommend("at-1", Asked(channel=channel), f"night-{at}", defer_exposure=True)
        offered.add(answer["offer"]["id"])
        assert answer["text"].endswith(f" Quiet hours: {BY_NIGHT}.") == (
            answer["offer"]["id"] == NURTURE
        )
    assert offered == {NO_ASK, NURTURE}
    told = {one["offer_id"]: one for one in answer["excluded"]}["bottleneck-template"]
    assert (told["reason"], told["text"]) == ("quiet_hours", f"quiet hours: {BY_NIGHT}")


@pytest.mark.parametrize(
    ("now", "channel"), [(EVENING - 60_000_000, "email"), (EVENING, "Page"), (MORNING, None)]
)
def test_what_is_drawn_beside_quiet_hours(store, now, channel):
    """By day, and by night where the lead came by itself, offers are drawn as ever."""
    made = by_night(store, now, "only:bottleneck-template")
    answers = [made.recommend("at-1", Asked(channel=channel), f"day-{at}") for at in range(5)]
    offered = {one["offer"]["id"] for one in answers}
    assert "bottleneck-template" in offered
    assert not any("Quiet hours" in one["text"] for one in answers)


@pytest.mark.parametrize(("channel", "is_held"), [("email", True), ("page", False), (None, True)])
def test_an_exposure_in_quiet_hours(store, channel, is_held):
    """What was decided by day cannot reach a lead by night, unless it came by itself."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel=channel)
    made = by_night(store, EVENING)
    if is_held:
        with pytest.raises(LimitReached, match="before Tuesday, 08:00") as refused:
            made.expose(named)
        assert refused.value.reason == "quiet_hours"
        assert made.decision(named)["exposed"] is False
        made = by_night(store, MORNING)
    assert made.expose(named)["offer_id"] == "bottleneck-template"


def test_the_night_of_a_lead(store):
    """A lead goes by the zone of its own profile."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel="email")
    store.append_events([told(NAMES.traits, 1, time_zone="America/New_York")])
    with pytest.raises(LimitReached, match=r"before 08:00 \(America/New_York\)"):
        by_night(store, MORNING + 60_000_000).expose(named)
    assert by_night(store, EVENING).expose(named)["offer_id"] == "bottleneck-template"


def test_minutes_of_reps_at_the_exposure(store):
    """Deferred decisions of several leads share what reps can give on the day of the exposure."""
    leads = [f"lead-{at}" for at in range(4)]
    store.append_events([event for lead in leads for event in world.climber(lead, START, 3)])
    ids = [named for lead in leads for named in deferred(store, lead, "video-audit")]
    clock = Clock(START + 1_000_000)
    made = recommender(store, clock, limited=True)
    for named in ids[:2]:
        made.expose(named)
    with pytest.raises(LimitReached, match="45 minutes of a rep, who has 10 left today"):
        made.expose(ids[2])
    clock.now += DAY_US
    assert made.expose(ids[2])["lead_id"] == "lead-2"


def test_no_offer_meets_no_limit(store):
    """To nurture, or not to ask, is exposed whatever was asked before."""
    made = recommender(store, Clock(), f"only:{NURTURE}")
    answers = [made.recommend("at-1", defer_exposure=True) for _ in range(20)]
    quiet = [one["decision_id"] for one in answers if one["offer"]["id"] == NURTURE]
    store.append_events([told(NAMES.offer_extended, 0.1, offer="gone")])
    for named in quiet:
        assert made.expose(named)["offer_id"] == NURTURE


@pytest.mark.parametrize(
    ("name", "properties", "is_kept"),
    [("lead_disqualified", {}, True), (NAMES.consultation, {"fit": "no"}, False)],
)
def test_what_asks_nothing_of_a_lead_that_is_over(store, name, properties, is_kept):
    """A lost lead is spared help and what nurtures; who does not fit is spared asks alone."""
    useful, nothing, help_ = deferred(store, "at-2", NURTURE, NO_ASK, "savings-case-study")
    store.append_events([world.event("at-2", name, START + 3_600_000_000, properties)])
    later = recommender(store, Clock(START + 2 * 3_600_000_000))
    for named in (useful, help_):
        if is_kept:
            with pytest.raises(LimitReached, match="the lead is lost") as refused:
                later.expose(named)
            assert refused.value.reason == "lost"
        else:
            later.expose(named)
    assert later.expose(nothing)["offer_id"] == NO_ASK
    assert asks_of(store, "at-2") == (not is_kept)


def test_exposure_after_an_opt_out(store):
    """Nothing is extended to whoever opted out since; what was exposed before stays as it is."""
    first, second = deferred(store, "at-1", "bottleneck-template", "handover-checklist")
    made = recommender(store, Clock(START + 1_000_000))
    shown = made.expose(first)
    made.scorer.privacy.opt_out(["at-1"], START + 2_000_000)
    with pytest.raises(OptedOut, match="has opted out"):
        made.expose(second)
    assert made.expose(first) == shown
