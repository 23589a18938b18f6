"""Advice on steps, and on what each asks and gives beside the one below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from features.ladder.advice.advice import Advice
from features.ladder.field_names import topic_key
from features.ladder.ladder import Ladder
from features.ladder.words import digits, things, worth_of

__all__ = ["few_offers", "on_pairs", "paths_of", "too_heavy"]

FEWEST_OFFERS = 3


def on_pairs(ladder: Ladder) -> Iterator[Advice]:
    """Advice on each rung that has asks beside the next below it that has some."""
    for lower, upper in pairwise(_rungs(ladder)):
        yield from _pair_advice(lower, upper, ladder.max_effort_jump)


def few_offers(ladder: Ladder) -> Iterator[Advice]:
    """Advice on steps that have too few asks for one to suit most leads."""
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


def too_heavy(ladder: Ladder) -> Iterator[Advice]:
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


def paths_of(ladder: Ladder) -> list[str]:
    """Where each rung stands in the file."""
    return [*(f"step[{index}]" for index in range(len(ladder.steps))), "purchase"]


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


def _rungs(ladder: Ladder) -> list[_Rung]:
    """The rungs that have asks, as only these say anything about effort, value and topics."""
    return [
        _rung(ladder, path, step.id)
        for path, step in zip(paths_of(ladder), ladder.goals, strict=True)
        if ladder.asks_of(step.id)
    ]


def _rung(ladder: Ladder, path: str, step_id: str) -> _Rung:
    offers = ladder.asks_of(step_id)
    return _Rung(
        path,
        step_id,
        effort=min(offer.effort.score(ladder.effort_weights) for offer in offers),
        value=max(offer.value_minutes for offer in offers),
        topics=frozenset(topic_key(topic) for offer in offers for topic in offer.topics),
    )
