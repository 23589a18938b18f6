"""An offer made to fit a lead: its topic, the agenda of a session, its form, the way it is put.

What an assessment revealed becomes the agenda of the session that follows. Nothing is asked twice,
and beside what an offer needs at most one more field is asked for: the one that tells most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import floor
from typing import Final

import numpy as np
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.ladder.field_names import field_key, plain
from features.ladder.ladder import Framing, Ladder, Offer
from features.offers.history import OfferHistory
from features.offers.topics import continued
from models.offers.policy import uniform_number

__all__ = [
    "AgendaItem",
    "Personalisation",
    "framing_chances",
    "framing_of",
    "likeliest_framing",
    "next_field",
    "personalisation",
    "something_useful",
]


_SHORTEST_MINUTES: Final = 5.0
"""What is spoken of for less is only mentioned."""
_NEVER: Final = np.iinfo(np.int64).min


class AgendaItem(TypedDict):
    """A part of a session, and the minutes it may take."""

    topic: str
    minutes: float


class Personalisation(TypedDict):
    """What makes an offer this lead's own.

    `gaps` are what the lead's last assessment revealed, and `agenda` is made of those that fit its
    minutes; `form_fields`
    are those that the offer needs and that are not known; `ask_field` is one more worth asking.
    """

    topic: str | None
    continues: list[str]
    gaps: list[str]
    agenda: list[AgendaItem]
    form_fields: list[str]
    ask_field: str | None


def personalisation(
    offer: Offer,
    ladder: Ladder,
    position: int,
    history: OfferHistory,
    worth: Mapping[str, float],
) -> Personalisation:
    """What to put into an offer for a lead of whom this is known."""
    shared = continued(offer.topics, history.topics)
    topics = shared or list(offer.topics)
    form = _unknown(offer.effort.form_fields, history)
    room = ladder.limits.form_fields - len(form)
    asked = next_field(ladder, position, history, worth, form) if room > 0 else None
    meets = offer.effort.human and offer.scope_days is None  # a pilot is no session
    return {
        "topic": topics[0] if topics else None,
        "continues": shared,
        "gaps": list(history.gaps) if meets else [],
        "agenda": _agenda(offer, history.gaps or topics) if meets else [],
        "form_fields": form,
        "ask_field": asked if offer.role == "ask" else None,
    }


def something_useful(offers: Iterable[Offer], history: OfferHistory) -> Offer | None:
    """What to send a lead that is nurtured: a piece that asks for nothing, on the lead's topic.

    Of those that ask no field, money, presence or person, and are no trial: one that the lead has
    not taken and was not sent goes first, or else the one of longest ago; then one on the lead's
    topic, then the lightest. None where there is none.

    Parameters
    ----------
    offers : those that may reach the lead.
    """
    pieces = [offer for offer in offers if not offer.during and _asks_nothing(offer)]
    had = (history.taken, history.sent, dict(history.extended))

    def place(offer: Offer) -> tuple[int, bool, float]:
        last = max(one.get(offer.id, _NEVER) for one in had)
        return last, not _goes_on(offer, history), offer.effort.minutes

    return min(pieces, key=place, default=None)


def _asks_nothing(offer: Offer) -> bool:
    effort = offer.effort
    costs = effort.form_fields or effort.money or effort.live or effort.human
    return not costs and offer.scope_days is None and not offer.is_bounded_by_days


def _goes_on(offer: Offer, history: OfferHistory) -> bool:
    return bool(continued(offer.topics, history.topics))


def _unknown(names: Sequence[str], history: OfferHistory) -> list[str]:
    """The fields that are not known, each once, as the offer spells it first."""
    asked = {field_key(name): name for name in reversed(names) if not history.knows(name)}
    return [name for name in names if asked.get(field_key(name)) == name]


def _agenda(offer: Offer, topics: Sequence[str]) -> list[AgendaItem]:
    """As many topics as fit, the offer's own first, the minutes shared evenly among them."""
    own = set(map(plain, offer.topics))
    in_turn = sorted(topics, key=lambda topic: plain(topic) not in own)
    held = in_turn[: max(1, int(offer.effort.minutes // _SHORTEST_MINUTES))]
    minutes = floor(10.0 * offer.effort.minutes / len(held)) / 10.0 if held else 0.0
    return [{"topic": topic, "minutes": minutes} for topic in held]


def next_field(
    ladder: Ladder,
    position: int,
    history: OfferHistory,
    worth: Mapping[str, float],
    already: Sequence[str] = (),
) -> str | None:
    """The unknown profile field that tells most about a lead; None where none is to be asked.

    Nothing is asked at the first step. Of fields that tell equally much, the first in the ladder
    file is asked, those that are not personal before those that are.
    """
    if not 0 < position < len(ladder.goals):
        return None
    asked = {field_key(name) for name in already}
    open_ = [
        trait
        for trait in ladder.traits
        if not history.knows(trait.id) and field_key(trait.id) not in asked
    ]
    best = max(
        open_, key=lambda trait: (worth.get(trait.id, 0.0), not trait.personal), default=None
    )
    return best.id if best else None


def framing_chances(offer: Offer, shares: Mapping[str, float]) -> dict[str, float]:
    """How likely each way to put an offer is, by its id; they sum to 1. Empty for one way only."""
    even = 1.0 / max(1, len(offer.framings))
    held = {framing.id: shares.get(framing.id, even) for framing in offer.framings}
    total = sum(held.values())
    return {name: share / total for name, share in held.items()}


def framing_of(
    offer: Offer, shares: Mapping[str, float], decision_id: str
) -> tuple[Framing, float]:
    """How the offer is put, drawn from a decision's id, and the chance of that way."""
    if not offer.framings:
        return Framing("", offer.framing), 1.0
    drawn = uniform_number(f"{decision_id}/framing")
    chances = framing_chances(offer, shares)
    reached = 0.0
    for framing in offer.framings:
        reached += chances[framing.id]
        if drawn < reached:
            break
    return framing, chances[framing.id]


def likeliest_framing(offer: Offer, shares: Mapping[str, float]) -> Framing:
    """How the offer is put most often; the first of the ladder file among equals."""
    if not offer.framings:
        return Framing("", offer.framing)
    return max(offer.framings, key=lambda framing: shares.get(framing.id, 0.0))
