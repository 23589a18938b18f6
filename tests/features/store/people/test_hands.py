"""Hands: whose a lead is follows from events, in whatever order they arrive."""

from __future__ import annotations

import json

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from features.clock import LAST, microseconds, rfc3339
from features.store.events import Event
from features.store.people.hands import NOBODY, Hand, handed
from features.store.privacy import Privacy
from features.store.schema import hands

HOUR = 3_600_000_000
NOW = 1_790_000_000_000_000


def claimed(by, at, until=None):
    held = {"by": by} | ({} if until is None else {"until": rfc3339(until)})
    return "lead_claimed", at, held


def stored(store, lead, events):
    """Store events of a lead, one by one, in the order given."""
    for at, (name, occurred_at, properties) in enumerate(events):
        row = Event(f"{lead}-{name}-{occurred_at}-{at}", lead, name, occurred_at, occurred_at)
        store.append_events([row._replace(properties=json.dumps(properties))])


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("lead_claimed", "lead_released", "lead_snoozed", "page_viewed")),
        st.integers(0, 50),
        st.fixed_dictionaries(
            {},
            optional={
                "by": st.sampled_from(("Ann", "Bob", "")),
                "until": st.sampled_from(("2026-09-21T12:00:00Z", "never", 7)),
                "until_back": st.sampled_from((True, False, "true", 1)),
            },
        ),
    ),
    max_size=8,
    unique_by=lambda event: event[1],
)


@given(EVENTS, st.randoms())
def test_the_order_of_arrival_is_nothing(events, draw):
    """The latest to happen counts, of claims and releases, and of what puts aside."""

    def after(given):
        hand = NOBODY
        for name, at, properties in given:
            hand = handed(hand, name, at, properties)
        return hand

    shuffled = list(events)
    draw.shuffle(shuffled)
    ordered = sorted(events, key=lambda event: event[1])
    assert after(shuffled) == after(ordered)
    said = [
        event
        for event in ordered
        if event[0] == "lead_released" or (event[0] == "lead_claimed" and event[2].get("by"))
    ]
    expected = "".join(e[2].get("by", "") for e in said[-1:] if e[0] == "lead_claimed")
    assert after(shuffled).owner == expected


def test_a_claim_ends(store):
    """A lead is somebody's until then, and nobody's after."""
    stored(store, "ann", [claimed("Bob", NOW, NOW + HOUR)])
    assert store.hands.of("ann").owner_at(NOW + HOUR - 1) == "Bob"
    assert store.hands.of("ann").owner_at(NOW + HOUR) == ""
    assert set(store.hands.now(NOW)) == {"ann"}
    assert store.hands.now(NOW + HOUR) == {}


def test_let_go(store):
    """Whoever lets go has it no more; an older claim that arrives late changes nothing."""
    events = [
        claimed("Bob", NOW, NOW + HOUR),
        ("lead_released", NOW + 5, {}),
        claimed("Eve", NOW + 1),
    ]
    stored(store, "ann", events)
    assert store.hands.of("ann").owner_at(NOW + 10) == ""


def test_put_aside(store):
    """Until an instant, or until it has done something again."""
    until = {"until": rfc3339(NOW + HOUR)}
    stored(store, "ann", [("lead_snoozed", NOW, until)])
    stored(store, "bea", [("lead_snoozed", NOW, {"until_back": True})])
    ann, bea = store.hands.of("ann"), store.hands.of("bea")
    assert [ann.is_snoozed(NOW + at, None, None) for at in (1, HOUR - 1, HOUR)] == [
        True,
        True,
        False,
    ]
    assert bea.is_snoozed(NOW + 99 * HOUR, None, None)
    assert bea.is_snoozed(NOW + 99 * HOUR, NOW, None)
    assert not bea.is_snoozed(NOW + 99 * HOUR, NOW + 1, None)
    assert set(store.hands.now(NOW + 2 * HOUR)) == {"bea"}


def test_a_question_ends_it():
    """One that came after the lead was put aside; one that was known then does not."""
    until, back = Hand("", None, None, 5, 9 * HOUR, "Ann"), Hand("", None, None, 5, None, "Ann")
    for hand in (until, back):
        assert [hand.is_snoozed(HOUR, None, at) for at in (None, 4, 5, 6)] == [True] * 3 + [False]
        assert [hand.was_asked_since(at) for at in (None, 5, 6)] == [False, False, True]
        assert hand.was_snoozed(HOUR)
    assert not until.was_snoozed(9 * HOUR)
    assert not Hand().was_asked_since(6)


def test_by_whom(store):
    """The last one who said so; a later end of it by somebody else is theirs."""
    stored(store, "ann", [("lead_snoozed", NOW, {"by": "Bob", "until_back": True})])
    assert store.hands.of("ann").snoozed_by == "Bob"
    stored(store, "ann", [("lead_snoozed", NOW + 1, {"until_back": True})])
    assert store.hands.of("ann").snoozed_by == ""


def test_a_past_end_takes_up_again(store):
    """Put aside until a time that has passed is not put aside."""
    stored(store, "ann", [("lead_snoozed", NOW, {"until_back": True})])
    stored(store, "ann", [("lead_snoozed", NOW + 1, {"until": rfc3339(NOW)})])
    assert not store.hands.of("ann").is_snoozed(NOW + 2, None, None)


def test_what_cannot_be_read(store):
    """A claim of nobody says nothing; without an end that can be read it has none."""
    stored(store, "ann", [claimed("Bob", NOW), ("lead_claimed", NOW + 1, {"by": 7})])
    assert store.hands.of("ann").owner_at(NOW + 2) == "Bob"
    stored(store, "bea", [("lead_claimed", NOW, {"by": " Bob ", "until": "tomorrow"})])
    assert store.hands.of("bea").owner_at(NOW + 999 * HOUR) == "Bob"


def test_a_claim_until_the_first_instant_is_over(store):
    """Of any time, also the one whose number is zero."""
    stored(store, "ann", [("lead_claimed", NOW, {"by": "Bob", "until": "1970-01-01T00:00:00Z"})])
    assert store.hands.of("ann").owner_at(NOW) == ""


def test_a_claim_without_an_end_can_be_told(store):
    """It is a date as any other, also where an older release kept one that no calendar has."""
    stored(store, "ann", [claimed("Bob", NOW)])
    assert store.hands.of("ann").claimed_until == microseconds(LAST)
    privacy = Privacy(store.database)
    document = privacy.export("ann", NOW)
    assert [one["claimed_until"] for one in document["hands"]] == [rfc3339(microseconds(LAST))]
    with store.database.writing() as connection:
        connection.execute(sa.update(hands).values(claimed_until=2**62))
    assert store.hands.of("ann").claimed_until == microseconds(LAST)
    document = privacy.export("ann", NOW)
    assert [one["claimed_until"] for one in document["hands"]] == [rfc3339(microseconds(LAST))]
