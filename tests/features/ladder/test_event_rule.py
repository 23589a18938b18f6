"""What rules say of each other, beside trying many events out."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.ladder.event_rule import implies, impossible_property
from features.ladder.ladder import Condition, EventRule
from features.signals.rules import met
from tests.profiles import examples

NUMBERS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]
WORDS = ["a", "b", "c", "d"]
of_numbers = st.builds(
    Condition,
    st.just("n"),
    st.sampled_from(["is", "is_not", "at_least", "at_most", "above", "below"]),
    st.sampled_from([0.0, 1.0, 2.0, 3.0]),
)
of_words = st.one_of(
    st.builds(Condition, st.just("w"), st.sampled_from(["is", "is_not"]), st.sampled_from("abc")),
    st.builds(
        Condition,
        st.just("w"),
        st.just("one_of"),
        st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(tuple),
    ),
)
rules = st.builds(
    EventRule,
    st.just("e"),
    st.lists(st.one_of(of_numbers, of_words), max_size=4).map(tuple),
)
EVENTS = [
    {key: value for key, value in (("n", number), ("w", word)) if value is not None}
    for number, word in product([None, *NUMBERS], [None, *WORDS])
]


@settings(deadline=None, max_examples=examples(500))
@given(rules, rules)
def test_against_events(one: EventRule, other: EventRule):
    """One implies the other where every event that meets it meets the other."""
    meet = [event for event in EVENTS if met(one, "e", event)]
    if not meet:
        return
    assert implies(one, other) == all(met(other, "e", event) for event in meet)


@settings(deadline=None, max_examples=examples(500))
@given(rules)
def test_impossible_against_events(rule: EventRule):
    """A rule is impossible where no event meets it."""
    assert (impossible_property(rule.where) is None) == any(met(rule, "e", it) for it in EVENTS)


@pytest.mark.parametrize(
    ("conditions", "name"),
    [
        ([("n", "at_least", 15.0), ("n", "below", 10.0)], "n"),
        ([("n", "above", 1.0), ("n", "at_most", 1.0)], "n"),
        ([("w", "is", "a"), ("w", "one_of", ("b", "c"))], "w"),
        ([("n", "is", 1.0), ("n", "is_not", 1.0)], "n"),
        ([("n", "at_least", 1.0), ("n", "at_most", 1.0)], None),
        ([("n", "at_least", 15.0), ("m", "below", 10.0)], None),
        ([("w", "is_not", "a"), ("w", "is_not", "b")], None),
        ([], None),
    ],
)
def test_impossible(conditions, name):
    """It is the property of which no value will do."""
    assert impossible_property([Condition(*each) for each in conditions]) == name


def test_other_events():
    """A rule says nothing of events of another name."""
    assert not implies(EventRule("a"), EventRule("b"))
    assert implies(EventRule("a", (Condition("n", "is", 1.0),)), EventRule("a"))
