"""What is planted in a simulated world, and the pace at which its leads live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from features.clock import microseconds
from features.events.log import DAY_US

__all__ = [
    "BUSY_PER_DAY",
    "FADE_DAYS",
    "LISTENS_DAYS",
    "QUIET_PER_DAY",
    "REFUSES_BOUND",
    "REFUSES_QUIET",
    "SHAPE",
    "SUCCEEDS_BOUND",
    "SUCCEEDS_QUIET",
    "SimulationConfig",
    "WorldChange",
]

BUSY_PER_DAY: Final = 0.5
"""Actions a day of a lead that is bound to go on."""
QUIET_PER_DAY: Final = 0.4
"""Actions a day, at first, of a lead that is not."""
FADE_DAYS: Final = 10.0
"""The time constant with which such a lead grows quiet."""
LISTENS_DAYS: Final = 60.0
"""Nobody acts on a rung for longer than this."""
REFUSES_BOUND: Final = 0.005
"""Refusals, bounces and the like a day of a lead that is bound to go on."""
REFUSES_QUIET: Final = 0.03
"""The same of a lead that is not: each of them is six times as likely from such a lead."""
SUCCEEDS_BOUND: Final = 0.85
"""Of pilots of leads that are bound to go on, the share that succeeds."""
SUCCEEDS_QUIET: Final = 0.25
"""The same of leads that are not."""
SHAPE: Final = 0.9
"""Of the Weibull delay; its scale is a quarter of the step's horizon."""


@dataclass(frozen=True, slots=True)
class WorldChange:
    """What is otherwise in a world from a day on.

    Parameters
    ----------
    day : since the start.
    log_odds : added to the chance of everyone who reaches a step after it.
    closes : a trait and its value: leads that have it arrive no more.
    silences : an event that is reported no more, though it happens.
    """

    day: float
    log_odds: float = 0.0
    closes: tuple[str, str] | None = None
    silences: str = ""


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """What is planted. The standard deviations are on the scale of log-odds.

    Parameters
    ----------
    days : over which leads arrive; the log ends there.
    trait_sd, intent_sd, offer_sd : how much traits, the unseen intent and the offers matter.
    depth : how much more likely the deepest completion of a step makes the next.
    aversion : log-odds lost per doubling of an offer's effort over the lightest of its step.
    fatigue : log-odds lost per earlier offer that was not seen.
    refusals : how many refusals, bounces, no-shows and failures there are, as a multiple of the
        usual; 0 is none.
    outcomes : of pilots and the like that have run their days, the share whose outcome is told;
        what they are called is said by the ladder's commitments.
    late_share : share of events that are reported late, by two days on average.
    drawn : whether offers are drawn, with their probabilities logged, rather than given by habit.
    match_sd : how much more or less an offer suits a lead with other traits, where it is drawn.
    trap : id of an offer that adds `trap_gain` to its step and takes `trap_loss` from later ones.
    drift : what changes on the way; None is nothing.
    arrive_days : over which leads arrive, where it is not all the time.
    world_seed : draws the planted effects, so that the same world can be run with other leads;
        None means `seed`.
    """

    leads: int = 2000
    days: float = 240.0
    seed: int = 1
    trait_sd: float = 0.5
    intent_sd: float = 0.6
    offer_sd: float = 0.3
    depth: float = 0.8
    aversion: float = 0.2
    fatigue: float = 0.15
    refusals: float = 1.0
    outcomes: float = 0.9
    late_share: float = 0.03
    drawn: bool = False
    match_sd: float = 0.0
    trap: str = ""
    trap_gain: float = 1.0
    trap_loss: float = 1.5
    drift: WorldChange | None = None
    arrive_days: float | None = None
    world_seed: int | None = None
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)

    @property
    def starts_at(self) -> int:
        """`start` in microseconds since the epoch."""
        return microseconds(self.start)

    @property
    def ends_at(self) -> int:
        """When the log ends, in microseconds since the epoch."""
        return self.starts_at + round(self.days * DAY_US)

    @property
    def drifts_at(self) -> int:
        """When the drift sets in, in microseconds since the epoch; the end where nothing drifts."""
        if self.drift is None:
            return self.ends_at
        return self.starts_at + round(self.drift.day * DAY_US)

    def observable(self) -> SimulationConfig:
        """The same with nothing hidden: no intent, no effect of offers, all known at once."""
        return replace(self, intent_sd=0.0, offer_sd=0.0, aversion=0.0, fatigue=0.0, late_share=0.0)
