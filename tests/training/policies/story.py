"""A log of decisions in two periods, a bundle trained on the first, judged on the second."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from features.events.log import EventLog
from features.store.events import Event
from models.bundle import Bundle
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from tests.training.policies.scene import LADDER, REST, drawn, event, exposed, log_of, us
from training.pipeline import TrainConfig, train
from training.policies.evaluate import PolicyEvaluation, evaluate_policy

QUICK = TrainConfig(fit=FitConfig(folds=2, repeats=1, boosting=BoostingConfig(most_rounds=5)))
SPLIT = 30.0
UNTIL = 80.0
FIRST, SECOND = ("clip", "guide", *REST), ("demo", *REST)


@cache
def story(seed: int = 1, leads: int = 360) -> tuple[Event, ...]:
    """Leads of three industries, decided about twice: before the split, and some after it.

    A third stands at the second step. Clips help, and whoever goes on may buy. The log ends with
    someone who comes at last.
    """
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for number in range(leads):
        lead, born = f"lead-{number:03}", number / leads
        industry = ["bank", "farm", "mill", "port"][min(number % 7, 3) if number % 7 < 6 else 0]
        events.append(event(lead, "identify", born, industry=industry))
        tries = number % 3 == 0
        if tries:
            events.append(event(lead, "video", born + 1, fraction=1.0))
        for day in (10.0, 50.0):
            options = SECOND if tries else FIRST
            chosen = str(rng.choice(options))
            events.append(event(lead, "page", born + day - 1))
            events += exposed(drawn(lead, born + day, chosen, options))
            goes = rng.random() < (0.7 if chosen in ("clip", "demo") else 0.3)
            if goes and rng.random() < 0.3:
                events.append(event(lead, "order", born + day + 8))
                break
            if goes and not tries:
                events.append(event(lead, "page", born + day + 3))
    return (*events, event("passer-by", "page", UNTIL))


@cache
def log() -> EventLog:
    return log_of(story())


@cache
def bundle() -> Bundle:
    made = train(log(), LADDER, until=us(SPLIT), config=QUICK)
    return replace(made, manifest=made.manifest | {"hash": "0" * 64})


def judged(
    name: str = "learned", events: EventLog | None = None, **more: object
) -> PolicyEvaluation:
    held = {"until": us(UNTIL), **more}
    found = evaluate_policy(bundle(), events or log(), name, **held)  # type: ignore[arg-type]
    assert isinstance(found, PolicyEvaluation)
    return found


@cache
def learned() -> PolicyEvaluation:
    return judged()
