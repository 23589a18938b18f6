"""Journeys in which leads are lost, with the likelihood of a loss and of an advance planted."""

from __future__ import annotations

import math

import numpy as np

from features.arrays import Floats
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import EventRule, Ladder, Step, Trait
from features.signals.table import ladder_columns
from tests.features.strategies import START_US

__all__ = ["APPLICATIONS", "HORIZON_DAYS", "applications"]

HORIZON_DAYS = 60.0
_PER_DAY = {"offer": 0.035, "declined": 0.045, "answered": 0.12}
APPLICATIONS = Ladder(
    "applications",
    "Applications",
    (
        Step("apply", "Applies", (EventRule("applied"),), 30.0, engaged_by=("applied",)),
        Step("offer", "Offer", (EventRule("offer"),), HORIZON_DAYS, engaged_by=("answered",)),
    ),
    Step("purchase", "Signs", (EventRule("signed"),), HORIZON_DAYS),
    lost_when=(EventRule("declined"),),
    traits=(Trait("amount", "number"), Trait("goal", "category")),
)


def applications(seed: int, leads: int = 1200, days: float = 300.0) -> EventLog:
    """Leads that apply at random, and are offered something or decline at rates of their own."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, float, float, str | None]] = []
    for at in range(leads):
        lead, began = f"lead-{at:05}", float(rng.uniform(0.0, days))
        size, goal = float(rng.normal()), str(rng.choice(["car", "home", "other"]))
        rows.append((lead, "identify", began, math.exp(size), goal))
        rows.append((lead, "applied", began + 0.01, math.nan, None))
        for name, when in _events(rng, began, size, goal):
            rows.append((lead, name, when, math.nan, None))
    names = [row[1] for row in rows]
    days_in: Floats = np.array([row[2] for row in rows], dtype=np.float64)
    return EventLog.from_columns(
        [row[0] for row in rows],
        names,
        START_US + (days_in * DAY_US).astype(np.int64),
        numbers={"amount": np.array([row[3] for row in rows])},
        texts={"goal": [row[4] for row in rows]},
        columns=LogColumns(*ladder_columns(APPLICATIONS)),
    )


def _events(
    rng: np.random.Generator, began: float, size: float, goal: str
) -> list[tuple[str, float]]:
    """What a lead does until it is offered something, declines or falls silent."""
    offered = _PER_DAY["offer"] * math.exp(0.7 * size + 0.6 * (goal == "home"))
    declined = _PER_DAY["declined"] * math.exp(-0.6 * size + 0.6 * (goal == "other"))
    answered = _PER_DAY["answered"] * math.exp(0.3 * size)
    found: list[tuple[str, float]] = []
    now, answers = began, 0
    while True:
        rates = np.array([offered * (1 + answers / 4), declined / (1 + answers / 4), answered])
        now = now + float(rng.exponential(1.0 / float(rates.sum())))
        if now > began + HORIZON_DAYS:
            return found
        name = ("offer", "declined", "answered")[rng.choice(3, p=rates / rates.sum())]
        found.append((name, now))
        if name == "offer" and (luck := rng.random()) < 0.85:
            signs = luck < 0.5 / (1.0 + math.exp(-size)) + 0.25
            found.append(("signed" if signs else "declined", now + float(rng.exponential(11.0))))
        if name != "answered":
            return found
        answers += 1
