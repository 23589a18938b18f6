"""A simulation whose offers are drawn, and what its log says of the decisions."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from features.arrays import Ints
from features.events.log import EventLog, LogColumns
from features.ladder.ladder import Ladder
from features.offers.decisions import Decision
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from features.signals.table import ladder_columns
from training.simulation.world import Simulation, SimulationConfig

DRAWN = SimulationConfig(leads=1500, days=260, arrive_days=20, late_share=0.0, drawn=True)
TRAP = "savings-calculator"


def decisions(simulation: Simulation) -> list[Decision]:
    events = simulation.events
    made = events[events["name"] == simulation.ladder.events.decision]
    return [
        Decision.of_record(lead, record)
        for lead, record in zip(made["lead_id"], made["rung_record"], strict=True)
    ]


@cache
def exposed(simulation: Simulation) -> set[str]:
    """The ids of the decisions that reached their leads."""
    events = simulation.events
    records = events.loc[events["name"] == simulation.ladder.events.exposure, "rung_record"]
    return {record.split('"')[3] for record in records}


def asked(ladder: Ladder) -> set[str]:
    return {offer.id for offer in ladder.offers if offer.role == "ask"}


def went_on(simulation: Simulation) -> dict[str, set[int]]:
    """The rungs that each lead completed: those below each of its decisions."""
    ladder = simulation.ladder
    rung = {goal.id: at for at, goal in enumerate(ladder.goals)}
    found: dict[str, set[int]] = defaultdict(set)
    for one in decisions(simulation):
        found[one.lead_id] |= set(range(rung[one.step]))
    bought = simulation.events["name"].isin([r.event for r in ladder.purchase.complete_when])
    for lead in simulation.events.loc[bought, "lead_id"]:
        found[lead].add(len(ladder.goals) - 1)
    return found


def rungs_of(log: EventLog, ladder: Ladder, lead: Ints, as_of: Ints) -> Ints:
    """Where leads of a log stand at instants."""
    names = tuple(log.leads[at] for at in lead)
    return snapshot_at(log, compile_ladder(ladder), names, lead, as_of).position


def log_of_simulation(simulation: Simulation) -> EventLog:
    """The log of a simulation, without the way through a file."""
    events, columns = simulation.events, LogColumns(*ladder_columns(simulation.ladder))
    clocks = events[["occurred_at", "known_at"]].astype("datetime64[us, UTC]").astype("int64")
    told = events.astype(object).where(events.notna(), None)
    return EventLog.from_columns(
        events["lead_id"].tolist(),
        events["name"].tolist(),
        clocks["occurred_at"].to_numpy(),
        clocks["known_at"].to_numpy(),
        numbers={one: events[one].astype(float) for one in columns.numbers if one in events},
        texts={one: told[one].tolist() for one in columns.texts if one in events},
        columns=columns,
    )
