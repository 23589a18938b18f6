"""The offers of a simulated world: by habit or drawn, and what each changes for whom.

By habit the heavier ones go to the keener leads, which is what a history looks like. Drawn ones
come with their probabilities, as decisions that the service writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Offer
from features.ladder.words import OFFER, RECORD
from features.offers.decisions import Decision, decision_event, exposure_events
from features.store.events import Event
from models.offers.offer_model import of_step
from models.offers.options import options_of
from training.simulation.leads import Leads
from training.simulation.log import SimulatedLog

__all__ = ["Chooser", "Offers"]

_EXPOSED: Final = 0.95
"""Share of drawn decisions that reach their lead."""
_SEEN: Final = 0.7

Chooser = Callable[[EventLog, Ints, Ints], Floats]
"""From the log so far, leads by index and instants to the probability of each option.

Its answer has the shape (n, n_options), in the order of `models.offers.options.options_of`.
"""


class Offers:
    """Offers to the leads of a simulation, and their planted effects in log-odds.

    Parameters
    ----------
    leads, log : what offers change, and where they are written down.
    rng : draws what differs from lead to lead.
    effect : of each offer, by id.
    suits : shape (n_options,), how much more each option suits leads that fit better.
    policy : chooses where offers are drawn; without one, all options of the step are as likely.
    """

    def __init__(
        self,
        leads: Leads,
        log: SimulatedLog,
        rng: np.random.Generator,
        *,
        effect: dict[str, float],
        suits: Floats,
        policy: Chooser | None,
    ) -> None:
        self.leads, self.log, self.rng = leads, log, rng
        self.ladder, self.config, self.options = log.ladder, log.config, options_of(log.ladder)
        self.effect, self.suits, self.policy = effect, suits * self.options.is_ask, policy

    def extend(self, rung: int, lead: Ints, reached_at: Ints) -> Floats:
        """Extend an offer to most; the effect of it. Keen leads are given the heavier ones."""
        goal = self.ladder.goals[rung]
        offers = sorted(self.ladder.offers_of(goal.id), key=self._effort)
        effect = np.zeros(len(lead))
        if not offers:
            return effect
        keen = self.leads.intent[lead] + self.leads.fit[lead] + self.rng.normal(0, 0.7, len(lead))
        rank = np.argsort(np.argsort(keen)) / max(1, len(keen))
        chosen = np.minimum((rank * len(offers)).astype(int), len(offers) - 1)
        asked = self.rng.random(len(lead)) < 0.8
        lightest = self._effort(offers[0])
        doublings = np.log2([max(1.0, self._effort(offer) / lightest) for offer in offers])
        planted = np.array([self.effect[offer.id] for offer in offers])
        effect += np.where(
            asked, planted[chosen] - self.leads.aversion[lead] * doublings[chosen], 0.0
        )
        effect -= self.config.fatigue * self.leads.unseen[lead]
        extended_at = reached_at + self.rng.integers(60_000_000, 7_200_000_000, len(lead))
        ids = np.array([offer.id for offer in offers], dtype=object)[chosen]
        events = self.ladder.events
        self.log.emit(events.offer_extended, lead[asked], extended_at[asked], {"offer": ids[asked]})
        seen = asked & (self.rng.random(len(lead)) < _SEEN)
        seen_at = extended_at + self.rng.integers(60_000_000, 86_400_000_000, len(lead))
        self.log.emit(events.offer_seen, lead[seen], seen_at[seen], {"offer": ids[seen]})
        self.leads.unseen[lead] += asked & ~seen
        return effect

    def draw(self, rung: int, lead: Ints, reached_at: Ints) -> Floats:
        """Draw one option for each lead, log the decision, and give back what it changes."""
        as_of = reached_at + self.rng.integers(60_000_000, 3_600_000_000, len(lead))
        shares = self._shares(rung, lead, as_of)
        luck = self.leads.luck(rung, 1)[lead]
        chosen = np.minimum(
            (np.cumsum(shares, axis=1) < luck[:, None]).sum(axis=1), shares.shape[1] - 1
        )
        exposed = self.rng.random(len(lead)) < _EXPOSED
        self._log_decisions(rung, lead, as_of, shares, chosen, exposed)
        asked = exposed & self.options.is_ask[chosen]
        self.leads.value[lead[exposed]] -= self.options.cost[chosen[exposed]]
        effect = np.where(asked, self.suited(rung, lead)[np.arange(len(lead)), chosen], 0.0)
        effect -= self.config.fatigue * self.leads.unseen[lead] + self.leads.spoiled[lead]
        trapped = asked & (chosen == self._trap)
        self.leads.spoiled[lead[trapped]] += self.config.trap_loss
        seen = asked & (self.rng.random(len(lead)) < _SEEN)
        seen_at = as_of + self.rng.integers(60_000_000, 86_400_000_000, len(lead))
        ids = np.array(self.options.ids, dtype=object)[chosen]
        self.log.emit(
            self.ladder.events.offer_seen, lead[seen], seen_at[seen], {"offer": ids[seen]}
        )
        self.leads.unseen[lead] += asked & ~seen
        return effect

    @property
    def _trap(self) -> int:
        ids = self.options.ids
        return ids.index(self.config.trap) if self.config.trap else -1

    def _shares(self, rung: int, lead: Ints, as_of: Ints) -> Floats:
        """The probability of each option; the policy's, or all of the next step alike."""
        if self.policy is not None:
            log = self.log.so_far()
            return self.policy(log, self.log.indices(log, lead), as_of)
        there = of_step(self.ladder, rung)
        return np.tile(there / there.sum(), (len(lead), 1))

    def suited(self, rung: int, lead: Ints) -> Floats:
        """Shape (n, n_options): what each option would change for each lead, in log-odds."""
        planted = np.array([self.effect.get(one, 0.0) for one in self.options.ids])
        here = self.options.effort[of_step(self.ladder, rung) & self.options.is_ask]
        lightest = max(1.0, float(here.min())) if len(here) else 1.0
        doublings = np.log2(np.maximum(self.options.effort / lightest, 1.0))
        kind = np.clip(self.leads.fit[lead] / max(self.config.trait_sd, 1e-9), -2.0, 2.0)
        effect = planted + kind[:, None] * self.suits
        effect -= self.leads.aversion[lead][:, None] * doublings
        if self.config.trap:
            effect[:, self._trap] = self.config.trap_gain
        return effect

    def _log_decisions(
        self,
        rung: int,
        lead: Ints,
        as_of: Ints,
        shares: Floats,
        chosen: Ints,
        exposed: Bools,
    ) -> None:
        """The events of the decisions, as the service writes them."""
        goal, lead_ids = self.ladder.goals[rung], self.log.lead_ids
        made: dict[str, list[tuple[int, Event]]] = {}
        for row in range(len(lead)):
            there = np.flatnonzero(shares[row] > 0)
            decision = Decision(
                decision_id=f"sim-{self.config.seed}-{lead[row]}-{rung}",
                lead_id=lead_ids[lead[row]],
                as_of=int(as_of[row]),
                step=goal.id,
                options=tuple(self.options.ids[at] for at in there),
                probabilities=tuple((shares[row, there] / shares[row, there].sum()).tolist()),
                chosen=self.options.ids[chosen[row]],
                policy="simulated",
                policy_version="1",
                expires_at=int(as_of[row] + goal.horizon_days * DAY_US),
            )
            events = [decision_event(decision, self.ladder)]
            if exposed[row]:
                events += exposure_events(decision, self.ladder, int(as_of[row]) + 1)
            for event in events:
                made.setdefault(event.name, []).append((int(lead[row]), event))
        for name, rows in made.items():
            held = [json.loads(event.properties) for _, event in rows]
            columns = {
                key: np.array([one.get(key) for one in held], dtype=object)
                for key in (OFFER, RECORD)
                if any(key in one for one in held)
            }
            self.log.emit(
                name,
                np.array([one for one, _ in rows]),
                np.array([event.occurred_at for _, event in rows]),
                columns,
            )

    def _effort(self, offer: Offer) -> float:
        return max(1.0, offer.effort.score(self.ladder.effort_weights))
