"""What a team does to leads on a day, and what the ladder says of its offers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from features.ladder.ladder import Ladder, Offer

__all__ = ["ANSWER_MINUTES", "CALL_MINUTES", "DAY_MINUTES", "Act", "How", "Menu"]

How = Literal["mail", "call", "answer", "help"]

DAY_MINUTES: Final = 480.0
"""Of all reps together on a weekday."""
CALL_MINUTES: Final = 15.0
"""Of a call at a step that has no offer of a rep's."""
ANSWER_MINUTES: Final = 5.0


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done to one lead.

    Parameters
    ----------
    lead : its number.
    how : a mail and a call ask for the offer's step; an answer and help ask for nothing.
    offer : its id; "" for a call or an answer without one.
    minutes : of a rep.
    decision : its id, where it was drawn and written down; "" for none.
    """

    lead: int
    how: How
    offer: str = ""
    minutes: float = 0.0
    decision: str = ""


class Menu:
    """The asks of a ladder by who extends them: a mailer those that cost a rep nothing."""

    def __init__(self, ladder: Ladder) -> None:
        weights = ladder.effort_weights
        self.effort = {one.id: max(1.0, one.effort.score(weights)) for one in ladder.offers}
        self.offer: dict[str, Offer] = {one.id: one for one in ladder.offers}
        self.asks = [
            sorted(
                (one for one in ladder.offers_of(goal.id) if one.role == "ask"),
                key=lambda one: self.effort[one.id],
            )
            for goal in ladder.goals
        ]
        """Of each rung, the lightest first."""
        self.rung = {one.id: at for at, asks in enumerate(self.asks) for one in asks}

    def is_for_reps(self, rung: int) -> bool:
        """Whether the asks of a rung take a rep's time."""
        return self.asks[rung][0].rep_minutes > 0

    def doublings(self, offer_id: str) -> float:
        """How many times as heavy as the lightest of its step an ask is, in powers of two."""
        lightest = self.asks[self.rung[offer_id]][0].id
        return math.log2(self.effort[offer_id] / self.effort[lightest])
