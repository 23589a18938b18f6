"""What the micro-commitment method advises about a ladder, and the ladder as a table.

Advice never stops a ladder from being used: a business may know better. It is a pure function of
the ladder, without a clock, so offers that have expired are not its concern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from features.errors import did_you_mean
from features.ladder.controls import Controls
from features.ladder.ladder import Condition, EventRule, Ladder, Offer, Step
from features.ladder.rule_logic import implies
from features.ladder.words import REPLY, digits, in_percent, things, worth_of

__all__ = ["Advice", "advise", "controls_said", "ladder_rows", "ladder_table", "rule_text"]

FEWEST_OFFERS = 3
MOST_EARLY_FIELDS = 2
LONGEST_SESSION_MINUTES = 15
LONGEST_SCOPE_DAYS = 60
LONGEST_GUARANTEE_DAYS = 90

_PITCH = re.compile(r"(?<!no )(?<!not a )\b(demos?|demonstrations?|sales)\b", re.IGNORECASE)
# What pitches where no person is named, too; a recorded demo, or a guide to sales, does not.
_SALES_TALK = re.compile(
    r"(?<!no )(?<!not a )\b(sales (?:demos?|calls?|meetings?|pitch(?:es)?|talks?|presentations?)"
    r"|(?:book|request|schedule|get) (?:a |an |your )?(?:\w+ )?demos?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing the method would do otherwise.

    `path` points into the ladder file as in a mistake, `source` names the part of the method
    (a row of the table in docs/ladder.md).
    """

    path: str
    text: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text} [{self.source}]"


def advise(ladder: Ladder) -> tuple[Advice, ...]:
    """What the method would do otherwise: on steps, on pairs of steps, then on offers."""
    return (
        *_restarts(ladder),
        *_losses(ladder),
        *_few_offers(ladder),
        *_shared_rules(ladder),
        *(
            advice
            for lower, upper in pairwise(_rungs(ladder))
            for advice in _pair_advice(lower, upper, ladder.max_effort_jump)
        ),
        *_too_heavy(ladder),
        *(
            Advice(f"offer[{index}]{key}", text, source)
            for index, offer in enumerate(ladder.offers)
            for key, text, source in _offer_advice(ladder, offer)
        ),
        *_unknown_channels(ladder),
        *_over_limits(ladder),
        *_commitments(ladder),
        *_never_due(ladder),
    )


def controls_said(controls: Controls) -> str:
    """Whether what Rung is worth will be known, in a sentence; nothing is advised against."""
    standing = controls.standing
    if standing is None:
        return (
            "What Rung is worth is not measured: [controls] no_ask = 0.05 would leave one lead in"
            " twenty unasked, by lot, to compare with."
        )
    shares = ", ".join(f"{in_percent(arm.share)} {arm.id}" for arm in standing.arms)
    return f"What Rung is worth is measured, by lot: {shares}. `rung experiment judge` tells."


def ladder_table(ladder: Ladder) -> str:
    """The ladder as aligned text: a line for each rung, one more for each further rule."""
    rows = ladder_rows(ladder)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def ladder_rows(ladder: Ladder) -> list[tuple[str, ...]]:
    """The ladder as rows under their heads: one for each rung, one more for each further rule."""
    heading = ("step", "completed by", "horizon", "band", "effort", "value", "offers")
    return [heading, *(line for rung in ladder.goals for line in _table_lines(ladder, rung))]


# ------------------------------------------------------------------------------ Steps and pairs


@dataclass(frozen=True, slots=True)
class _Rung:
    """A step or the purchase, summed up from its asks.

    `effort` is what it asks at least, in minutes' worth; `value` the minutes of the most useful.
    """

    path: str
    id: str
    effort: float
    value: float
    topics: frozenset[str]


def _paths(ladder: Ladder) -> list[str]:
    """Where each rung stands in the file."""
    return [*(f"step[{index}]" for index in range(len(ladder.steps))), "purchase"]


def _rungs(ladder: Ladder) -> list[_Rung]:
    """The rungs that have asks, as only these say anything about effort, value and topics."""
    return [
        _rung(ladder, path, step.id)
        for path, step in zip(_paths(ladder), ladder.goals, strict=True)
        if ladder.asks_of(step.id)
    ]


def _rung(ladder: Ladder, path: str, step_id: str) -> _Rung:
    offers = ladder.asks_of(step_id)
    return _Rung(
        path,
        step_id,
        effort=min(offer.effort.score(ladder.effort_weights) for offer in offers),
        value=max(offer.value_minutes for offer in offers),
        topics=frozenset(_spelt(topic) for offer in offers for topic in offer.topics),
    )


def _unknown_channels(ladder: Ladder) -> Iterator[Advice]:
    """Advice where contact is made an exception of a channel that no offer names."""
    names = dict.fromkeys(channel for offer in ladder.offers for channel in offer.channels)
    known = {_spelt(channel) for channel in names}
    for channel in ladder.limits.quiet.inbound_channels:
        if _spelt(channel) not in known:
            hint = did_you_mean(channel, names) or "; it is for requests that name it alone"
            yield Advice("limits.inbound_channels", f"no offer names {channel!r}{hint}", "channels")


def _spelt(name: str) -> str:
    """A channel or a topic in any spelling: "E-Mail" and "email" are one."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def _over_limits(ladder: Ladder) -> Iterator[Advice]:
    """Advice on offers that the ladder's own limits do not allow."""
    limits = ladder.limits
    for index, offer in enumerate(ladder.offers):
        if offer.status == "retired":
            continue
        most, minutes = limits.rep_minutes_a_day, offer.rep_minutes
        if most is not None and minutes > most:
            text = (
                f"{offer.id!r} takes {things(minutes, 'minute')} of a rep, and rep_minutes_a_day"
                f" allows {digits(most)}; it is never recommended"
            )
            yield Advice(f"offer[{index}].rep_minutes", text, "limits")
        fields = len(offer.effort.form_fields)
        if fields > limits.form_fields:
            text = (
                f"{offer.id!r} asks for {things(fields, 'field')}, and form_fields of the limits"
                f" allows {limits.form_fields} at one step; its form is asked for as it is"
            )
            yield Advice(f"offer[{index}].effort.form_fields", text, "limits")


def _commitments(ladder: Ladder) -> Iterator[Advice]:
    """Advice where holding one offer back lets all others be asked, or an end may never come."""
    asks = [offer for offer in ladder.offers if offer.role == "ask" and offer.status != "retired"]
    named = [offer for offer in ladder.offers if REPLY in offer.not_while]
    free = [offer for offer in asks if offer not in named and REPLY not in offer.during]
    if named and free:
        first = ladder.offers.index(named[0])
        text = (
            f"while a question waits for an answer this holds back {named[0].id!r} and whatever"
            f" else names {REPLY!r}, and frees {things(len(free), 'other ask')}: where no offer"
            " names it, it holds back every ask"
        )
        yield Advice(f"offer[{first}].not_while", text, "commitments")
    for index, one in enumerate(ladder.commitments):
        if one.ends_at and not (one.until or one.untold_days):
            text = f"{one.id!r} never ends where {one.ends_at!r} is absent, and no ask is made"
            yield Advice(f"commitment[{index}].ends_at", f"{text}; add else_days", "commitments")


def _never_due(ladder: Ladder) -> Iterator[Advice]:
    """Advice on support for the purchase where each one begins the ladder anew."""
    bought = ladder.purchase.complete_when
    if not all(any(implies(rule, one) for one in ladder.restart_on) for rule in bought):
        return
    for index, offer in enumerate(ladder.offers):
        is_support = offer.role == "support" and not offer.during
        if is_support and offer.step == ladder.purchase.id and offer.status != "retired":
            text = (
                f"{offer.id!r} helps after the purchase, and whoever has bought stands before the"
                " first step at once (restart_on): it is never due; name in `during` a commitment"
                " that the purchase begins"
            )
            yield Advice(f"offer[{index}].step", text, "rules")


def _restarts(ladder: Ladder) -> Iterator[Advice]:
    """Advice where nothing begins the ladder anew, or a step's own event does; a purchase may."""
    if not ladder.restart_on:
        text = (
            "nothing begins the ladder anew, so that whoever has bought has no next step and no"
            " score for ever; name what ends a purchase, or the order itself, to win buyers again"
        )
        yield Advice("ladder.restart_on", text, "repeat")
    for index, step in enumerate(ladder.steps):
        lost = [
            rule.event
            for rule in step.complete_when
            if any(implies(rule, restart) for restart in ladder.restart_on)
        ]
        if lost:
            text = (
                f"{' and '.join(dict.fromkeys(lost))} begins the ladder anew (restart_on), so that"
                f" {step.id!r} is not counted as completed by it; begin anew with what comes after"
                " the purchase"
            )
            yield Advice(f"step[{index}].complete_when", text, "rules")


def _losses(ladder: Ladder) -> Iterator[Advice]:
    """Advice where what completes a step, or begins the ladder anew, loses the lead as well."""
    steps = zip(_paths(ladder), ladder.goals, strict=True)
    held = [(f"{path}.complete_when", repr(one.id), one.complete_when) for path, one in steps]
    for path, what, rules in (*held, ("ladder.restart_on", "the ladder anew", ladder.restart_on)):
        lost = [one for one in rules if any(implies(one, rule) for rule in ladder.lost_when)]
        if lost:
            events = " and ".join(dict.fromkeys(map(rule_text, lost)))
            does = "completes" if path.endswith("complete_when") else "begins"
            text = (
                f"{events} {does} {what}, and loses the lead at once (lost_when): name other events"
            )
            yield Advice(path, f"{text}, or add to lost_when by what they differ", "rules")


def _shared_rules(ladder: Ladder) -> Iterator[Advice]:
    """Advice on pairs of rungs that one event completes both of."""
    rungs = list(zip(_paths(ladder), ladder.goals, strict=True))
    for (_, lower), (path, upper) in combinations(rungs, 2):
        both = [
            (below, above)
            for below in lower.complete_when
            for above in upper.complete_when
            if implies(below, above)
        ]
        if both:
            text = _shared_text(lower, upper, both)
            yield Advice(f"{path}.complete_when", text, "rules")


def _shared_text(lower: Step, upper: Step, both: list[tuple[EventRule, EventRule]]) -> str:
    below, above = zip(*both, strict=True)
    if set(below) == set(lower.complete_when):
        return (
            f"whatever completes {lower.id!r} completes {upper.id!r} too, so that no lead ever"
            " stands between them; each step needs events of its own"
        )
    if set(above) == set(upper.complete_when):
        return (
            f"all that completes {upper.id!r} completes {lower.id!r} as well, in one leap; each"
            " step needs events of its own"
        )
    events = " and ".join(dict.fromkeys(map(rule_text, below)))
    return (
        f"{events} completes both {lower.id!r} and {upper.id!r}, in one leap; each step needs"
        " events of its own"
    )


def _few_offers(ladder: Ladder) -> Iterator[Advice]:
    for index, step in enumerate(ladder.steps):
        count = len(ladder.asks_of(step.id))
        if count < FEWEST_OFFERS:
            has = things(count, "offer") if count else "no offer that asks"
            text = (
                f"{step.id!r} has {has}; with {FEWEST_OFFERS} or more there is one for most leads"
            )
            yield Advice(f"step[{index}]", text, "S6")


def _pair_advice(lower: _Rung, upper: _Rung, max_jump: float) -> Iterator[Advice]:
    yield from _effort_advice(lower, upper, max_jump)
    if 0 < upper.value < lower.value:  # 0 is a value that nobody declared
        text = (
            f"{upper.id!r} is of use for {things(upper.value, 'minute')}, {lower.id!r} for"
            f" {digits(lower.value)}; each step gives more than the last"
        )
        yield Advice(upper.path, text, "S4")
    if not lower.topics & upper.topics:
        text = (
            f"no offer of {upper.id!r} shares a topic with one of {lower.id!r};"
            " each step continues what the last began"
        )
        yield Advice(upper.path, text, "S5")


def _effort_advice(lower: _Rung, upper: _Rung, max_jump: float) -> Iterator[Advice]:
    if upper.effort <= lower.effort:
        text = (
            f"{upper.id!r} asks {worth_of(upper.effort)}, no more than"
            f" {lower.id!r} with {digits(lower.effort)}; each step asks slightly more than the last"
        )
        yield Advice(upper.path, text, "S3")
    # Counted from one minute, as anything is infinitely more than nothing.
    ratio = upper.effort / max(lower.effort, 1.0)
    if ratio > max_jump:
        told = digits(round(ratio, 1 if round(ratio, 1) > max_jump else 3))
        text = (
            f"{upper.id!r} asks {told} times the effort of {lower.id!r},"
            f" more than {digits(max_jump)}: none of its offers is ever recommended; a smaller one"
            " would bridge the gap"
        )
        yield Advice(upper.path, text, "S3")


def _too_heavy(ladder: Ladder) -> Iterator[Advice]:
    """Advice on single offers that jump; a step that jumps as a whole has advice of its own."""
    for lower, upper in pairwise(_rungs(ladder)):
        most = ladder.max_effort_jump * max(lower.effort, 1.0)
        if upper.effort > most:
            continue
        for index, offer in enumerate(ladder.offers):
            effort = offer.effort.score(ladder.effort_weights)
            if offer.step == upper.id and offer.role == "ask" and effort > most:
                text = (
                    f"{offer.id!r} asks {worth_of(effort)}, more than"
                    f" {digits(ladder.max_effort_jump)} times that of {lower.id!r} with"
                    f" {digits(lower.effort)}; it is never recommended"
                )
                yield Advice(f"offer[{index}].effort", text, "S3")


# ---------------------------------------------------------------------------------------- Offers

# The key below the offer, the advice and its source.
_OfferAdvice = Iterator[tuple[str, str, str]]


def _offer_advice(ladder: Ladder, offer: Offer) -> _OfferAdvice:
    first, second = ladder.steps[:2]
    if offer.step == first.id:
        yield from _first_form(offer)
    if offer.step == second.id:
        yield from _second_form(offer)
    if offer.step != ladder.purchase.id:
        if offer.effort.human:
            yield from _session(offer)
        yield from _pitches(offer, _PITCH if offer.effort.human else _SALES_TALK)
    yield from _unbounded(offer)
    yield from _too_long(offer)


def _first_form(offer: Offer) -> _OfferAdvice:
    asked = ", ".join(offer.effort.form_fields)
    if asked:
        text = f"{offer.id!r} asks for {asked}; the first step asks nothing personal"
        yield ".effort.form_fields", text, "S12"


def _second_form(offer: Offer) -> _OfferAdvice:
    count = len(offer.effort.form_fields)
    if count > MOST_EARLY_FIELDS:
        text = (
            f"{offer.id!r} asks for {count} fields; name and email are enough here,"
            " the rest can follow later"
        )
        yield ".effort.form_fields", text, "S13"


def _session(offer: Offer) -> _OfferAdvice:
    """Advice on an offer with a person; a pilot is bounded by its days, not by its minutes."""
    minutes = offer.effort.minutes
    if not offer.is_bounded_by_days and minutes > LONGEST_SESSION_MINUTES:
        text = (
            f"{offer.id!r} asks for {things(minutes, 'minute')} with a person; a session of"
            f" {LONGEST_SESSION_MINUTES} feels manageable where a call of 60 is avoided"
        )
        yield ".effort.minutes", text, "S21"


def _pitches(offer: Offer, pitch: re.Pattern[str]) -> _OfferAdvice:
    for key, words in ((".title", offer.title), *_framing_texts(offer)):
        said = pitch.search(words)
        if said:
            text = (
                f'{offer.id!r} speaks of "{said[0]}", which puts leads on the defensive; speak of'
                " a strategy session or a roadmap review"
            )
            yield key, text, "S22"


def _framing_texts(offer: Offer) -> Iterator[tuple[str, str]]:
    """Every text that puts an offer to a lead, once, with the key below the offer."""
    if offer.framing not in [framing.text for framing in offer.framings]:
        yield ".framing", offer.framing
    for index, framing in enumerate(offer.framings):
        yield f".framings[{index}].text", framing.text


def _unbounded(offer: Offer) -> _OfferAdvice:
    if offer.is_bounded_by_days and offer.scope_days is None:
        text = (
            f"{offer.id!r} is a {offer.kind} without scope_days; one problem in one department"
            " for 30 days is a contained risk"
        )
        yield "", text, "S24"
    if offer.kind.casefold() == "guarantee" and offer.guarantee_days is None:
        text = (
            f"{offer.id!r} is a guarantee without guarantee_days; 30 or 60 days give time to judge"
            " and a reason to begin"
        )
        yield "", text, "S25"


def _too_long(offer: Offer) -> _OfferAdvice:
    scope, guarantee = offer.scope_days, offer.guarantee_days
    if scope is not None and scope > LONGEST_SCOPE_DAYS:
        text = (
            f"{offer.id!r} runs for {things(scope, 'day')}; one problem in one department for 30"
            " days is a contained risk, and has an end at which to decide"
        )
        yield ".scope_days", text, "S24"
    if guarantee is not None and guarantee > LONGEST_GUARANTEE_DAYS:
        text = (
            f"{offer.id!r} holds for {things(guarantee, 'day')}; 30 or 60 days give time to judge"
            " and a reason to begin"
        )
        yield ".guarantee_days", text, "S25"


# ------------------------------------------------------------------------------------- The table

_SIGNS = {
    "is": "=",
    "is_not": "!=",
    "one_of": "in",
    "at_least": ">=",
    "at_most": "<=",
    "above": ">",
    "below": "<",
}


def _table_lines(ladder: Ladder, rung: Step) -> Iterator[tuple[str, ...]]:
    offers = ladder.asks_of(rung.id)
    efforts = [offer.effort.score(ladder.effort_weights) for offer in offers]
    values = [offer.value_minutes for offer in offers]
    first, *others = [rule_text(rule) for rule in rung.complete_when]
    yield (
        rung.id,
        first,
        things(rung.horizon_days, "day"),
        f"{rung.band.low * 100:.3g}-{rung.band.high * 100:.3g} %" if rung.band else "-",
        f"{min(efforts):g}" if efforts else "-",
        f"{max(values):g}" if values else "-",
        str(len(offers)),
    )
    for other in others:
        yield ("", other, "", "", "", "", "")


def rule_text(rule: EventRule) -> str:
    """A rule in a table: "session_held (minutes >= 10)"."""
    where = " and ".join(_condition_text(condition) for condition in rule.where)
    return f"{rule.event} ({where})" if where else rule.event


def _condition_text(condition: Condition) -> str:
    value = condition.value
    if isinstance(value, tuple):
        value = ", ".join(value)
    shown = (value or "''") if isinstance(value, str) else digits(value)
    return f"{condition.property} {_SIGNS[condition.operator]} {shown}"
