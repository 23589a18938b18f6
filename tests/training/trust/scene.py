"""A log without leaks, and the same log with one planted in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import EventRule, Ladder, Step, Trait
from features.signals.table import ladder_columns
from models.scores.encoding import Encoding
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.trust.probes import probed
from training.trust.suspicion import Suspicion

START_US = 1_767_571_200_000_000  # 2026-01-05T00:00Z
DAYS = 170.0
LADDER = Ladder(
    name="small",
    title="Look, try, buy",
    steps=(
        Step("look", "Look", (EventRule("video"),), 7.0, engaged_by=("page", "video")),
        Step("try", "Try", (EventRule("trial"),), 7.0, engaged_by=("trial",)),
    ),
    purchase=Step("buy", "Buy", (EventRule("order"),), 21.0, engaged_by=("order",)),
    traits=(Trait("device", "category"), Trait("status", "category")),
    dormant_after_days=30.0,
)


@dataclass(frozen=True)
class Said:
    """An event: of whom, what, on which day it happened and was known, and what it says."""

    lead: str
    name: str
    day: float
    known: float
    device: str | None = None
    status: str | None = None


Plant = Callable[[list[Said], np.random.Generator], list[Said]]


def honest(seed: int, leads: int = 400) -> list[Said]:
    """Leads of whom half are eager: these go on soon and look at many pages."""
    rng = np.random.default_rng(seed)
    said: list[Said] = []
    for at in range(leads):
        lead, eager, born = f"lead-{at:04}", rng.random() < 0.5, rng.uniform(0, DAYS)
        device, status = rng.choice(["phone", "laptop"]), rng.choice(["new", "open", "warm"])
        said.append(Said(lead, "identify", born, born, str(device), str(status)))
        when = born
        for name in ("video", "trial", "order"):
            when += rng.exponential(4.0 if eager else 60.0)
            said.append(Said(lead, name, when, when))
        visits = born + np.sort(rng.uniform(0, 40, rng.poisson(60 if eager else 12)))
        said += [Said(lead, "page", at, at) for at in [born, *visits]]
    return [one for one in said if one.day < DAYS]


def ordered(said: list[Said]) -> dict[str, float]:
    """The day of each lead's order."""
    return {one.lead: one.day for one in said if one.name == "order"}


def too_good(said: list[Said], rng: np.random.Generator) -> list[Said]:
    """Every day a lead's status tells, 199 times in 200, whether it orders in three weeks."""
    bought = ordered(said)
    born = {one.lead: one.day for one in said if one.name == "identify"}
    told = []
    for lead, first in born.items():
        for day in np.arange(first, min(first + 60.0, DAYS), 1.0):
            orders = 0.0 < bought.get(lead, np.inf) - day <= 21.0
            status = "hot" if orders != (rng.random() < 0.005) else "cold"
            told.append(Said(lead, "identify", float(day), float(day), status=status))
    return [replace(one, status=None) for one in said] + told


def written_after(said: list[Said], rng: np.random.Generator) -> list[Said]:
    """The status is written some hours after the order, and by then alone."""
    bare = [replace(one, status=None) for one in said]
    days = {lead: day + rng.exponential(0.2) for lead, day in ordered(said).items()}
    return bare + [Said(lead, "identify", day, day, status="won") for lead, day in days.items()]


def shuffled(said: list[Said], _: np.random.Generator) -> list[Said]:
    """Every lead is there six times, under ids of its own."""
    return [
        replace(one, lead=f"{one.lead}-{copy}") for one in said if one.lead < "lead-0070"
        for copy in range(6)
    ]  # fmt: skip


def time_reversed(said: list[Said], _: np.random.Generator) -> list[Said]:
    """What came first comes last."""
    return [replace(one, day=DAYS - one.day, known=DAYS - one.day) for one in said]


def known_too_early(said: list[Said], rng: np.random.Generator) -> list[Said]:
    """Of every third trial it is known five days before that it will be."""
    return [
        replace(one, known=one.day - 5.0) if one.name == "trial" and rng.random() < 0.33 else one
        for one in said
    ]


PLANTS: dict[str, tuple[Plant, str]] = {
    "too good": (too_good, "trait.status"),
    "written after": (written_after, "trait.status"),
    "shuffled": (shuffled, "labels"),
    "time reversed": (time_reversed, "order"),
    "known too early": (known_too_early, "event.trial"),
}
"""For each kind, how it is planted, and the id of what is to be found."""


def log_of(said: list[Said]) -> EventLog:
    occurred, known = (
        START_US + np.round(np.array(days) * DAY_US).astype(np.int64)
        for days in ([one.day for one in said], [one.known for one in said])
    )
    return EventLog.from_columns(
        [one.lead for one in said],
        [one.name for one in said],
        occurred,
        known,
        texts={"device": [one.device for one in said], "status": [one.status for one in said]},
        columns=LogColumns(*ladder_columns(LADDER)),
    )


def planted(kind: str, seed: int) -> EventLog:
    plant = PLANTS[kind][0]
    return log_of(plant(honest(seed), np.random.default_rng(seed)))


@dataclass(frozen=True, eq=False)
class Material:
    """What the probes look at."""

    log: EventLog
    points: Points
    outcomes: tuple[Outcomes, Outcomes]
    encoding: Encoding

    def findings(self) -> list[Suspicion]:
        return probed(self.log, LADDER, self.points, self.outcomes, self.encoding)


def material(log: EventLog) -> Material:
    until = log.judged_until(None)
    points = decision_points(log, LADDER, end=until, seed=7)
    return Material(log, points, label(log, LADDER, points, until), Encoding.learn(points.snapshot))
