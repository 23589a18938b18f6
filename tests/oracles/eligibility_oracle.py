"""The slow obvious version of `models.offers.eligibility`: every reason is asked for every offer.

One plain function a reason, each true or false on its own, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from features.ladder.ladder import Ladder, Offer
from features.offers.history import OfferHistory
from models.offers.eligibility import Asked

__all__ = ["Question", "reasons_against"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether one offer may be extended to a lead now."""

    ladder: Ladder
    position: int
    history: OfferHistory
    as_of: int
    asked: Asked
    offer: Offer

    @property
    def now(self) -> datetime:
        return instant(self.as_of)

    @property
    def place(self) -> int:
        """Which rung the offer is of, the lowest being 0."""
        return [goal.id for goal in self.ladder.goals].index(self.offer.step)

    def less_ago_than(self, days: float, then: int) -> bool:
        return self.now - instant(then) < timedelta(days=days)

    def asks_extended(self) -> list[int]:
        """When something was asked of the lead: all that is not known to be support."""
        support = [offer.id for offer in self.ladder.offers if offer.role == "support"]
        return [then for offer, then in self.history.extended if offer not in support]

    def channel_is_open(self, channel: str) -> bool:
        answers = self.history.consents
        if channel in answers:
            return answers[channel]
        if "" in answers:
            return answers[""]
        return self.ladder.limits.consent == "opt_out"


def lost(q: Question) -> bool:
    return q.history.is_lost


def not_a_candidate(q: Question) -> bool:
    return q.asked.candidates is not None and q.offer.id not in q.asked.candidates


def excluded_by_caller(q: Question) -> bool:
    return q.offer.id in q.asked.exclude


def paused(q: Question) -> bool:
    return q.offer.status == "paused"


def retired(q: Question) -> bool:
    return q.offer.status == "retired"


def windows(q: Question) -> list[tuple[datetime, datetime]]:
    """When the offer is valid, one repetition after the other, until one begins after now."""
    start = q.offer.valid_from or datetime.min.replace(tzinfo=UTC)
    end = q.offer.valid_until or datetime.max.replace(tzinfo=UTC)
    found = [(start, end)]
    if q.offer.repeats_days:
        while found[-1][0] <= q.now:
            start, end = (at + timedelta(days=q.offer.repeats_days) for at in found[-1])
            if q.offer.repeats_until is not None and start > q.offer.repeats_until:
                break
            found.append((start, end))
    return found


def is_valid(q: Question) -> bool:
    return any(start <= q.now <= end for start, end in windows(q))


def not_yet_valid(q: Question) -> bool:
    return not is_valid(q) and any(q.now < start for start, _ in windows(q))


def expired(q: Question) -> bool:
    return not is_valid(q) and all(q.now > end for _, end in windows(q))


def step_completed(q: Question) -> bool:
    """Rungs below the position are done; support for the one just completed is what is due."""
    if q.offer.during:
        return False
    just_completed = q.place == q.position - 1
    return q.place < q.position and not (just_completed and q.offer.role == "support")


def step_not_next(q: Question) -> bool:
    return q.place > q.position and not q.offer.during


def support_not_due(q: Question) -> bool:
    return not q.offer.during and q.offer.role == "support" and q.place != q.position - 1


def is_for_now(q: Question) -> bool:
    return set(q.offer.during) & set(q.history.in_flight) != set()


def not_in_flight(q: Question) -> bool:
    return q.offer.during != () and not is_for_now(q)


def active(q: Question) -> list[Offer]:
    return [offer for offer in q.ladder.offers if offer.status == "active"]


def in_flight(q: Question) -> bool:
    """A commitment holds back the offers that name it, or all asks if none names it."""
    named = {name for offer in active(q) for name in offer.not_while}
    holding = {name for name in q.history.in_flight if name not in named}
    holding |= set(q.history.in_flight) & set(q.offer.not_while)
    return q.offer.role == "ask" and not is_for_now(q) and holding != set()


def offer_open(q: Question) -> bool:
    """The last ask has no answer, and is not older than it stands for itself."""
    named = {name for offer in active(q) for name in offer.not_while}
    days = q.ladder.limits.offer_open_days
    lately = any(q.less_ago_than(days, at) for at in q.asks_extended())
    holds = "offer" not in named or "offer" in q.offer.not_while
    return (
        q.offer.role == "ask"
        and not is_for_now(q)
        and q.history.unanswered > 0
        and lately
        and holds
    )


def taken(q: Question) -> bool:
    then = q.history.taken.get(q.offer.id)
    days = q.offer.again_after_days
    if days is None:
        days = q.ladder.limits.again_after_days
    return q.offer.role == "ask" and then is not None and q.less_ago_than(days, then)


def just_completed(q: Question) -> bool:
    helped = {o.step for o in q.ladder.offers if o.role == "support" and not o.during}
    days = q.ladder.limits.support_days
    lately = {rung for rung, then in q.history.completed.items() if q.less_ago_than(days, then)}
    return q.offer.role == "ask" and not q.offer.during and lately & helped != set()


def only_after(q: Question) -> bool:
    return q.offer.id not in q.history.opened


def effort_jump(q: Question) -> bool:
    """More than so many times the lightest ask of the nearest rung below that has asks."""
    if q.offer.role == "support":
        return False
    weights = q.ladder.effort_weights
    for goal in q.ladder.goals[: q.place][::-1]:
        below = [
            o
            for o in q.ladder.offers
            if o.step == goal.id and o.role == "ask" and o.status in ("active", "paused")
        ]
        if below:
            lightest = min(o.effort.score(weights) for o in below)
            return q.offer.effort.score(weights) > q.ladder.max_effort_jump * max(1, lightest)
    return False


def wrong_channel(q: Question) -> bool:
    if q.asked.channel is None or q.offer.channels == ():
        return False
    return q.asked.channel not in q.offer.channels


def no_consent(q: Question) -> bool:
    if q.asked.channel is not None:
        return not q.channel_is_open(q.asked.channel)
    if q.offer.channels:
        return not any(q.channel_is_open(channel) for channel in q.offer.channels)
    answers = q.history.consents
    if any(granted for channel, granted in answers.items() if channel != ""):
        return False
    named = [channel for offer in q.ladder.offers for channel in offer.channels]
    if named:
        return not any(q.channel_is_open(channel) for channel in named)
    return not q.channel_is_open("")


def bounced(q: Question) -> bool:
    """Ways that are there and open, and all of them are known not to work."""
    ways = [q.asked.channel] if q.asked.channel is not None else list(q.offer.channels)
    may_be_used = [channel for channel in ways if q.channel_is_open(channel)]
    return bool(may_be_used) and set(may_be_used) <= q.history.bounced


def fit_no(q: Question) -> bool:
    return q.offer.role == "ask" and q.history.fit == "no"


def declined(q: Question) -> bool:
    then = q.history.declined.get(q.offer.id)
    return then is not None and q.less_ago_than(q.ladder.limits.declined_days, then)


def again_too_soon(q: Question) -> bool:
    days = q.offer.again_after_days
    if days is None:
        days = q.ladder.limits.again_after_days
    times = [then for offer, then in q.history.extended if offer == q.offer.id]
    return any(q.less_ago_than(days, then) for then in times)


def cool_down(q: Question) -> bool:
    days = q.ladder.limits.days_between_asks
    return q.offer.role == "ask" and any(q.less_ago_than(days, at) for at in q.asks_extended())


def fatigue(q: Question) -> bool:
    limits = q.ladder.limits
    lately = [at for at in q.asks_extended() if q.less_ago_than(limits.asks_days, at)]
    return q.offer.role == "ask" and len(lately) >= limits.asks


def unanswered(q: Question) -> bool:
    limits = q.ladder.limits
    rests = any(q.less_ago_than(limits.rest_days, at) for at in q.asks_extended())
    many = q.history.unanswered >= limits.unanswered
    return q.offer.role == "ask" and many and rests


def support_first(q: Question) -> bool:
    below = [goal.id for goal in q.ladder.goals[: q.place]]
    lately = [
        rung
        for rung, then in q.history.completed.items()
        if rung in below and q.less_ago_than(q.ladder.limits.days_before_sales, then)
    ]
    return q.offer.role == "ask" and q.offer.effort.human and lately != []


def no_capacity(q: Question) -> bool:
    left = q.asked.rep_minutes_left
    return left is not None and q.offer.rep_minutes > left


def left_alone(q: Question) -> bool:
    """A control is asked nothing until the horizon of a purchase is over."""
    if is_for_now(q) or q.offer.role != "ask":
        return False
    since = []
    if q.ladder.controls.none > 0 and q.history.arms.get("calling", ("",))[0] == "none":
        since.append(q.history.arms["calling"][1])
    for experiment in q.ladder.experiments:
        for arm in experiment.arms:
            is_in = q.history.arms.get(experiment.id, ("",))[0] == arm.id
            if is_in and arm.policy in ("no_ask", "usual"):
                since.append(q.history.arms[experiment.id][1])
    return any(q.less_ago_than(q.ladder.purchase.horizon_days, then) for then in since)


def other_arm(q: Question) -> bool:
    """Offers that only other arms have are theirs, where the lead is in an arm that there is."""
    for experiment in q.ladder.experiments:
        own = [a for a in experiment.arms if q.history.arms.get(experiment.id, ("",))[0] == a.id]
        theirs = [a for a in experiment.arms if a not in own]
        if own and any(q.offer.id in a.offers for a in theirs) and q.offer.id not in own[0].offers:
            return True
    return False


def is_quiet(q: Question, now: datetime) -> bool:
    """What the clock on the wall where the lead is says of an instant."""
    quiet = q.ladder.limits.quiet
    name = q.history.time_zone or quiet.time_zone
    wall = now.astimezone(ZoneInfo(name))
    if wall.weekday() in quiet.days:
        return True
    if quiet.hours is None:
        return False
    begins, ends = (time(minutes // 60, minutes % 60) for minutes in quiet.hours)
    if begins > ends:
        return not ends <= wall.time() < begins
    return begins <= wall.time() < ends


def quiet_hours(q: Question) -> bool:
    """It is quiet, and the lead is not where it came by itself; who may wait looks at the end."""
    inbound = q.ladder.limits.quiet.inbound_channels
    if q.asked.channel is not None and q.asked.channel in inbound:
        return False
    if q.offer.channels and all(channel in inbound for channel in q.offer.channels):
        return False
    if not is_quiet(q, q.now):
        return False
    if not q.asked.at_any_hour:
        return True
    now = q.now
    while is_quiet(q, now):
        now = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return not is_valid(replace(q, as_of=(now - EPOCH) // timedelta(microseconds=1)))


CLAIMS: tuple[Callable[[Question], bool], ...] = (
    lost,
    not_a_candidate,
    excluded_by_caller,
    paused,
    retired,
    not_yet_valid,
    expired,
    step_completed,
    step_not_next,
    support_not_due,
    not_in_flight,
    only_after,
    effort_jump,
    wrong_channel,
    no_consent,
    bounced,
    fit_no,
    declined,
    in_flight,
    taken,
    just_completed,
    again_too_soon,
    cool_down,
    fatigue,
    unanswered,
    offer_open,
    support_first,
    no_capacity,
    left_alone,
    other_arm,
    quiet_hours,
)


def reasons_against(question: Question) -> list[str]:
    """The codes of all reasons that apply, the first one first."""
    return [claim.__name__ for claim in CLAIMS if claim(question)]
