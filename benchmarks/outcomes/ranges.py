"""The ranges that the worlds' parameters come from, set down before any of them was run.

They are to be plausible and to favour no way of working. Effects are in logarithms of hazards: what
adds 0.7 makes a step about twice as likely on a day.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy as np

__all__ = ["KINDS", "RANGES", "Kind", "Parameters", "parameters_of"]

Kind = Literal["mixed", "nothing helps", "points are right"]

KINDS: Final[tuple[Kind, ...]] = (
    *("mixed", "mixed", "mixed", "nothing helps", "mixed"),
    *("points are right", "mixed", "mixed", "mixed", "nothing helps"),
    *("mixed", "mixed", "mixed", "points are right", "mixed"),
    *("mixed", "mixed", "nothing helps", "mixed", "mixed"),
)
"""The kinds of 20 worlds, in order: in 3 nothing helps, in 2 a points rule is right."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is planted in one world.

    Parameters
    ----------
    kind : in "nothing helps" nothing that is done to a lead changes what it does; in "points are
        right" the hazard rises with the sum of its points, halved in 90 days, and nothing else of
        the lead counts; help works in proportion to it.
    arrivals : leads a day.
    pace : of all steps, as a multiple of what the ladder's bands and horizons say.
    intent_sd, drift_sd, trait_sd : spread of what nobody sees, of how it wanders, of what traits
        add.
    persistence : the share of a wandered intent that is left a day later.
    depth : what the deepest completion of a step adds to the next; the shallowest takes as much.
    activity : actions a day of a usual lead.
    tell : how much more active a lead is for a unit of intent, in logarithms.
    tyre_kickers : share of leads that do six times as much and want nothing.
    patience : days after which a usual lead is gone for good, on average.
    ask_effect, topic_effect : of a suiting ask, and what its being on topic adds.
    offer_sd : spread of how good the offers are.
    aversion : what an ask loses for a doubling of its effort over the lightest of the step.
    ask_days, human_days : so long an ask, and help by a person, is felt.
    human : of help by a person for leads that are neither sure nor lost, at steps with a person.
    early : the share of it at the steps before.
    touchy : share of leads that a call by a person annoys.
    annoyance : of intent lost by such a call, by a refusal, and by an ask over what is under way or
        after others.
    refusals : how often asks are refused, as a multiple of 3 % declined and 1 % unsubscribed.
    questions : a day and lead past the first step.
    wait_cost, answer_gain : of intent, a day that a question waits after the first, at most ten;
        and for an answer within a day.
    support : of help that asks for nothing.
    no_show, pilot_fails : shares of bookings and pilots of usual leads.
    points_slope : what each doubling of points adds, where points are right.
    """

    kind: Kind
    arrivals: float
    pace: float
    intent_sd: float
    drift_sd: float
    trait_sd: float
    persistence: float
    depth: float
    activity: float
    tell: float
    tyre_kickers: float
    patience: float
    ask_effect: float
    topic_effect: float
    offer_sd: float
    aversion: float
    ask_days: float
    human_days: float
    human: float
    early: float
    touchy: float
    annoyance: float
    refusals: float
    questions: float
    wait_cost: float
    answer_gain: float
    support: float
    no_show: float
    pilot_fails: float
    points_slope: float


RANGES: Final[dict[str, tuple[float, float]]] = {
    "arrivals": (3.0, 8.0),
    "pace": (0.4, 0.9),
    "intent_sd": (0.5, 1.2),
    "drift_sd": (0.2, 0.6),
    "trait_sd": (0.2, 0.7),
    "persistence": (0.95, 0.995),
    "depth": (0.0, 0.6),
    "activity": (0.15, 0.5),
    "tell": (0.2, 0.8),
    "tyre_kickers": (0.0, 0.25),
    "patience": (30.0, 90.0),
    "ask_effect": (0.1, 0.6),
    "topic_effect": (0.0, 0.4),
    "offer_sd": (0.0, 0.3),
    "aversion": (0.0, 0.2),
    "ask_days": (4.0, 10.0),
    "human_days": (5.0, 14.0),
    "human": (0.2, 1.2),
    "early": (0.1, 0.6),
    "touchy": (0.0, 0.3),
    "annoyance": (0.0, 0.4),
    "refusals": (0.5, 2.0),
    "questions": (0.01, 0.04),
    "wait_cost": (0.0, 0.15),
    "answer_gain": (0.0, 0.2),
    "support": (0.0, 0.15),
    "no_show": (0.1, 0.4),
    "pilot_fails": (0.15, 0.45),
    "points_slope": (0.2, 0.6),
}
"""Each parameter is drawn evenly from its range, independently of the others."""

_SEED: Final = 20_26

_HELP: Final = (
    *("ask_effect", "topic_effect", "offer_sd", "aversion", "human", "annoyance"),
    *("wait_cost", "answer_gain", "support"),
)
"""What is nothing where nothing helps."""


def parameters_of(number: int) -> Parameters:
    """The parameters of a world, by its number."""
    rng = np.random.default_rng((_SEED, number))
    kind = KINDS[number % len(KINDS)]
    names = [one.name for one in fields(Parameters) if one.name != "kind"]
    drawn = {name: float(rng.uniform(*RANGES[name])) for name in names}
    if kind == "nothing helps":
        drawn |= dict.fromkeys(_HELP, 0.0)
    return Parameters(kind, **drawn)
