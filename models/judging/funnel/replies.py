"""How long leads wait for a reply, what a fast one does, and who waits too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog
from features.funnel.activity_rows import activity_rows, known_then
from features.funnel.contents import ends_of_stays
from features.funnel.replies import Questions, questions_of
from features.funnel.sample import LogPart, sampled
from features.funnel.states import State
from features.funnel.stays import Stays
from features.ladder.advice import rule_text
from features.ladder.ladder import EventRule, Ladder
from features.ladder.words import things
from features.signals.fold import NONE
from models.judging.adjusting.doubly_robust import Compared, Lift, matched_lift
from models.judging.adjusting.known_traits import activity_columns, trait_columns
from models.judging.funnel.cause_shapes import (
    LateQuestion,
    ReplyDistribution,
    ReplyEffect,
    ReplyTimes,
    ReplyTrigger,
    ReplyWeek,
)
from models.judging.funnel.selection import cohort_of, cohort_starts
from models.judging.funnel.wording import of_100

__all__ = ["fast_effect", "reply_times"]

_HOUR_US: Final = DAY_US // 24
_WITHIN_HOURS: Final = (1, 4, 24, 72)
_SURE: Final = 0.05
_MOST_WEEKS: Final = 53
_USUAL_HOURS: Final = 24.0
"""What is called fast where no reply has a median yet."""


def reply_times(
    log: EventLog, ladder: Ladder, stays: Stays, part: LogPart | None = None
) -> ReplyTimes:
    """The waits of a log's questions, by what was known at `stays.until`.

    Parameters
    ----------
    part : what `sampled` gives for the log and the stays, where it is at hand.
    """
    questions = questions_of(log, ladder, stays)
    limit = ladder.limits.reply_hours
    distribution = _distribution(questions, ladder)
    fast = limit or distribution["median_hours"] or _USUAL_HOURS
    effect = fast_effect(*(part or sampled(log, stays)), fast)
    late = _late(questions, limit)
    told: ReplyTimes = {
        "ladder": ladder.name,
        "as_of": rfc3339(stays.until),
        "limit_hours": limit,
        "distribution": distribution,
        "effect": effect,
        "late": late,
        "weeks": _weeks(questions, limit),
        "triggers": [_trigger(log, ladder, stays, rule) for rule in ladder.limits.reply_to],
        "says": "",
    }
    told["says"] = _sentences(told)
    return told


# ------------------------------------------------------------------------------------ distribution


def _distribution(questions: Questions, ladder: Ladder) -> ReplyDistribution:
    answered = questions.replied != NONE
    took, hours = _answered_by(questions)
    by = questions.is_automatic.sum() if ladder.limits.automatic_replies else None
    return {
        "questions": len(questions),
        "answered": int(answered.sum()),
        "waiting": int(questions.is_waiting.sum()),
        "given_up": int((questions.given_up != NONE).sum()),
        "by_offer": int(questions.is_offer.sum()),
        "automatic": None if by is None else int(by),
        "median_hours": _quantile(took, hours, 0.5),
        "p90_hours": _quantile(took, hours, 0.9),
        "answered_within": {
            f"{limit} h": float(took[np.searchsorted(hours, limit, side="right")])
            for limit in _WITHIN_HOURS
        }
        if len(questions)
        else {},
    }


def _trigger(log: EventLog, ladder: Ladder, stays: Stays, rule: EventRule) -> ReplyTrigger:
    """How long the first reply takes to what meets a rule, and the first of a person."""
    first = _distribution(questions_of(log, ladder, stays, rule), ladder)
    person = None
    if ladder.limits.automatic_replies:
        found = questions_of(log, ladder, stays, rule, by_person=True)
        person = _distribution(found, ladder)
    return {"trigger": rule_text(rule), "first": first, "by_person": person}


def _answered_by(questions: Questions) -> tuple[Floats, Floats]:
    """The share answered after so many hours (Kaplan and Meier 1958), from 0 on, and the hours.

    The first has one entry more: `share[k]` holds from `hours[k - 1]` on.
    """
    answered = questions.replied != NONE
    ended = np.where(answered, questions.replied, questions.until)
    ended = np.where(questions.given_up != NONE, questions.given_up, ended)
    waited = ended - questions.asked
    order = np.lexsort([~answered, waited])
    went = answered[order]
    risk = np.arange(len(order), 0, -1)[went]
    left = np.cumprod(1.0 - 1.0 / risk)
    return np.concatenate([[0.0], 1.0 - left]), waited[order][went] / _HOUR_US


def _quantile(share: Floats, hours: Floats, wanted: float) -> float | None:
    """After how many hours a share is answered; None where fewer ever are."""
    at = int(np.searchsorted(share, wanted - 1e-12))
    return float(hours[at - 1]) if 0 < at < len(share) else None


# ------------------------------------------------------------------------------------------ alarm


def _late(questions: Questions, limit: float | None) -> list[LateQuestion]:
    """Who waits longer than the limit now; those that wait longest first."""
    if limit is None:
        return []
    waited = questions.until - questions.asked
    late = np.flatnonzero(questions.is_waiting & (waited > round(limit * _HOUR_US)))
    late = late[np.argsort(-waited[late], kind="stable")]
    return [
        {
            "lead_id": questions.leads[int(questions.lead[at])],
            "asked_at": rfc3339(int(questions.asked[at])),
            "hours": float(waited[at] / _HOUR_US),
        }
        for at in late.tolist()
    ]


def _weeks(questions: Questions, limit: float | None) -> list[ReplyWeek]:
    """By week of asking, the newest ones; who has time yet, or gave up in time, is not counted."""
    if limit is None or not len(questions):
        return []
    longest = round(limit * _HOUR_US)
    answered = questions.replied != NONE
    in_time = answered & (questions.replied - questions.asked <= longest)
    over = questions.until - questions.asked > longest
    gave_up = (questions.given_up != NONE) & (questions.given_up - questions.asked <= longest)
    counted = (in_time | over) & ~gave_up
    number, group = np.unique(cohort_of(questions.asked[counted], "week"), return_inverse=True)
    asked = np.bincount(group, minlength=len(number))
    good = np.bincount(group, in_time[counted], len(number))
    weeks: list[ReplyWeek] = [
        {
            "since": rfc3339(start),
            "asked": int(asked[at]),
            "in_time": int(good[at]),
            "share": float(good[at] / asked[at]),
        }
        for at, start in enumerate(cohort_starts(number, "week").tolist())
    ]
    return weeks[-_MOST_WEEKS:]


# ----------------------------------------------------------------------------------------- effect


def fast_effect(log: EventLog, stays: Stays, hours: float) -> ReplyEffect:
    """What a reply within some hours adds to the share that goes on at the step.

    Leads are compared from when those hours are over: those that had a reply by then with those
    that still waited, both at the same step then, by what was known when they asked. So neither
    had to last any longer to be counted. Only stays whose time is over count.
    """
    questions = questions_of(log, stays.ladder, stays)
    stays = stays.rows(stays.is_mature & ~stays.passed)
    compared = _compared(log, stays, questions, round(hours * _HOUR_US))
    lift: Lift | str = matched_lift(compared)
    told: ReplyEffect = {
        "evidence": "unknown",
        "within_hours": hours,
        "verdict": "unknown",
        "lift": None,
        "low": None,
        "high": None,
        "share_fast": None,
        "share_slow": None,
        "leads_fast": len(np.unique(compared.lead[compared.has])),
        "leads_slow": len(np.unique(compared.lead[~compared.has])),
        "why": None,
    }
    if isinstance(lift, str):
        words = {"had it": "had a fast reply", "without it": "without a fast reply"}
        for word, better in words.items():
            lift = lift.replace(word, better)
        told["why"] = lift
        return told
    verdicts: dict[bool, Literal["more", "less"]] = {True: "more", False: "less"}
    told["evidence"] = "observational"
    told["verdict"] = verdicts[lift.value > 0] if lift.p <= _SURE else "no sure effect"
    told["lift"], told["low"], told["high"] = lift.value, lift.low, lift.high
    told["share_fast"], told["share_slow"] = lift.share_with, lift.share_without
    return told


def _compared(log: EventLog, stays: Stays, questions: Questions, hours: int) -> Compared:
    """The first question of each stay whose lead still stood there when the hours were over."""
    stay, at = _first_questions(stays, questions, hours)
    lead, asked = questions.lead[at], questions.asked[at]
    rows = activity_rows(log, stays.ladder)
    told = known_then(log, rows.interest, lead, asked)
    is_fast = (questions.replied[at] != NONE) & (questions.replied[at] - asked <= hours)
    days = (asked - stays.entered[stay]) / DAY_US
    steps = [stays.goal[stay] == goal for goal in range(len(stays.ladder.goals))]
    return Compared(
        has=is_fast,
        later=is_fast,
        went=stays.state[stay] == State.ADVANCED,
        X=np.column_stack(
            [
                *steps,
                np.log1p(days),
                days,
                np.log1p((asked - stays.began[stay]) / DAY_US),
                activity_columns(told),
                trait_columns(stays)[stay],
            ]
        ).astype(np.float64),
        lead=lead,
    )


def _first_questions(stays: Stays, questions: Questions, hours: int) -> tuple[Ints, Ints]:
    """Stays with a question, and the first question in each.

    A stay that was over before the hours were is none, and neither is one whose horizon was.
    """
    order = np.lexsort([stays.entered, stays.lead])
    leads, entered = stays.lead[order], stays.entered[order]
    both = np.concatenate([np.zeros(len(leads), np.int64), np.ones(len(questions), np.int64)])
    keys = np.concatenate([entered, questions.asked]), np.concatenate([leads, questions.lead])
    merged = np.lexsort([both, *keys])
    before = np.cumsum(both[merged] == 0) - 1
    last = np.empty(len(questions), dtype=np.int64)
    wanted: Bools = both[merged] == 1
    last[merged[wanted] - len(leads)] = before[wanted]
    held = last >= 0
    stay = order[np.maximum(last, 0)] if len(order) else np.zeros(len(last), np.int64)
    if len(order):
        held &= stays.lead[stay] == questions.lead
        held &= questions.asked + hours < ends_of_stays(stays)[stay]
    at = np.flatnonzero(held)
    _, first = np.unique(stay[at], return_index=True)
    return stay[at][first], at[first]


# ---------------------------------------------------------------------------------------- wording


def _sentences(told: ReplyTimes) -> str:
    found, limit = told["distribution"], told["limit_hours"]
    after = [said for one in told["triggers"] for said in _after(one)]
    if not found["questions"]:
        return " ".join(["No lead has asked anything yet.", *after])
    said = [_how_long(found)]
    effect = told["effect"]
    if effect["evidence"] == "unknown":
        said.append(f"What a fast reply does is unknown: {effect['why']}.")
    else:
        said.append(_what_it_does(effect))
    if limit is not None:
        late = len(told["late"])
        verb = "1 lead waits" if late == 1 else f"{late:,} leads wait"
        said.append(f"{verb} longer than the limit of {things(limit, 'hour')} now.")
    return " ".join([*said, *after])


def _after(one: ReplyTrigger) -> Iterator[str]:
    """A trigger's first reply in a sentence, and that of a person in another."""
    for kind, found in (("reply", one["first"]), ("reply of a person", one["by_person"])):
        if found is None or not found["questions"]:
            continue
        half, most, count = found["median_hours"], found["p90_hours"], found["questions"]
        if half is None:
            times = f"{found['answered']:,} of {count:,} had a first {kind}"
            yield f"After {one['trigger']}, {times}: too few to tell how long half of them take."
        else:
            nine = "" if most is None else f", nine in ten within {_lasting(most)}"
            yield f"After {one['trigger']}, half have a first {kind} within {_lasting(half)}{nine}."


def _how_long(found: ReplyDistribution) -> str:
    if found["median_hours"] is None:
        return (
            f"Of {things(found['questions'], 'question')}"
            f" {found['answered']:,} had a reply: too few to tell how long half of them take."
        )
    most = found["p90_hours"]
    nine = "" if most is None else f", nine in ten within {_lasting(most)}"
    return f"Half of the questions have a reply within {_lasting(found['median_hours'])}{nine}."


def _lasting(hours: float) -> str:
    """A time as one says it: "25 minutes", "3.5 hours", "4 days"."""
    if hours < 1:
        return things(min(59, max(1, round(60 * hours))), "minute")
    return things(round(hours, 1), "hour") if hours < 48 else things(round(hours / 24, 1), "day")


def _what_it_does(effect: ReplyEffect) -> str:
    hours, low, high = effect["within_hours"], effect["low"] or 0.0, effect["high"] or 0.0
    shares = (
        f"With a reply within {_lasting(hours)} {of_100(effect['share_fast'] or 0.0)} go on, and"
        f" about {of_100(effect['share_slow'] or 0.0)} of leads like them with a slower one"
    )
    span = f"{round(100 * low):+d} to {round(100 * high):+d} in 100"
    if effect["verdict"] == "no sure effect":
        return f"{shares}; that can be chance ({span}; leads alike compared)."
    many = "more" if effect["verdict"] == "more" else "fewer"
    return f"{shares}: {span} ({many} go on; leads alike compared, nothing drawn by lot)."
