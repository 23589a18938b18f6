"""Which offers may be extended to a lead now, and why each other one may not.

The reasons stand in tables, in the order in which they are looked at; the first that applies is
given. To extend no offer at all is always allowed and is not part of this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from features.clock import microseconds
from features.errors import UnknownOffer
from features.events.field_names import channel_key
from features.events.log import DAY_US
from features.ladder.ladder import Ladder, Limits, Offer
from features.offers.history import OfferHistory
from models.offers.words import ago as _ago
from models.offers.words import date as _date
from models.offers.words import days as _days
from models.offers.words import listed as _listed
from models.offers.words import things as _things

__all__ = [
    "REASONS",
    "UNRESTRICTED",
    "Asked",
    "Eligibility",
    "Excluded",
    "eligibility",
    "limit_against",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of a recommendation restricts.

    Parameters
    ----------
    channel : where the offer would be extended; None where that is open.
    candidates : ids of the only offers to consider; None means all.
    exclude : ids of offers to leave out.
    rep_minutes_left : what a rep can still give today; None means no limit.
    """

    channel: str | None = None
    candidates: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    rep_minutes_left: float | None = None


UNRESTRICTED: Final = Asked()


@dataclass(frozen=True, slots=True)
class Excluded:
    """An offer that is not eligible: the reason's code, and the fact in a salesperson's words."""

    offer_id: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Every offer of the ladder, in its order, in one of the two."""

    offers: tuple[Offer, ...]
    excluded: tuple[Excluded, ...]


def eligibility(
    ladder: Ladder,
    position: int,
    history: OfferHistory,
    as_of: int,
    asked: Asked = UNRESTRICTED,
) -> Eligibility:
    """The offers that a lead may be extended, and the first reason against each other one.

    Parameters
    ----------
    position : the highest rung completed, from 0 to the number of goals.
    history : what is known of the lead at `as_of`.
    as_of : microseconds since the epoch, UTC.

    Raises
    ------
    UnknownOffer
        If the caller names an offer that the ladder does not have.
    """
    plan = _plan(ladder)
    _check_known(asked, plan)
    case = _case(plan, position, history, as_of, asked)
    found = [
        _first(_BEFORE_STEP, standing, case) or off_step or _first(_AFTER_STEP, standing, case)
        for standing, off_step in zip(plan.standings, plan.off_step[position], strict=True)
    ]
    return Eligibility(
        offers=tuple(
            standing.offer
            for standing, against in zip(plan.standings, found, strict=True)
            if against is None
        ),
        excluded=tuple(against for against in found if against is not None),
    )


def limit_against(
    ladder: Ladder, offer_id: str, history: OfferHistory, as_of: int, asked: Asked
) -> Excluded | None:
    """The limit that keeps an offer from a lead although it was decided on; None without.

    What else may be against it by now, such as a step that was completed meanwhile, is none: the
    lead may have seen the offer before it was said.
    """
    plan = _plan(ladder)
    case = _case(plan, 0, history, as_of, asked)
    return next(
        (_first(_LIMITS, one, case) for one in plan.standings if one.offer.id == offer_id), None
    )


def _check_known(asked: Asked, plan: _Plan) -> None:
    named = asked.exclude | (asked.candidates or frozenset())
    if unknown := named - plan.ids:
        raise UnknownOffer.named(min(unknown), sorted(plan.ids))


# ------------------------------------------------------------------------------------------- Ladder


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is said of an offer by the ladder alone.

    Parameters
    ----------
    rung : the position of a lead that has completed its step.
    starts, ends : when it is valid, in microseconds, both inclusive; None means any time.
    jump : why its effort is too large a jump; "" where it is none.
    """

    offer: Offer
    rung: int
    title: str
    is_ask: bool
    starts: int | None
    ends: int | None
    jump: str


@dataclass(frozen=True, eq=False, slots=True)
class _Plan:
    """What eligibility needs of a ladder.

    Parameters
    ----------
    step_ids, titles : of the goals, in order.
    off_step : position -> of each offer, why its step is not one for a lead there.
    support : ids of the offers that are no asks.
    channels : all that its offers name.
    """

    limits: Limits
    step_ids: tuple[str, ...]
    titles: tuple[str, ...]
    standings: tuple[_Standing, ...]
    off_step: tuple[tuple[Excluded | None, ...], ...]
    ids: frozenset[str]
    support: frozenset[str]
    channels: tuple[str, ...]


@lru_cache(maxsize=64)
def _plan(ladder: Ladder) -> _Plan:
    """What eligibility needs of a ladder."""
    standings = tuple(_standing(offer, ladder) for offer in ladder.offers)
    titles = tuple(goal.title for goal in ladder.goals)
    return _Plan(
        limits=ladder.limits,
        step_ids=tuple(goal.id for goal in ladder.goals),
        titles=titles,
        standings=standings,
        off_step=tuple(
            tuple(_off_step(standing, position, titles) for standing in standings)
            for position in range(len(titles) + 1)
        ),
        ids=frozenset(offer.id for offer in ladder.offers),
        support=frozenset(offer.id for offer in ladder.offers if offer.role == "support"),
        channels=tuple(dict.fromkeys(name for offer in ladder.offers for name in offer.channels)),
    )


def _standing(offer: Offer, ladder: Ladder) -> _Standing:
    at = [goal.id for goal in ladder.goals].index(offer.step)
    return _Standing(
        offer=offer,
        rung=at + 1,
        title=ladder.goals[at].title,
        is_ask=offer.role == "ask",
        starts=None if offer.valid_from is None else microseconds(offer.valid_from),
        ends=None if offer.valid_until is None else microseconds(offer.valid_until),
        jump=_jump(offer, at, ladder) if offer.role == "ask" else "",
    )


def _off_step(standing: _Standing, position: int, titles: tuple[str, ...]) -> Excluded | None:
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
    effort = offer.effort.score(ladder.effort_weights)
    for goal in reversed(ladder.goals[:at]):
        efforts = [below.effort for below in ladder.offers_of(goal.id) if below.role == "ask"]
        if efforts:
            lightest = min(below.score(ladder.effort_weights) for below in efforts)
            if effort <= ladder.max_effort_jump * max(1.0, lightest):
                return ""
            return (
                f"asks for {effort:.6g} minutes' worth of effort, more than"
                f" {ladder.max_effort_jump:.6g} times what {goal.title} asks for, {lightest:.6g}"
            )
    return ""


# --------------------------------------------------------------------------------------------- Lead


@dataclass(frozen=True, slots=True)
class _Case:
    """One lead at one instant, and what the caller restricts.

    Parameters
    ----------
    last : offer id -> when last extended.
    asks : when each ask was extended. An offer that the ladder no longer has counts as one.
    """

    plan: _Plan
    position: int
    history: OfferHistory
    as_of: int
    asked: Asked
    last: Mapping[str, int]
    asks: tuple[int, ...]


def _case(plan: _Plan, position: int, history: OfferHistory, as_of: int, asked: Asked) -> _Case:
    extended = history.extended
    return _Case(
        plan=plan,
        position=position,
        history=history,
        as_of=as_of,
        asked=asked,
        last=dict(extended),  # in time order, so the last one stays
        asks=tuple(then for offer, then in extended if offer not in plan.support),
    )


# ------------------------------------------------------------------------ The caller and the ladder


def _lost(_: _Standing, case: _Case) -> str:
    return "the lead is lost: nothing is asked of it" if case.history.is_lost else ""


def _not_a_candidate(standing: _Standing, case: _Case) -> str:
    candidates = case.asked.candidates
    if candidates is None or standing.offer.id in candidates:
        return ""
    return "is not among the candidates that were asked for"


def _excluded_by_caller(standing: _Standing, case: _Case) -> str:
    return "was left out by the caller" if standing.offer.id in case.asked.exclude else ""


def _not_yet_valid(standing: _Standing, case: _Case) -> str:
    if standing.starts is None or case.as_of >= standing.starts:
        return ""
    return f"is valid from {_date(standing.starts)}"


def _expired(standing: _Standing, case: _Case) -> str:
    if standing.ends is None or case.as_of <= standing.ends:
        return ""
    return f"was valid until {_date(standing.ends)}"


def _only_after(standing: _Standing, case: _Case) -> str:
    if standing.offer.id in case.history.opened:
        return ""
    return f"comes only after {_listed(standing.offer.only_after)}, which has not happened"


def _effort_jump(standing: _Standing, _: _Case) -> str:
    return standing.jump


# ------------------------------------------------------------------------------- What the lead said


def _wrong_channel(standing: _Standing, case: _Case) -> str:
    channel, channels = case.asked.channel, standing.offer.channels
    if channel is None or not channels or channel_key(channel) in map(channel_key, channels):
        return ""
    return f"cannot be extended by {channel}, only by {' or '.join(channels)}"


def _no_consent(standing: _Standing, case: _Case) -> str:
    asked, consents = case.asked.channel, case.history.consents
    channels = standing.offer.channels if asked is None else (asked,)
    if not channels:
        return _no_channel_at_all(case)
    if any(_is_open(channel, case) for channel in channels):
        return ""
    refused = "" in consents or any(channel_key(channel) in consents for channel in channels)
    names = " and ".join(channels)
    return f"the lead has {'refused' if refused else 'not agreed to'} {names}"


def _no_channel_at_all(case: _Case) -> str:
    """Why an offer for anywhere can go nowhere: neither to where the lead agreed, nor elsewhere."""
    consents, channels = case.history.consents, case.plan.channels
    if any(granted for channel, granted in consents.items() if channel):
        return ""
    if any(_is_open(channel, case) for channel in channels or ("",)):
        return ""
    refused = "" in consents or all(channel_key(channel) in consents for channel in channels)
    return (
        f"the lead has {'refused every' if refused and consents else 'not agreed to any'} channel"
    )


def _is_open(channel: str, case: _Case) -> bool:
    """Whether a channel may be used: its own answer, else that for all, else the default."""
    consents = case.history.consents
    default = case.plan.limits.consent == "opt_out"
    return consents.get(channel_key(channel), consents.get("", default))


def _fit_no(standing: _Standing, case: _Case) -> str:
    if not standing.is_ask or case.history.fit != "no":
        return ""
    return "the last consultation found that it does not fit"


def _declined(standing: _Standing, case: _Case) -> str:
    days = case.plan.limits.declined_days
    age = _age(case.history.declined.get(standing.offer.id), case)
    if age is None or not _is_within(age, days):
        return ""
    return f"was declined {_ago(age)}; again after {_days(days)}"


# ------------------------------------------------------------------------------- Not to push a lead


def _again_too_soon(standing: _Standing, case: _Case) -> str:
    own = standing.offer.again_after_days
    days = case.plan.limits.again_after_days if own is None else own
    age = _age(case.last.get(standing.offer.id), case)
    if age is None or not _is_within(age, days):
        return ""
    return f"was extended {_ago(age)}; again after {_days(days)}"


def _cool_down(standing: _Standing, case: _Case) -> str:
    days = case.plan.limits.days_between_asks
    age = _age(max(case.asks, default=None), case) if standing.is_ask else None
    if age is None or not _is_within(age, days):
        return ""
    return f"the last offer was extended {_ago(age)}; the next one after {_days(days)}"


def _fatigue(standing: _Standing, case: _Case) -> str:
    if not standing.is_ask:
        return ""
    limits = case.plan.limits
    count = sum(_is_within(case.as_of - asked, limits.asks_days) for asked in case.asks)
    if count < limits.asks:
        return ""
    offers = f"{_things(count, 'offer')} in the last {_days(limits.asks_days)}"
    return f"was preceded by {offers}; the most is {limits.asks}"


def _unanswered(standing: _Standing, case: _Case) -> str:
    limits, unanswered = case.plan.limits, case.history.unanswered
    if not standing.is_ask or unanswered < limits.unanswered:
        return ""
    age = _age(max(case.asks, default=None), case)
    if age is None or not _is_within(age, limits.rest_days):
        return ""
    return (
        f"{_things(unanswered, 'offer')} in a row without an answer, the last one {_ago(age)};"
        f" the next one after {_days(limits.rest_days)}"
    )


def _support_first(standing: _Standing, case: _Case) -> str:
    if not (standing.is_ask and standing.offer.effort.human):
        return ""
    days = case.plan.limits.days_before_sales
    for at in reversed(range(standing.rung - 1)):
        age = _age(case.history.completed.get(case.plan.step_ids[at]), case)
        if age is not None and _is_within(age, days):
            title = case.plan.titles[at]
            return f"{title} was completed {_ago(age)}; a person comes in after {_days(days)}"
    return ""


def _no_capacity(standing: _Standing, case: _Case) -> str:
    minutes, left = standing.offer.rep_minutes, case.asked.rep_minutes_left
    if left is None or minutes <= left:
        return ""
    return f"takes {_things(minutes, 'minute')} of a rep, who has {left:.6g} left today"


_Reasons = tuple[tuple[str, Callable[[_Standing, _Case], str]], ...]
"""Each reason's code with what says why it applies to an offer, "" where it does not."""

_BEFORE_STEP: Final[_Reasons] = (
    ("lost", _lost),
    ("not_a_candidate", _not_a_candidate),
    ("excluded_by_caller", _excluded_by_caller),
    ("not_yet_valid", _not_yet_valid),
    ("expired", _expired),
)
_AFTER_STEP: Final[_Reasons] = (
    ("only_after", _only_after),
    ("effort_jump", _effort_jump),
    ("wrong_channel", _wrong_channel),
    ("no_consent", _no_consent),
    ("fit_no", _fit_no),
    ("declined", _declined),
    ("again_too_soon", _again_too_soon),
    ("cool_down", _cool_down),
    ("fatigue", _fatigue),
    ("unanswered", _unanswered),
    ("support_first", _support_first),
    ("no_capacity", _no_capacity),
)

_NO_LIMITS: Final = ("only_after", "effort_jump", "wrong_channel", "fit_no")
_LIMITS: Final[_Reasons] = tuple(pair for pair in _AFTER_STEP if pair[0] not in _NO_LIMITS)

REASONS: Final = (
    *(code for code, _ in _BEFORE_STEP),
    *("step_completed", "step_not_next", "support_not_due"),
    *(code for code, _ in _AFTER_STEP),
)
"""The codes of all reasons, in the order in which they are looked at."""


def _first(reasons: _Reasons, standing: _Standing, case: _Case) -> Excluded | None:
    """The first reason against an offer."""
    for code, against in reasons:
        if text := against(standing, case):
            return Excluded(standing.offer.id, code, text)
    return None


# --------------------------------------------------------------------------------------------- Ages


def _age(then: int | None, case: _Case) -> int | None:
    """How long ago something was, in microseconds; None where it never was."""
    return None if then is None else case.as_of - then


def _is_within(age: int, days: float) -> bool:
    """Whether less than so many days have passed."""
    return age < round(days * DAY_US, 0)  # to whole microseconds; infinity stays what it is
