"""One world through all ways of working: the same past, the same luck, and what each comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.outcomes.burn_in import BURN_IN_DAYS, burn_in
from benchmarks.outcomes.product import AsItIs, AsItWas, ProbabilityOrder, as_it_was
from benchmarks.outcomes.ranges import Kind, parameters_of
from benchmarks.outcomes.teams import (
    Idle,
    LastActivity,
    OnlyReplies,
    PointsAfterReplies,
    PointsRule,
    Team,
)
from benchmarks.outcomes.world import World
from features.events.log import LogColumns
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns
from models.bundle import Bundle
from training.pipeline import train

__all__ = [
    "AFTER_REPLIES",
    "IDLE",
    "OURS",
    "RIVALS",
    "WAYS",
    "Outcome",
    "play",
    "trained",
    "worked",
]

IDLE, OURS, AFTER_REPLIES = "nobody works", "Rung today", "points, replies first"
RIVALS: Final = (
    "last activity first",
    "points, halved in 90 days",
    "probability order",
    "Rung at ce9580f",
)
WAYS: Final = (IDLE, "nothing but replies", *RIVALS[:2], AFTER_REPLIES, *RIVALS[2:], OURS)
"""The rivals, and beside them what tells where a gain comes from."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way of working came to in one world.

    Parameters
    ----------
    purchases : in the half year.
    value : what they are worth, less what the reps' minutes cost, in the ladder's currency.
    hours : of reps, spent.
    leads : that there were in the half year, old and new.
    asks, refusals : made, and how often a lead declined or unsubscribed.
    """

    world: int
    kind: Kind
    way: str
    purchases: int
    value: float
    hours: float
    leads: int
    asks: int
    refusals: int


def play(number: int, days: int, progress: Callable[[str], None] = lambda _: None) -> list[Outcome]:
    """What each way comes to in a world, in the order of `WAYS`."""
    ladder, planted = read_ladder("b2b"), parameters_of(number)
    past = World(ladder, planted, number, BURN_IN_DAYS + days)
    burn_in(past, number, BURN_IN_DAYS)
    progress(f"world {number + 1}: {_said(past)}")
    bundle, before = trained(past, ladder), trained(past, as_it_was(ladder))
    leads = len(past.people)
    teams: tuple[Team, ...] = (
        Idle(),
        OnlyReplies(),
        LastActivity(),
        PointsRule(),
        PointsAfterReplies(),
        ProbabilityOrder(bundle, leads),
        AsItWas(before, leads),
        AsItIs(bundle, leads),
    )
    found = []
    for way, team in zip(WAYS, teams, strict=True):
        found.append(_outcome(number, way, worked(past, team, days)))
        progress(f"world {number + 1}: {way}: {found[-1].purchases} purchases")
    return found


def worked(past: World, team: Team, days: int) -> World:
    """A world after so many days more of a way of working; the past is left as it is."""
    world = past.fork()
    world.journal.news = {lead for lead, rows in enumerate(world.journal.rows) if rows}
    for _ in range(days):
        world.begin_day()
        world.do(team.mails(world), 7.0)
        if world.day % 7 < 5:
            world.do(team.work(world), 8.0)
        world.live()
    return world


def trained(past: World, ladder: Ladder) -> Bundle:
    """A bundle from all that happened in a world so far."""
    columns = LogColumns(*ladder_columns(ladder))
    seen = [lead for lead, rows in enumerate(past.journal.rows) if rows]
    bundle = train(past.journal.log(seen, columns), ladder)
    # It has its hash where it is saved; one whose ladder was changed in memory cannot be.
    named = bundle.manifest | {"hash": str(bundle.manifest["data_fingerprint"])}
    return replace(bundle, manifest=named)


def _outcome(number: int, way: str, world: World) -> Outcome:
    ladder, effects = world.ladder, world.effects
    bought = world.state.bought >= BURN_IN_DAYS
    here = (world.people.born < world.day) & (bought | (world.state.bought < 0))
    worth = int(bought.sum()) * ladder.value.purchase
    return Outcome(
        world=number,
        kind=world.parameters.kind,
        way=way,
        purchases=int(bought.sum()),
        value=worth - effects.minutes * ladder.value.rep_minute,
        hours=effects.minutes / 60.0,
        leads=int(here.sum()),
        asks=effects.asks,
        refusals=effects.declined + effects.unsubscribed,
    )


def _said(world: World) -> str:
    bought = int((world.state.bought >= 0).sum())
    events = sum(map(len, world.journal.rows))
    return f"{world.parameters.kind}, {events:,} events and {bought} purchases of the time before"
