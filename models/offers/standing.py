"""How each offer stands by the ladder alone, and a lead at an instant to hold it against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from features.clock import microseconds
from features.events.log import DAY_US
from features.ladder.controls import LEFT_ALONE_POLICIES, Experiment
from features.ladder.field_names import channel_key
from features.ladder.ladder import Ladder, Limits, Offer
from features.ladder.quiet_hours import QuietHours
from features.ladder.words import digits, worth_of
from features.offers.assignments import LEFT_ALONE
from features.offers.commitments import commitments_of
from features.offers.history import OfferHistory
from models.offers.words import local_time

__all__ = [
    "UNRESTRICTED",
    "Asked",
    "Case",
    "Excluded",
    "Plan",
    "Spell",
    "Standing",
    "age_of",
    "case_of",
    "ends_of",
    "is_inbound",
    "is_left_alone",
    "is_offered",
    "is_within",
    "jumps_from",
    "plan_of",
    "spell_of",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of a recommendation restricts.

    Parameters
    ----------
    channel : where the offer would be extended; None where that is open.
    candidates : ids of the only offers to consider; None means all.
    exclude : ids of offers to leave out.
    only : ids of the only options that may be chosen, nurture and no ask among them if they may be;
        None means all. Among them the policy chooses as it does else; where it would choose none,
        the one worth most is.
    rep_minutes_left : what a rep can still give today; None means no limit.
    at_any_hour : quiet hours keep nothing from a lead that can wait until they are over, as it is
        with what a person looks at and does later.
    """

    channel: str | None = None
    candidates: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    rep_minutes_left: float | None = None
    at_any_hour: bool = False


UNRESTRICTED: Final = Asked()


@dataclass(frozen=True, slots=True)
class Excluded:
    """An offer that is not eligible: the reason's code, and the fact in a salesperson's words."""

    offer_id: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Spell:
    """Quiet hours that a lead is in: when they are over, and that in a salesperson's words."""

    over_at: int
    text: str


# ------------------------------------------------------------------------------------------- Ladder


@dataclass(frozen=True, slots=True)
class Standing:
    """What is said of an offer by the ladder alone.

    Parameters
    ----------
    rung : the position of a lead that has completed its step.
    starts, ends : when it is valid, in microseconds, both inclusive; None means any time.
    every, last_start : it is valid again each so many microseconds, the last time then; None means
        once, and without an end.
    jump : why its effort is too large a jump; "" where it is none.
    is_inbound : whether it goes only to where leads come by themselves.
    experiments : those with arms that have the offer, and which of their arms do not.
    """

    offer: Offer
    rung: int
    title: str
    is_ask: bool
    starts: int | None
    ends: int | None
    every: int | None
    last_start: int | None
    jump: str
    is_inbound: bool
    experiments: tuple[tuple[Experiment, frozenset[str]], ...] = ()

    def window(self, as_of: int) -> tuple[int | None, int | None]:
        """When it is valid around an instant: the repetition that holds then, else the next.

        After the last repetition it is that one.
        """
        if self.every is None or self.starts is None or self.ends is None:
            return self.starts, self.ends
        passed = -(-(as_of - self.ends) // self.every)  # of those that are over, the number
        if self.last_start is not None:
            passed = min(passed, (self.last_start - self.starts) // self.every)
        moved = max(0, passed) * self.every
        return self.starts + moved, self.ends + moved


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """What eligibility needs of a ladder.

    Parameters
    ----------
    step_ids, titles : of the goals, in order.
    off_step : position -> of each offer, why its step is not one for a lead there.
    support : ids of the offers that are no asks.
    channels : all that its offers name.
    """

    ladder: Ladder
    limits: Limits
    step_ids: tuple[str, ...]
    titles: tuple[str, ...]
    standings: tuple[Standing, ...]
    by_id: Mapping[str, Standing]
    off_step: tuple[tuple[Excluded | None, ...], ...]
    ids: frozenset[str]
    support: frozenset[str]
    supported: frozenset[str]
    under_way: Mapping[str, str]
    narrow: frozenset[str]
    channels: tuple[str, ...]


@lru_cache(maxsize=64)
def plan_of(ladder: Ladder) -> Plan:
    """What eligibility needs of a ladder."""
    standings = tuple(_standing(offer, ladder) for offer in ladder.offers)
    titles = tuple(goal.title for goal in ladder.goals)
    return Plan(
        ladder=ladder,
        limits=ladder.limits,
        step_ids=tuple(goal.id for goal in ladder.goals),
        titles=titles,
        standings=standings,
        by_id={one.offer.id: one for one in standings},
        off_step=tuple(
            tuple(_off_step(standing, position, titles) for standing in standings)
            for position in range(len(titles) + 1)
        ),
        ids=frozenset(offer.id for offer in ladder.offers),
        support=frozenset(offer.id for offer in ladder.offers if offer.role == "support"),
        supported=frozenset(
            offer.step
            for offer in ladder.offers
            if offer.role == "support" and offer.status == "active" and not offer.during
        ),
        under_way={one.id: one.title for one in commitments_of(ladder)},
        narrow=frozenset(
            name for offer in ladder.offers if offer.status == "active" for name in offer.not_while
        ),
        channels=tuple(dict.fromkeys(name for offer in ladder.offers for name in offer.channels)),
    )


def _standing(offer: Offer, ladder: Ladder) -> Standing:
    at = [goal.id for goal in ladder.goals].index(offer.step)
    return Standing(
        offer=offer,
        rung=at + 1,
        title=ladder.goals[at].title,
        is_ask=offer.role == "ask",
        starts=None if offer.valid_from is None else microseconds(offer.valid_from),
        ends=None if offer.valid_until is None else microseconds(offer.valid_until),
        every=None if offer.repeats_days is None else offer.repeats_days * DAY_US,
        last_start=None if offer.repeats_until is None else microseconds(offer.repeats_until),
        jump=_jump(offer, at, ladder) if offer.role == "ask" else "",
        is_inbound=is_inbound(offer, ladder.limits.quiet),
        experiments=_other_arms(ladder, offer),
    )


def is_offered(ladder: Ladder, offer: Offer, as_of: int) -> bool:
    """Whether an offer is active, and valid at an instant."""
    if offer.status != "active":
        return False
    starts, ends = _standing_of(ladder, offer).window(as_of)
    return (starts is None or starts <= as_of) and (ends is None or as_of <= ends)


def _standing_of(ladder: Ladder, offer: Offer) -> Standing:
    return plan_of(ladder).by_id[offer.id]


def ends_of(ladder: Ladder, offer: Offer, as_of: int) -> int | None:
    """When an offer that is valid at an instant is so no more; None for one that stays valid."""
    return _standing_of(ladder, offer).window(as_of)[1]


def is_inbound(offer: Offer, quiet: QuietHours) -> bool:
    """Whether an offer goes only to where leads come by themselves."""
    inbound = set(map(channel_key, quiet.inbound_channels))
    return bool(offer.channels) and {channel_key(one) for one in offer.channels} <= inbound


def _off_step(standing: Standing, position: int, titles: tuple[str, ...]) -> Excluded | None:
    """Why an offer is not for a lead at a position; None for its next asks and its last support."""
    if standing.rung == position + standing.is_ask:
        return None
    offer_id, title = standing.offer.id, standing.title
    if standing.rung <= position:
        text = f"belongs to {title}, and the lead is past that step"
        return Excluded(offer_id, "step_completed", text)
    if standing.rung > position + 1:
        text = f"belongs to {title}, and the next step is {titles[position]}"
        return Excluded(offer_id, "step_not_next", text)
    text = f"helps after {title}, which is not completed"
    return Excluded(offer_id, "support_not_due", text)


def _jump(offer: Offer, at: int, ladder: Ladder) -> str:
    """Why an ask is too large a jump from the lightest ask of the nearest rung below with asks."""
    below = _lightest_below(at, ladder)
    if below is None:
        return ""
    effort, least = (one.effort.score(ladder.effort_weights) for one in (offer, below))
    if effort <= ladder.max_effort_jump * max(1.0, least):
        return ""
    title = next(goal.title for goal in ladder.goals if goal.id == below.step)
    return (
        f"asks for {worth_of(effort)}, more than {digits(ladder.max_effort_jump)} times what"
        f" {title} asks for, {digits(least)}"
    )


def _lightest_below(at: int, ladder: Ladder) -> Offer | None:
    """The lightest ask of the nearest rung with asks below a rung."""
    for goal in reversed(ladder.goals[:at]):
        if asks := ladder.asks_of(goal.id):
            return min(asks, key=lambda one: one.effort.score(ladder.effort_weights))
    return None


def jumps_from(ladder: Ladder, offer_id: str) -> dict[str, str]:
    """What an offer's effort keeps from being recommended, and why: itself, and asks above it.

    An ask above it is among them where the offer is the lightest ask of the nearest rung below.
    """
    found = {}
    for one in plan_of(ladder).standings:
        if one.jump and one.offer.status != "retired":
            below = _lightest_below(one.rung - 1, ladder)
            if one.offer.id == offer_id or (below is not None and below.id == offer_id):
                found[one.offer.id] = one.jump
    return found


# --------------------------------------------------------------------------------------------- Lead


@dataclass(frozen=True, slots=True)
class Case:
    """One lead at one instant, and what the caller restricts.

    Parameters
    ----------
    last : offer id -> when last extended.
    asks : when each ask was extended. An offer that the ladder no longer has counts as one.
    spell : the quiet hours that it is in; None where nothing is held back by any.
    is_left_alone : whether it is left alone on purpose.
    """

    plan: Plan
    position: int
    history: OfferHistory
    as_of: int
    asked: Asked
    last: Mapping[str, int]
    asks: tuple[int, ...]
    spell: Spell | None
    is_left_alone: bool


def case_of(plan: Plan, position: int, history: OfferHistory, as_of: int, asked: Asked) -> Case:
    """One lead at one instant, with what is looked up more than once."""
    extended = history.extended
    return Case(
        plan=plan,
        position=position,
        history=history,
        as_of=as_of,
        asked=asked,
        last=dict(extended),  # in time order, so the last one stays
        asks=tuple(then for offer, then in extended if offer not in plan.support),
        spell=spell_of(plan.limits.quiet, history, as_of, asked.channel),
        is_left_alone=is_left_alone(plan.ladder, history, as_of),
    )


def is_left_alone(ladder: Ladder, history: OfferHistory, as_of: int) -> bool:
    """Whether a lead is left alone on purpose: until what came of that is known."""
    arms = [history.calling] if ladder.controls.none and history.calling is not None else []
    alone = [since for arm, since in arms if arm == LEFT_ALONE]
    for one in ladder.experiments:
        arm, since = history.arms.get(one.id, ("", 0))
        own = one.arm(arm)
        if own is not None and own.policy in LEFT_ALONE_POLICIES:
            alone.append(since)
    horizon = round(ladder.purchase.horizon_days * DAY_US)
    return any(as_of - since < horizon for since in alone)


def _other_arms(ladder: Ladder, offer: Offer) -> tuple[tuple[Experiment, frozenset[str]], ...]:
    """The experiments whose arms have an offer, and which of their arms do not."""
    found = []
    for one in ladder.experiments:
        have = frozenset(arm.id for arm in one.arms if offer.id in arm.offers)
        if have:
            found.append((one, frozenset(arm.id for arm in one.arms) - have))
    return tuple(found)


def spell_of(
    quiet: QuietHours, history: OfferHistory, as_of: int, channel: str | None
) -> Spell | None:
    """The quiet hours that a lead is in; None without any, or where it came by itself."""
    if quiet.hours is None and not quiet.days:
        return None
    if channel is not None and channel_key(channel) in map(channel_key, quiet.inbound_channels):
        return None
    zone = history.time_zone or quiet.time_zone
    over_at = quiet.until(as_of, zone)
    if over_at is None:
        return None
    return Spell(over_at, f"nobody is contacted before {local_time(over_at, as_of, zone)}")


# --------------------------------------------------------------------------------------------- Ages


def age_of(then: int | None, case: Case) -> int | None:
    """How long ago something was, in microseconds; None where it never was."""
    return None if then is None else case.as_of - then


def is_within(age: int, days: float) -> bool:
    """Whether less than so many days have passed."""
    return age < round(days * DAY_US, 0)  # to whole microseconds; infinity stays what it is
