"""Which offers may be extended to a lead now, and why each other one may not.

The reasons stand in tables, in the order in which they are looked at; the first that applies is
given. To extend no offer at all is always allowed and is not part of this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from features.errors import UnknownOffer
from features.ladder.ladder import Ladder, Offer
from features.ladder.words import OPEN_OFFER, digits, things
from features.offers.history import OfferHistory
from models.offers.channels import come_back, may_be_written_to, no_consent, wrong_channel
from models.offers.options import NURTURE
from models.offers.standing import (
    UNRESTRICTED,
    Asked,
    Case,
    Excluded,
    Plan,
    Spell,
    Standing,
    age_of,
    case_of,
    is_inbound,
    is_left_alone,
    is_offered,
    is_within,
    plan_of,
    spell_of,
)
from models.offers.words import ago as _ago
from models.offers.words import date as _date
from models.offers.words import days as _days
from models.offers.words import listed as _listed

__all__ = [
    "NO_CANDIDATE",
    "ON_PURPOSE",
    "REASONS",
    "UNRESTRICTED",
    "Asked",
    "Eligibility",
    "Excluded",
    "Spell",
    "against_nurture",
    "eligibility",
    "is_left_alone",
    "limit_against",
    "quiet_spell",
    "sendable",
]


ON_PURPOSE: Final = "left alone on purpose, so that the difference it makes is known"
"""What is said of a lead that is a control."""
NO_CANDIDATE: Final = "is not among the candidates that were asked for"
_LEFT_IN_PEACE: Final = "the lead is lost: nothing is asked of it"


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
    plan = plan_of(ladder)
    _check_known(asked, plan)
    case = case_of(plan, position, history, as_of, asked)
    found = [
        _first(_BEFORE_STEP, standing, case)
        or (None if standing.offer.during else off_step)
        or _first(_AFTER_STEP, standing, case)
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

    Parameters
    ----------
    offer_id : or `NURTURE`, which a lost lead is spared as well, and one with no open channel.
    """
    if offer_id == NURTURE:
        return against_nurture(ladder, history, as_of, asked)
    plan = plan_of(ladder)
    case = case_of(plan, 0, history, as_of, asked)
    return next(
        (_first(_LIMITS, one, case) for one in plan.standings if one.offer.id == offer_id), None
    )


def against_nurture(
    ladder: Ladder, history: OfferHistory, as_of: int, asked: Asked
) -> Excluded | None:
    """Why a lead is not even to be sent something useful; None where it may be."""
    if history.is_lost:
        return Excluded(NURTURE, "lost", _LEFT_IN_PEACE)
    if not may_be_written_to(ladder, history, as_of, asked):
        channel = asked.channel or "any channel"
        return Excluded(NURTURE, "no_consent", f"the lead may not be reached by {channel}")
    plan = plan_of(ladder)
    if why := come_back(case_of(plan, 0, history, as_of, asked), plan.channels):
        return Excluded(NURTURE, "bounced", why)
    return None


def sendable(
    ladder: Ladder,
    position: int,
    history: OfferHistory,
    as_of: int,
    asked: Asked = UNRESTRICTED,
) -> tuple[Offer, ...]:
    """The offers that could be sent to a lead that is asked nothing, in the ladder's order.

    They are offered at `as_of`, the caller leaves them in, what they wait for has come, their
    channel is open, and they were not declined. They belong to a step that is behind the lead, or
    lead to the first one: what leads further up is an ask, whatever it costs.
    """
    plan = plan_of(ladder)
    case = case_of(plan, position, history, as_of, asked)
    return tuple(
        one.offer
        for one in plan.standings
        if one.rung <= (max(position, 1) if one.is_ask else position)
        and is_offered(ladder, one.offer, as_of)
        and _first(_UNSENDABLE, one, case) is None
    )


def quiet_spell(
    ladder: Ladder, offer: Offer | None, history: OfferHistory, as_of: int, asked: Asked
) -> Spell | None:
    """The quiet hours that a lead is left alone in with an offer; None means that it need not be.

    Parameters
    ----------
    offer : None is any way to contact it.
    """
    if offer is not None and is_inbound(offer, ladder.limits.quiet):
        return None
    return spell_of(ladder.limits.quiet, history, as_of, asked.channel)


def _check_known(asked: Asked, plan: Plan) -> None:
    named = asked.exclude | (asked.candidates or frozenset())
    if unknown := named - plan.ids:
        raise UnknownOffer.named(min(unknown), sorted(plan.ids))


# ------------------------------------------------------------------------ The caller and the ladder


def _lost(_: Standing, case: Case) -> str:
    return _LEFT_IN_PEACE if case.history.is_lost else ""


def _not_a_candidate(standing: Standing, case: Case) -> str:
    candidates = case.asked.candidates
    if candidates is None or standing.offer.id in candidates:
        return ""
    return NO_CANDIDATE


def _excluded_by_caller(standing: Standing, case: Case) -> str:
    return "was left out by the caller" if standing.offer.id in case.asked.exclude else ""


def _paused(standing: Standing, _: Case) -> str:
    return "is paused" if standing.offer.status == "paused" else ""


def _retired(standing: Standing, _: Case) -> str:
    return "is no longer offered" if standing.offer.status == "retired" else ""


def _not_yet_valid(standing: Standing, case: Case) -> str:
    starts, _ = standing.window(case.as_of)
    if starts is None or case.as_of >= starts:
        return ""
    return f"is valid from {_date(starts)}"


def _expired(standing: Standing, case: Case) -> str:
    _, ends = standing.window(case.as_of)
    if ends is None or case.as_of <= ends:
        return ""
    return f"was valid until {_date(ends)}"


def _only_after(standing: Standing, case: Case) -> str:
    if standing.offer.id in case.history.opened:
        return ""
    return f"comes only after {_listed(standing.offer.only_after)}, which has not happened"


def _not_in_flight(standing: Standing, case: Case) -> str:
    during = standing.offer.during
    if not during or any(name in case.history.in_flight for name in during):
        return ""
    meant = " or ".join(case.plan.under_way.get(name, name) for name in during)
    return f"is for while {meant}, and that is not so now"


def _effort_jump(standing: Standing, _: Case) -> str:
    return standing.jump


# ------------------------------------------------------------------------------- What the lead said


def _fit_no(standing: Standing, case: Case) -> str:
    if not standing.is_ask or case.history.fit != "no":
        return ""
    return "the last consultation found that it does not fit"


def _declined(standing: Standing, case: Case) -> str:
    days = case.plan.limits.declined_days
    age = age_of(case.history.declined.get(standing.offer.id), case)
    if age is None or not is_within(age, days):
        return ""
    return f"was declined {_ago(age)}; again after {_days(days)}"


def _bounced(standing: Standing, case: Case) -> str:
    return come_back(case, standing.offer.channels)


# ------------------------------------------------------------------------------- Not to push a lead


def _in_flight(standing: Standing, case: Case) -> str:
    """Nothing is asked over what was agreed, unless it is meant for just that time."""
    offer, plan = standing.offer, case.plan
    if not standing.is_ask or any(name in case.history.in_flight for name in offer.during):
        return ""
    for name, begun in case.history.in_flight.items():
        if name not in plan.narrow or name in offer.not_while:
            return f"{plan.under_way[name]} (began {_ago(case.as_of - begun.since)})"
    return ""


def _offer_open(standing: Standing, case: Case) -> str:
    """An offer that has no answer yet stands for itself."""
    offer, plan = standing.offer, case.plan
    is_held = OPEN_OFFER not in plan.narrow or OPEN_OFFER in offer.not_while
    if not (standing.is_ask and is_held and case.history.unanswered):
        return ""
    if any(name in case.history.in_flight for name in offer.during):
        return ""
    days = plan.limits.offer_open_days
    age = age_of(max(case.asks, default=None), case)
    if age is None or not is_within(age, days):
        return ""
    return f"an offer made {_ago(age)} has no answer yet; it stands for {_days(days)}"


def _taken(standing: Standing, case: Case) -> str:
    own = standing.offer.again_after_days
    days = case.plan.limits.again_after_days if own is None else own
    age = age_of(case.history.taken.get(standing.offer.id), case) if standing.is_ask else None
    if age is None or not is_within(age, days):
        return ""
    return f"was taken {_ago(age)}; again after {_days(days)}"


def _just_completed(standing: Standing, case: Case) -> str:
    """What was just taken is helped with before anything else is asked."""
    if not standing.is_ask or standing.offer.during:
        return ""
    days = case.plan.limits.support_days
    for step, title in zip(case.plan.step_ids, case.plan.titles, strict=True):
        age = age_of(case.history.completed.get(step), case)
        if step in case.plan.supported and age is not None and is_within(age, days):
            return f"{title} was completed {_ago(age)}; help with it first, for {_days(days)}"
    return ""


def _again_too_soon(standing: Standing, case: Case) -> str:
    own = standing.offer.again_after_days
    days = case.plan.limits.again_after_days if own is None else own
    age = age_of(case.last.get(standing.offer.id), case)
    if age is None or not is_within(age, days):
        return ""
    return f"was extended {_ago(age)}; again after {_days(days)}"


def _cool_down(standing: Standing, case: Case) -> str:
    days = case.plan.limits.days_between_asks
    age = age_of(max(case.asks, default=None), case) if standing.is_ask else None
    if age is None or not is_within(age, days):
        return ""
    return f"the last offer was extended {_ago(age)}; the next one after {_days(days)}"


def _fatigue(standing: Standing, case: Case) -> str:
    if not standing.is_ask:
        return ""
    limits = case.plan.limits
    count = sum(is_within(case.as_of - asked, limits.asks_days) for asked in case.asks)
    if count < limits.asks:
        return ""
    offers = f"{things(count, 'offer')} in the last {_days(limits.asks_days)}"
    return f"was preceded by {offers}; the most is {limits.asks}"


def _unanswered(standing: Standing, case: Case) -> str:
    limits, unanswered = case.plan.limits, case.history.unanswered
    if not standing.is_ask or unanswered < limits.unanswered:
        return ""
    age = age_of(max(case.asks, default=None), case)
    if age is None or not is_within(age, limits.rest_days):
        return ""
    return (
        f"{things(unanswered, 'offer')} in a row without an answer, the last one {_ago(age)};"
        f" the next one after {_days(limits.rest_days)}"
    )


def _support_first(standing: Standing, case: Case) -> str:
    if not (standing.is_ask and standing.offer.effort.human):
        return ""
    days = case.plan.limits.days_before_sales
    for at in reversed(range(standing.rung - 1)):
        age = age_of(case.history.completed.get(case.plan.step_ids[at]), case)
        if age is not None and is_within(age, days):
            title = case.plan.titles[at]
            return f"{title} was completed {_ago(age)}; a person comes in after {_days(days)}"
    return ""


def _no_capacity(standing: Standing, case: Case) -> str:
    minutes, left = standing.offer.rep_minutes, case.asked.rep_minutes_left
    if left is None or minutes <= left:
        return ""
    return f"takes {things(minutes, 'minute')} of a rep, who has {digits(left)} left today"


def _left_alone(standing: Standing, case: Case) -> str:
    """A control is asked nothing, but for what was agreed with it."""
    if not (standing.is_ask and case.is_left_alone):
        return ""
    if any(name in case.history.in_flight for name in standing.offer.during):
        return ""
    return ON_PURPOSE


def _other_arm(standing: Standing, case: Case) -> str:
    """What other arms of an experiment are offered is not offered in this one."""
    for experiment, without in standing.experiments:
        arm, _ = case.history.arms.get(experiment.id, ("", 0))
        if arm in without:
            named = experiment.title or experiment.id
            return f"is offered in another arm of the experiment {named!r} than the lead's, {arm!r}"
    return ""


def _quiet_hours(standing: Standing, case: Case) -> str:
    """Nobody is contacted now; who may wait is kept from nothing that is still there then."""
    spell = None if standing.is_inbound else case.spell
    if spell is None:
        return ""
    if not case.asked.at_any_hour:
        return f"quiet hours: {spell.text}"
    starts, ends = standing.window(spell.over_at)
    if (starts is None or starts <= spell.over_at) and (ends is None or spell.over_at <= ends):
        return ""
    _, ends = standing.window(case.as_of)
    return f"quiet hours: {spell.text}" + (f", and it is valid until {_date(ends)}" if ends else "")


_Reasons = tuple[tuple[str, Callable[[Standing, Case], str]], ...]
"""Each reason's code with what says why it applies to an offer, "" where it does not."""

_WITHDRAWN: Final[_Reasons] = (("paused", _paused), ("retired", _retired))
_BEFORE_STEP: Final[_Reasons] = (
    ("lost", _lost),
    ("not_a_candidate", _not_a_candidate),
    ("excluded_by_caller", _excluded_by_caller),
    *_WITHDRAWN,
    ("not_yet_valid", _not_yet_valid),
    ("expired", _expired),
)
_AFTER_STEP: Final[_Reasons] = (
    ("not_in_flight", _not_in_flight),
    ("only_after", _only_after),
    ("effort_jump", _effort_jump),
    ("wrong_channel", wrong_channel),
    ("no_consent", no_consent),
    ("bounced", _bounced),
    ("fit_no", _fit_no),
    ("declined", _declined),
    ("in_flight", _in_flight),
    ("taken", _taken),
    ("just_completed", _just_completed),
    ("again_too_soon", _again_too_soon),
    ("cool_down", _cool_down),
    ("fatigue", _fatigue),
    ("unanswered", _unanswered),
    ("offer_open", _offer_open),
    ("support_first", _support_first),
    ("no_capacity", _no_capacity),
    ("left_alone", _left_alone),
    ("other_arm", _other_arm),
    ("quiet_hours", _quiet_hours),
)

_NO_LIMITS: Final = (
    "not_in_flight",
    "just_completed",
    "only_after",
    "effort_jump",
    "wrong_channel",
)
_LIMITS: Final[_Reasons] = (
    ("lost", _lost),
    *_WITHDRAWN,
    ("expired", _expired),
    *(pair for pair in _AFTER_STEP if pair[0] not in _NO_LIMITS),
)

_UNSENDABLE: Final[_Reasons] = (
    ("not_a_candidate", _not_a_candidate),
    ("excluded_by_caller", _excluded_by_caller),
    ("only_after", _only_after),
    ("wrong_channel", wrong_channel),
    ("no_consent", no_consent),
    ("bounced", _bounced),
    ("declined", _declined),
)

REASONS: Final = (
    *(code for code, _ in _BEFORE_STEP),
    *("step_completed", "step_not_next", "support_not_due"),
    *(code for code, _ in _AFTER_STEP),
)
"""The codes of all reasons, in the order in which they are looked at."""


def _first(reasons: _Reasons, standing: Standing, case: Case) -> Excluded | None:
    """The first reason against an offer."""
    for code, against in reasons:
        if text := against(standing, case):
            return Excluded(standing.offer.id, code, text)
    return None
