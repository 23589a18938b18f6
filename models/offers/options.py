"""What can be chosen for a lead: the ladder's offers, to nurture, or no ask at all.

Offers are told apart by attributes as well as by name, so that what is learned of one says
something of another, and a new offer does not begin from nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.ladder.field_names import channel_key, plain
from features.ladder.ladder import Ladder, Offer

__all__ = ["NO_ASK", "NURTURE", "Attribute", "Options", "options_of"]


NURTURE: Final = "nurture"
"""Something useful without a question: a touch that asks for nothing."""
NO_ASK: Final = "no_ask"
"""To leave the lead alone. Every effect is told against it."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A property of options that their effects are pooled by.

    `mean` and `sd` say, before any data, what one unit of it adds to the log-odds of advancing:
    asking helps, and more so the less it asks and the better it continues a topic.
    """

    name: str
    mean: float
    sd: float


_ASK: Final = Attribute("ask", 0.5, 0.35)
_GENTLE: Final = (Attribute("nurture", 0.1, 0.2), Attribute("support", 0.15, 0.2))
_AMOUNTS: Final = (
    Attribute("effort doublings", -0.1, 0.1),
    Attribute("value doublings", 0.0, 0.1),
    Attribute("form fields", -0.05, 0.05),
)
_FLAGS: Final = (Attribute("live", 0.0, 0.15), Attribute("human", 0.0, 0.15))
_MONEY: Final = Attribute("money", 0.0, 0.15)
_SHARED_SD: Final = 0.15
TOPIC: Final = Attribute("continues the topic", 0.2, 0.2)
"""The one attribute that depends on the lead: the offer shares a topic with what it used last."""


@dataclass(frozen=True, eq=False, slots=True)
class Options:
    """The options of a ladder, in a fixed order: its offers, then nurture, then no ask.

    Parameters
    ----------
    attributes : what the columns of `values` are.
    values : shape (n_options, n_attributes); the row of no ask is zero.
    cost : shape (n_options,), in the business's currency.
    effort : shape (n_options,), in minutes' worth.
    rung : shape (n_options,), the index of the offer's rung; -1 for nurture and no ask.
    is_ask, is_support : shape (n_options,); nurture and no ask are neither.
    is_for_now : shape (n_options,), whether it is for while something is under way.
    is_active : shape (n_options,), whether it may be extended at all now.
    """

    ids: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    values: Floats
    cost: Floats
    effort: Floats
    rung: Ints
    is_ask: Bools
    is_support: Bools
    is_for_now: Bools
    is_active: Bools

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nurture(self) -> int:
        """The index of nurture."""
        return len(self.ids) - 2

    @property
    def no_ask(self) -> int:
        """The index of no ask."""
        return len(self.ids) - 1

    def index(self, option_id: str) -> int:
        """The place of an option; KeyError where the ladder does not have it."""
        try:
            return self.ids.index(option_id)
        except ValueError:
            raise KeyError(option_id) from None


@lru_cache(maxsize=64)
def options_of(ladder: Ladder, like: Ladder | None = None) -> Options:
    """The options of a ladder and their attributes.

    Parameters
    ----------
    like : the ladder whose attributes they are told by, in its measures; None means their own.
        Effects that were learned on one catalogue are told of the next one so.
    """
    like = ladder if like is None else like
    shared = _shared(like.offers)
    attributes = (
        _ASK,
        *_GENTLE,
        *_AMOUNTS,
        *_FLAGS,
        _MONEY,
        *(Attribute(name, 0.0, _SHARED_SD) for name in shared),
    )
    lightest = {goal.id: _lightest(like, goal.id) for goal in ladder.goals}
    rows = [_row(like, offer, lightest[offer.step], shared) for offer in ladder.offers]
    width = len(attributes)
    nurture = [0.0, 1.0, *[0.0] * (width - 2)]
    rung_of = {goal.id: at for at, goal in enumerate(ladder.goals)}
    effort = [offer.effort.score(ladder.effort_weights) for offer in ladder.offers]
    return Options(
        ids=(*(offer.id for offer in ladder.offers), NURTURE, NO_ASK),
        attributes=attributes,
        values=np.array([*rows, nurture, [0.0] * width], dtype=np.float64),
        cost=np.array([*(ladder.cost(offer) for offer in ladder.offers), 0.0, 0.0]),
        effort=np.array([*effort, 0.0, 0.0]),
        rung=np.array([*(rung_of[offer.step] for offer in ladder.offers), -1, -1]),
        is_ask=np.array([*(offer.role == "ask" for offer in ladder.offers), False, False]),
        is_support=np.array([*(offer.role == "support" for offer in ladder.offers), False, False]),
        is_for_now=np.array([*(bool(offer.during) for offer in ladder.offers), False, False]),
        is_active=np.array([*(one.status == "active" for one in ladder.offers), True, True]),
    )


def _shared(offers: Iterable[Offer]) -> tuple[str, ...]:
    """Kinds and channels that two offers or more have in common, and that not all have."""
    offers = tuple(offers)
    told = [_told_by(offer) for offer in offers]
    count = Counter(name for names in told for name in names)
    first: dict[str, str] = {}
    for names in told:
        first = names | first
    shared = (name for name, held in count.items() if 2 <= held < len(offers))
    return tuple(sorted(shared, key=lambda name: first[name]))


def _told_by(offer: Offer) -> dict[str, str]:
    """Its kind and its channels, each the same in any spelling, and as the offer spells it."""
    kind = {f"kind {plain(offer.kind) or offer.kind}": f"kind {offer.kind}"}
    return kind | {f"channel {channel_key(one)}": f"channel {one}" for one in offer.channels}


def _lightest(ladder: Ladder, step_id: str) -> float:
    efforts = [
        offer.effort.score(ladder.effort_weights)
        for offer in ladder.offers  # a paused one as well: what others are measured by stays
        if offer.step == step_id and offer.role == "ask"
    ]
    return max(1.0, min(efforts, default=1.0))


def _row(ladder: Ladder, offer: Offer, lightest: float, shared: tuple[str, ...]) -> list[float]:
    effort = max(1.0, offer.effort.score(ladder.effort_weights))
    if offer.during:  # owed, and like no other: nothing but that it helps is known of it beforehand
        return [0.0, 0.0, 1.0, *[0.0] * (6 + len(shared))]
    held = _told_by(offer)
    return [
        float(offer.role == "ask"),
        0.0,
        float(offer.role == "support"),
        float(np.log2(effort / lightest)) if offer.role == "ask" else 0.0,  # help asks for none
        float(np.log2(1.0 + offer.value_minutes)) / 4.0,
        float(len(offer.effort.form_fields)),
        float(offer.effort.live),
        float(offer.effort.human),
        float(offer.effort.money > 0),
        *(float(name in held) for name in shared),
    ]
