"""What is learned of callers' actions, on planted truth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.actions import preferences
from models.actions.choosing import chances
from models.actions.features import crossed, features_of
from models.actions.preferences import FEWEST, Preferences, Rewarded

KINDS = {"video": (3, 12), "text": (5, 30), "call": (8,)}
ACTIONS = [
    (f"{kind}-{price}", features_of([{"kind": kind, "price": price}]))
    for kind, prices in KINDS.items()
    for price in prices
]
REWARD = {
    "morning": {"video": 0.1, "text": 0.5, "call": 0.2},
    "evening": {"video": 0.5, "text": 0.15, "call": 0.1},
}


def truth(when, id_):
    """The planted chance of a reward: by kind and time, and less the dearer."""
    kind, price = id_.split("-")
    return max(0.0, REWARD[when][kind] - 0.005 * float(price))


def situation(draw, when):
    return features_of([{"time": when, "weekday": int(draw.integers(7))}])


def lived(seed, count, *, is_flat=False, every=100):
    """Choices one after the other, learned from in between; and the mean of what each was worth."""
    draw, known, log = np.random.default_rng(seed), Preferences(), []
    got, best, shares = [], [], []
    for at in range(count):
        when = str(draw.choice(list(REWARD)))
        here = situation(draw, when)
        share = chances(known.worths(here, ACTIONS), known.events)
        worth = np.array([0.3 if is_flat else truth(when, id_) for id_, _ in ACTIONS])
        chosen = int(draw.choice(len(ACTIONS), p=share))
        log.append(
            Rewarded(
                here, ACTIONS[chosen][1], ACTIONS[chosen][0], float(draw.random() < worth[chosen])
            )
        )
        got.append(worth[chosen])
        best.append(worth.max())
        shares.append(share[chosen])
        if (at + 1) % every == 0:
            known = Preferences.learned(log)
    return known, log, np.array(got), np.array(best), np.array(shares)


@pytest.fixture(scope="module")
def life():
    return lived(1, 2500)


def test_what_is_best_is_found(life):
    """It gets near the best by the situation, and past what any one action would bring."""
    _, _, got, best, _ = life
    fixed = max(np.mean([truth(when, id_) for when in REWARD]) for id_, _ in ACTIONS)
    assert got[1250:].mean() > 0.88 * best[1250:].mean()
    assert got[1250:].mean() > 1.3 * fixed
    assert got[1250:].mean() > got[:300].mean()


def test_new_actions_are_known_by_their_features(life):
    """An action that was never shown is worth what its features say."""
    known, *_ = life
    new = [("new-video", features_of([{"kind": "video", "price": 6}])), ACTIONS[2], ACTIONS[4]]
    draw = np.random.default_rng(2)
    at_night = known.worths(situation(draw, "evening"), new)
    early = known.worths(situation(draw, "morning"), new)
    assert at_night.argmax() == 0
    assert early.argmax() == 1
    assert at_night[0] == pytest.approx(0.47, abs=0.12)


def test_propensities_are_true(life):
    """Rewards weighted by them tell what choosing evenly would have brought."""
    _, log, _, _, shares = life
    rewards = np.array([one.reward for one in log])
    terms = rewards / len(ACTIONS) / shares
    even = np.mean([truth(when, id_) for when in REWARD for id_, _ in ACTIONS])
    assert terms.mean() == pytest.approx(even, abs=3 * terms.std() / np.sqrt(len(terms)))


def test_where_nothing_matters():
    """Where all are worth the same, all go on being chosen, and about as often."""
    draw, least = np.random.default_rng(4), []
    for seed in range(3, 7):  # what one life comes to is luck
        known, log, *_ = lived(seed, 500, is_flat=True, every=250)
        share = chances(known.worths(situation(draw, "morning"), ACTIONS), known.events)
        least.append(share.min())
        assert known.base == pytest.approx(np.mean([one.reward for one in log]), abs=0.15)
    assert np.mean(least) > 0.05


LEVELS = {
    "flat": lambda _: 0.3,
    "jump": lambda at: 0.1 if at < 1030 else 0.6,
    "wave": lambda at: 0.35 + 0.25 * np.sin(at / 200),
    "fall": lambda at: 0.6 - at / 6000,
}


@pytest.mark.parametrize("favour", [0.2, 0.8])
@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS.keys())
def test_nothing_is_praised_for_its_time(level, favour):
    """The better action stays so by as much, however often each was chosen when all brought more.

    In each of two slots, whose levels move against each other.
    """
    draw, log = np.random.default_rng(6), []
    for at in range(2000):
        slot = "ab"[at % 2]
        base = level(at if slot == "a" else 2000 - at)
        is_better = bool(draw.random() < (0.5 if base < 0.33 else favour))
        reward = float(draw.random() < base) * 0.2 + base * 0.8 + 0.08 * is_better
        log.append(Rewarded({f"slot={slot}": 1.0}, {}, f"better={is_better}", reward, slot))
    known = Preferences.learned(log)
    for slot in "ab":
        low, high = known.worths({f"slot={slot}": 1.0}, [("better=False", {}), ("better=True", {})])
        assert high - low == pytest.approx(0.08, abs=0.03)


def test_what_is_not_settled_hides_nothing():
    """Where of the newest only those are known that brought something, they judge nothing."""
    draw, log = np.random.default_rng(10), []
    for at in range(1500):
        kind, is_settled = int(draw.integers(0, 2)), at < 700
        reward = float(draw.random() < 0.3 + 0.3 * kind)
        if reward or is_settled:
            log.append(Rewarded({}, {}, str(kind), reward, "", is_settled))
    low, high = Preferences.learned(log).worths({}, [("0", {}), ("1", {})])
    assert high - low == pytest.approx(0.3, abs=0.1)


def test_slots_that_hardly_ever_come():
    """What is learned in them is learned together."""
    draw = np.random.default_rng(9)
    log = [
        Rewarded({}, {}, str(kind), 0.3 * float(kind), f"page-{at}")
        for at, kind in enumerate(draw.integers(0, 2, 400))
    ]
    low, high = Preferences.learned(log).worths({}, [("0", {}), ("1", {})])
    assert high - low == pytest.approx(0.3, abs=0.01)


def test_few_events():
    """Of too few events nothing is learned; and nothing of rewards that are all the same."""
    one = Rewarded({"a": 1.0}, {"b": 1.0}, "x", 1.0)
    assert Preferences.learned([one] * (FEWEST - 1)) == Preferences(FEWEST - 1)
    same = Preferences.learned([one] * 100)
    assert (same.base, same.weights) == (1.0, {})


def test_amounts_are_bounded():
    """An amount beyond all that was seen counts as twice the largest, and no more."""
    draw = np.random.default_rng(5)
    log = [
        Rewarded({}, {"price": price}, "x", float(draw.random() < price / 1000))
        for price in draw.uniform(10, 900, 400)
    ]
    known = Preferences.learned(log)
    largest = max(one.action["price"] for one in log)
    low, twice, far = known.worths({}, [("y", {"price": at}) for at in (10, 2 * largest, 1e12)])
    assert low < twice == far


def test_kept_as_json(life):
    """What is kept is what was learned."""
    known, *_ = life
    again = Preferences.of_plain(json.loads(json.dumps(known.plain())))
    here = features_of([{"time": "morning"}])
    np.testing.assert_array_equal(again.worths(here, ACTIONS), known.worths(here, ACTIONS))
    assert known.scales["action.price"] == 30.0


def test_a_worth_is_the_sum_of_all_that_tells_it(life):
    """The pairs that have a weight are found by their parts, also where these hold an `x`."""
    known, *_ = life
    weights = {**known.weights, "action.a x b x c": 2.0, "id=x x y x c": 4.0}
    odd = Preferences(9, 0.5, weights, known.scales)
    draw = np.random.default_rng(7)
    for here in ({**situation(draw, "evening"), "c": 0.5}, {"b x c": 3.0, "y x c": 1.0}, {}):
        for id_, action in (*ACTIONS, ("x x y", {"a x b": 1.0}), ("x", {"a": 2.0})):
            worth = odd.base + sum(
                weights[name] * min(amount / odd.scales.get(name, 1.0), 2.0)
                if name in odd.scales
                else weights[name] * amount
                for name, amount in crossed(here, action, id_).items()
                if name in weights
            )
            assert odd.worths(here, [(id_, action)])[0] == pytest.approx(worth)


def test_events_that_tell_very_much(monkeypatch):
    """Of these the newest are learned from, and features that come once are not held together."""
    monkeypatch.setattr(preferences, "_MOST_TOLD", 2000)
    monkeypatch.setattr(preferences, "_MOST_COUNTED", 100)
    draw = np.random.default_rng(8)
    kinds = draw.integers(0, 2, 400)
    log = [
        Rewarded({"now": 1.0, f"at={at}": 1.0}, {f"kind={kind}": 1.0}, "x", float(kind))
        for at, kind in enumerate(kinds)
    ]
    known = Preferences.learned(log)
    assert known.events == 2000 // 9
    assert "action.kind=1" in known.weights
    assert not any("at=" in name for name in known.weights)
    low, high = known.worths({"now": 1.0}, [("x", {f"kind={kind}": 1.0}) for kind in (0, 1)])
    assert high - low > 0.8
