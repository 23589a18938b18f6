"""A store as one has it after some weeks: leads, scores, decisions, and what came of these."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from features.errors import LimitReached, OptedOut
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.privacy import Privacy
from models.bundle import Bundle
from serving.recommending.answers import RecommendationAnswer
from serving.recommending.recommender import Recommender
from serving.routes.exports.reading import ScoreExport
from serving.scoring.batch.rescoring import rescore
from serving.scoring.scorer import Scorer
from tests.serving import world

START = 1_790_000_000_000_000


class Clock:
    """A present that goes on by ten microseconds whenever it is looked at."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 10
        return self.now


@dataclass
class Weeks:
    """The store, and the ids of the decisions that were made."""

    store: EventStore
    recommender: Recommender
    decisions: list[str]

    @property
    def ladder(self) -> Ladder:
        return self.recommender.scorer.model.bundle.ladder

    def rescored(self) -> None:
        assert rescore(self.recommender.scorer) is not None

    def scores(self) -> dict[str, dict[str, Any]]:
        """The rows of `GET /v1/scores`, by lead."""
        _, parts = ScoreExport(self.store, self.ladder).all(None)
        return {row["lead_id"]: row for part in parts for row in part}

    def told(self) -> dict[str, Any]:
        """What `GET /v1/decisions/{id}` answers, by id, for leads that may be profiled."""
        found: dict[str, Any] = {}
        for one in self.decisions:
            with suppress(OptedOut):
                found[one] = self.recommender.decision(one)
        return found


def weeks(store: EventStore, bundle: Bundle, leads: int = 12, of: int = 4) -> Weeks:
    """Fill an empty store.

    Each week something is decided for every lead. Some of it never reaches the lead, some has no
    outcome, one in time, or one that is late. Then a lead turns out to be another one, one opts
    out, and one is erased.
    """
    clock = Clock(START)
    store.append_events(
        [
            *(one for at in range(leads) for one in world.life(f"lead-{at:02}", at, START, 0.5)),
            *world.climber("anonymous", START, 1),
            *world.climber("out", START, 2),
            *world.climber("erased", START, 2),
            *world.customer("customer", START),
            *world.life(world.HOSTILE, 2, START, 0.1),
        ]
    )
    made = Weeks(store, Recommender(Scorer(store, bundle, clock, policy="careful")), [])
    number = count()
    for week in range(of):
        clock.now = START + week * 7 * DAY_US
        for lead in store.lead_ids():
            _decide(made, lead, next(number), clock)
    store.ingest([Arrival("claim", "zoe", "page_viewed", START, START, "{}", "anonymous")])
    erased = {
        one for one in made.decisions if made.recommender.decision(one)["lead_id"] == "erased"
    }
    Privacy(store.database).opt_out(["out"], clock())
    Privacy(store.database).erase("erased", clock())
    made.decisions = [one for one in made.decisions if one not in erased]
    made.rescored()
    return made


def _decide(made: Weeks, lead: str, number: int, clock: Clock) -> None:
    named = f"{lead}/é {number}"
    answer: RecommendationAnswer = made.recommender.recommend(
        lead, decision_id=named, defer_exposure=number % 3 == 0
    )
    made.decisions.append(answer["decision_id"])
    if number % 6 == 0:
        clock.now += 3 * world.HOUR_US
        try:
            made.recommender.expose(named)
        except LimitReached:
            return
    before = clock.now
    if number % 4 == 0:
        made.recommender.outcome(named, number % 5 / 4, "replied")
    elif number % 7 == 0:
        clock.now += 300 * DAY_US
        made.recommender.outcome(named, 1.0, "bought")
        clock.now = before
