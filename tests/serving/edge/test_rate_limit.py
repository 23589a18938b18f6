"""The token bucket: how much it lets through, and what it remembers."""

from __future__ import annotations

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from serving.edge import rate_limit
from serving.edge.rate_limit import RateLimit, address_of


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    rate=st.floats(0.1, 100.0),
    burst=st.floats(1.0, 20.0),
    pauses=st.lists(st.floats(0.0, 3.0), max_size=60),
)
def test_never_more_than_burst_and_rate(rate, burst, pauses):
    """In any stretch of time no more calls pass than the burst and what the rate adds to it."""
    clock = Clock()
    limit = RateLimit(rate, burst, clock)
    passed: list[float] = []
    for pause in pauses:
        clock.now += pause
        if limit.wait("a") == 0.0:
            passed.append(clock.now)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + rate * (passed[last] - start) + 1e-6


@given(rate=st.floats(0.1, 100.0), tries=st.integers(1, 50))
def test_after_the_wait_one_passes(rate, tries):
    """Whoever waits as long as was said is let through, and refusals cost nothing."""
    clock = Clock()
    limit = RateLimit(rate, 1.0, clock)
    assert limit.wait("a") == 0.0
    waits = [limit.wait("a") for _ in range(tries)]
    assert waits == [pytest.approx(1.0 / rate)] * tries
    clock.now += waits[-1] * (1 + 1e-9) + 1e-9
    assert limit.wait("a") == 0.0


def test_callers_are_apart():
    """One caller's calls take nothing from another's."""
    limit = RateLimit(1.0, 1.0, Clock())
    assert limit.wait("a") == 0.0
    assert limit.wait("a") > 0.0
    assert limit.wait("b") == 0.0


def test_twice_the_rate_at_once():
    """After a pause two seconds' worth of calls may come at once, at least one."""
    limit = RateLimit(3.0, clock=Clock())
    assert [limit.wait("a") > 0.0 for _ in range(7)] == [False] * 6 + [True]
    assert RateLimit(0.1, clock=Clock()).wait("a") == 0.0


def test_no_limit():
    """A rate of 0 is no limit, and nothing is remembered."""
    limit = RateLimit(0.0, clock=Clock())
    assert [limit.wait("a") for _ in range(1000)] == [0.0] * 1000
    assert limit._buckets == {}


def test_bounded(monkeypatch):
    """However many callers there are, few are remembered; those that are at rest go first."""
    monkeypatch.setattr(rate_limit, "_MOST_CALLERS", 3)
    clock = Clock()
    limit = RateLimit(1.0, 2.0, clock)
    limit.wait("a")
    clock.now += 1.0
    assert [limit.wait("greedy"), limit.wait("greedy")] == [0.0, 0.0]
    limit.wait("b")
    limit.wait("c")
    assert set(limit._buckets) == {"greedy", "b", "c"}
    assert limit.wait("greedy") > 0.0
    for number in range(50):
        assert limit.wait(str(number)) == 0.0
        assert len(limit._buckets) <= 3


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::9", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:203.0.113.5", "::ffff:203.0.113.5"),
        ("testclient", "testclient"),
    ],
)
def test_address_of(host, address):
    """Of IPv6 a caller has a whole /64 for itself, so that all of it counts as one."""
    scope = {"type": "http", "client": (host, 1), "headers": []}
    assert address_of(Request(scope)) == address
    assert address_of(Request({**scope, "client": None})) == ""
