"""A ladder simulator with planted truth: the demo's data, and the known answer for the statistics.

Each lead climbs a ladder rung by rung. On reaching a rung it is, unseen, bound to take the next
step or not; the chance depends on its traits, on the depth of the step before, on the offer it was
extended, on its aversion to effort, on its fatigue and on an intent that nobody sees. Whoever is
bound to go on stays active and completes the step after a Weibull delay; whoever is not grows
quiet. Activity therefore tells, and what it tells can be computed: `Simulation.truth` is
Bayes' rule on everything that was observable.

Offers are extended by habit, the heavier ones to the keener leads, which is what a history looks
like; or they are drawn by a policy, which logs its decisions with their probabilities. Some offers
then suit some leads better than others, and one may be a trap: it helps its own step and spoils
the later ones.

With `SimulationConfig.observable` the chance depends only on what the log shows, and the truth is
the best that any model could say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from features.arrays import Floats, Ints
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from models.offers.options import options_of
from models.scores.step_rates import advancement_priors
from training.simulation.config import SHAPE, SimulationConfig
from training.simulation.leads import Leads
from training.simulation.log import SimulatedLog
from training.simulation.names import sections
from training.simulation.offers import Chooser, Offers
from training.simulation.tells import Tells
from training.simulation.truth import SimulatedStays, Told, Truth

__all__ = ["Simulation", "SimulationConfig", "simulate"]


@dataclass(frozen=True, eq=False, slots=True)
class Simulation:
    """The simulated log and what only the simulator knows.

    Parameters
    ----------
    events : columns message_id, lead_id, name, occurred_at, known_at, and one a property.
    end : when the log ends; `known_at` is never later.
    intent : shape (n_leads,), the unseen intent of each lead, by number.
    offer_effect : the planted effect of each offer, in log-odds.
    value : shape (n_leads,), what each lead came to: its purchase, less what offers to it cost.
    """

    ladder: Ladder
    config: SimulationConfig
    events: pd.DataFrame
    end: datetime
    intent: Floats
    offer_effect: dict[str, float]
    value: Floats
    _truth: Truth

    def truth(self, lead_ids: tuple[str, ...], as_of: Ints) -> Floats:
        """P(the next step within its horizon | everything observed by `as_of`), shape (n,).

        NaN before a lead's first event and after its purchase. Exact when the configuration is
        `observable`; otherwise conditional on the unseen intent as well.
        """
        lead = np.array([int(lead_id.rsplit("-", 1)[1]) for lead_id in lead_ids])
        return self._truth.chance(lead, as_of)


def simulate(
    ladder: Ladder,
    config: SimulationConfig | None = None,
    progress: Callable[[str], None] = lambda _: None,
    policy: Chooser | None = None,
) -> Simulation:
    """A log of leads that climb the ladder, and the truth behind it; the same for the same seed.

    `policy` draws the offers where the configuration has them drawn; without one, every option of
    the next step is as likely.
    """
    return _World(ladder, config or SimulationConfig(), policy).run(progress)


class _World:
    """The state of one simulation while it is built rung by rung."""

    def __init__(
        self, ladder: Ladder, config: SimulationConfig, policy: Chooser | None = None
    ) -> None:
        self.ladder, self.config = ladder, config
        self.rng = np.random.default_rng(config.seed)
        own = config.world_seed
        self.planted = self.rng if own is None else np.random.default_rng(own)
        self.log = SimulatedLog(ladder, config)
        # What is planted and who lives there may come from one generator: the order matters. What
        # is for while something is under way completes nothing here, and disturbs no draw.
        effect = {
            offer.id: 0.0 if offer.during else float(self.planted.normal(0, config.offer_sd))
            for offer in ladder.offers
        }
        self.leads = Leads(ladder, config, self.rng)
        drawn = ~options_of(ladder).is_for_now
        suits = np.zeros(len(drawn))
        suits[drawn] = self.planted.normal(0, config.match_sd, int(drawn.sum()))
        self.offers = Offers(
            self.leads, self.log, self.rng, effect=effect, suits=suits, policy=policy
        )
        self.tells = Tells(self.leads, self.log, self.rng)
        self.stays: list[SimulatedStays] = []

    def run(self, progress: Callable[[str], None]) -> Simulation:
        ladder, config = self.ladder, self.config
        last = config.starts_at + round((config.arrive_days or config.days) * DAY_US)
        lead = self.leads.number
        reached_at = self.rng.integers(config.starts_at, last, config.leads)
        seen = sections(self.rng, len(lead))
        self.leads.draw_traits(self.planted)
        lead, reached_at = self.arriving(lead, reached_at)
        at_once = config.intent_sd == 0.0
        self.log.emit("page_viewed", lead, reached_at, {"section": seen[lead]})
        self.tells.identify(lead, reached_at, everything=at_once)
        depth = np.zeros(len(lead))
        for rung in range(len(ladder.goals)):
            progress(f"simulating rung {rung + 1} of {len(ladder.goals)}")
            lead, reached_at, depth = self.climb(rung, lead, reached_at, depth)
            if rung == 1 and not at_once:
                self.tells.identify(lead, reached_at, everything=True)
        self.leads.value[lead] += ladder.value.purchase
        top, ones = np.full(len(lead), len(ladder.goals)), np.ones(len(lead))
        self.stays.append(SimulatedStays(lead, top, reached_at, ones, ones))
        return Simulation(
            ladder=ladder,
            config=config,
            events=self.log.table(self.rng),
            end=pd.Timestamp(config.ends_at, unit="us", tz="UTC").to_pydatetime(),
            intent=self.leads.intent,
            offer_effect=self.offers.effect,
            value=self.leads.value,
            _truth=Truth(
                ladder,
                SimulatedStays.sorted(self.stays),
                Told.sorted(self.tells.told),
                config.refusals,
            ),
        )

    def arriving(self, lead: Ints, reached_at: Ints) -> tuple[Ints, Ints]:
        """Those that come: where a channel has closed, no more of it."""
        drift = self.config.drift
        if drift is None or drift.closes is None:
            return lead, reached_at
        trait, value = drift.closes
        comes = (self.leads.traits[trait] != value) | (reached_at < self.config.drifts_at)
        return lead[comes], reached_at[comes]

    def climb(
        self, rung: int, lead: Ints, reached_at: Ints, depth: Floats
    ) -> tuple[Ints, Ints, Floats]:
        """One stay on a rung for those who reached it; who goes on, when, and how deeply."""
        goal = self.ladder.goals[rung]
        log_odds = logit(advancement_priors(self.ladder)[rung]) + self.leads.fit[lead]
        log_odds = log_odds + self.leads.intent[lead]
        log_odds += self.config.depth * depth
        offer = self.offers.draw if self.config.drawn else self.offers.extend
        log_odds += offer(rung, lead, reached_at)
        if self.config.drift is not None:
            log_odds += self.config.drift.log_odds * (reached_at >= self.config.drifts_at)
        chance = np.clip(expit(log_odds), 0.01, 0.99)
        # The same lead has the same luck under every policy, so that policies can be compared.
        bound = self.leads.luck(rung)[lead] < chance
        scale = goal.horizon_days / 4.0
        delay = scale * self.rng.weibull(SHAPE, len(lead))
        next_at = reached_at + np.maximum(1, delay * DAY_US).astype(np.int64)
        self.stays.append(
            SimulatedStays(
                lead, np.full(len(lead), rung), reached_at, chance, np.full(len(lead), scale)
            )
        )
        self.tells.act(rung, lead, reached_at, np.where(bound, delay, np.inf), bound)
        goes = bound & (next_at <= self.config.ends_at)
        deeper = self.rng.random(int(goes.sum()))
        self.tells.complete(rung, lead[goes], next_at[goes], deeper)
        return lead[goes], next_at[goes], 2.0 * deeper - 1.0
