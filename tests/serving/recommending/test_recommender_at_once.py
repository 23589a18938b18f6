"""The recommender asked at once by several processes, and in any order of calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from features.clock import instant, microseconds, rfc3339
from features.errors import DecisionConflict, LimitReached, UnknownDecision
from features.events.log import DAY_US
from features.offers.decisions import decisions_of, message_id
from features.store.events import EventStore
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.recommending.recommender import Recommender
from tests.profiles import examples
from tests.serving import world
from tests.serving.recommending.deciding import (
    LADDER,
    LEADS,
    LIMIT,
    NAMES,
    OFFERS,
    START,
    Clock,
    asks_of,
    check,
    deferred,
    filled,
    minutes_of,
    names,
    recommender,
)


@pytest.mark.usefixtures("database")
def test_exposures_of_two_processes(database_url):
    """At once on one store, of SQLite and of PostgreSQL: one ask a lead, and no minute too many."""
    leads = [f"lead-{at}" for at in range(6)]
    with EventStore.open(database_url) as one, EventStore.open(database_url) as other:
        one.append_events([event for lead in leads for event in world.climber(lead, START, 3)])
        ids = [
            named
            for lead in leads
            for named in deferred(one, lead, "video-audit", "live-qa", "strategy-session")
        ]
        both = [
            recommender(store, Clock(START + 1_000_000), limited=True) for store in (one, other)
        ]

        def show(at: int) -> str:
            try:
                both[at % 2].expose(ids[at])
            except LimitReached as refused:
                return refused.reason
            return "shown"

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(show, range(len(ids))))
        assert set(found) <= {"shown", "cool_down", "no_capacity"}
        assert all(asks_of(one, lead) <= 1 for lead in leads)
        assert found.count("shown") == sum(asks_of(one, lead) for lead in leads) > 1
        assert 0 < one.rep_minutes(START // DAY_US) <= LIMIT


@pytest.mark.parametrize("lead", ["at-1", "at-3"])
def test_decisions_of_two_processes(tmp_path, monkeypatch, lead):
    """Who looked at a lead before another process asked it decides anew, and does not ask too."""
    with filled(tmp_path / "store.db") as one, EventStore.open(tmp_path / "store.db") as other:
        offer = {"at-1": "bottleneck-template", "at-3": "video-audit"}[lead]
        second = {"at-1": "handover-checklist", "at-3": "live-qa"}[lead]
        rival = recommender(other, Clock(START + 20_000_000), f"only:{offer}")  # a clock ahead
        true, asked, numbers = one.append_new, [], count()  # a decision's id says what is drawn

        def overtaken(*arguments, **named):
            if not asks_of(one, lead):
                while not asks_of(one, lead):
                    rival.recommend(lead, decision_id=f"rival-{next(numbers)}")
                asked.append(arguments[0][0].message_id)
            return true(*arguments, **named)

        monkeypatch.setattr(one, "append_new", overtaken)
        answer = recommender(one, Clock(), f"only:{second}").recommend(lead, decision_id="d")
        assert len(asked) == 1
        assert asks_of(one, lead) == 1
        assert {each["offer_id"]: each["reason"] for each in answer["excluded"]}[
            second
        ] == "cool_down"
        assert answer["offer"]["id"] in (NURTURE, NO_ASK, "worksheet-tips", "savings-case-study")


@pytest.mark.usefixtures("database")
def test_decisions_at_once(database_url):
    """Many processes that recommend one lead at once make one ask of it, on either database."""
    with EventStore.open(database_url) as one, EventStore.open(database_url) as other:
        leads = [f"lead-{at}" for at in range(3)]
        one.append_events([event for lead in leads for event in world.climber(lead, START, 1)])
        both = [recommender(store, Clock(), "only:bottleneck-template") for store in (one, other)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda at: both[at % 2].recommend(leads[at // 8]), range(24)))
        for lead in leads:
            assert names(one, lead).count(NAMES.decision) == 8
            asks = [
                row
                for row in one.events_of(lead)
                if row[0] == NAMES.offer_extended and OFFERS[str(row[3]["offer"])].role == "ask"
            ]
            assert len(asks) == 1


@pytest.mark.parametrize("decision_id", ["nothing", "", "\0", "x" * 5000, "a/b"])
def test_unknown_decision(made, decision_id):
    """What was never decided can be neither exposed, nor have an outcome, nor be shown."""
    for ask in (made.expose, lambda one: made.outcome(one, 1.0), made.decision):
        with pytest.raises(UnknownDecision, match="no decision"):
            ask(decision_id)


# ------------------------------------------------------------------------------- Any order of calls

IDS = st.sampled_from([f"d{at}" for at in range(8)])
WHO = st.sampled_from(list(LEADS))
ASKED = st.builds(
    Asked,
    channel=st.sampled_from([None, "email", "page", "rep"]),
    exclude=st.sets(st.sampled_from(list(OFFERS)), max_size=3).map(frozenset),
)


class Calls(RuleBasedStateMachine):
    """Calls in any order, on a service that is started anew now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        self.store = filled(Path(self.folder.name) / "store.db")
        self.open()
        self.told: dict[str, str] = {}
        self.exposed: dict[str, str] = {}
        self.outcomes: dict[str, float] = {}
        self.calls: list[tuple[Callable[..., Any], int, tuple[Any, ...], Any]] = []

    def open(self) -> None:
        self.made = recommender(self.store, self.clock, "uniform", limited=True)

    def call(self, what: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call and remember what it came to."""
        now = self.clock.now
        answer = outcome_of(what, self.made, arguments)
        self.calls.append((what, now, arguments, json.dumps(answer)))
        return answer

    @rule(named=IDS, lead=WHO, asked=ASKED, deferred=st.booleans())
    def recommend(self, named, lead, asked, deferred):
        left = LIMIT - self.store.rep_minutes(self.clock.now // DAY_US)
        answer = self.call(recommend, lead, asked, named, deferred)
        if answer == "DecidedForAnother":
            assert json.loads(self.told[named])["lead_id"] != lead
            return
        is_new = named not in self.told
        assert self.told.setdefault(named, json.dumps(answer)) == json.dumps(answer)
        check(answer)
        if is_new:
            assert answer["as_of"] == rfc3339(self.clock.now)
            offer = OFFERS.get(answer["offer"]["id"])
            assert offer is None or offer.rep_minutes <= max(0.0, left)
            if not deferred:
                at = microseconds(instant(answer["as_of"])) + 1
                self.exposed[named] = rfc3339(at)

    @rule(named=IDS)
    def expose(self, named):
        answer = self.call(expose, named)
        assert (answer == "UnknownDecision") == (named not in self.told)
        if answer == "LimitReached":
            assert named not in self.exposed
        elif named in self.told:
            expected = self.exposed.setdefault(named, answer["exposed_at"])
            assert answer["exposed_at"] == expected

    @rule(named=IDS, value=st.sampled_from([0.0, 0.5, 1.0]))
    def outcome(self, named, value):
        answer = self.call(outcome, named, value)
        if named not in self.told:
            assert answer == "UnknownDecision"
        elif self.outcomes.setdefault(named, value) != value:
            assert answer == "DecisionConflict"
        else:
            assert answer["value"] == value

    @rule(hours=st.sampled_from([1, 20, 24 * 8]))
    def wait(self, hours):
        self.clock.now += hours * 3_600_000_000

    @precondition(lambda self: self.told)
    @rule()
    def restart(self):
        self.store.close()
        self.store = EventStore.existing(Path(self.folder.name) / "store.db")
        self.open()

    @invariant()
    def what_is_kept(self):
        decisions = {}
        for held in decisions_of(self.store.log(LADDER), LADDER):
            decisions[held.decision.decision_id] = held
        assert set(decisions) == set(self.told)
        shown = {named for named, held in decisions.items() if held.exposed_at is not None}
        assert shown == set(self.exposed)
        assert {
            named for named in decisions if self.store.event(message_id(named, "extended"))
        } == {named for named in shown if decisions[named].decision.chosen in OFFERS}
        spent = sum(
            OFFERS[decisions[named].decision.chosen].rep_minutes
            for named in shown
            if decisions[named].decision.chosen in OFFERS
        )
        days = range(START // DAY_US, self.clock.now // DAY_US + 2)
        assert minutes_of(self.store, days) == spent

    @invariant()
    def limits_hold(self):
        """No two asks of a lead in a day, no offer twice in its time, no four in a fortnight."""
        limits = LADDER.limits
        for lead in LEADS:
            asks = [
                (json.dumps(said.get("offer")).strip('"'), at)
                for name, at, _, said in self.store.events_of(lead)
                if name == NAMES.offer_extended and "decision_id" in said
            ]
            asks = [(offer, at) for offer, at in asks if OFFERS[offer].role == "ask"]
            times = sorted(at for _, at in asks)
            for before, after in pairwise(times):
                assert after - before >= limits.days_between_asks * DAY_US
            for before, after in zip(times, times[limits.asks :], strict=False):
                assert after - before >= limits.asks_days * DAY_US
            for offer in {offer for offer, _ in asks}:
                own = sorted(at for one, at in asks if one == offer)
                days = OFFERS[offer].again_after_days or limits.again_after_days
                assert all(after - before >= days * DAY_US for before, after in pairwise(own))

    def teardown(self):
        """The same calls on a new store come to the same, each of them."""
        with filled(":memory:") as store:
            clock = Clock()
            made = recommender(store, clock, "uniform", limited=True)
            for what, now, arguments, answer in self.calls:
                clock.now = now
                assert json.dumps(outcome_of(what, made, arguments)) == answer
        self.store.close()
        self.folder.cleanup()


def recommend(made, lead, asked, named, deferred):
    return made.recommend(lead, asked, named, defer_exposure=deferred)


def expose(made, named):
    return made.expose(named)


def outcome(made, named, value):
    return made.outcome(named, value)


def outcome_of(what: Callable[..., Any], made: Recommender, arguments: tuple[Any, ...]) -> Any:
    """The answer of a call, or the name of its error."""
    try:
        return what(made, *arguments)
    except (DecisionConflict, LimitReached, UnknownDecision) as error:
        return type(error).__name__


TestCalls = Calls.TestCase
TestCalls.settings = settings(
    max_examples=examples(25),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestCalls.__doc__ = "Calls in any order: one answer an id, exact books, nothing lost, replayable."
