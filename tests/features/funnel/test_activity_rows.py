"""What was known of leads just before an instant."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.funnel.activity_rows import activity_rows, known_then
from features.funnel.stays import stays_of
from tests.models.judging.funnel.planted import START, Written, planted_ladder
from tests.oracles.cause_oracle import is_interest, rows_of

LADDER = planted_ladder()
HOUR = DAY_US // 24
NAMES = ("page_viewed", "asset_used", "form_abandoned", "offer_extended", "lead_asked", "other")
EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(NAMES), st.integers(0, 300), st.integers(0, 99)),
    min_size=1,
    max_size=25,
)


def log_of(events):
    out = Written()
    for lead, name, hours, _ in events:
        out.add(name, np.array([lead]), np.array([START + hours * HOUR]), minutes=20.0)
    return out.log(LADDER, np.array([one[3] * HOUR for one in events], dtype=np.int64))


@given(EVENTS, st.integers(0, 400))
def test_as_a_plain_loop(events, hours):
    """Interest alone counts, and only what had happened and was known before."""
    log = log_of(events)
    stays = stays_of(log, LADDER)
    now = START + hours * HOUR
    interest = activity_rows(log, LADDER).interest
    leads = np.arange(len(log.leads))
    found = known_then(log, interest, leads, np.full(len(leads), now))
    for lead, rows in enumerate(rows_of(log)):
        own = [r[1] for r in rows if is_interest(stays, r) and r[1] < now and r[2] < now]
        assert found.actions[lead] == len(own)
        assert found.recent[lead] == sum(now - at < 7 * DAY_US for at in own)
        since = max(own) if own else min(rows[0][1], now)
        assert np.isclose(found.silent_days[lead], (now - since) / DAY_US)


def test_what_a_row_is():
    """Interest, against, or neither."""
    log = log_of([(0, name, at, 0) for at, name in enumerate(NAMES)])
    rows = activity_rows(log, LADDER)
    words = [log.names[at] for at in log.name]
    assert [w for w, own in zip(words, rows.interest, strict=True) if own] == [
        "page_viewed",
        "asset_used",
        "lead_asked",
    ]
    assert [w for w, one in zip(words, rows.against, strict=True) if one] == ["form_abandoned"]
