"""Rows in any order are one log."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import threads
from features.events import order
from features.events.log import EventLog
from tests.features import strategies
from tests.features.signals.scene import (
    HOUR_US,
    assert_same_log,
    at_instants,
    bits,
    event,
    small_ladder,
    thorough,
)
from tests.features.strategies import START_US, log_of


@thorough
@given(st.lists(strategies.events(), min_size=2, max_size=40), st.randoms())
def test_row_order_has_no_effect_on_the_log(events, chance):
    """The log of shuffled rows is the log of the rows, column by column and bit by bit."""
    ladder = small_ladder()
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert_same_log(log_of(events, ladder), log_of(shuffled, ladder))


@pytest.mark.parametrize("ties", [1, 7])
def test_row_order_has_no_effect_on_long_leads(ties):
    """A lead whose rows are far out of order, in long runs of equal clocks too, is sorted alike."""
    ladder, chance = small_ladder(), np.random.default_rng(11)
    events = [
        event("page", (at // ties) * HOUR_US, seconds=float(chance.integers(3)), room=str(at % 5))
        for at in range(700)
    ]
    shuffled = [events[at] for at in chance.permutation(len(events))]
    for rows in (events[::-1], shuffled):
        assert_same_log(log_of(events, ladder), log_of(rows, ladder))


def test_row_order_has_no_effect_on_signed_zeros():
    """0 and -0 are one number: which of them came first cannot be told from a snapshot."""
    ladder = small_ladder()
    told = [event("identify", START_US, seconds=zero) for zero in (0.0, -0.0)]
    rows = [
        bits(at_instants(log_of(events, ladder), ladder, "ann", [START_US]))
        for events in (told, told[::-1])
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("shape", ["many", "one", "none", "sparse"])
def test_how_many_threads_has_no_effect(
    threads: int, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are placed, put in order and told as tied alike, however many threads share them."""
    chance = np.random.default_rng(threads)
    rows = {"many": 5_000, "one": 5_000, "none": 0, "sparse": 40}[shape]
    leads = {"many": 300, "one": 1, "none": 0, "sparse": 2_000}[shape]
    lead = chance.integers(0, max(leads, 1), rows).astype(np.int32)
    occurred = chance.integers(0, 400, rows)
    late = chance.random(rows) < 0.3
    known = occurred + np.where(late, chance.integers(0, 50, rows), 0)
    number: npt.ArrayLike = chance.choice([-0.0, 0.0, 1.5, np.nan], rows)
    name = chance.integers(0, 3, rows).astype(np.int32)
    ids = tuple(f"{at:04}" for at in range(leads))

    def made() -> EventLog:
        values: dict[str, npt.ArrayLike] = {"x": number, "no": np.nan}
        return EventLog.from_codes(lead, ids, name, ("a", "b", "c"), occurred, known, values)

    one = made()
    monkeypatch.setattr(order, "_WORTH_THREADS", 1)
    monkeypatch.setattr(order, "processors", lambda: threads)
    assert_same_log(made(), one)
    if rows:
        by_lead = np.lexsort((known, occurred, lead))
        assert one.occurred.tolist() == occurred[by_lead].tolist()
        assert one.starts.tolist() == [0, *np.cumsum(np.bincount(lead, minlength=leads)).tolist()]
        assert not np.signbit(one.numbers[one.numbers == 0.0]).any()


def test_a_small_log_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lead is asked for in well less than a thread takes to start."""
    monkeypatch.setattr(threads, "ThreadPoolExecutor", None)
    monkeypatch.setattr(order, "processors", lambda: 4)
    log = log_of([event("page", START_US + at, seconds=1.0) for at in range(50)], small_ladder())
    assert len(log) == 50
