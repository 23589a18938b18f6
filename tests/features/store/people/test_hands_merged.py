"""In whose hands a lead is: what happened last counts, whenever it arrives, by any of its ids."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import rfc3339
from features.ladder.action import CLAIMED, RELEASED, SNOOZED
from features.store.arrivals import Arrival
from features.store.people.hands import NOBODY, handed

HOUR = 3_600_000_000
_TOLD: st.SearchStrategy[tuple[str, dict[str, object]]] = st.one_of(
    st.tuples(st.just(CLAIMED), st.fixed_dictionaries({"by": st.sampled_from(["Kim", "Lee"])})),
    st.tuples(st.just(RELEASED), st.just({})),
    st.tuples(st.just(SNOOZED), st.just({"until_back": True})),
    st.tuples(st.just(SNOOZED), st.just({"until": rfc3339(9 * HOUR)})),
    st.tuples(st.just("page_viewed"), st.just({})),
)


def after(events):
    hand = NOBODY
    for at, (name, properties) in events:
        hand = handed(hand, name, at, properties)
    return hand


@given(st.lists(_TOLD, max_size=8), st.randoms())
def test_handed_in_any_order(told, random):
    """Whatever the order of arrival, it is as if all had come as they happened."""
    events = list(enumerate(told))
    shuffled = list(events)
    random.shuffle(shuffled)
    assert after(shuffled) == after(events)
    claims = [one for one in told if one[0] in (CLAIMED, RELEASED)]
    assert after(shuffled).owner == (claims[-1][1].get("by", "") if claims else "")


@pytest.mark.parametrize("by", [None, 7, "", "  ", ["Kim"]])
def test_handed_to_nobody(by):
    """A claim that names nobody is nobody's."""
    assert handed(NOBODY, CLAIMED, 1, {"by": by}).owner_at(2) == ""


@pytest.mark.parametrize("until", [None, 7, "", "soon", "2026-13-01T00:00:00Z"])
def test_handed_until_no_instant(until):
    """A claim without an end that can be read has none; what is put aside so is not."""
    assert handed(NOBODY, CLAIMED, 1, {"by": " Kim ", "until": until}).owner_at(HOUR) == "Kim"
    assert not handed(NOBODY, SNOOZED, 1, {"until": until}).is_snoozed(1, None, None)


def test_put_aside():
    """Until an instant, or until the lead has done something again."""
    until = handed(NOBODY, SNOOZED, HOUR, {"until": rfc3339(2 * HOUR)})
    assert (until.is_snoozed(2 * HOUR - 1, None, None), until.is_snoozed(2 * HOUR, None, None)) == (
        True,
        False,
    )
    back = handed(NOBODY, SNOOZED, HOUR, {"until_back": True})
    assert [back.is_snoozed(9 * HOUR, at, None) for at in (None, HOUR, HOUR + 1)] == [
        True,
        True,
        False,
    ]


def told(number, id_, name, at, **properties):
    return Arrival(f"m{number}", id_, name, at, at, json.dumps(properties))


def test_note_hands(store):
    """What was let go of since is nobody's, also where that was said under another id."""
    store.ingest([told(1, "ann", CLAIMED, HOUR, by="Kim"), told(2, "crm-7", RELEASED, 2 * HOUR)])
    assert store.hands.now(3 * HOUR)["ann"].owner_at(3 * HOUR) == "Kim"
    assert store.hands.of("crm-7").owner == ""
    alias = Arrival("m3", "ann", "alias", 3 * HOUR, 3 * HOUR, previous_id="crm-7")
    store.ingest([alias])
    lead = store.lead_of("ann")
    now = store.hands.now(4 * HOUR)
    assert now[lead].owner_at(4 * HOUR) == store.hands.of("ann").owner_at(4 * HOUR) == ""
