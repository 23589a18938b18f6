"""Advice on single offers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from features.ladder.advice.advice import Advice
from features.ladder.ladder import Ladder, Offer
from features.ladder.words import digits, things

__all__ = ["on_offers", "over_limits"]

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

# The key below the offer, the advice and its source.
_OfferAdvice = Iterator[tuple[str, str, str]]


def on_offers(ladder: Ladder) -> Iterator[Advice]:
    """Advice on what each offer asks, how it is put, and how long it binds."""
    for index, offer in enumerate(ladder.offers):
        for key, text, source in _offer_advice(ladder, offer):
            yield Advice(f"offer[{index}]{key}", text, source)


def over_limits(ladder: Ladder) -> Iterator[Advice]:
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
