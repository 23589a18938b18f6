"""A linked log tells the events that complete, restart or are scored at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from features.signals.linked_log import link
from features.signals.program import compile_ladder
from tests.features import strategies
from tests.features.signals.scene import thorough
from tests.features.strategies import log_of
from tests.oracles.snapshot_oracle import (
    in_order,
    meets_any,
)


@thorough
@given(strategies.ladders(), st.lists(strategies.events(), min_size=5, max_size=40))
def test_rows_of_goal_equal_the_oracle(ladder, events):
    """The events that complete, restart or are scored at are those that meet the ladder's rules."""
    log, compiled = log_of(events, ladder), compile_ladder(ladder)
    in_rows = [event for lead in log.leads for event in in_order(events, ladder, lead)]
    goals = [goal.complete_when for goal in ladder.goals]
    for number, rules in enumerate([*goals, ladder.restart_on, ladder.score_at]):
        found = link(log, compiled).meets(number)
        assert found.tolist() == [meets_any(rules, event) for event in in_rows]
