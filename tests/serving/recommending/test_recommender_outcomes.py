"""What came of decisions: exposed, and their outcomes, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from features.clock import instant, microseconds, rfc3339
from features.errors import DecisionConflict, TimeError
from features.events.log import DAY_US
from features.offers.decisions import decisions_of
from tests.serving.recommending.deciding import (
    LADDER,
    NAMES,
    START,
    Clock,
    filled,
    names,
    recommender,
)


def test_deferred(store):
    """A deferred decision has not reached its lead, and costs nobody time, until it is exposed."""
    clock = Clock()
    made = recommender(store, clock, "only:strategy-session")
    answer = made.recommend("at-3", decision_id="a", defer_exposure=True)
    assert (answer["offer"]["id"], answer["exposed"]) == ("strategy-session", False)
    assert names(store, "at-3") == [NAMES.decision]
    assert made.decision("a")["exposed_at"] is None
    clock.now += 2 * DAY_US
    shown = made.expose("a")
    assert shown["exposed_at"] == rfc3339(clock.now)
    assert (shown["lead_id"], shown["offer_id"]) == ("at-3", "strategy-session")
    clock.now += DAY_US
    assert made.expose("a") == shown
    assert names(store, "at-3") == [NAMES.decision, NAMES.exposure, NAMES.offer_extended]
    assert store.rep_minutes(START // DAY_US + 2) == 30
    assert store.rep_minutes(START // DAY_US) == 0
    told = made.decision("a")
    assert (told["exposed"], told["exposed_at"]) == (True, shown["exposed_at"])


def test_exposed_at_once(made, store):
    """A decision that was not deferred is exposed; to say so again changes nothing."""
    answer = made.recommend("at-1", decision_id="a")
    assert answer["exposed"]
    count = store.count()
    made.expose("a")
    assert store.count() == count
    assert made.decision("a") == {
        **answer,
        "exposed_at": rfc3339(microseconds(instant(answer["as_of"])) + 1),
        "outcome": None,
    }


def test_outcome(made, store):
    """The first outcome stays: the same value again gives the same, another one is a conflict."""
    made.recommend("at-1", decision_id="a")
    first = made.outcome("a", 0.75, "reply", made.clock())
    assert (first["value"], first["kind"], first["late"]) == (0.75, "reply", False)
    count = store.count()
    assert made.outcome("a", 0.75, "other") == first
    with pytest.raises(DecisionConflict, match=r"'a' has the outcome 0.75 already"):
        made.outcome("a", 0.5)
    assert store.count() == count
    assert made.decision("a")["outcome"] == {
        key: first[key] for key in ("value", "kind", "occurred_at", "late")
    }
    (held,) = decisions_of(store.log(LADDER), LADDER)
    assert held.outcome == 0.75


def test_late_outcome(made, store):
    """An outcome at the end of its window counts; later it is kept, flagged, and not counted."""
    ends = {}
    for named in ("a", "b"):
        answer = made.recommend("at-1", decision_id=named)
        ends[named] = microseconds(instant(answer["expires_at"]))
    made.clock.now += 40 * DAY_US
    assert made.outcome("a", 1.0, occurred_at=ends["a"])["late"] is False
    assert made.outcome("b", 1.0, occurred_at=ends["b"] + 1)["late"] is True
    held = {one.decision.decision_id: one for one in decisions_of(store.log(LADDER), LADDER)}
    assert held["a"].outcome == 1.0
    assert held["b"].outcome is None


def test_outcome_out_of_time(made, store):
    """An outcome before its decision or in the future is none; clocks may differ by minutes."""
    answer = made.recommend("at-1", decision_id="a")
    as_of = microseconds(instant(answer["as_of"]))
    count = store.count()
    with pytest.raises(TimeError, match="is before the decision"):
        made.outcome("a", 1.0, occurred_at=as_of - 300_000_001)
    with pytest.raises(TimeError, match="is in the future"):
        made.outcome("a", 1.0, occurred_at=as_of + DAY_US)
    assert store.count() == count
    ahead = made.outcome("a", 1.0, occurred_at=as_of + 60_000_000)
    assert ahead["occurred_at"] == rfc3339(as_of + 60_000_000)


@pytest.mark.parametrize("behind_us", [1, 1_000_000, 300_000_000])
def test_outcome_told_by_a_clock_that_is_behind(made, behind_us):
    """What a lead does at once happened at the decision, whatever a caller's clock says of it."""
    as_of = made.recommend("at-1", decision_id="a")["as_of"]
    told = made.outcome("a", 1.0, occurred_at=microseconds(instant(as_of)) - behind_us)
    assert (told["occurred_at"], told["late"]) == (as_of, False)


@pytest.mark.parametrize("ahead_us", [60_000_000, 3_600_000_000, DAY_US])
def test_outcome_of_a_decision_of_a_clock_that_was_ahead(store, ahead_us):
    """What comes of a decision that is dated into the future can be told now, right at it."""
    ahead = recommender(store, Clock(START + ahead_us)).recommend("at-1", decision_id="a")
    told = recommender(store, Clock()).outcome("a", 1.0)
    assert told["occurred_at"] == ahead["as_of"]
    assert told["late"] is False


def test_outcomes_at_the_same_time(tmp_path):
    """Of two outcomes reported at once one stays, and only its reporter is told that it does."""
    with filled(tmp_path / "store.db") as store:
        made = recommender(store, Clock())
        for at in range(10):
            made.recommend("at-1", decision_id=str(at), defer_exposure=True)

        def report(number: int) -> bool:
            try:
                made.outcome(str(number // 4), number % 4 / 4)
            except DecisionConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            stayed = list(pool.map(report, range(40)))
        assert [sum(stayed[at : at + 4]) for at in range(0, 40, 4)] == [1] * 10
