"""Questions and their replies are those of a plain loop over the log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.funnel.replies import questions_of
from features.funnel.stays import stays_of
from features.ladder.event_rule import Condition, EventRule
from features.signals.fold import NONE
from tests.models.judging.funnel.planted import START, Written, planted_ladder
from tests.oracles.cause_oracle import questions

LADDER = planted_ladder()
HOUR = DAY_US // 24
NAMES = ("lead_asked", "business_replied", "offer_extended", "page_viewed")
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(NAMES), st.integers(0, 400), st.integers(-50, 300)
    ),
    max_size=25,
)


def log_of(events, ladder=LADDER):
    """Events as (lead, name, hours after the start, hours until they were known)."""
    out = Written()
    for lead, name, hours, _ in events:
        out.add(name, np.array([lead]), np.array([START + hours * HOUR]))
    late = np.array([one[3] * HOUR for one in events], dtype=np.int64)
    return out.log(ladder, late)


@given(EVENTS, st.integers(0, 500))
def test_as_a_plain_loop(events, until):
    """Whatever came in which order, was known late, or was known before it happened."""
    ladder = replace(LADDER, dormant_after_days=5.0)
    log = log_of(events, ladder)
    stays = stays_of(log, ladder, START + until * HOUR)
    found = questions_of(log, ladder, stays)
    told = [
        (lead, asked, None if replied == NONE else replied)
        for lead, asked, replied in zip(
            found.lead.tolist(), found.asked.tolist(), found.replied.tolist(), strict=True
        )
    ]
    assert sorted(told, key=str) == sorted(questions(log, stays), key=str)
    waits = (found.replied == NONE) & (found.asked + 5 * DAY_US > stays.until)
    assert (found.is_waiting == waits).all()


def test_who_replied():
    """An offer is a reply; the ladder's rules say which replies no person sent."""
    rules = (EventRule("offer_extended", (Condition("offer", "is", "worksheet"),)),)
    ladder = replace(LADDER, limits=replace(LADDER.limits, automatic_replies=rules))
    out, at = Written(), np.array([START])
    for lead, (name, offer) in enumerate(
        (("business_replied", None), ("offer_extended", "worksheet"), ("offer_extended", "other"))
    ):
        out.add("lead_asked", np.array([lead]), at)
        out.add(name, np.array([lead]), at + HOUR, offer=offer)
    log = out.log(ladder)
    found = questions_of(log, ladder, stays_of(log, ladder))
    assert found.is_offer.tolist() == [False, True, True]
    assert found.is_automatic.tolist() == [False, True, False]
    plain = questions_of(log, LADDER, stays_of(log, LADDER))
    assert not plain.is_automatic.any()


def test_who_opted_out_waits_no_more():
    """Since then; a reply before it counts, one after it does not."""
    log = log_of([(0, "lead_asked", 0, 0), (1, "lead_asked", 0, 0), (1, "business_replied", 9, 0)])
    left = {"lead-000000": START + 5 * HOUR, "lead-000001": START + 5 * HOUR}
    found = questions_of(log, LADDER, stays_of(log, LADDER, left=left))
    assert found.given_up.tolist() == [START + 5 * HOUR] * 2
    assert not found.is_waiting.any()
    at_once = dict.fromkeys(left, START + 9 * HOUR)
    found = questions_of(log, LADDER, stays_of(log, LADDER, left=at_once))
    assert (found.replied == NONE).all()
    then = stays_of(log, LADDER, START + 9 * HOUR, at_once)
    assert not questions_of(log, LADDER, then).is_waiting.any()
    later = dict.fromkeys(left, START + 9 * HOUR + 1)
    found = questions_of(log, LADDER, stays_of(log, LADDER, left=later))
    assert (found.replied != NONE).tolist() == [False, True]


def test_an_empty_log():
    """Nobody asked."""
    log = Written().log(LADDER)
    assert len(questions_of(log, LADDER, stays_of(log, LADDER))) == 0
