"""How long leads wait, who waits too long, and what a fast reply adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.funnel.stays import stays_of
from features.ladder.event_rule import Condition, EventRule
from models.judging.funnel.cause_shapes import ReplyTimes
from models.judging.funnel.replies import _sentences, fast_effect, reply_times
from tests.models.judging.funnel.planted import (
    HOUR_US,
    START,
    Written,
    planted_ladder,
    reply_log,
)
from tests.oracles.cause_oracle import questions
from tests.proofs import size, tell

LADDER = planted_ladder()
WORLDS = size(20, 300)
LIMIT = 4 * HOUR_US


def told(waits, until, ladder=LADDER, left=None):
    """Of leads that asked at some hour and were answered so many hours later, or not."""
    out = Written()
    for lead, (asked, took) in enumerate(waits):
        out.add("lead_asked", np.array([lead]), np.array([START + round(asked * HOUR_US)]))
        if took is not None:
            at = START + round((asked + took) * HOUR_US)
            out.add("business_replied", np.array([lead]), np.array([at]))
    out.add("other", np.array([0]), np.array([START + 1000 * DAY_US]))
    log = out.log(ladder)
    stays = stays_of(log, ladder, until, left)
    return reply_times(log, ladder, stays), log, stays


def survival(waits):
    """Kaplan and Meier's share answered, in plain Python: [(hours, share)]."""
    share, found = 1.0, []
    for hours in sorted({took for took, answered in waits if answered}):
        risk = sum(took >= hours for took, _ in waits)
        share *= 1 - sum(took == hours and answered for took, answered in waits) / risk
        found.append((hours, 1 - share))
    return found


WAITS = st.lists(
    st.tuples(st.integers(0, 200), st.one_of(st.none(), st.integers(0, 60))),
    min_size=1,
    max_size=20,
)


@given(WAITS, st.integers(0, 300))
def test_the_distribution_is_that_of_a_plain_loop(waits, hours):
    """Waiting ones count for as long as they wait."""
    until = START + hours * HOUR_US
    found, log, stays = told(waits, until)
    known = questions(log, stays)
    rows = [
        ((until if replied is None else replied) - asked, replied is not None)
        for _, asked, replied in known
    ]
    curve = survival([(took / HOUR_US, answered) for took, answered in rows])
    distribution = found["distribution"]
    assert distribution["questions"] == len(known)
    assert distribution["answered"] == sum(answered for _, answered in rows)
    for share, key in ((0.5, "median_hours"), (0.9, "p90_hours")):
        first = next((at for at, reached in curve if reached >= share - 1e-12), None)
        assert (first is None) == (distribution[key] is None)
        assert first is None or distribution[key] == pytest.approx(first)
    for name, within in distribution["answered_within"].items():
        limit = float(name.split()[0])
        assert within == pytest.approx(max([one for at, one in curve if at <= limit], default=0.0))


@given(WAITS, st.integers(0, 300))
def test_late_and_in_time_are_those_of_a_plain_loop(waits, hours):
    """Who waits longer than the limit, and by week who was answered within it."""
    until = START + hours * HOUR_US
    found, log, stays = told(waits, until)
    known = questions(log, stays)
    late = {
        log.leads[lead]
        for lead, asked, replied in known
        if replied is None and until - asked > LIMIT
    }
    assert {one["lead_id"] for one in found["late"]} == late
    weeks: dict[str, list[bool]] = {}
    for _, asked, replied in known:
        in_time = replied is not None and replied - asked <= LIMIT
        if in_time or until - asked > LIMIT:
            day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=asked)
            monday = (day - timedelta(days=day.weekday())).strftime("%Y-%m-%d")
            weeks.setdefault(monday, []).append(in_time)
    shown = {one["since"][:10]: (one["asked"], one["in_time"]) for one in found["weeks"]}
    assert shown == {monday: (len(all_), sum(all_)) for monday, all_ in weeks.items()}


def test_the_alarm_is_exact():
    """At the limit nobody is late; a microsecond later it is one."""
    asked = START + 10 * HOUR_US
    at_limit, _, _ = told([(10, None)], asked + LIMIT)
    assert at_limit["late"] == []
    assert at_limit["says"].endswith("0 leads wait longer than the limit of 4 hours now.")
    after, _, _ = told([(10, None), (11, None)], asked + LIMIT + 1)
    assert [one["lead_id"] for one in after["late"]] == ["lead-000000"]
    assert after["late"][0]["hours"] == pytest.approx(4.0)
    assert after["says"].endswith("1 lead waits longer than the limit of 4 hours now.")
    one_hour = _sentences(cast(ReplyTimes, {**after, "limit_hours": 1.0}))
    assert one_hour.endswith("1 lead waits longer than the limit of 1 hour now.")
    answered, _, _ = told([(10, 4)], asked + 5 * HOUR_US)
    assert [(one["asked"], one["in_time"]) for one in answered["weeks"]] == [(1, 1)]
    slower, _, _ = told([(10, 4.001)], asked + 5 * HOUR_US)
    assert [(one["asked"], one["in_time"]) for one in slower["weeks"]] == [(1, 0)]


@pytest.mark.parametrize(
    ("took", "said"),
    [
        (0.001, "1 minute"),
        (0.4, "24 minutes"),
        (0.999, "59 minutes"),
        (1, "1 hour"),
        (3.21, "3.2 hours"),
        (48, "2 days"),
        (95.4, "4 days"),
    ],
)
def test_how_long_a_reply_takes_is_told_as_one_says_it(took, said):
    found, _, _ = told([(10, took), (10, took)], START + 300 * HOUR_US)
    assert found["says"].startswith(
        f"Half of the questions have a reply within {said}, nine in ten within {said}."
    )


def test_those_that_wait_longest_come_first():
    """And who opted out, or asked too long ago, waits no more."""
    until = START + 300 * HOUR_US
    found, _, _ = told([(200, None), (100, None), (150, None)], until)
    assert [one["lead_id"][-1] for one in found["late"]] == ["1", "2", "0"]
    found, _, _ = told(
        [(200, None), (100, None)], until, left={"lead-000001": START + 150 * HOUR_US}
    )
    assert [one["lead_id"][-1] for one in found["late"]] == ["0"]
    assert found["distribution"]["given_up"] == 1
    assert sum(one["asked"] for one in found["weeks"]) == 2  # it waited longer than the limit
    at = START + 102 * HOUR_US  # and here it did not
    found, _, _ = told([(200, None), (100, None)], until, left={"lead-000001": at})
    assert sum(one["asked"] for one in found["weeks"]) == 1
    short = replace(LADDER, dormant_after_days=5.0)
    found, _, _ = told([(200, None), (100, None)], until, short)
    assert [one["lead_id"][-1] for one in found["late"]] == ["0"]


def test_without_a_limit_there_is_no_alarm():
    """Nobody is late, whoever waits."""
    ladder = replace(LADDER, limits=replace(LADDER.limits, reply_hours=None))
    found, _, _ = told([(0, None), (1, 2)], START + 90 * HOUR_US, ladder)
    assert (found["limit_hours"], found["late"], found["weeks"]) == (None, [], [])
    assert "limit" not in found["says"]


@pytest.mark.slow
def test_the_effect_covers_what_is_planted():
    """Active leads are answered sooner and go on more: adjusted for, at least 93 in 100."""
    effects: list[Any] = []
    for seed in range(WORLDS):
        log, ladder = reply_log(seed)
        effects.append(fast_effect(log, stays_of(log, ladder), 4.0))
    share = float(np.mean([one["low"] <= 0.15 <= one["high"] for one in effects]))
    tell("a fast reply's interval covers", share, ">= 0.93", WORLDS)
    assert share >= (0.93 if WORLDS >= 300 else 0.85)
    assert abs(np.mean([one["lift"] for one in effects]) - 0.15) < 0.02
    assert {one["evidence"] for one in effects} == {"observational"}
    assert np.mean([one["verdict"] == "more" for one in effects]) > 0.9


def test_who_did_not_last_is_no_slow_one():
    """Leads that went on before the hours were over are in neither group."""
    out, lead = Written(), np.arange(200)
    out.add("video_watched", lead, START + lead, watched_fraction=0.9)
    out.add("lead_asked", lead, START + HOUR_US + lead)
    out.add("business_replied", lead[:100], START + 2 * HOUR_US + lead[:100])
    out.add("asset_used", lead[::2], START + 4 * HOUR_US + lead[::2], minutes=20.0)
    out.add("other", np.array([0]), np.array([START + 90 * DAY_US]))
    log = out.log(LADDER)
    found = fast_effect(log, stays_of(log, LADDER), 4.0)
    assert (found["leads_fast"], found["leads_slow"]) == (50, 50)
    found = fast_effect(log, stays_of(log, LADDER), 2.0)
    assert (found["leads_fast"], found["leads_slow"]) == (100, 100)


@pytest.mark.parametrize(("later", "fast"), [(0, 100), (1, 0)])
def test_a_reply_at_the_end_of_the_hours_is_fast(later, fast):
    """A microsecond later the lead still waited when they were over."""
    out, lead = Written(), np.arange(200)
    out.add("video_watched", lead, START + lead, watched_fraction=0.9)
    out.add("lead_asked", lead, START + HOUR_US + lead)
    out.add("business_replied", lead[:100], START + 5 * HOUR_US + lead[:100] + later)
    out.add("other", np.array([0]), np.array([START + 90 * DAY_US]))
    log = out.log(LADDER)
    found = fast_effect(log, stays_of(log, LADDER), 4.0)
    assert (found["leads_fast"], found["leads_slow"]) == (fast, 200 - fast)


@pytest.mark.parametrize(("lift", "many"), [(0.15, "more"), (-0.3, "fewer")])
def test_what_a_fast_reply_does_is_said(lift, many):
    """The shares, and between what the difference lies."""
    log, ladder = reply_log(1, lift=lift)
    told = reply_times(log, ladder, stays_of(log, ladder))
    effect = told["effect"]
    low, high = effect["low"], effect["high"]
    assert low is not None
    assert high is not None
    assert effect["verdict"] == ("more" if lift > 0.0 else "less")
    assert low < high < 0.0 or 0.0 < low < 0.15 < high
    span = f"{round(100 * low):+d} to {round(100 * high):+d} in 100"
    assert f": {span} ({many} go on; " in told["says"]


def test_pending_leads_are_in_neither_group():
    """What comes of them is not known, though some have gone on already."""
    log, ladder = reply_log(1, leads=600)
    then = START + 50 * DAY_US
    found = fast_effect(log, stays_of(log, ladder, then), 4.0)
    whole = fast_effect(log, stays_of(log, ladder), 4.0)
    known = stays_of(log, ladder, then)
    mature = known.rows((known.goal == 1) & known.is_mature)
    assert found["leads_fast"] + found["leads_slow"] == len(mature)
    assert len(mature) < (known.goal == 1).sum()
    assert whole["leads_fast"] + whole["leads_slow"] == 600


def test_logs_of_nothing():
    """No events, one question, nobody's time over: said each."""
    empty = Written().log(LADDER)
    found = reply_times(empty, LADDER, stays_of(empty, LADDER))
    assert found["says"] == "No lead has asked anything yet."
    assert found["distribution"]["answered_within"] == {}
    one, _, _ = told([(0, None)], START + HOUR_US)
    assert one["distribution"]["median_hours"] is None
    assert one["effect"]["evidence"] == "unknown"
    assert "fewer than 40 leads had a fast reply" in one["says"]


def test_each_trigger_has_its_own_times():
    """A form and a step: the first reply, that of a person, and who replied to nothing."""
    form = EventRule("form_sent", (Condition("content", "is", "contact"),))
    step = EventRule("assessment_completed")
    automatic = (EventRule("business_replied", (Condition("region", "is", "robot"),)),)
    limits = replace(LADDER.limits, reply_to=(form, step), automatic_replies=automatic)
    ladder = replace(LADDER, limits=limits)
    out, leads = Written(), np.arange(4)
    out.add("form_sent", leads, START + 0 * leads, content="contact")
    out.add("business_replied", leads, START + HOUR_US + leads, region="robot")
    out.add("business_replied", leads, START + 30 * HOUR_US + leads, region="north")
    out.add("form_sent", leads + 4, START + 0 * leads, content="newsletter")
    out.add("page_viewed", leads, START + 90 * DAY_US + leads)
    log = out.log(ladder)
    found = reply_times(log, ladder, stays_of(log, ladder))
    first, other = found["triggers"]
    assert [one["trigger"] for one in found["triggers"]] == [
        "form_sent (content = contact)",
        "assessment_completed",
    ]
    assert (first["first"]["questions"], first["first"]["automatic"]) == (4, 4)
    assert first["first"]["median_hours"] == pytest.approx(1.0, abs=1e-6)
    assert first["by_person"] is not None
    assert first["by_person"]["median_hours"] == pytest.approx(30.0, abs=1e-6)
    assert other["first"]["questions"] == 0
    assert found["distribution"]["questions"] == 0
    assert found["says"] == (
        "No lead has asked anything yet."
        " After form_sent (content = contact), half have a first reply within 1 hour, nine in ten"
        " within 1 hour."
        " After form_sent (content = contact), half have a first reply of a person within 30"
        " hours, nine in ten within 30 hours."
    )


def test_questions_alone_are_the_default():
    assert told([(0, 1), (0, 2)], None)[0]["triggers"] == []
