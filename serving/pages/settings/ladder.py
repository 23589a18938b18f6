"""The ladder in words: its steps, what the method would do otherwise, what holds people back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from features.events.log import DAY_US
from features.ladder.advice import Advice, advise
from features.ladder.event_rule import Condition, EventRule
from features.ladder.file import shipped_ladders
from features.ladder.ladder import Ladder, Limits, Step
from features.ladder.quiet_hours import DAYS, QuietHours
from features.ladder.words import digits, in_percent, things
from models.judging.funnel.wording import band_words, in_100
from serving.pages.common import words
from serving.process.service import Service

__all__ = [
    "AdviceShown",
    "LimitShown",
    "StepShown",
    "advice_shown",
    "ladder_home",
    "limits_shown",
    "measured",
    "rule_words",
    "steps_shown",
    "with_titles",
]

_SIGNS: Final = {
    "is": "{property}: {value}",
    "is_not": "{property}: anything but {value}",
    "one_of": "{property}: {value}",
    "at_least": "{property} {value} or more",
    "at_most": "{property} {value} or less",
    "above": "{property} more than {value}",
    "below": "{property} less than {value}",
}
_ARMS: Final = {
    "no_ask": "{share} of leads are asked nothing",
    "usual": "{share} are treated as before Rung",
    "random": "{share} get offers at random",
}


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step in words.

    Parameters
    ----------
    done_when : each of these completes it.
    band : the healthy share as two fractions; None where there is none.
    active, paused : how many asks it has.
    """

    id: str
    title: str
    done_when: tuple[str, ...]
    days: float
    band: tuple[float, float] | None
    healthy: str
    active: int
    paused: int


@dataclass(frozen=True, slots=True)
class AdviceShown:
    """One thing that the method would do otherwise, about a step, an offer or the whole ladder.

    Parameters
    ----------
    key : of the offer's table, as "effort"; "" for all of it.
    """

    about: str
    text: str
    offer_id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class LimitShown:
    """What holds people back, and the key of the ladder file that says so."""

    title: str
    text: str
    key: str


# -------------------------------------------------------------------------------------------- Steps


def steps_shown(ladder: Ladder) -> list[StepShown]:
    """Every step, the purchase last."""
    return [_step(ladder, step) for step in ladder.goals]


def _step(ladder: Ladder, step: Step) -> StepShown:
    asks, band, counts = ladder.asks_of(step.id), step.band, _counted(ladder)
    active = len(ladder.offers_of(step.id))
    return StepShown(
        step.id,
        step.title,
        tuple(rule_words(rule, counts) for rule in step.complete_when),
        step.horizon_days,
        (band.low, band.high) if band else None,
        _healthy(band.low, band.high) if band else "",
        active,
        len(asks) - active,
    )


def _healthy(low: float, high: float) -> str:
    """A band in words: "40 to 60 of 100"."""
    if round(100 * high) == 100:
        return f"{in_100(low)} or more of 100"
    return f"{band_words(low, high)} of 100"


def _counted(ladder: Ladder) -> frozenset[str]:
    """The properties that steps compare with other numbers than those which say yes and no."""
    rules = (rule for goal in ladder.goals for rule in goal.complete_when)
    return frozenset(
        one.property
        for rule in rules
        for one in rule.where
        if one.operator not in ("is", "is_not") or one.value not in (0, 1)
    )


def rule_words(rule: EventRule, counts: frozenset[str] = frozenset()) -> str:
    """Which events are meant: "Video progress (watched fraction 0.8 or more)".

    Parameters
    ----------
    counts : properties of which a 1 is a number, and no truth value.
    """
    where = ", ".join(_condition(one, counts) for one in rule.where)
    title = words.titled(rule.event)
    return f"{title} ({where})" if where else title


def _condition(condition: Condition, counts: frozenset[str]) -> str:
    value, is_equal = condition.value, condition.operator in ("is", "is_not")
    if isinstance(value, tuple):
        told = " or ".join(value)
    elif isinstance(value, str):
        told = value or "nothing"
    elif is_equal and value in (0, 1) and condition.property not in counts:
        told = "yes" if value else "no"  # a truth value is kept as a number
    else:
        told = digits(value)
    name = words.titled(condition.property).lower()
    return _SIGNS[condition.operator].format(property=name, value=told)


# ------------------------------------------------------------------------------------------- Advice


def advice_shown(ladder: Ladder) -> list[AdviceShown]:
    """What the method would do otherwise, with titles where the ladder file has ids."""
    return [_advice(one, ladder) for one in advise(ladder)]


def _advice(advice: Advice, ladder: Ladder) -> AdviceShown:
    about, offer_id = _about(advice.path, ladder)
    key = advice.path.partition("].")[2]
    return AdviceShown(about, with_titles(advice.text, ladder), offer_id, key)


def with_titles(text: str, ladder: Ladder) -> str:
    """A text as a sentence, with titles where it has ids of the ladder file in quotes."""
    titles = {one.id: one.title for one in ladder.goals}
    titles |= {one.id: one.title for one in ladder.offers}
    for id_, title in titles.items():
        text = text.replace(repr(id_), f"“{title}”")
    return f"{words.sentence(text)}."


def _about(path: str, ladder: Ladder) -> tuple[str, str]:
    """The title of what a path of the ladder file is about, and the id where it is an offer."""
    kind, _, rest = path.partition("[")
    at = rest.partition("]")[0]
    if kind == "step" and at.isdecimal():
        return ladder.steps[int(at)].title, ""
    if kind == "offer" and at.isdecimal():
        offer = ladder.offers[int(at)]
        return offer.title, offer.id
    return (ladder.purchase.title if kind.startswith("purchase") else "The whole ladder"), ""


def measured(ladder: Ladder) -> str:
    """Whether what Rung is worth will be known, in a sentence."""
    standing = ladder.controls.standing
    if standing is None:
        return (
            "What Rung is worth is not measured: no lead is left without it on purpose, to compare"
            " with. Shares under [controls] in the ladder file would do that, by lot."
        )
    shares = {arm.id: in_percent(arm.share) for arm in standing.arms}
    told = [_ARMS[id_].format(share=share) for id_, share in shares.items() if id_ in _ARMS]
    return f"What Rung is worth is measured, by lot: {', '.join(told)}."


# ------------------------------------------------------------------------------------------- Limits


def limits_shown(service: Service) -> list[LimitShown]:
    """What keeps a lead from being pushed, and your people from being asked for too much."""
    ladder = service.ladder
    limits = ladder.limits
    return [_minutes(service, limits), *_asks(limits), *_quiet(limits.quiet), *_others(service)]


def _minutes(service: Service, limits: Limits) -> LimitShown:
    most, key = limits.rep_minutes_a_day, "rep_minutes_a_day"
    given = service.store.rep_minutes(service.clock() // DAY_US)
    if most is None:
        told = "No limit is set."
        told += f" Offers of today take {things(given, 'minute')}." if given else ""
    else:
        given_of = f"offers of today take {digits(given)} of {'it' if most == 1 else 'them'}"
        told = f"{things(most, 'minute')}; {given_of} (a day by UTC)."
    return LimitShown("Minutes of your people a day", told, key)


def _asks(limits: Limits) -> Iterator[LimitShown]:
    asked = f"{things(limits.asks, 'ask')} in {things(limits.asks_days, 'day')} at most"
    pause = f", {things(limits.days_between_asks, 'day')} apart" if limits.days_between_asks else ""
    yield LimitShown("How often a lead is asked", f"{asked}{pause}.", "asks, asks_days")
    rest = (
        f"After {things(limits.unanswered, 'ask')} without an answer, none for"
        f" {things(limits.rest_days, 'day')}."
    )
    yield LimitShown("When nobody answers", rest, "unanswered, rest_days")
    again = (
        f"Not before {things(limits.again_after_days, 'day')}; after a no, not before"
        f" {things(limits.declined_days, 'day')}."
    )
    yield LimitShown("The same offer again", again, "again_after_days, declined_days")


def _quiet(quiet: QuietHours) -> Iterator[LimitShown]:
    told = []
    if quiet.hours:
        told.append("from {} to {}".format(*map(_clock, quiet.hours)))
    if quiet.days:
        told.append("on " + " and ".join(DAYS[day].capitalize() for day in quiet.days))
    sentence = f"Nobody is contacted {' and '.join(told)}." if told else "None: any hour will do."
    yield LimitShown("Quiet hours", sentence, "quiet_hours, quiet_days")
    zone = f"{quiet.time_zone}. Quiet hours go by it, and the dates of offers here."
    if quiet.time_zone_trait:
        zone += " A lead whose own time zone is known goes by that one."
    yield LimitShown("Time zone", zone, "time_zone")


def _others(service: Service) -> Iterator[LimitShown]:
    told, key = "No limit is set.", "reply_hours"
    if service.settings.reply_minutes is not None:
        key = "RUNG_REPLY_MINUTES"
    if minutes := service.reply_minutes:
        long = things(minutes, "minute") if minutes < 60.0 else things(minutes / 60.0, "hour")
        told = f"Within {long}; who waits longer is an alarm."
    yield LimitShown("Answering a question", told, key)
    limits = service.ladder.limits
    consent = (
        "Allowed until the lead says no."
        if limits.consent == "opt_out"
        else "Only where the lead has said yes."
    )
    yield LimitShown("Contact", consent, "consent")
    fields = f"{things(limits.form_fields, 'field')} of a form at most."
    yield LimitShown("What is asked at one step", fields, "form_fields")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


# ------------------------------------------------------------------------------- Where it is from

LadderHome = Literal["file", "shipped", "model", "default"]


def ladder_home(service: Service) -> tuple[LadderHome, str]:
    """Where the ladder stands that serves, and the name of the file; of no folder."""
    path = service.settings.ladder
    if path in shipped_ladders():
        return "shipped", path
    if path:
        return "file", Path(path).name
    return ("model", "") if service.scorer.bundle is not None else ("default", "b2b")
