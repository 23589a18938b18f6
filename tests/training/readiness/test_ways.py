"""Ways up a ladder against loops: when each rung was completed, come to, passed and skipped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.ladder.ladder import EventRule
from tests.training.readiness.scene import LADDER, log_of
from training.readiness.ways import NEVER, ways_of

EVENTS = (("page",), ("video", 0.9), ("video", 0.1), ("trial", float("nan"), "full"), ("order",))


def rows_of(seed: int):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rng.integers(1, 30)):
        name, *rest = EVENTS[rng.integers(len(EVENTS))]
        found.append((f"lead-{rng.integers(4)}", name, float(rng.integers(30)), *rest))
    return found


def meets(row, at: int) -> bool:
    name, rest = row[1], row[3:]
    return bool((name == "video" and rest[0] >= 0.8, name == "trial", name == "order")[at])


@given(st.integers(0, 100_000))
def test_against_loops(seed):
    """The first event that meets each rule, or that of any rung above."""
    rows = rows_of(seed)
    log = log_of(rows)
    ways = ways_of(log, LADDER)
    for one, lead in enumerate(log.leads):
        own = sorted((row for row in rows if row[0] == lead), key=lambda row: row[2])

        def first(rungs, own=own):
            days = [row[2] for row in own if any(meets(row, at) for at in rungs)]
            return min(days, default=None)

        for at in range(3):
            completed, went = first([at]), first(range(at, 3))
            came = own[0][2] if at == 0 else first(range(at - 1, 3))
            above = first(range(at + 1, 3))
            skipped = above is not None and (completed is None or completed > above)
            assert days(ways.completed[at][one]) == completed
            assert days(ways.went[at][one]) == went
            assert days(ways.came[at][one]) == came
            assert ways.skipped(at)[one] == skipped
            stood = came is not None and (went is None or came < went)
            assert ways.stood(at)[one] == stood


def days(at: int) -> float | None:
    from features.events.log import DAY_US
    from tests.features.strategies import START_US

    return None if at == NEVER else (at - START_US) / DAY_US


def test_what_begins_anew_completes_no_step_but_is_a_purchase():
    """Customers who order again and again: each order begins the ladder anew."""
    rows = [("a", "page", 0), ("a", "video", 1, 0.9), ("a", "order", 2), ("b", "page", 3)]
    ladder = replace(LADDER, restart_on=(EventRule("order"),))
    ways = ways_of(log_of(rows, ladder), ladder)
    assert [days(at) for at in ways.completed[:, 0]] == [1.0, None, 2.0]
    assert [days(at) for at in ways.went[:, 0]] == [1.0, 2.0, 2.0]
    ladder = replace(LADDER, restart_on=(EventRule("video"),))
    ways = ways_of(log_of(rows, ladder), ladder)
    assert [days(at) for at in ways.completed[:, 0]] == [None, None, 2.0]
