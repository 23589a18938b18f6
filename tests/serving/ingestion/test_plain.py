"""A plain call, read in a few looks, is what all rules make of it; what is not plain is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import LAST, microseconds
from features.events.junk_ids import JUNK_IDS
from features.ladder.file import read_ladder
from features.store.arrivals import Arrival
from serving.ingestion import plain
from serving.ingestion.calls import Envelope, arrival_of_call, envelope_of
from serving.ingestion.plain import PlainCalls
from serving.ingestion.values import EventRefused, Receipt, rules_of
from tests.profiles import examples

LADDER = read_ladder("b2b")
RULES = rules_of(LADDER)
NOW = 1_795_000_000_000_000
PAGES = rules_of(LADDER, of_pages=True)
RECEIPTS = [
    *(Receipt(NOW, "", RULES), Receipt(NOW, "web/", RULES), Receipt(1, "", RULES)),
    Receipt(NOW, "", PAGES),
]

NAMES = sorted(
    {
        *(rule.event for step in LADDER.goals for rule in step.complete_when),
        *(name for step in LADDER.goals for name in step.engaged_by),
        *(RULES.traits, RULES.names.consultation, RULES.names.consent, *RULES.reserved),
        *PAGES.staff,
        *(RULES.names.offer_extended, RULES.names.offer_seen, RULES.names.offer_declined),
        *("page_viewed", "tool_used", "", " ", "x" * 200, "x" * 201, "a\nb", "Ünïcode", "a\0b"),
    }
)
KEYS = [
    *("section", "seconds", "scroll_fraction", "watched_share", "share", "_share", "fraction"),
    *("fit", "Fit", "granted", "channel", "gaps", "email", "e-mail", "firstName", "phone", "name"),
    *("by", "until", "until_back", "offer"),
    *("topic", "url", "", "x" * 64, "x" * 65, "ann@example.com", "+49 30 1234567", "minutes", "é"),
    "group_id",
    *sorted(RULES.numbers),
]
TEXTS = [
    *("", " ", "pricing", "15", "-3", "1e999", "nan", "true", "0.5", "50", "1.5", "yes", "no"),
    *("ann@example.com", "a@b", "+49 30 1234567", "030 1234567", "(555) 123-4567", "12345678901"),
    *("https://x.example/?email=ann@example.com", "/p?q=1", "/p?q=Ann%40example.com", "//x/#a=b"),
    *("ann%40example.com", "logo@2x.png", "2026-03-01", "10.0.0.1", "a\0b", "🪜", "x" * 30_000),
    *("x" * 33_000, "é" * 17_000, '"' * 15_000, "1\x012345678", "+1", "123456", "01-03-2026"),
]
TIMES = [
    *("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:59.999999Z"),
    *("2026-03-01T12:00:60Z", "2026-03-01T12:00:00", "2026-03-01T12:00:00+01:00", "2026-03-01"),
    *("2026-13-01T12:00:00Z", "2026-02-30T12:00:00Z", "2026-03-01T24:00:00Z"),
    *("0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
    *("2199-12-31T23:59:59.999Z", "2200-01-01T00:00:00Z", "2026-03-01T12:00:00,000Z", "now", ""),
    *("2026-03-01 12:00:00Z", "2026-03-01t12:00:00z", "2026-03-01T12:00:00.000z", "1"),
    *("2026-03-01T12:00:00.00Z", "2026-03-01T12:00:00.0000Z", "2026-03-01T12:00:00.+12Z"),
    *("2026-03-01T12:00:00.1_2Z", "2026-03-01T12:00:00.\u0661\u0661\u0661Z"),
    *("\uff12026-03-01T12:00:00Z", " 2026-03-01T12:00:00Z", "2026-03-01T12:0a:00Z"),
    *("20260301T120000Z", "2026-03-01T12:00:00.\xb2\xb2\xb2Z", "2026-03-01T12:00Z"),
]
IDS = [
    *(
        "reader-1",
        "a",
        "ann@example.com",
        "x" * 99,
        "x" * 100,
        "x" * 256,
        "x" * 257,
        "é",
        " a ",
        "a b",
    ),
    *("rung-1", "a\n", "a\0", "-1", "a{b", "{{id}}", "${id}", "<%= id %>", "*|ID|*", "'null'"),
    *(word.upper() for word in JUNK_IDS),
    *JUNK_IDS,
]
ODD: list[Any] = [*IDS, *TIMES, *NAMES, *TEXTS, None, True, 7, 7.0, 2**60, [], {}]
ODD_VALUES: list[Any] = [*TEXTS, None, True, False, 7, -1, 0.5, 1.5, -0.5, 1e300, [], {}, ["a"]]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-2, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(TEXTS),
    st.text(max_size=12),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=4,
)
deep: Any = 1
for _ in range(40):
    deep = {"a": deep}
odd = st.one_of(values, st.just(deep))
ids = st.sampled_from(IDS) | st.text(max_size=4) | odd
times = st.sampled_from(TIMES) | st.datetimes().map(lambda at: f"{at.isoformat()}Z") | odd
properties = st.dictionaries(st.sampled_from(KEYS), scalars, max_size=5) | odd
extra = st.sampled_from(
    ["context", "integrations", "sentAt", "originalTimestamp", "writeKey", "previousId", "traits"]
)


def members(**more: Any) -> Any:
    return st.fixed_dictionaries({}, optional=more)


calls = st.builds(
    lambda most, other: {**most, **other},
    st.fixed_dictionaries(
        {
            "type": st.just("track") | st.sampled_from(["identify", "page", "nothing"]) | odd,
            "event": st.sampled_from(NAMES) | st.text(max_size=5) | odd,
            "messageId": ids,
        },
        optional={
            "userId": ids,
            "anonymousId": ids,
            "timestamp": times,
            "properties": properties,
        },
    ),
    st.dictionaries(extra, odd | st.sampled_from(TIMES), max_size=1),
)
plain_calls = st.builds(
    lambda most, other: {"type": "track", "messageId": "m-1", "userId": "u-1", **most, **other},
    st.fixed_dictionaries({"event": st.sampled_from(NAMES), "properties": properties}),
    members(userId=ids, messageId=ids, timestamp=times, anonymousId=ids),
)
bodies = st.sampled_from(
    [
        {},
        {"sentAt": "2026-11-18T12:26:39Z"},
        {"sentAt": "2190-01-01T00:00:00Z"},
        {"context": {"groupId": "g"}},
        {"context": {"groupId": "undefined"}},
        {"context": {"campaign": {"name": "spring"}}},
    ]
)


def slowly(envelope: Envelope, item: Any) -> tuple[Any, list[str]]:
    """What all rules say of a call, or how they refuse it, and what was passed over."""
    try:
        found: Any = arrival_of_call(envelope, item)
    except EventRefused as refused:
        found = refused.kind, refused.place, str(refused)
    said = [str(one) for one in envelope.passed_over]
    envelope.passed_over.clear()
    return found, said


def decoded(item: Any) -> Any:
    """A call as it comes out of a body."""
    return orjson.loads(orjson.dumps(item))


@settings(max_examples=examples(2000))
@given(calls | plain_calls | odd, bodies, st.sampled_from(RECEIPTS))
def test_a_plain_call_is_what_all_rules_make_of_it(item, body, receipt):
    """The quick look gives the same arrival as all rules, or none; it takes nothing they refuse."""
    envelope = envelope_of(receipt, body)
    item = decoded(item)
    envelope.passed_over.clear()
    quick = PlainCalls(envelope).arrival(item)
    found, said = slowly(envelope, item)
    if quick is not None:
        assert (quick, said) == (found, [])


def ordinary() -> Iterator[dict[str, Any]]:
    usual = {
        "type": "track",
        "userId": "reader-1",
        "event": "page_viewed",
        "messageId": "0f8e3c",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "properties": {"section": "pricing", "seconds": 48, "scroll_fraction": 0.25},
    }
    yield usual
    yield {**usual, "anonymousId": "a-1"}
    yield {**usual, "timestamp": "2026-03-01T12:00:00Z"}
    yield {name: value for name, value in usual.items() if name not in ("timestamp", "properties")}
    yield {"anonymousId" if name == "userId" else name: value for name, value in usual.items()}


@pytest.mark.parametrize("item", list(ordinary()))
def test_what_is_ordinary_takes_the_quick_look(item):
    """The look is worth having: it is not that nothing is plain."""
    envelope = envelope_of(RECEIPTS[1], {"sentAt": "2026-11-18T12:26:39Z"})
    quick = PlainCalls(envelope).arrival(decoded(item))
    assert isinstance(quick, Arrival)
    assert (quick, []) == slowly(envelope, item)


@pytest.mark.parametrize("item", list(ordinary()))
@pytest.mark.parametrize("member", ["userId", "anonymousId", "messageId", "timestamp", "event"])
def test_every_odd_value_of_a_member(item, member):
    """Each odd id, time and name in an otherwise ordinary call, one after the other."""
    for body in ({}, {"sentAt": "2190-01-01T00:00:00Z"}):
        envelope = envelope_of(RECEIPTS[0], body)
        envelope.passed_over.clear()  # what is said of the request as a whole
        for value in ODD:
            odd_one = {**item, member: value}
            quick = PlainCalls(envelope).arrival(odd_one)
            found, said = slowly(envelope, odd_one)
            assert quick is None or (quick, said) == (found, []), odd_one


@pytest.mark.parametrize("name", NAMES)
def test_every_odd_property(name):
    """Each odd property with each odd value, of somebody known and of somebody unknown."""
    for who in ("userId", "anonymousId"):
        envelope = envelope_of(RECEIPTS[0], {})
        reading = PlainCalls(envelope)
        for key in KEYS:
            for value in ODD_VALUES:
                item: Any = {"type": "track", who: "a-1", "event": name, "messageId": "m"}
                item["properties"] = {key: value}
                quick = reading.arrival(item)
                assert quick is None or (quick, []) == slowly(envelope, item), item


def test_what_came_by_is_forgotten_some_day(monkeypatch):
    """Names and properties come from outside: they take no more memory than so much."""
    monkeypatch.setattr(plain, "_MOST_SHAPES", 10)
    reading = PlainCalls(envelope_of(RECEIPTS[0], {}))
    for at in range(100):
        assert reading.arrival({**next(ordinary()), "event": f"event-{at}"}) is not None
        assert len(reading._shapes.known) <= 10


def test_the_last_instant_is_the_last():
    """What lies beyond the calendar of events is left to all rules."""
    assert plain._instant("2199-12-31T23:59:59.999999Z") == microseconds(LAST)
    assert plain._instant("2200-01-01T00:00:00Z") is None
