"""Ways of working that need no model, and what all ways share.

They are no straw men: they answer what was asked when they come to it, leave alone who wants no
mails and whose deal is closed, wait a week between two calls and between two mails to a lead, see
in their calendar who has a session booked, and mail to everybody who was active within a month.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from benchmarks.outcomes.acts import ANSWER_MINUTES, CALL_MINUTES, DAY_MINUTES, Act
from benchmarks.outcomes.world import World
from features.arrays import Bools, Floats, Ints

__all__ = [
    "MAIL_DAYS",
    "CallList",
    "Idle",
    "LastActivity",
    "OnlyReplies",
    "PointsAfterReplies",
    "PointsRule",
    "Team",
    "answered",
    "open_leads",
]

_COOL_DAYS = 7
MAIL_DAYS = 30
_ASLEEP_DAYS = 90


class Team(Protocol):
    """A way of working, of one world."""

    def mails(self, world: World) -> list[Act]:
        """What the mailer sends in the morning, from what is in the world's journal."""
        ...

    def work(self, world: World) -> list[Act]:
        """What the reps do on a weekday after that, in at most `DAY_MINUTES`."""
        ...


def open_leads(world: World) -> Ints:
    """The leads that are known, have not bought, are not closed, and were active in 90 days."""
    journal, state = world.journal, world.state
    open_: Bools = (state.rung < len(world.ladder.goals)) & ~journal.is_closed
    open_ &= world.day - journal.last_active <= _ASLEEP_DAYS
    return np.flatnonzero(open_)


def answered(world: World, lead: int) -> list[Act]:
    """The answer to what a lead asked, if it did."""
    if world.journal.waits_since[lead] < 0:
        return []
    return [Act(lead, "answer", minutes=ANSWER_MINUTES)]


class Idle:
    """Nobody does anything: what leads do by themselves."""

    def mails(self, world: World) -> list[Act]:  # noqa: ARG002 a team's shape
        """None."""
        return []

    def work(self, world: World) -> list[Act]:  # noqa: ARG002 a team's shape
        """Nothing."""
        return []


class OnlyReplies(Idle):
    """What is asked is answered the next weekday, and nothing else is done."""

    def work(self, world: World) -> list[Act]:
        """Answers, the longest wait first."""
        waits = world.journal.waits_since
        leads = np.flatnonzero(waits >= 0)
        most = int(DAY_MINUTES // ANSWER_MINUTES)
        order = leads[np.argsort(waits[leads], kind="stable")][:most]
        return [act for lead in order.tolist() for act in answered(world, lead)]


class CallList:
    """Calls down a list, and mails everybody the lightest ask of the next step."""

    def order(self, world: World, leads: Ints) -> Floats:
        """Shape (n,): the highest is called first."""
        raise NotImplementedError

    def mails(self, world: World) -> list[Act]:
        """The lightest next ask, once a week."""
        journal, menu = world.journal, world.menu
        sent = []
        for lead in open_leads(world).tolist():
            rung = int(world.state.rung[lead])
            if menu.is_for_reps(rung) or not journal.may_mail[lead]:
                continue
            quiet = world.day - journal.last_active[lead] > MAIL_DAYS
            lately = max(journal.mailed[lead], journal.called[lead])
            if not quiet and world.day - lately >= _COOL_DAYS:
                sent.append(Act(lead, "mail", menu.asks[rung][0].id))
        return sent

    def work(self, world: World) -> list[Act]:
        """Calls in order, each with the lightest next ask, until the day is over."""
        leads = open_leads(world)
        order = leads[np.argsort(-self.order(world, leads), kind="stable")]
        left, done = DAY_MINUTES, list[Act]()
        for lead in order.tolist():
            acts = [*answered(world, lead), *self._call(world, lead)]
            minutes = sum(act.minutes for act in acts)
            if minutes <= left:
                done += acts
                left -= minutes
            if left < ANSWER_MINUTES:
                break
        return done

    def _call(self, world: World, lead: int) -> list[Act]:
        is_cool = world.day - world.journal.called[lead] >= _COOL_DAYS
        if not is_cool or world.state.booked_until[lead] >= 0:
            return []
        ask = world.menu.asks[world.state.rung[lead]][0]
        return [Act(lead, "call", ask.id, max(ask.rep_minutes, CALL_MINUTES))]


class LastActivity(CallList):
    """Whoever was active last is called first."""

    def order(self, world: World, leads: Ints) -> Floats:
        """When each was active last, to the microsecond."""
        return world.journal.active_at[leads].astype(np.float64)


class PointsRule(CallList):
    """Whoever has the most points is called first; they are halved in 90 days."""

    def order(self, world: World, leads: Ints) -> Floats:
        """The points of each."""
        return world.journal.points[leads]


class PointsAfterReplies(PointsRule):
    """The same, but that who waits for a reply comes before all others."""

    def order(self, world: World, leads: Ints) -> Floats:
        """The points of each, after those that wait."""
        waits = world.journal.waits_since[leads] >= 0
        return np.where(waits, np.inf, super().order(world, leads))
