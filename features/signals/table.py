"""The table of signals: what we know about a lead, one row a signal.

A signal says what to aggregate (rules over events), which measure, how, over which window, and a
sentence for a salesperson. `signals_of` gives the standard set that follows from any ladder, with
the rows that the ladder file adds. `features.signals.fold` computes them; adding a row touches only
this table.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from features.ladder.activity import activity_of, is_against
from features.ladder.ladder import Condition, EventRule, Ladder, SignalRow, Step, Trait
from features.ladder.words import OFFER, RECORD
from features.signals.against import against_signals
from features.signals.signal import Op, Signal, literal, words

__all__ = ["TRAIT", "ladder_columns", "protected_signals", "signals_of"]

TRAIT: Final = "trait."
"""How the ids of signals begin that are traits of a lead."""


_NUMBER_OF = (Op.COUNT, Op.ACTIVE_DAYS, Op.DECAYED_COUNT, Op.DISTINCT, Op.STREAK)
"""Operations that grow with each event."""


@lru_cache(maxsize=64)
def signals_of(ladder: Ladder) -> tuple[Signal, ...]:
    """The standard signals of a ladder and the rows its file adds, in a fixed order."""
    return (
        *_position_signals(),
        *(signal for step in ladder.goals for signal in _step_signals(step)),
        *_activity_signals(),
        *against_signals(ladder),
        *_offer_signals(ladder),
        *_reply_signals(ladder),
        *_profile_signals(ladder),
        *(_custom_signal(row, ladder) for row in ladder.signals),
    )


@lru_cache(maxsize=64)
def ladder_columns(ladder: Ladder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The (numeric, text) event properties that a ladder reads, each sorted by name.

    Protected traits are among them, as a log is read once, for the report of groups as well.
    The texts `OFFER` and `RECORD` are always among them: decisions are read back from the log.
    """
    gains = [*ladder.value.gains, *(one.gain for one in ladder.after_purchase)]
    numbers = {gain.measure for gain in gains if gain.measure}
    texts = {OFFER, RECORD, *ladder.pieces}
    for condition in _conditions(ladder):
        (texts if condition.is_text else numbers).add(condition.property)
    for signal in (*signals_of(ladder), *protected_signals(ladder)):
        if signal.measure:
            is_text = signal.is_category or signal.op == Op.DAYS_UNTIL
            (texts if is_text else numbers).add(signal.measure)
    for one in ladder.beats:
        numbers.add(one.measure)
        texts.add(one.per)
    return tuple(sorted(numbers)), tuple(sorted(texts))


def protected_signals(ladder: Ladder) -> tuple[Signal, ...]:
    """The protected traits in the form of signals; they are among those of no ladder."""
    return tuple(_trait_signal(trait, ladder) for trait in ladder.protected)


def _conditions(ladder: Ladder) -> list[Condition]:
    rules = [rule for goal in ladder.goals for rule in goal.complete_when]
    rules += [*ladder.restart_on, *ladder.score_at, *ladder.lost_when, *ladder.back_when]
    activity = activity_of(ladder)
    for kind in (activity.interest, activity.against, activity.ours):
        rules += kind
    rules += [rule for offer in ladder.offers for rule in offer.only_after]
    rules += [gain.rule for gain in ladder.value.gains]
    rules += [one.gain.rule for one in ladder.after_purchase]
    rules += (*ladder.limits.reply_to, *ladder.limits.automatic_replies)
    rules += [rule for signal in signals_of(ladder) for rule in (*signal.of, *signal.until)]
    return [condition for rule in rules for condition in rule.where]


def _events(*names: str) -> tuple[EventRule, ...]:
    return tuple(EventRule(name) for name in names)


def _position_signals() -> tuple[Signal, ...]:
    return (
        Signal(
            "ladder.position",
            "position",
            Op.POSITION,
            "has reached step {value:.0f}",
            "is new to the ladder",
        ),
        Signal(
            "ladder.steps_completed",
            "position",
            Op.STEPS_COMPLETED,
            "has completed {count:step}",
            "has completed no step yet",
        ),
        Signal(
            "ladder.days_at_position",
            "position",
            Op.DAYS_AT_POSITION,
            "reached this step {ago}",
            "has not begun",
        ),
        Signal(
            "ladder.pace",
            "position",
            Op.PACE,
            "took the last step {pace}",
            "has no pace yet",
        ),
    )


def _step_signals(step: Step) -> tuple[Signal, ...]:
    """Frequency, recency, depth and kinds of what a lead did at one step."""
    names = step.engaged_by or tuple(dict.fromkeys(rule.event for rule in step.complete_when))
    title = literal(step.title)

    def row(
        what: str,
        op: Op,
        says: str,
        of: tuple[str, ...] = names,
        never: str = "nothing yet",
        **options: float | str,
    ) -> Signal:
        if "window_days" in options:
            never = "nothing lately"
        return Signal(
            f"step.{step.id}.{what}",
            "step",
            op,
            f"{title}: {says}",
            f"{step.title}: {never}",
            of=_events(*of),
            **options,  # type: ignore[arg-type]
        )

    rows = [
        row("count", Op.COUNT, "{count:action} so far"),
        row("count_7d", Op.COUNT, "{count:action} in the last 7 days", window_days=7.0),
        row("count_30d", Op.COUNT, "{count:action} in the last 30 days", window_days=30.0),
        row(
            "recent",
            Op.DECAYED_COUNT,
            "{busy} lately",
            half_life_days=14.0,
        ),
        row("days_since_last", Op.DAYS_SINCE_LAST, "last active {ago}"),
        row("active_days", Op.ACTIVE_DAYS, "active on {count:day}"),
    ]
    for measure, of in _measures_of(step).items():
        at_once, in_all, none = _amounts(measure)
        rows.append(row(f"max.{measure}", Op.MAX, at_once, of, none, measure=measure))
        rows.append(row(f"sum.{measure}", Op.SUM, in_all, of, none, measure=measure))
    if len(names) > 1:  # to register is one thing, to attend another
        rows += [
            row(
                f"did.{name}",
                Op.COUNT,
                f"{literal(words(name))}, {{count:time}}",
                (name,),
                f"{words(name)}, not so far",
            )
            for name in names
        ]
    return tuple(rows)


_UNITS: Final = ("seconds", "minutes", "hours", "days", "pages")
"""What is measured in things that can be one; of other words nobody knows the singular."""


def _amounts(measure: str) -> tuple[str, str, str]:
    """What the largest value of a measure says, what all of it does, and that there is none.

    A step has more ways than one: whoever never sat in a session may have done it by another.
    """
    what = literal(words(measure))
    if "fraction" in what:
        share = what.replace("fraction", "").strip() or "seen"
        none = words(measure).replace("fraction", "").strip() or "seen"
        return (
            f"{share} {{value:.0%}} at the most",
            f"{share} {{wholes}} in all",
            f"nothing {none} so far",
        )
    none = f"no {words(measure)} so far"
    if what not in _UNITS:  # a level, a price or a score, of which so many make no sense
        return f"{what} {{value}} at the most", f"{what} {{value}} in all", none
    told = f"{{amount:{what[:-1]}}}"
    return f"up to {told} in one go", f"{told} in all", none


def _measures_of(step: Step) -> dict[str, tuple[str, ...]]:
    """The numbers that a step's completion depends on, and the events they are read from: depth."""
    measures: dict[str, list[str]] = {}
    for rule in step.complete_when:
        for condition in rule.where:
            if condition.operator in ("at_least", "above", "at_most", "below"):
                measures.setdefault(condition.property, []).append(rule.event)
    return {measure: tuple(dict.fromkeys(names)) for measure, names in measures.items()}


def _activity_signals() -> tuple[Signal, ...]:
    def row(what: str, op: Op, says: str, never: str, **options: float | str | bool) -> Signal:
        return Signal(
            f"activity.{what}",
            "activity",
            op,
            says,
            never,
            **options,  # type: ignore[arg-type]
        )

    quiet = "has not been active lately"
    return (
        row("count_1d", Op.COUNT, "{count:action} in the last day", quiet, window_days=1.0),
        row("count_7d", Op.COUNT, "{count:action} in the last 7 days", quiet, window_days=7.0),
        row("count_30d", Op.COUNT, "{count:action} in the last 30 days", quiet, window_days=30.0),
        row(
            "recent_3d",
            Op.DECAYED_COUNT,
            "{busy} these days",
            quiet,
            half_life_days=3.0,
        ),
        row(
            "recent_14d",
            Op.DECAYED_COUNT,
            "{busy} these weeks",
            quiet,
            half_life_days=14.0,
        ),
        row(
            "active_days_30d",
            Op.ACTIVE_DAYS,
            "active on {count:day} of the last 30",
            quiet,
            window_days=30.0,
        ),
        row("days_since_last", Op.DAYS_SINCE_LAST, "last active {ago}", "has never been active"),
        row("days_since_first", Op.DAYS_SINCE_FIRST, "first active {ago}", "has never been active"),
        row(
            "trend",
            Op.TREND,
            "lately {trend}",
            "has never been active",
            half_life_days=3.0,
        ),
        row(
            "breadth",
            Op.DISTINCT,
            "did {count:kind} of things",
            "has done nothing yet",
            is_category=True,
        ),
    )


def _offer_signals(ladder: Ladder) -> tuple[Signal, ...]:
    events = ladder.events
    extended = _events(events.offer_extended)
    # A refusal answers as well, but must not look better than silence.
    answered = _events(events.offer_seen) + tuple(
        rule for goal in ladder.goals for rule in goal.complete_when
    )

    def row(what: str, op: Op, says: str, never: str, **options: object) -> Signal:
        return Signal(
            f"offers.{what}",
            "offers",
            op,
            says,
            never,
            **options,  # type: ignore[arg-type]
        )

    none = "no offer was extended yet"
    return (
        row("extended", Op.COUNT, "was extended {count:offer}", none, of=extended),
        row(
            "recent",
            Op.DECAYED_COUNT,
            "was made offers lately",
            none,
            of=extended,
            half_life_days=7.0,
        ),
        row(
            "days_since_last",
            Op.DAYS_SINCE_LAST,
            "last offer was extended {ago}",
            none,
            of=extended,
        ),
        row(
            "seen",
            Op.COUNT,
            "saw {count:offer}",
            "has seen no offer",
            of=_events(events.offer_seen),
        ),
        row(
            "ignored",
            Op.STREAK,
            "{count:offer} in a row without an answer",
            "has left no offer unanswered",
            of=extended,
            until=answered,
        ),
    )


def _reply_signals(ladder: Ladder) -> tuple[Signal, ...]:
    asked, replied = (
        _events(ladder.events.lead_asked),
        _events(ladder.events.business_replied),
    )
    return (
        Signal(
            "replies.hours_waiting",
            "replies",
            Op.HOURS_WAITING,
            "has waited {hours} for our reply",
            "is not waiting for a reply",
            of=asked,
            until=replied,
        ),
        Signal(
            "replies.hours",
            "replies",
            Op.REPLY_HOURS,
            "we replied after {hours} on average",
            "we have not replied to anything yet",
            of=asked,
            until=replied,
        ),
    )


def _profile_signals(ladder: Ladder) -> tuple[Signal, ...]:
    if not ladder.traits:
        return ()
    completeness = Signal(
        "profile.completeness",
        "profile",
        Op.PROFILE_COMPLETENESS,
        "{value:.0%} of the profile is known",
        "nothing of the profile is known",
    )
    return (completeness, *(_trait_signal(trait, ladder) for trait in ladder.traits))


def _trait_signal(trait: Trait, ladder: Ladder) -> Signal:
    return Signal(
        f"{TRAIT}{trait.id}",
        "profile",
        Op.LAST,
        trait.says or f"{literal(words(trait.id))}: {{value}}",
        f"{words(trait.id)} is not known",
        of=_events(ladder.events.traits),
        measure=trait.id,
        is_category=trait.type == "category",
    )


def _none_of(row: SignalRow) -> str:
    """That there is nothing of a row of the user's own, in its window where it has one."""
    what = re.sub(r" \d+ ?d$", "", words(row.id)).removeprefix("days since ")
    if row.window_days is None:
        return f"{what}: nothing yet"
    days = "day" if row.window_days == 1 else f"{row.window_days:g} days"
    return f"{what}: nothing in the last {days}"


def _custom_signal(row: SignalRow, ladder: Ladder) -> Signal:
    op = Op[row.how.upper()]
    return Signal(
        row.id,
        "custom",
        op,
        row.says or f"{literal(words(row.id))}: {{value}}",
        _none_of(row),
        of=row.of,
        measure=row.measure,
        is_category=row.measure_type == "category" and bool(row.measure) and op != Op.DAYS_UNTIL,
        window_days=row.window_days,
        half_life_days=row.half_life_days,
        is_against=op in _NUMBER_OF and is_against(row.of, ladder),
        skips_against=not any(is_against((rule,), ladder) for rule in row.of),
    )
