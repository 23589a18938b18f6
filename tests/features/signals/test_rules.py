"""One event against a rule, beside the compiled fold on whole logs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.log import LogColumns
from features.events.of_lead import Row, log_of_rows
from features.ladder.ladder import Condition, EventRule, Ladder
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from features.signals.rules import RulesByName, met, met_any
from features.signals.table import ladder_columns
from tests.features import strategies

values = st.one_of(
    st.none(),
    st.booleans(),
    strategies.numbers,
    st.integers(-3, 400),
    st.sampled_from([*strategies.WORDS, "", " blue", "0.8", "3e2", "true", "False", "nan", "inf"]),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 10**400, ["blue"], {"blue": 1}]),
)
properties = st.dictionaries(
    st.sampled_from([*strategies.NUMBERS, *strategies.TEXTS, "unread"]), values, max_size=4
)
happenings = st.lists(
    st.tuples(st.sampled_from([*strategies.EVENTS, "unheard_of"]), properties),
    min_size=1,
    max_size=20,
)


@settings(deadline=None)
@given(strategies.ladders(), happenings)
def test_as_the_fold(ladder: Ladder, happenings: list[tuple[str, Mapping[str, object]]]):
    """Each event meets the rules of a rung, a restart and a scoring just where the fold says so."""
    rows: list[Row] = [(name, at, at, said) for at, (name, said) in enumerate(happenings)]
    log = log_of_rows("lead", rows, LogColumns(*ladder_columns(ladder)))
    linked = link(log, compile_ladder(ladder))
    groups = (*(goal.complete_when for goal in ladder.goals), ladder.restart_on, ladder.score_at)
    for goal, rules in enumerate(groups):
        ours = [met_any(rules, name, said) for name, said in happenings]
        assert ours == linked.meets(goal).tolist(), rules
        assert ours == [RulesByName(rules).met(name, said) for name, said in happenings]


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (Condition("a", "at_least", 0.8), 0.8, True),
        (Condition("a", "above", 0.8), 0.8, False),
        (Condition("a", "at_most", 15.0), "15", True),
        (Condition("a", "below", 15.0), "15", False),
        (Condition("a", "is", 1.0), True, True),
        (Condition("a", "is", 1.0), "true", True),
        (Condition("a", "is", 1.0), "yes", False),
        (Condition("a", "is_not", 1.0), "yes", True),
        (Condition("a", "is_not", 1.0), None, True),
        (Condition("a", "is", "3"), 3.0, True),
        (Condition("a", "is", "team"), "team plan", False),
        (Condition("a", "is_not", "team"), "", True),
        (Condition("a", "one_of", ("team", "solo")), "solo", True),
        (Condition("a", "one_of", ("team", "solo")), None, False),
    ],
)
def test_conditions(condition: Condition, value: object, expected: bool):
    """Numbers, texts and truth values are read as everywhere; what is absent meets is_not alone."""
    assert met(EventRule("e", (condition,)), "e", {"a": value}) is expected
    assert met(EventRule("e", (condition,)), "other", {"a": value}) is False


def test_absent():
    """A property that is not there meets no condition but is_not, as one without a value."""
    for wanted in (1.0, "team"):
        assert met(EventRule("e", (Condition("a", "is_not", wanted),)), "e", {})
        assert not met(EventRule("e", (Condition("a", "is", wanted),)), "e", {})


def test_all_conditions_and_any_rule():
    """A rule wants all of its conditions, a list of rules any of its rules, an empty one none."""
    long = EventRule("e", (Condition("a", "above", 1.0), Condition("b", "is", "x")))
    assert met(long, "e", {"a": 2, "b": "x"})
    assert not met(long, "e", {"a": 2, "b": "y"})
    assert met_any((long, EventRule("e", (Condition("b", "is", "y"),))), "e", {"b": "y"})
    assert met(EventRule("e"), "e", {})
    assert not met_any((), "e", {})


def test_what_cannot_be_written_down():
    """A value nested too deep or with too many digits is absent, not an error."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, 10**5000):
        assert not met(EventRule("e", (Condition("a", "is", "x"),)), "e", {"a": value})
        assert met(EventRule("e", (Condition("a", "is_not", "x"),)), "e", {"a": value})
        assert not met(EventRule("e", (Condition("a", "above", 1.0),)), "e", {"a": value})


def test_any_of_some_rules():
    """Rules of one name, of a beginning and of all names are met as each alone would be."""
    dear = EventRule("order", (Condition("a", "above", 5.0),))
    rules = (dear, EventRule("order", (Condition("a", "is", "free"),)), EventRule("*_seen"))
    any_of = RulesByName(rules)
    for name, said, expected in (
        ("order", {"a": 6}, True),
        ("order", {"a": "free"}, True),
        ("order", {"a": 5}, False),
        ("offer_seen", {}, True),
        ("order_seen", {"a": 1}, True),
        ("seen", {}, False),
        ("*_seen", {}, True),
    ):
        assert any_of.met(name, said) is met_any(rules, name, said) is expected, name
    assert RulesByName([EventRule("*")]).met("whatever", {})
    assert not RulesByName([]).met("whatever", {})
