"""A world that is stepped by day: leads come, look, ask, complete steps, and some go for good.

On each rung the next step comes with a daily hazard: what the ladder's band and horizon say, times
what the lead is (its unseen intent, its fit, how deeply it took the last step), times what was
done to it lately. In the morning a team acts, later in the day the leads do. All luck is keyed by
world, lead, day and kind, so that two ways of working differ by what they do alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from scipy.special import expit

from benchmarks.outcomes.acts import Act, Menu
from benchmarks.outcomes.effects import Effects
from benchmarks.outcomes.journal import Journal
from benchmarks.outcomes.luck import Luck, Of
from benchmarks.outcomes.people import People
from benchmarks.outcomes.ranges import Parameters
from benchmarks.outcomes.state import FAILED, NONE, RUNNING, SUCCEEDED, State
from benchmarks.outcomes.tells import Tells
from features.arrays import Bools, Floats, Ints
from features.clock import microseconds, rfc3339
from features.ladder.ladder import Ladder, Step

__all__ = ["World"]

_START: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""
_FIRST_SHARE: Final = 0.4
"""Of those who come, who read something within its horizon; the ladder has no band for it."""
_PILOT_PACE: Final = {NONE: 1.0, RUNNING: 0.3, SUCCEEDED: 2.0, FAILED: 0.15}
"""The hazard of the purchase while a pilot runs and after it, as a multiple."""
_PILOT_DAYS: Final = 30
_WITH_PILOT: Final = 0.7
_BY_WEBINAR: Final = 0.5
_USUAL_POINTS: Final = 4.0
"""Where points are right, whoever has 2 to the power of this many is as likely as others."""


class World:
    """A world and how it stands; `fork` gives one that goes on from here on its own.

    Parameters
    ----------
    number : draws who comes, and all luck.
    days : from the first to the last.

    Attributes
    ----------
    day : the next to be stepped.
    effects : does what a team does, and counts it.
    """

    def __init__(self, ladder: Ladder, parameters: Parameters, number: int, days: int) -> None:
        rng = np.random.default_rng((number, 0))
        self.ladder, self.parameters, self.days = ladder, parameters, days
        self.people = People(ladder, parameters, days, rng)
        self.menu = Menu(ladder)
        self.effects = Effects(
            self.menu,
            {one.id: float(rng.normal(0.0, parameters.offer_sd)) for one in ladder.offers},
            parameters,
        )
        self.luck = Luck(number, len(self.people))
        self.state = State(len(self.people))
        self.journal = Journal(len(self.people), microseconds(_START))
        self.day = 0
        self.base = np.array([_usual_hazard(goal) * parameters.pace for goal in ladder.goals])

    def fork(self) -> World:
        """The same world from here on, for another way of working."""
        other = World.__new__(World)
        other.__dict__.update(self.__dict__)
        other.state, other.journal = self.state.fork(), self.journal.fork()
        other.effects = self.effects.fork()
        return other

    # ---------------------------------------------------------------------------------- who is who

    @property
    def is_here(self) -> Bools:
        """Shape (n,): who has come, has not bought and is not gone."""
        state = self.state
        has_come = self.people.born <= self.day
        here: Bools = has_come & ~state.is_gone & (state.rung < len(self.ladder.goals))
        return here

    def keenness(self) -> Floats:
        """Shape (n,): what a lead adds to the hazards by itself, in logarithms."""
        state, people, planted = self.state, self.people, self.parameters
        if planted.kind == "points are right":
            points = np.log2(1.0 + self.journal.points) - _USUAL_POINTS
            return np.clip(planted.points_slope * points, -2.5, 2.5)
        intent = people.intent + state.drift + state.mood
        return np.clip(intent + people.fit + planted.depth * state.depth, -6.0, 2.5)

    def helped_share(self) -> Floats:
        """Shape (n,): how much of the help by a person takes; little for the sure and the lost."""
        keen = self.keenness()
        if self.parameters.kind == "points are right":
            return np.asarray(2.0 * expit(keen))
        even = expit(1.5 * keen)
        return np.asarray(4.0 * even * (1.0 - even))

    def hazard(self) -> Floats:
        """Shape (n,): of the next step on this day; 0 for those who are not here or are booked."""
        state = self.state
        rung = np.minimum(state.rung, len(self.ladder.goals) - 1)
        felt = np.where(self.day < state.ask_until, state.ask_gain, 0.0)
        felt += np.where(self.day < state.help_until, state.help_gain, 0.0)
        felt += np.where(self.day < state.support_until, self.parameters.support, 0.0)
        pace = np.array([_PILOT_PACE[one] for one in range(4)])[state.pilot]
        hazard = self.base[rung] * np.exp(self.keenness() + felt)
        hazard *= np.where(rung == len(self.ladder.goals) - 1, pace, 1.0)
        return np.where(self.is_here & (state.booked_until < 0), hazard, 0.0)

    # --------------------------------------------------------------------------------------- a day

    def begin_day(self) -> None:
        """The morning: who came yesterday is known, points and asks have faded."""
        self.journal.begin_day()
        self.state.asks *= 0.5 ** (1.0 / 7.0)

    def do(self, acts: Sequence[Act], hour: float) -> None:
        """What a team does in the morning, one after the other within an hour."""
        keen, helped = self.keenness(), self.helped_share()
        for at, act in enumerate(acts):
            then = hour + 0.8 * (at + 1.0) / (len(acts) + 1.0)
            self.effects.apply(self, act, then, float(keen[act.lead]), float(helped[act.lead]))

    def live(self) -> None:
        """The rest of the day: what the leads do; then it is the next day."""
        self._wander()
        tells = Tells(self)
        tells.arrive(np.flatnonzero(self.people.born == self.day))
        self._pilots()
        self._bookings()
        chance = -np.expm1(-self.hazard())
        self._next(np.flatnonzero(self.luck.of(self.day, Of.STEP) < chance))
        tells.browse()
        tells.ask()
        self._leave()
        self.day += 1

    def _wander(self) -> None:
        """The intent wanders; a question that waits costs some of it."""
        state, planted = self.state, self.parameters
        keep = planted.persistence
        step = self.luck.normal(self.day, Of.DRIFT)
        state.drift = keep * state.drift + planted.drift_sd * np.sqrt(1 - keep**2) * step
        waits = self.journal.waits_since
        late = (waits >= 0) & (self.day - waits > 1) & (self.day - waits <= 11)
        state.mood -= planted.wait_cost * late

    def _leave(self) -> None:
        """Some go for good, the less keen and the annoyed sooner; of some deals it is known."""
        state, people = self.state, self.people
        mind = np.clip(people.intent + state.drift + state.mood, -2.0, 2.0)
        bound = (state.booked_until >= 0) | (state.pilot == RUNNING)
        rate = np.exp(-0.4 * mind) / people.patience * np.where(bound, 0.3, 1.0)
        leaves = self.is_here & (self.luck.of(self.day, Of.GONE) < -np.expm1(-rate))
        state.is_gone |= leaves
        told = leaves & (state.rung >= 3) & (self.luck.of(self.day, Of.CLOSED) < 0.5)
        for lead in np.flatnonzero(told).tolist():
            self.tell(lead, 23.5, "deal_closed", won=False)

    # --------------------------------------------------------------------------------------- steps

    def _next(self, leads: Ints) -> None:
        """What comes of it when leads take their next step: two kinds of it are booked first."""
        way = self.luck.of(self.day, Of.WAY)
        delay = self.luck.of(self.day, Of.DELAY)
        for lead in leads.tolist():
            rung = int(self.state.rung[lead])
            step = self.ladder.goals[rung].id
            if step == "human":
                self._book(lead, "session_booked", self.day + 2 + int(5 * delay[lead]))
            elif step == "participation" and way[lead] < _BY_WEBINAR:
                self._book(lead, "webinar_registered", self.day + 3 + int(6 * delay[lead]))
            else:
                self._complete(lead)

    def _book(self, lead: int, name: str, until: int) -> None:
        self.state.booked_until[lead] = until
        ends = rfc3339(self.journal.instant(until, 12.0))
        self.tell(lead, 16.5, name, ends_at=ends)

    def _bookings(self) -> None:
        """Who was booked for today comes, or does not."""
        state, here = self.state, self.is_here
        keen, luck = self.keenness(), self.luck.of(self.day, Of.SHOW)
        cold = self.parameters.no_show * np.exp(-0.4 * keen)
        cold *= np.where(self.day < state.support_until, 1.0 - self.parameters.support, 1.0)
        for lead in np.flatnonzero(state.booked_until == self.day).tolist():
            state.booked_until[lead] = -1
            is_session = self.ladder.goals[state.rung[lead]].id == "human"
            if here[lead] and luck[lead] >= min(float(cold[lead]), 0.9):
                self._complete(lead, booked=True)
            else:
                self.tell(lead, 11.8, "session_no_show" if is_session else "webinar_no_show")

    def _pilots(self) -> None:
        """Pilots that end today succeed or fail."""
        state = self.state
        keen, luck = self.keenness(), self.luck.of(self.day, Of.PILOT)
        cold = self.parameters.pilot_fails * np.exp(-0.4 * keen)
        cold *= np.where(self.day < state.support_until, 1.0 - self.parameters.support, 1.0)
        ends = (state.pilot == RUNNING) & (state.pilot_until <= self.day)
        for lead in np.flatnonzero(ends).tolist():
            fails = bool(state.is_gone[lead]) or luck[lead] < min(float(cold[lead]), 0.95)
            state.pilot[lead] = FAILED if fails else SUCCEEDED
            self.tell(lead, 11.7, "pilot_failed" if fails else "pilot_succeeded")

    def _complete(self, lead: int, *, booked: bool = False) -> None:
        state = self.state
        depth = float(self.luck.of(self.day, Of.DEPTH)[lead])
        rung = int(state.rung[lead])
        piloted = self.luck.of(self.day, Of.WAY)[lead] < _WITH_PILOT
        Tells(self).complete(lead, rung, depth, booked=booked, piloted=bool(piloted))
        state.rung[lead] = rung + 1
        state.depth[lead] = 2.0 * depth - 1.0
        state.ask_until[lead] = state.help_until[lead] = self.day
        if self.ladder.goals[rung].id == "trial" and piloted:
            state.pilot[lead], state.pilot_until[lead] = RUNNING, self.day + _PILOT_DAYS
        if rung + 1 == len(self.ladder.goals):
            state.bought[lead] = self.day
            if state.pilot[lead] == RUNNING:
                state.pilot[lead] = SUCCEEDED

    def expose(self, lead: int, hour: float, decision: str) -> None:
        """Write down that what was drawn reached a lead."""
        record = json.dumps({"decision_id": decision})
        self.tell(lead, hour, "rung_exposure", decision_id=decision, rung_record=record)

    def tell(self, lead: int, hour: float, name: str, **properties: object) -> None:
        """Write down what a lead did today at an hour."""
        self.journal.write(lead, name, self.journal.instant(self.day, hour), properties)


def _usual_hazard(step: Step) -> float:
    """A day's, with which the share in the middle of the band takes a step in its horizon."""
    share = (step.band.low + step.band.high) / 2.0 if step.band else _FIRST_SHARE
    return -math.log1p(-share) / step.horizon_days
