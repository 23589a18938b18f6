"""What tests of the recommender share: leads, a bundle, a clock, and deferred decisions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from features.clock import instant, microseconds
from features.ladder.file import read_ladder
from features.store.events import Event, EventStore
from models.bundle import Bundle
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.recommending.answers import RecommendationAnswer
from serving.recommending.recommender import Recommender
from serving.scoring.scorer import Scorer
from tests.serving import world

START = microseconds(instant("2026-03-02T09:00:00Z"))
LADDER = read_ladder("b2b")
NAMES = LADDER.events
OFFERS = {offer.id: offer for offer in LADDER.offers}
LIMIT = 100.0


class Clock:
    """A present that goes on by ten microseconds whenever it is looked at."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 10
        return self.now


@cache
def bundle(limited: bool = False) -> Bundle:
    ladder = world.limited_ladder(LIMIT) if limited else None
    with TemporaryDirectory() as folder:
        return world.rates_bundle(Path(folder) / "bundle", ladder=ladder)


LEADS: dict[str, list[Event]] = {
    f"at-{rungs}": world.climber(f"at-{rungs}", START, rungs) for rungs in range(6)
} | {
    "bought": world.customer("bought", START),
    world.HOSTILE: world.climber(world.HOSTILE, START, 1),
}


def filled(path: Path | str) -> EventStore:
    store = EventStore.open(path)
    store.append_events([event for events in LEADS.values() for event in events])
    return store


def recommender(
    store: EventStore, clock: Callable[[], int], policy: str = "rules", limited: bool = False
) -> Recommender:
    return Recommender(Scorer(store, bundle(limited), clock, policy=policy))


def names(store: EventStore, lead_id: str) -> list[str]:
    """The names of what Rung itself stored of a lead, in order."""
    ours = (NAMES.decision, NAMES.exposure, NAMES.offer_extended, NAMES.outcome)
    return [row[0] for row in store.events_of(lead_id) if row[0] in ours]


def check(answer: Any) -> None:
    """What every answer must hold."""
    ranking, excluded = answer["ranking"], answer["excluded"]
    propensities = {one["offer_id"]: one["propensity"] for one in ranking}
    assert sum(propensities.values()) == pytest.approx(1.0, abs=1e-9)
    floor = 0.0 if answer["claimed_by"] else LADDER.policy.exploration / len(ranking)
    assert min(propensities.values()) >= floor - 1e-12
    assert {NO_ASK, NURTURE} <= set(propensities)
    told = [one["offer_id"] for one in [*ranking, *excluded]]
    assert sorted(told) == sorted([*OFFERS, NO_ASK, NURTURE])
    assert answer["probability_chosen"] == propensities[answer["offer"]["id"]]
    assert answer["as_of"] < answer["expires_at"]


def offered(store: EventStore, lead_id: str, offer_id: str) -> RecommendationAnswer:
    """A deferred decision for an offer: the first of some ids that draws it."""
    made = recommender(store, Clock(), f"only:{offer_id}")
    ids = (f"{lead_id}-{offer_id}-{at}" for at in range(100))
    answers = (made.recommend(lead_id, decision_id=one, defer_exposure=True) for one in ids)
    return next(answer for answer in answers if answer["offer"]["id"] == offer_id)


def deferred(
    store: EventStore, lead_id: str, *offer_ids: str, channel: str | None = None
) -> list[str]:
    """The ids of decisions that were made while nothing held the offers back, and not exposed."""
    found: list[str] = []
    for offer_id in offer_ids:
        made = recommender(store, Clock(), f"only:{offer_id}")
        ids = (f"{lead_id}-{offer_id}-{len(found)}-{at}" for at in range(100))
        answers = (
            made.recommend(lead_id, Asked(channel=channel), one, defer_exposure=True) for one in ids
        )
        found.append(next(one["decision_id"] for one in answers if one["offer"]["id"] == offer_id))
    return found


def asks_of(store: EventStore, lead_id: str) -> int:
    return names(store, lead_id).count(NAMES.offer_extended)


def minutes_of(store: EventStore, days: range) -> float:
    return sum(store.rep_minutes(day) for day in days)
