"""Actions of callers: chosen, kept once, rewarded once, learned from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from features.errors import DecisionConflict, UnknownDecision
from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.ladder.ladder import Trait
from features.store.arrivals import Arrival
from features.store.events import Event, EventStore
from features.store.kept.ranks import Ranks
from features.store.kept.reports import Reports
from features.store.privacy import Privacy
from models.actions.preferences import Preferences, Rewarded
from serving.recommending.ranker import DAYS_KEPT, LEARN_US, REWARD_WAIT_US, Action, Ranker, Slot
from tests.serving import world

NEWS = [
    Action("sport", [{"topic": "sport"}]),
    Action("money", [{"topic": "money"}]),
    Action("art", [{"topic": "art"}]),
]
ALONE = [Slot("")]
LADDER = read_ladder("b2b")
WITH_PROTECTED = replace(
    LADDER, protected=(Trait("religion", "category"), Trait("health", "category"))
)


class Clock:
    def __init__(self):
        self.now = world.now()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(database):
    return EventStore(database)


@pytest.fixture
def ranker(store, clock):
    return Ranker(store, clock, lambda: LADDER)


def live(ranker, clock, loop="", count=240, first=0):
    """Mornings are for money, evenings for sport: what else is shown brings nothing."""
    for at in range(first, first + count):
        when, wanted = [("morning", "money"), ("evening", "sport")][at % 2]
        (rank,) = ranker.rank(loop, f"e{at}", None, [{"time": when}], NEWS, ALONE)
        if rank.chosen == wanted:
            ranker.reward(loop, f"e{at}", {"": 1.0})
        clock.now += 1_000_000
    clock.now += REWARD_WAIT_US


def likeliest(ranker, when, actions=NEWS, loop=""):
    (rank,) = ranker.rank(loop, None, None, [{"time": when}], actions, ALONE)
    best = max(rank.actions, key=lambda one: one.probability)
    return best.id, best.probability


def test_it_is_learned(ranker, store, clock):
    """What brings something in a situation is chosen in it, also by what comes later."""
    live(ranker, clock)
    assert ranker.due() == [""]
    ranker.learn([""])
    assert ranker.due() == []
    other = Ranker(store, clock, lambda: LADDER)  # another process
    assert ranker.take_over()
    assert not ranker.take_over()
    match = [*NEWS[1:], Action("match", [{"topic": "sport"}])]
    for one in (ranker, other):
        best, chance = likeliest(one, "morning")
        assert best == "money"
        assert chance > 0.8
        best, chance = likeliest(one, "evening", match)
        assert best == "match"
        assert chance > 0.8


def test_when_it_is_due(ranker, clock):
    """Where rewards came, once a minute at most; not because of a clock that was ahead."""
    live(ranker, clock, count=40)
    ranker.learn(ranker.due())
    ranker.rank("", "more", None, [], NEWS, ALONE)
    assert ranker.due() == []
    clock.now += 1
    ranker.reward("", "more", {"": 0.5})
    assert ranker.due() == []
    clock.now += LEARN_US
    assert ranker.due() == [""]
    ranker.learn([""])
    clock.now += REWARD_WAIT_US
    assert ranker.due() == [""]  # it counts since it is settled
    ranker.learn([""])
    clock.now += LEARN_US
    assert ranker.due() == []
    clock.now -= DAY_US
    assert ranker.due() == [""]


def test_what_a_slot_brought_is_told_of_it(ranker, clock, monkeypatch):
    """Choices are compared with those of their own slot; what is young is not settled."""
    told: list[Rewarded] = []

    def learned(events):
        told.extend(events)
        return Preferences()

    monkeypatch.setattr(Preferences, "learned", learned)
    made = ranker.rank("", "e", None, [], NEWS, [Slot("top"), Slot("side")])
    ranker.reward("", "e", {"top": 0.5})
    ranker.learn([""])
    assert [(one.slot, one.is_settled) for one in told] == [("top", False)]
    clock.now += REWARD_WAIT_US
    ranker.learn([""])
    assert [(one.slot, one.reward) for one in told[1:]] == [("top", 0.5), ("side", 0.0)]
    assert all(one.is_settled for one in told[1:])
    assert [one.action_id for one in told[1:]] == [one.chosen for one in made]


def test_loops_are_apart(ranker, clock):
    """What comes with keys of one source teaches nothing about another's; no event is shared."""
    live(ranker, clock)
    (there,) = ranker.rank("shop", "e0", None, [], NEWS[:2], ALONE)
    assert len(there.actions) == 2
    ranker.reward("shop", "e0", {"": 1.0})
    ranker.learn(ranker.due())
    ranker.take_over()
    assert likeliest(ranker, "morning", loop="shop")[1] == pytest.approx(1 / 3)
    assert likeliest(ranker, "morning")[1] > 0.8


def test_what_was_not_rewarded_brought_nothing(ranker, store, clock):
    """Once the wait is over, and not before; a deferred event counts from when it is shown."""
    ranker.rank("", "a", None, [{"x": 1}], NEWS, ALONE)
    ranker.rank("", "b", None, [{"x": 1}], NEWS, ALONE, defer=True)
    ranks, now = Ranks(store.database), clock.now
    assert ranks.shown("", now - 1, 10) == []
    assert [one.event_id for one in ranks.shown("", now, 10)] == ["a"]
    clock.now += 5
    assert ranker.expose("", "b")
    clock.now += 5
    ranker.expose("", "b")
    assert [one.event_id for one in ranks.shown("", now + 4, 10)] == ["a"]
    assert [one.event_id for one in ranks.shown("", now + 5, 10)] == ["a", "b"]
    assert not ranker.expose("", "c")


def test_the_first_report_stays(ranker, store):
    """Of an event one answer and one reward are kept, whoever asks and reports again."""
    first = ranker.rank("", "a", "ann", [], NEWS, ALONE)
    assert ranker.rank("", "a", "ann", [{"other": 1}], NEWS[::-1], ALONE) == first
    for value in (0.25, 1.0):
        assert ranker.reward("", "a", {"": value})
    assert Ranks(store.database).of("", "a")[0].reward == 0.25
    for lead, actions, slots in (
        ("bob", NEWS, ALONE),
        ("ann", NEWS[:2], ALONE),
        ("ann", NEWS, [Slot("x")]),
    ):
        with pytest.raises(DecisionConflict, match="other actions or somebody else"):
            ranker.rank("", "a", lead, [], actions, slots)
    assert not ranker.reward("", "b", {"": 1.0})
    with pytest.raises(UnknownDecision, match="no slot 'x'"):
        ranker.reward("", "a", {"x": 1.0})


def test_who_opted_out_since(ranker, store, clock):
    """What was shown to who opts out is learned from no more, and is no answer to them."""
    live(ranker, clock, count=120)
    for at in range(120, 240):  # all of one lead: what it was shown contradicts the rest
        (rank,) = ranker.rank("", f"e{at}", "ann", [{"time": "morning"}], NEWS, ALONE)
        ranker.reward("", f"e{at}", {"": float(rank.chosen == "art")})
    clock.now += REWARD_WAIT_US
    ranker.learn([""])
    ranker.take_over()
    assert likeliest(ranker, "morning")[0] == "art"
    (before,) = ranker.rank("", "e120", "ann", [], NEWS, ALONE)
    assert before.situation is not None
    Privacy(store.database).opt_out(["ann"], clock.now)
    clock.now += LEARN_US
    ranker.learn([""])
    ranker.take_over()
    assert likeliest(ranker, "morning")[0] == "money"
    (after,) = ranker.rank("", "e120", "ann", [], NEWS, ALONE)
    assert (after.chosen, after.situation) == (NEWS[0].id, None)


def test_many_at_once(ranker):
    """All who ask with one event id are told the same."""
    slots = [Slot("one"), Slot("two")]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: ranker.rank("", "same", None, [], NEWS, slots), range(16)))
    assert all(one == told[0] for one in told)
    assert len({one.chosen for one in told[0]}) == 2


def test_old_events_are_forgotten(ranker, store, clock):
    """What is older than it is kept for is gone within the hour, with rewards or without any."""
    live(ranker, clock, count=4)
    clock.now += DAYS_KEPT * DAY_US
    ranker.rank("", "new", None, [], NEWS, ALONE)
    ranker.forget_old()
    ranks = Ranks(store.database)
    assert ranks.of("", "e0") == []
    assert ranks.of("", "new") != []


def test_an_action_that_a_slot_leaves_out_has_no_chance_there(ranker):
    """The chances of a slot are those that it drew with; they add up to one."""
    slots = [Slot("a", excluded=frozenset({"art"})), Slot("b")]
    for one in ranker.rank("", "e", None, [], NEWS, slots):
        chances = {each.id: each.probability for each in one.actions}
        assert sum(chances.values()) == pytest.approx(1.0)
        assert one.slot != "a" or chances["art"] == 0.0


def test_a_protected_trait_is_no_feature(store, clock):
    """Not of a situation, an action or a slot, at any depth: nothing may learn from it."""
    ranker = Ranker(store, clock, lambda: WITH_PROTECTED)
    told = {"religion": "ProtCtx", "time": "noon", "profile": {"Health": "ProtIll", "plan": "pro"}}
    answers = [{"question": "Religion", "answer": "ProtAsked"}]
    url = "/form?religion=ProtUrl"
    actions = [Action("a", [{"religion": "ProtAct", "topic": "art"}]), Action("b", [{"n": 1}])]
    slot = Slot("top", [{"your_religion": "ProtSlot", "size": 2}])
    situation = [told, {"answers": answers, "page": url}]
    (rank,) = ranker.rank("", "e", None, situation, actions, [slot])
    assert rank.situation == {
        "time=noon": 1.0,
        "profile.plan=pro": 1.0,
        "page=/form?religion=redacted": 1.0,
        "slot.size": 2.0,
        "slot.slot=top": 1.0,
    }
    features = {one.id: one.features for one in rank.actions}
    assert features == {"a": {"topic=art": 1.0}, "b": {"n": 1.0}}
    (rank,) = ranker.rank("", None, None, ["religion", {"answer": "ProtPair"}], actions, ALONE)
    assert rank.situation == {}


def learned_of(store, loop="") -> dict[str, Any] | None:
    """What is kept of what a loop has learned."""
    report = Reports(store.database).newest("preferences", "", loop)
    return None if report is None else dict(report.body)


def test_a_trait_that_is_protected_later_is_not_learned_from(store, clock):
    """What was kept before the trait was marked is left out of what is learned from it."""
    former = Ranker(store, clock, lambda: LADDER)
    for at in range(80):
        situation = [{"profile": {"religion": "ab"[at % 2]}, "time": "ab"[at // 2 % 2]}]
        (rank,) = former.rank("", f"e{at}", None, situation, NEWS, ALONE)
        assert "religion" in str(rank.situation)
        if (rank.chosen == "art") == (at % 2 == 0):
            former.reward("", f"e{at}", {"": 1.0})
        clock.now += 1_000_000
    clock.now += REWARD_WAIT_US
    former.learn([""])
    assert "religion" in str(learned_of(store))
    Ranker(store, clock, lambda: WITH_PROTECTED).learn([""])
    learned = learned_of(store)
    assert learned is not None
    assert learned["events"] == 80
    assert "religion" not in str(learned)


def test_an_erasure_takes_what_was_learned_from_the_lead(ranker, store, clock):
    """Weights are by the names of features, which say what was told of it; others are kept."""
    for loop, lead in (("news", "magda"), ("shop", "ann")):
        for at in range(60):
            where = [{"city": f"Town of {lead}"}] if at % 2 else [{"city": "Bonn"}]
            named = lead if at % 2 else None
            (rank,) = ranker.rank(loop, f"e{at}", named, where, NEWS, ALONE)
            if (rank.chosen == "art") == (at % 2 == 0):
                ranker.reward(loop, f"e{at}", {"": 1.0})
            clock.now += 1_000_000
    clock.now += REWARD_WAIT_US
    ranker.learn(["news", "shop"])
    assert "Town of magda" in str(learned_of(store, "news"))
    shop = learned_of(store, "shop")
    Privacy(store.database).erase("magda", erased_at=clock.now)
    assert learned_of(store, "news") is None
    assert learned_of(store, "shop") == shop is not None
    assert ranker.due() == ["news"]
    ranker.learn(["news"])
    again = learned_of(store, "news")
    assert again is not None
    assert "magda" not in str(again)
    assert again["events"] == 30


@pytest.mark.parametrize("what", ["erase", "opt out"])
def test_who_goes_while_it_is_chosen_for(ranker, store, monkeypatch, what):
    """The caller's own choice stands, and nothing of them is kept."""
    store.append_events([Event("m", "ann", "view", 1, 1)])
    write, privacy = store.database.writing, Privacy(store.database)

    def after_it_went():
        monkeypatch.setattr(store.database, "writing", write)
        if what == "erase":
            privacy.erase("ann", 5, is_suppressed=True)
        else:
            privacy.opt_out(["ann"], 5)
        return write()

    monkeypatch.setattr(store.database, "writing", after_it_went)
    (rank,) = ranker.rank("news", "e1", "ann", [{"time": "morning"}], NEWS, ALONE)
    assert (rank.chosen, rank.lead_id, rank.situation) == ("sport", None, None)
    assert Ranks(store.database).of("news", "e1") == [rank]


def test_an_event_that_another_caller_kept_and_that_is_erased_at_once(ranker, store, monkeypatch):
    """It is chosen for anew."""
    keep = ranker._ranks.keep

    def too_late(event):
        monkeypatch.setattr(ranker._ranks, "keep", keep)
        assert keep(event)
        assert not keep(event)
        Privacy(store.database).erase("ann", 5)
        return False

    monkeypatch.setattr(ranker._ranks, "keep", too_late)
    told = ranker.rank("news", "e1", "ann", [], NEWS, ALONE)
    assert Ranks(store.database).of("news", "e1") == told


def test_what_was_learned_of_nobody_else(ranker, store, clock):
    """Where no reward is left, nothing is learned anew, and no process goes by what it has read."""
    for at in range(60):
        where = [{"city": "Town of ann"}] if at % 2 else [{"city": "Bonn"}]
        (rank,) = ranker.rank("news", f"e{at}", "ann", where, NEWS, ALONE)
        if (rank.chosen == "art") == (at % 2 == 0):
            ranker.reward("news", f"e{at}", {"": 1.0})
        clock.now += 1_000_000
    clock.now += REWARD_WAIT_US
    ranker.learn(["news"])
    assert ranker.take_over()
    Privacy(store.database).erase("ann", erased_at=clock.now)
    assert ranker.due() == []
    assert ranker.take_over()
    assert ranker._preferences("news").events == 0
    assert not ranker.take_over()


def test_who_says_who_they_are_in_between(ranker, store):
    """An event of a visitor is that of the user whom they turn out to be, and of nobody else."""
    told = ranker.rank("news", "e1", "visitor", [], NEWS, ALONE)
    store.ingest([Arrival("m", "ann", "page_viewed", 1, 1, anonymous_id="visitor")])
    assert ranker.rank("news", "e1", "ann", [], NEWS, ALONE) == told
    for other in ("bob", None):
        with pytest.raises(DecisionConflict, match="somebody else"):
            ranker.rank("news", "e1", other, [], NEWS, ALONE)
