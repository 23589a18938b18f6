"""What acts of a team do to leads of a world, and what leads say to them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from benchmarks.outcomes.acts import Act, Menu
from benchmarks.outcomes.luck import Of
from benchmarks.outcomes.people import TOPICS
from benchmarks.outcomes.ranges import Parameters
from benchmarks.outcomes.state import FAILED, NONE, RUNNING

if TYPE_CHECKING:
    from benchmarks.outcomes.world import World

__all__ = ["Effects"]

_DECLINES, _UNSUBSCRIBES = 0.03, 0.01
_RECOVERS: Final = 0.4
"""Of the help by a person, how likely a call sets a failed pilot right, where it takes wholly."""
_ROOM: Final = 2.0
"""Asks that were made lately, halved in a week, from which one more is one too many."""
_AGAIN_DAYS: Final = 7


class Effects:
    """Does acts, and counts what came of them.

    Parameters
    ----------
    planted : how good each offer is, by its id, in logarithms of hazards.

    Attributes
    ----------
    asks, declined, unsubscribed : how often each happened.
    minutes : of reps, spent.
    """

    def __init__(self, menu: Menu, planted: dict[str, float], parameters: Parameters) -> None:
        self.menu, self.planted, self.parameters = menu, planted, parameters
        self.asks = self.declined = self.unsubscribed = 0
        self.minutes = 0.0

    def fork(self) -> Effects:
        """One that counts from nothing."""
        return Effects(self.menu, self.planted, self.parameters)

    def apply(self, world: World, act: Act, hour: float, keen: float, helped: float) -> None:
        """Do one act at an hour of the day.

        Parameters
        ----------
        keen : what the lead adds to the hazards by itself.
        helped : how much of the help by a person takes.
        """
        self.minutes += act.minutes
        if act.how == "answer":
            self._answer(world, act, hour)
        elif act.how == "help":
            self._help(world, act, hour, helped)
        else:
            self._ask(world, act, hour, keen, helped)

    def _answer(self, world: World, act: Act, hour: float) -> None:
        lead = act.lead
        waited = world.day - world.journal.waits_since[lead]
        if waited <= 1 or (waited <= 3 and world.day % 7 == 0):  # over a weekend
            world.state.mood[lead] += self.parameters.answer_gain
        if act.offer:
            world.tell(lead, hour, "offer_extended", offer=act.offer)
        world.tell(lead, hour + 0.001, "business_replied")

    def _help(self, world: World, act: Act, hour: float, helped: float) -> None:
        """Help that asks for nothing; by a person it may set a failed pilot right."""
        state, lead = world.state, act.lead
        world.tell(lead, hour, "offer_extended", offer=act.offer)
        state.support_until[lead] = world.day + round(self.parameters.ask_days)
        if act.minutes > 0:
            self._recover(world, lead, helped)

    def _recover(self, world: World, lead: int, helped: float) -> None:
        """A failed pilot may be set right by a person."""
        chance = _RECOVERS * self.parameters.human * helped
        lucky = world.luck.of(world.day, Of.RECOVERS)[lead] < chance
        if world.state.pilot[lead] == FAILED and lucky:
            world.state.pilot[lead] = NONE

    def _ask(self, world: World, act: Act, hour: float, keen: float, helped: float) -> None:
        state, planted, lead, day = world.state, self.parameters, act.lead, world.day
        by_person = act.how == "call"
        under_way = (
            state.booked_until[lead] >= 0
            or state.pilot[lead] == RUNNING
            or world.journal.waits_since[lead] >= 0
        )
        self.asks += 1
        if act.decision:  # at the same instant as the offer, as the service writes both
            world.expose(lead, hour, act.decision)
        world.tell(lead, hour, "offer_extended", offer=act.offer)
        (world.journal.called if by_person else world.journal.mailed)[lead] = day
        fits = self.menu.rung[act.offer] == state.rung[lead]
        share = helped if planted.kind == "points are right" else 1.0
        if fits:
            state.ask_gain[lead] = share * self._suits(world, lead, act.offer)
            state.ask_until[lead] = day + round(planted.ask_days)
        if by_person:
            stage = 1.0 if self.menu.is_for_reps(min(state.rung[lead], 5)) else planted.early
            state.help_gain[lead] = planted.human * stage * helped
            state.help_until[lead] = day + round(planted.human_days)
            self._recover(world, lead, helped)
        self._annoy(world, lead, by_person=by_person, under_way=bool(under_way))
        self._refuse(world, act, hour + 0.01, keen, under_way=bool(under_way))
        state.asks[lead] += 1.0
        if by_person:
            state.called[lead] = day

    def _suits(self, world: World, lead: int, offer_id: str) -> float:
        """What an ask adds, in logarithms of hazards; below nothing where it is too heavy."""
        offer, planted = self.menu.offer[offer_id], self.parameters
        on_topic = TOPICS[world.people.topic[lead]] in offer.topics
        heavy = float(world.people.aversion[lead]) * self.menu.doublings(offer_id)
        return planted.ask_effect + self.planted[offer_id] + on_topic * planted.topic_effect - heavy

    def _annoy(self, world: World, lead: int, *, by_person: bool, under_way: bool) -> None:
        """Of the intent lost without a word."""
        state, lost = world.state, 0.0
        if under_way:
            lost += 0.5
        if state.asks[lead] > _ROOM:
            lost += 0.25
        if by_person:
            lost += 1.0 * world.people.is_touchy[lead]
            lost += 0.5 * (world.day - state.called[lead] < _AGAIN_DAYS)
        state.mood[lead] -= self.parameters.annoyance * lost

    def _refuse(self, world: World, act: Act, hour: float, keen: float, *, under_way: bool) -> None:
        """Some say no, and some of those who are mailed want no more mails."""
        planted, lead, day, luck = self.parameters, act.lead, world.day, world.luck
        pressed = max(0.0, float(world.state.asks[lead]) - _ROOM)
        much = planted.refusals * math.exp(-0.4 * keen) * (1.0 + pressed + 2.0 * under_way)
        by_mail = act.how == "mail"
        declined = Of.MAIL_DECLINED if by_mail else Of.CALL_DECLINED
        if luck.of(day, declined)[lead] < min(0.9, _DECLINES * much):
            self.declined += 1
            world.state.mood[lead] -= planted.annoyance
            world.tell(lead, hour, "offer_declined", offer=act.offer)
        leaves = Of.MAIL_UNSUBSCRIBED if by_mail else Of.CALL_UNSUBSCRIBED
        if by_mail and luck.of(day, leaves)[lead] < min(0.9, _UNSUBSCRIBES * much):
            self.unsubscribed += 1
            world.state.mood[lead] -= planted.annoyance
            world.tell(lead, hour, "email_unsubscribed")
            world.tell(lead, hour + 0.001, "consent", channel="email", granted=False)
        elif luck.of(day, Of.SEEN)[lead] < 0.6:
            world.tell(lead, hour + 0.1, "offer_seen", offer=act.offer)
