"""Advice on what completes steps, begins the ladder anew, loses a lead or holds asks back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from features.errors import did_you_mean
from features.ladder.activity import reads_as_agreed
from features.ladder.advice.advice import Advice
from features.ladder.advice.ladder_table import rule_text
from features.ladder.advice.rungs import paths_of
from features.ladder.event_rule import implies
from features.ladder.field_names import channel_key, topic_key
from features.ladder.ladder import EventRule, Ladder, Step
from features.ladder.words import REPLY, things

__all__ = [
    "commitments",
    "losses",
    "never_due",
    "not_held_back",
    "restarts",
    "shared_rules",
    "unknown_channels",
    "unknown_topics",
]


def unknown_channels(ladder: Ladder) -> Iterator[Advice]:
    """Advice where contact is made an exception of a channel that no offer names."""
    names = dict.fromkeys(channel for offer in ladder.offers for channel in offer.channels)
    known = {channel_key(channel) for channel in names}
    for channel in ladder.limits.quiet.inbound_channels:
        if channel_key(channel) not in known:
            hint = did_you_mean(channel, names) or "; it is for requests that name it alone"
            yield Advice("limits.inbound_channels", f"no offer names {channel!r}{hint}", "channels")


def unknown_topics(ladder: Ladder) -> Iterator[Advice]:
    """Advice where events say of a topic that no offer is about: nothing follows from them."""
    names = dict.fromkeys(topic for offer in ladder.offers for topic in offer.topics)
    known = {topic_key(topic) for topic in names}
    for index, one in enumerate(ladder.topics):
        if topic_key(one.name) not in known:
            hint = did_you_mean(one.name, names) or "; name it among the topics of one"
            yield Advice(f"topic[{index}].name", f"no offer is about {one.name!r}{hint}", "topics")


def commitments(ladder: Ladder) -> Iterator[Advice]:
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


def not_held_back(ladder: Ladder) -> Iterator[Advice]:
    """Advice where a step names what is agreed, and asks go on while it is under way."""
    begun = {rule.event for one in ladder.commitments for rule in one.begins}
    for path, rung in zip(paths_of(ladder), ladder.goals, strict=True):
        for key, names in (
            ("complete_when", [rule.event for rule in rung.complete_when]),
            ("engaged_by", rung.engaged_by),
        ):
            for name in dict.fromkeys(names):
                if name not in begun and reads_as_agreed(name):
                    text = (
                        f"{name!r} reads as something agreed, and asks go on while it is under"
                        " way; a [[commitment]] from it holds them back"
                    )
                    yield Advice(f"{path}.{key}", text, "commitments")


def never_due(ladder: Ladder) -> Iterator[Advice]:
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


def restarts(ladder: Ladder) -> Iterator[Advice]:
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


def losses(ladder: Ladder) -> Iterator[Advice]:
    """Advice where what completes a step, or begins the ladder anew, loses the lead as well."""
    steps = zip(paths_of(ladder), ladder.goals, strict=True)
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


def shared_rules(ladder: Ladder) -> Iterator[Advice]:
    """Advice on pairs of rungs that one event completes both of."""
    rungs = list(zip(paths_of(ladder), ladder.goals, strict=True))
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
