"""The time before: a team that tries everything on anybody, and writes down with what chances.

Each lead that was active within a month is drawn for about once a week: an ask of its next step, to
nurture, or no ask, each as likely. Reps extend what takes their time, to leads in random order,
while there is enough of the day left for the longest. Questions are answered the next weekday.
"""

from __future__ import annotations

import json

import numpy as np

from benchmarks.outcomes.acts import DAY_MINUTES, Act, How
from benchmarks.outcomes.product import minutes_of
from benchmarks.outcomes.teams import answered, open_leads
from benchmarks.outcomes.world import World
from features.events.log import DAY_US
from features.offers.decisions import Decision, decision_event
from features.offers.history import history_of
from models.offers.options import NO_ASK, NURTURE
from models.offers.policy import choose

__all__ = ["BURN_IN_DAYS", "Tries", "burn_in"]

BURN_IN_DAYS = 120
_ACTIVE_DAYS, _AGAIN_DAYS = 30, 7
_LONGEST = 120.0
"""Minutes of a rep; what takes longer is not tried."""


class Tries:
    """Draws for leads at random.

    Parameters
    ----------
    rng : says whose turn it is.
    """

    def __init__(self, rng: np.random.Generator, leads: int) -> None:
        self.rng = rng
        self.drawn = np.full(leads, -_AGAIN_DAYS)

    def mails(self, world: World) -> list[Act]:
        """What is drawn for leads at steps whose asks take no rep's time."""
        acts: list[Act] = []
        for lead in self._turn(world):
            if not world.menu.is_for_reps(int(world.state.rung[lead])):
                acts += self._draw(world, lead, 7.0)
        return acts

    def work(self, world: World) -> list[Act]:
        """Answers, then what is drawn for the others, while the day is long enough."""
        acts: list[Act] = []
        for lead in np.flatnonzero(world.journal.waits_since >= 0).tolist():
            acts += answered(world, lead)
        for lead in self._turn(world):
            if DAY_MINUTES - minutes_of(acts) < _LONGEST:
                break
            if world.menu.is_for_reps(int(world.state.rung[lead])):
                acts += self._draw(world, lead, 8.0)
        return acts

    def _turn(self, world: World) -> list[int]:
        """Leads that were not drawn for in a week, in random order."""
        leads = self.rng.permutation(open_leads(world))
        journal, day = world.journal, world.day
        turn = (day - journal.last_active[leads] <= _ACTIVE_DAYS) & journal.may_mail[leads]
        turn &= day - self.drawn[leads] >= _AGAIN_DAYS
        found: list[int] = leads[turn & (self.rng.random(len(leads)) < 0.5)].tolist()
        return found

    def _draw(self, world: World, lead: int, hour: float) -> list[Act]:
        """One decision, written down as the service does, and what follows from it."""
        rung, journal, ladder = int(world.state.rung[lead]), world.journal, world.ladder
        step, as_of = ladder.goals[rung], journal.instant(world.day, hour - 0.1)
        asks = [one for one in world.menu.asks[rung] if one.rep_minutes <= _LONGEST]
        topics = history_of(journal.rows[lead], ladder, as_of).topics
        options = (*(one.id for one in asks), NURTURE, NO_ASK)
        decision_id = f"burn-in-{journal.lead_ids[lead]}-{world.day}"
        chosen = options[choose(np.full(len(options), 1.0 / len(options)), decision_id)]
        decision = Decision(
            decision_id=decision_id,
            lead_id=journal.lead_ids[lead],
            as_of=as_of,
            step=step.id,
            options=options,
            probabilities=(1.0 / len(options),) * len(options),
            chosen=chosen,
            policy="uniform",
            policy_version="1",
            expires_at=as_of + round(step.horizon_days * DAY_US),
            on_topic=tuple(one.id for one in asks if any(each in topics for each in one.topics)),
        )
        self.drawn[lead] = world.day
        event = decision_event(decision, ladder)
        journal.write(lead, event.name, as_of, json.loads(event.properties))
        offer = ladder.offer(chosen)
        if offer is None:
            world.expose(lead, hour, decision_id)
            return []
        how: How = "call" if offer.rep_minutes else "mail"
        return [Act(lead, how, chosen, offer.rep_minutes, decision_id)]


def burn_in(world: World, seed: int, days: int) -> None:
    """Step a world through the days before the comparison."""
    tries = Tries(np.random.default_rng((seed, 1)), len(world.people))
    for _ in range(days):
        world.begin_day()
        world.do(tries.mails(world), 7.0)
        if world.day % 7 < 5:
            world.do(tries.work(world), 8.0)
        world.live()
